"""`puntual exceptions`: what is missing, set aside or wrong on a day, and its effect."""

from __future__ import annotations

from datetime import UTC, date, datetime
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import click

from puntual.cli import dates, text
from puntual.cli.archive import Archive
from puntual.cli.late import late_findings, late_json, late_lines
from puntual.cli.options import (
    date_option,
    env_option,
    json_option,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.vantage import archived
from puntual.errors import ProjectError
from puntual.evidence.document import SCHEMA_FILE
from puntual.evidence.exceptions import Entry, Exceptional, collect, numbered
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.model.delivery import Decision
from puntual.model.finding import Finding
from puntual.model.manifest import Manifest
from puntual.runner import checkpoint
from puntual.runner.published import sent_reports
from puntual.runner.restate import steps_of


@click.command(name="exceptions", help="What is missing or set aside, and why.")
@project_option
@date_option(required=False, one=True)
@report_option
@env_option
@click.option("--schema", is_flag=True, default=False, help="Print the document's JSON Schema.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str | None,
    report: str | None,
    env: str | None,
    schema: bool,
    as_json: bool,
) -> None:
    """List the exceptions of a day's deliveries; exit 1 if one of them holds a delivery."""
    if schema:
        published = resources.files("puntual.evidence").joinpath(SCHEMA_FILE)
        for line in published.read_text(encoding="utf-8").splitlines():
            text.say(line)
        return
    if when is None:
        raise click.UsageError("Missing option '-d' / '--date'.")
    root = root_of(ctx, project)
    day = dates.one(when, root, datetime.now(UTC))
    with archived(root, env) as archive:
        found = _by_report(_standing(archive, day), report, day.isoformat(), env)
        late = late_findings(archive, day)
    holding = any("hold" in e.effect for entries in found.values() for e in entries)
    if as_json:
        listed = [
            {"report": name, "id": number} | _value(entry)
            for name, entries in found.items()
            for number, entry in numbered(entries)
        ]
        text.envelope(
            "exceptions",
            {"reference_date": day.isoformat(), "exceptions": listed, "late": late_json(late, day)},
            ok=not holding,
        )
    else:
        for name, entries in found.items():
            for line in _lines(name, entries, day.isoformat()):
                text.say(line)
        for line in late_lines(late, day):
            text.say(line)
    ctx.exit(1 if holding else 0)


def _standing(archive: Archive, day: date) -> dict[str, Manifest]:
    """Return the manifests of a day; of what was sent, those that it was made from."""
    committed = archive.day(day)
    for report, sent in sent_reports(archive, day).items():
        steps = steps_of(archive, report, sent)
        for step in (f"decide:{report}", f"report:{report}"):
            committed[step] = checkpoint.by_digest(archive, steps[step])
    return committed


def _by_report(
    committed: dict[str, Manifest], report: str | None, day: str, env: str | None
) -> dict[str, tuple[Entry, ...]]:
    decided = {
        step.removeprefix("decide:"): (
            *list_from_json(Entry, made.facts["entries"]),
            *_of_file(made, committed.get(f"report:{step.removeprefix('decide:')}")),
        )
        for step, made in sorted(committed.items())
        if step.startswith("decide:") and report in (None, step.removeprefix("decide:"))
    }
    known = sorted(s.removeprefix("decide:") for s in committed if s.startswith("decide:"))
    if not decided and report is not None and known:
        near = get_close_matches(report, known, 1)
        raise ProjectError(
            "C1003",
            f"no delivery of {report!r} has been decided for {day}",
            expected=", ".join(known),
            observed=report,
            next_step=f"did you mean {near[0]!r}?" if near else "name one of the reports",
        )
    if not decided:
        raise ProjectError(
            "C1005",
            f"no delivery of {day} has been decided",
            expected="a run that came as far as its decision",
            observed=", ".join(sorted(committed)),
            next_step=f"{text.in_env('run', env)} -d {day}",
        )
    return decided


def _of_file(decided: Manifest, made: Manifest | None) -> tuple[Entry, ...]:
    """Return what is wrong with the file; one that was made before a hold says nothing now."""
    if made is None or from_json(Decision, decided.facts["decision"]).completeness is None:
        return ()
    findings = list_from_json(Finding, made.facts["findings"])
    return collect(Exceptional(seals={}, findings=findings))


def _value(entry: Entry) -> dict[str, object]:
    value = to_json(entry)
    assert isinstance(value, dict)  # noqa: S101 - an Entry is a dataclass
    return {"class": value.pop("kind")} | value


def _lines(report: str, entries: tuple[Entry, ...], day: str) -> list[str]:
    if not entries:
        return [f" ● {report}  {day}  no exceptions"]
    lines = [f" ◐ {report}  {day}  {len(entries)} exceptions"]
    for number, entry in numbered(entries):
        rows = "" if entry.rows is None else f"{entry.rows:,} rows"
        sums = "".join(f"  {n} {v:,f}" for n, v in sorted(entry.amounts.items()))
        lines.append(f"  {number}  {entry.kind.value:<12} {entry.about:<24} {rows}{sums}")
        for label, value in (
            ("code", entry.code),
            ("reason", entry.reason),
            ("expected", entry.expected),
            ("observed", entry.observed),
            ("known by", entry.known_by),
            ("missing", "; ".join(entry.missing)),
            ("not run", ", ".join(entry.not_run)),
            ("cause", entry.cause),
            ("effect", entry.effect),
            ("clause", entry.clause),
            ("owner", entry.owner),
            ("seen", entry.first_seen),
            ("repair", entry.expected_repair),
        ):
            if value:
                lines.append(f"         {label:<9} {value}")
        if entry.sample:
            shown = ", ".join(f"{p.object}:{p.position}" for p in entry.sample[:5])
            more = ", …" if len(entry.sample) > 5 or (entry.rows or 0) > 5 else ""
            lines.append(f"         {'where':<9} raw object:position {shown}{more}")
    return lines
