"""The waterfall of a day as people read it: hops from left to right, then controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from puntual.checks import parts
from puntual.checks.control import told
from puntual.checks.reconcile import (
    NO_COUNT,
    agreement,
    is_of_sum,
    keys_said,
    listed,
    unmeasured,
)
from puntual.checks.seen import sentence, unseen_before_loading
from puntual.cli.reconciled import PLANTED, Reconciled, hop_name, hop_state, total
from puntual.cli.text import in_env
from puntual.cli.wrap import WHOLE, wrapped
from puntual.model.control import ControlResult, ControlState, Hop
from puntual.model.finding import Verdict
from puntual.model.manifest import Totals

LABEL, WIDEST = 14, 22
"""Characters of the label, and of a stage at most."""

PARTS = 5
"""Files or shards of a hop that are shown; `--rows` names the others."""

GLYPH = {"agrees": "●", "explained": "◐", "broken": "✕", "unknown": "?"}
_OF_CONTROL = {
    ControlState.MATCHED: "●",
    ControlState.MISMATCHED: "✕",
    ControlState.UNVERIFIED: "?",
    ControlState.UNKNOWN: "?",
    ControlState.EMPTY: "?",
    ControlState.NOT_DUE: "○",
}
_WORDS = {"agrees": "agree", "explained": "explained", "broken": "broken", "unknown": "unknown"}


def lines(found: Reconciled) -> Iterator[str]:
    """Yield the waterfall of a day, no line longer than 100 characters."""
    states = Counter(hop_state(h) for h in found.hops)
    standing = ", ".join(f"{states[s]} {_WORDS[s]}" for s in GLYPH if states[s])
    lacking = sum(bool(h.undigested) for h in found.hops)
    standing += f" ({lacking} not in full)" if lacking else ""
    matched = sum(c.state is ControlState.MATCHED for c in found.controls)
    idle = sum(c.state is ControlState.NOT_DUE for c in found.controls)
    not_due = f", {idle} not due" if idle else ""
    yield (
        f" {'●' if found.ok else '✕'} {found.day.isoformat()}   {len(found.hops)} hops: {standing}"
        f"   controls: {matched} of {len(found.controls) - idle} matched{not_due}"
    )
    for dataset in dict.fromkeys(h.dataset for h in found.hops):
        hops = [h for h in found.hops if h.dataset == dataset]
        yield f" {dataset}"
        inner = [h for h in hops if not h.right.startswith("file ")]
        for chain in _chains(inner):
            yield from _chain(chain)
        for hop in hops:
            if hop.right.startswith("file "):
                yield from _tie(hop)
    if found.controls:
        yield " controls"
        yield from (line for c in found.controls for line in _control(c))
    yield from _planted(found)
    yield from _end(found)


def _chains(hops: Sequence[Hop]) -> Iterator[list[Hop]]:
    """Divide a dataset's hops where one does not begin where the last one ended."""
    chain: list[Hop] = []
    for hop in hops:
        if chain and chain[-1].right != hop.left:
            yield chain
            chain = []
        chain.append(hop)
    if chain:
        yield chain


def _chain(hops: Sequence[Hop]) -> Iterator[str]:
    """Yield the stages of a chain as columns: rows and sums, below each hop what became of it."""
    stages = [hops[0].left, *(h.right for h in hops)]
    width = min(WIDEST, (WHOLE - LABEL - 3) // len(stages))
    totals = [hops[0].before, *(h.after for h in hops)]
    yield _cells("", [s.upper() for s in stages], width)
    first = _records(totals[0]) if hops[0].counted else "not counted"
    yield _cells("rows", [first, *map(_records, totals[1:])], width)
    yield _cells("", ["", *(_verdict(h, "") for h in hops)], width)
    for name in sorted({n for t in totals if t is not None for n in t.sums}):
        yield _cells(name, [_sum(t, name) for t in totals], width)
        yield _cells("", ["", *(_verdict(h, name) for h in hops)], width)
    yield _cells("digest", ["", *map(_digest, hops)], width)
    for hop in hops:
        yield from _details(hop)


def _digest(hop: Hop) -> str:
    said = agreement(hop)
    return said.upper() if hop.keys_agree is False else said


def _cells(label: str, cells: Sequence[str], width: int) -> str:
    shown = "".join(_fit(c, width - 1).ljust(width) for c in cells)
    return f"   {_fit(label, LABEL - 1).ljust(LABEL)}{shown}".rstrip()


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _records(totals: Totals | None) -> str:
    return "no record" if totals is None else f"{totals.records:,}"


def _sum(totals: Totals | None, name: str) -> str:
    if totals is None:
        return ""
    return f"{totals.sums[name]:,f}" if name in totals.sums else "not summed"


def _verdict(hop: Hop, name: str) -> str:
    """Return what became of the rows ("") or a sum between two stages."""
    if hop.before is None or hop.after is None:
        return "? unknown"
    if not name and hop.residual_records is not None:
        residual = Decimal(hop.residual_records)
        change = Decimal(hop.after.records - hop.before.records)
    elif name in hop.residual_sums:
        residual = hop.residual_sums[name]
        change = total((hop.after.sums[name], hop.before.sums[name].copy_negate()))
    else:
        return "? not compared"
    if residual:
        return f"✕ {change:+,f}" if change else "✕ unexplained"
    if name and hop.lacks:
        return "? no answer"
    return f"◐ {change:+,f}" if change else "● ="


def _details(hop: Hop) -> Iterator[str]:
    """Yield what explains a hop, and what remains where something does or may."""
    state = hop_state(hop)
    if state == "agrees":
        if hop.undigested:
            said = f"{hop.left} → {hop.right}: {keys_said(hop)}"
            yield from wrapped(said, "   ? ", hang="     ")
        return
    yield f"   {GLYPH[state]} {hop.left} → {hop.right}"
    for explained in hop.explained:
        yield _fit(f"     explained  {explained.cause}  {totals_line(explained.totals)}", WHOLE)
    yield from wrapped(f"residual   {residual_line(hop)}", "     ", hang="                ")
    for line in part_lines(hop, limit=PARTS):
        yield from wrapped(line, "     ")


def part_lines(hop: Hop, *, limit: int | None = None) -> Iterator[str]:
    """
    Yield the files or shards of a hop that do not agree with both sides of each; count the others.

    Those that differ stand first, then those of which a sum was not compared.
    """
    wrong = (*parts.differing(hop), *parts.unsettled(hop))
    for part in wrong[:limit]:
        yield parts.told(part)
        yield from (f"  {line}" for line in parts.sides(part))
    if limit is not None and len(wrong) > limit:
        or_not = " or are not compared" if parts.unsettled(hop) else ""
        yield f"{len(wrong) - limit:,} more parts differ{or_not}: --rows names them"
    if wrong and (rest := len(hop.parts) - len(wrong)):
        yield f"{rest:,} other part{'s agree' if rest > 1 else ' agrees'}"
    if said := parts.contradiction(hop):
        yield said


def totals_line(totals: Totals | None, *, counted: bool = True) -> str:
    """Return counts and sums in one line; where rows were not counted, that."""
    if totals is None:
        return "no record"
    sums = "".join(f"  {name} {value:,f}" for name, value in sorted(totals.sums.items()))
    return f"{totals.records:,} rows{sums}" if counted else f"not counted{sums}"


def residual_line(hop: Hop) -> str:
    """Return what remains of a hop in one line."""
    if hop.before is None or hop.after is None:
        return f"unknown: {unmeasured(hop)}"
    said = [f"{name} {value:,f}" for name, value in sorted(hop.residual_sums.items())]
    if hop.residual_records is not None:
        said.insert(0, f"{hop.residual_records:,} rows")
    also = f"   {NO_COUNT}" if is_of_sum(hop) else ""
    left = unmeasured(hop) if hop_state(hop) == "unknown" else hop.lacks
    return f"{'  '.join(said)}{also}   {keys_said(hop)}{f'   {left}' if left else ''}"


def _tie(hop: Hop) -> Iterator[str]:
    state = hop_state(hop)
    name = next(iter(hop.after.sums if hop.after else ()), "rows")
    values = [
        "no answer" if t is None else _records(t) if name == "rows" else _sum(t, name)
        for t in (hop.before, hop.after)
    ]
    sign = "=" if state == "agrees" else "≠" if state == "broken" else "?"
    said = f"{values[0]} {sign} {values[1]}"
    yield _fit(
        f"   {GLYPH[state]} warehouse → {hop.right.ljust(22)} {name.ljust(14)} {said}", WHOLE
    )
    if hop.lacks:
        yield from wrapped(hop.lacks, "       ")


def _control(result: ControlResult) -> Iterator[str]:
    head = f"   {_OF_CONTROL[result.state]} {result.kind.value.ljust(11)}{result.id.ljust(28)}"
    state = result.state.value.replace("_", " ")
    yield _fit(f"{head} {state.ljust(11)} {result.basis}", WHOLE).rstrip()
    said = result.reason if result.state is not ControlState.MATCHED else _totals(result)
    if said:
        yield from wrapped(said, "       ")


def _totals(result: ControlResult) -> str:
    groups = sum(result.counts.values())
    by = f"; {groups:,} groups by {', '.join(result.by)}" if result.by else ""
    return "; ".join(told(m) for m in result.totals) + by


def _planted(found: Reconciled) -> Iterator[str]:
    if found.planted is None:
        return
    missed = [f for f in found.findings if f.code in PLANTED and f.verdict is not Verdict.PASS]
    unseen = [f"{listed(h.undigested)} of {h.dataset}" for h in found.hops if h.undigested]
    alone, untied = ([f.dataset for f in missed if f.code == c] for c in ("R5005", "R5006"))
    said = sentence(found.planted, undigested=unseen, uncompared=alone, untied=untied)
    yield from wrapped(f"{'◐' if missed else '●'} {said}", " ")
    for finding in missed:
        yield from wrapped(f"{finding.code} {finding.message}", "   ")
    for line in unseen_before_loading(found.planted):
        yield from wrapped(line, "   ")


def _end(found: Reconciled) -> Iterator[str]:
    broken = found.first_break
    day = found.day.isoformat()
    yield from wrapped("as the run committed it; --rows compares what is stored now", " ")
    if broken is not None:
        yield from wrapped(
            f"First break: {broken.dataset}  {broken.left.upper()} → {broken.right.upper()}"
            f"   residual {residual_line(broken)}   {parts.named(broken)}".rstrip(),
            " ",
        )
        yield f" next: {in_env('reconcile', found.env)} -d {day} --rows"
        return
    yield from wrapped(standing(found), " ")
    wrong = [c for c in found.controls if c.state.is_open]
    if wrong:
        yield f" next: {in_env('reconcile', found.env)} -d {day} --rows {wrong[0].id}"


def standing(found: Reconciled) -> str:
    """Say in one sentence what is not broken, and everything that does not agree all the same."""
    of = f" of {found.dataset}" if found.dataset else ""
    wrong = sum(c.state.is_open for c in found.controls)
    unknown = [h for h in found.hops if hop_state(h) == "unknown"]
    names = ", ".join(f"{h.dataset} {h.left} → {h.right}" for h in unknown)
    elsewhere = {h.dataset for h in found.elsewhere if hop_state(h) in ("broken", "unknown")}
    if found.first_break is not None:
        said = [f"broken: {hop_name(found.first_break)}"]
    elif unknown:
        said = [f"not compared: {names}"]
    elif not (wrong or elsewhere):
        return f"no break{of}: every residual is zero"
    else:
        said = [f"no hop{of} is broken"]
    if wrong:
        said.append(f"{wrong} control{'s do' if wrong > 1 else ' does'} not agree")
    if elsewhere:
        said.append(f"hops of {', '.join(sorted(elsewhere))} do not agree")
    return "; ".join(said)
