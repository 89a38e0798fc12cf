"""
A day's reconciliation for continuous integration: JUnit XML, and CSV.

A break is a failure, what could not be measured an error, a warning passes with its text and is
never skipped, which would hide it (ux.md 5). Skipped is a tie that is not due on that date. Text
of others is made printable: XML has no place for control characters.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

from puntual.checks import parts
from puntual.checks.control import told
from puntual.checks.reconcile import COUNTED, is_of_sum, listed, unmeasured
from puntual.cli.reconciled import (
    PLANTED,
    Reconciled,
    control_is_warning,
    hop_name,
    hop_state,
    total,
)
from puntual.cli.waterfall import part_lines, residual_line, totals_line
from puntual.model.control import (
    ControlResult,
    ControlState,
    GroupState,
    Hop,
    HopPart,
    MeasureResult,
)
from puntual.model.finding import Finding, Verdict
from puntual.model.shown import group_in_words, no_formula, printable


def junit(
    found: Reconciled,
    rows: Mapping[str, Sequence[str]] | None = None,
    since: Collection[str] = (),
    unread: Mapping[str, str] | None = None,
) -> str:
    """
    Return the day as JUnit XML, a case for each hop and control.

    Args:
        found: The day.
        rows: Lines of the rows behind a hop (by `hop_name`) or a control (by id).
        since: Names of hops that agreed in the run and have rows that differ now.
        unread: Why what is stored now could not be compared, by name of hop.

    Its elements and attributes are those of the schema that CI servers read
    (`testsuites/testsuite/testcase/failure|error|system-out`).
    """
    cases = [
        *(
            _of_hop(
                h,
                (rows or {}).get(hop_name(h), ()),
                since=hop_name(h) in since,
                unread=(unread or {}).get(hop_name(h), ""),
            )
            for h in found.hops
        ),
        *(_of_control(c, (rows or {}).get(c.id, ())) for c in found.controls),
        *(_of_planted(f) for f in found.findings if f.code in PLANTED),
    ]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(c.find("failure") is not None for c in cases)),
        "errors": str(sum(c.find("error") is not None for c in cases)),
    }
    skipped = str(sum(c.find("skipped") is not None for c in cases))
    root = ET.Element("testsuites", {"name": "puntual reconcile", **counts})
    suite = ET.SubElement(
        root,
        "testsuite",
        {"name": f"reconcile {found.day.isoformat()}", **counts, "skipped": skipped},
    )
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(
        properties, "property", {"name": "reference_date", "value": found.day.isoformat()}
    )
    suite.extend(cases)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": printable(classname), "name": printable(name)})


def _child(case: ET.Element, tag: str, message: str, text: str) -> None:
    child = ET.SubElement(case, tag, {"message": printable(message), "type": tag})
    child.text = "\n".join(printable(line) for line in text.splitlines())


def _said(case: ET.Element, text: str) -> None:
    ET.SubElement(case, "system-out").text = "\n".join(printable(li) for li in text.splitlines())


def _of_hop(hop: Hop, rows: Sequence[str], *, since: bool, unread: str) -> ET.Element:
    case = _case(f"hop.{hop.dataset}", f"{hop.left} → {hop.right}")
    text = "\n".join(
        [
            f"{hop.left}: {totals_line(hop.before, counted=hop.counted)}",
            f"{hop.right}: {totals_line(hop.after)}",
            *(f"explained {e.cause}: {totals_line(e.totals)}" for e in hop.explained),
            f"residual: {residual_line(hop)}",
            *(() if rows else part_lines(hop)),
            *rows,
        ]
    )
    state = hop_state(hop)
    if state == "broken":
        _child(case, "failure", f"residual {residual_line(hop)}", text)
    elif state == "unknown":
        _child(case, "error", f"{unmeasured(hop)}: unknown is not equal", text)
    elif since:
        _child(case, "failure", "rows differ since the run", text)
    elif unread:
        _child(case, "error", f"not compared now: {unread}: unknown is not equal", text)
    else:
        _said(case, text)
    return case


def _of_control(result: ControlResult, rows: Sequence[str]) -> ET.Element:
    case = _case(f"control.{result.kind.value}", result.id)
    text = "\n".join(
        [
            f"{result.left.name} against {result.right.name}",
            *(told(m) for m in result.totals),
            *([f"basis: {result.basis}"] if result.basis else []),
            *rows,
        ]
    )
    if result.state is ControlState.MATCHED:
        _said(case, text)
    elif result.state is ControlState.NOT_DUE:
        _child(case, "skipped", f"not due: {result.reason}", text)
    elif control_is_warning(result):
        _said(case, f"severity=warn\n{result.state.value}: {result.reason}\n{text}")
    elif result.state is ControlState.MISMATCHED:
        _child(case, "failure", result.reason, text)
    else:
        _child(case, "error", f"{result.state.value}: {result.reason}", text)
    return case


def _of_planted(finding: Finding) -> ET.Element:
    case = _case("planted", finding.rule)
    word = "severity=warn\n" if finding.verdict is not Verdict.PASS else ""
    _said(case, f"{word}{finding.code} {finding.message}\n{finding.observed}")
    return case


_ALONE = {"R5005": "model", "R5006": "report"}
"""What a finding of something that nothing compares is about."""

HEAD = (
    "what", "name", "left", "right", "measure", "left_value", "right_value", "explained",
    "residual", "state", "basis", "group", "reason",
)  # fmt: skip


def csv_of(found: Reconciled) -> str:
    """
    Return the day as CSV: a line for each measure of each hop and control.

    Of a control with groups there is a line more for each measure of each group that does not
    agree, as far as its result names them, with the group's own state, and named so that no two
    groups read the same (`group_in_words`).

    A model or report that nothing compares has a line of its own: no line would say that nothing
    is wrong.
    """
    lines: list[tuple[str, ...]] = [HEAD]
    for hop in found.hops:
        lines += _lines_of_hop(hop)
    for control in found.controls:
        lines += _lines_of_control(control)
    lines += [
        (_ALONE[f.code], f.dataset, "", "", "", "", "", "", "", "not compared", "")
        for f in found.findings
        if f.code in _ALONE
    ]
    return table([line + ("",) * (len(HEAD) - len(line)) for line in lines])


def table(lines: list[tuple[str, ...]]) -> str:
    """Return lines as CSV that no spreadsheet computes (`model/shown.py`)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(tuple(_harmless(cell) for cell in line) for line in lines)
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A negative number begins with what a spreadsheet takes for a formula, and is none."""
    return cell if cell.lstrip("-").replace(".", "", 1).isdigit() else no_formula(cell)


def _lines_of_hop(hop: Hop) -> Iterator[tuple[str, ...]]:
    state = hop_state(hop)
    names = sorted({*hop.residual_sums, *(n for t in (hop.before, hop.after) if t for n in t.sums)})
    for name in names if COUNTED in names else ("", *names):
        values = []
        for totals in (hop.before, hop.after):
            held = None if totals is None else totals.sums.get(name) if name else totals.records
            values.append("" if held is None else f"{held:f}" if name else str(held))
        uncounted = not name and is_of_sum(hop)
        values[0] = "" if uncounted else values[0]
        gone = total(
            e.totals.sums.get(name, 0) if name else e.totals.records for e in hop.explained
        )
        residual = hop.residual_sums.get(name) if name else hop.residual_records
        yield (
            "hop",
            hop.dataset,
            hop.left,
            hop.right,
            f"sum {name}" if name not in ("", COUNTED) else "count",
            *values,
            format(gone, "f"),
            "" if residual is None else f"{residual:f}" if name else str(residual),
            "not compared" if uncounted else state,
            "",
        )
    yield (
        "hop", hop.dataset, hop.left, hop.right, "keys", "", "", "", "",
        _keys_state(hop), "",
    )  # fmt: skip
    for part in hop.parts:
        yield from _lines_of_part(hop, part)


def _keys_state(hop: Hop) -> str:
    state = {True: "agrees", False: "broken", None: "not compared"}[hop.keys_agree]
    if not hop.undigested:
        return state
    lacking = listed(hop.undigested)
    return f"{state}: {lacking}" if hop.keys_agree is None else f"{state}; not compared: {lacking}"


def _lines_of_part(hop: Hop, part: HopPart) -> Iterator[tuple[str, ...]]:
    """Yield a file's or shard's count, and each sum that its source gives or that was landed."""
    about = ("part", f"{hop.dataset}: {part.name}", hop.left, hop.right)
    state = parts.state(part)
    sides = (part.before, part.after)
    names = sorted({n for t in sides if t is not None for n in t.sums})
    rows = ("" if t is None else str(t.records) for t in sides)
    rest = part.residual_records
    yield (*about, "count", *rows, "0", "" if rest is None else str(rest), state, "")
    for name in names:
        amounts = ("" if t is None or name not in t.sums else f"{t.sums[name]:f}" for t in sides)
        left = part.residual_sums.get(name)
        residual = "" if left is None else f"{left:f}"
        yield (*about, f"sum {name}", *amounts, "0", residual, state, "")


def _lines_of_control(result: ControlResult) -> Iterator[tuple[str, ...]]:
    about = ("control", result.id, result.left.name, result.right.name)
    basis, reason = result.basis, printable(result.reason)
    for measure in result.totals:
        yield (*about, *_values(measure), result.state.value, basis, "", reason)
    if not result.totals:
        yield (*about, "", "", "", "", "", result.state.value, basis, "", reason)
    for group in result.groups:
        if group.state is not GroupState.MATCHED:
            key = group_in_words(result.by, group.key)
            for measure in group.measures:
                yield (*about, *_values(measure), group.state.value, basis, key, "")


def _values(measure: MeasureResult) -> tuple[str, ...]:
    """Return a measure's name, both sides, what is explained, and what remains."""
    return (
        measure.name,
        measure.left or "",
        measure.right or "",
        "; ".join(f"{c} {v:f}" for c, v in sorted(measure.explained.items())),
        "" if measure.residual is None else f"{measure.residual:f}",
    )
