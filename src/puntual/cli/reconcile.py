"""`puntual reconcile`: the waterfall of a day, and the first hop that broke."""

from __future__ import annotations

from pathlib import Path

import click

from puntual.checks.reconcile import first_break
from puntual.cli import text
from puntual.cli.archive import open_archive
from puntual.cli.options import date_option, json_option, parse_day, project_option, root_of
from puntual.errors import ProjectError
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.control import Hop
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Manifest, Totals

SIGNS = {Verdict.PASS: "●", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?"}


@click.command(name="reconcile", help="Where rows and money fell out, hop by hop.")
@project_option
@date_option()
@click.option("--dataset", default=None, help="Only this dataset.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, project: Path | None, when: str, dataset: str | None, as_json: bool
) -> None:
    """Print the hops and controls as the run committed them; exit 1 if one is broken."""
    day = parse_day(when)
    committed = open_archive(root_of(ctx, project)).day(day)
    hops = every_hop(committed, day.isoformat())
    findings = list_from_json(Finding, committed["reconcile"].facts["findings"])
    if dataset is not None:
        hops = tuple(h for h in hops if h.dataset == dataset)
    broken = first_break(hops)
    failed = [f for f in findings if f.verdict is not Verdict.PASS]
    if as_json:
        data: dict[str, object] = {
            "reference_date": day.isoformat(),
            "hops": to_json(hops),
            "first_break": to_json(broken),
            "findings": to_json(findings),
        }
        text.envelope("reconcile", data, ok=not failed and broken is None)
    else:
        _print(hops, findings, broken)
    ctx.exit(1 if failed or broken else 0)


def every_hop(committed: dict[str, Manifest], day: str) -> tuple[Hop, ...]:
    """
    Return the hops of a day: those up to the warehouse, then those to each file.

    Raises:
        ProjectError: C1005 the day did not come as far as its reconciliation.
    """
    if "reconcile" not in committed:
        raise ProjectError(
            "C1005",
            f"the run of {day} did not come as far as its reconciliation",
            expected="a committed step reconcile",
            observed=", ".join(sorted(committed)),
            next_step=f"puntual run -d {day}",
        )
    hops = list_from_json(Hop, committed["reconcile"].facts["hops"])
    for step in sorted(committed):
        if step.startswith("report:"):
            hops += list_from_json(Hop, committed[step].facts["ties"])
    return hops


def _print(hops: tuple[Hop, ...], findings: tuple[Finding, ...], broken: Hop | None) -> None:
    for dataset in dict.fromkeys(h.dataset for h in hops):
        text.say(f" {dataset}")
        for hop in (h for h in hops if h.dataset == dataset):
            for line in _hop_lines(hop):
                text.say(line)
    controls = [f for f in findings if f.code.startswith("R3")]
    if controls:
        text.say(" controls")
    for finding in controls:
        text.say(
            f"  {SIGNS[finding.verdict]} {finding.rule:<32} {finding.message or finding.observed}"
        )
    if broken is None:
        text.say(" no break: every residual is zero")
    else:
        text.say(
            f" First break: {broken.dataset}  {broken.left.upper()} → {broken.right.upper()}"
            f"   residual {_residual(broken)}"
        )


def _hop_lines(hop: Hop) -> list[str]:
    name = f"{hop.left} → {hop.right}"
    lines = [f"   {name:<28} {_totals(hop.before)}  →  {_totals(hop.after)}"]
    lines += [f"     explained  {e.cause:<28} {_totals(e.totals)}" for e in hop.explained]
    keys = {True: "keys agree", False: "KEYS DIFFER", None: "keys not compared"}[hop.keys_agree]
    lines.append(f"     residual   {_residual(hop)}   {keys}")
    return lines


def _residual(hop: Hop) -> str:
    if hop.residual_records is None:
        return "unknown: one side is missing"
    sums = "".join(f"  {name} {value:,f}" for name, value in sorted(hop.residual_sums.items()))
    return f"{hop.residual_records:,} rows{sums}"


def _totals(totals: Totals | None) -> str:
    if totals is None:
        return "no record"
    sums = "".join(f"  {name} {value:,f}" for name, value in sorted(totals.sums.items()))
    return f"{totals.records:,} rows{sums}"
