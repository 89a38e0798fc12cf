"""
What a decision knows of the rows of a day: what curation set aside, and what rules found.

Of a day that is curated its manifests say it. For plan B raw is parsed anew, since nothing may be
read that curation committed; and what rules found of the same raw data, before a fault came, is
known as well: a breach that was measured does not pass because the warehouse is down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from puntual.evidence.facts import list_from_json
from puntual.model.check import OnFail
from puntual.model.finding import Finding, Place, Verdict
from puntual.model.manifest import Digest, Manifest, Totals
from puntual.ports.engine import Day
from puntual.runner import checkpoint, standin
from puntual.runner.checkpoint import Published
from puntual.runner.emergency import parsed
from puntual.runner.load import without
from puntual.runner.proofs import conflict, number
from puntual.runner.sources import findings_of, set_aside_of
from puntual.runner.work import declared
from puntual.runner.world import DayRun

KNOWN = "known"
"""In a decide manifest of plan B: what rules found of the same raw data before a fault came."""

_OF_RULES = ("validate", "reconcile")
_MADE = ("curate:", "build:", "load:", *_OF_RULES)
_INPUT = "known:"
"""Before the name of a step whose findings plan B's decision knows, in its inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """
    What curation set aside of a source's day.

    Attributes:
        totals: By (class, reason).
        files: Parquet files of it, which may hold no row.
        kept: Parquet files of the rows that stay.
        by_checks: Parquet files of the places that checks set aside of these.
        conflicts: How many rows differ from the one of their key that stays, where that is not
            found by a rule yet.
    """

    totals: Mapping[tuple[str, str], Totals]
    files: tuple[str, ...]
    kept: tuple[str, ...]
    by_checks: tuple[str, ...] = ()
    conflicts: int = 0


@contextmanager
def set_aside(run: DayRun, step: str) -> Iterator[dict[str, Aside]]:
    """
    Lend what was set aside of each source, for as long as a step decides.

    Raises:
        PermanentError: The engine cannot.
        EvidenceError: V1001 a raw object is missing.
    """
    if run.plan.without_warehouse:
        with parsed(run, step) as made:
            yield {
                name: Aside(
                    totals=one.set_aside,
                    files=(one.set_aside_path,),
                    kept=tuple(file.path for file in one.files),
                    conflicts=one.conflicts,
                )
                for name, one in made.items()
            }
        return
    yield {name: _curated(run, name) for name in run.project.contracts}


def _curated(run: DayRun, source: str) -> Aside:
    made = run.manifest(f"curate:{source}")
    return Aside(
        totals=set_aside_of(made),
        files=tuple(run.world.objects.locate(o) for o in made.of_role("set_aside")),
        kept=run.files(source),
        by_checks=without(run, source),
    )


def _any(aside: Aside) -> bool:
    return any(t.records for t in aside.totals.values())


_MONEY = """
SELECT coalesce(sum(abs(amount)), 0) FROM (
  SELECT {measure} AS amount FROM set_aside WHERE class = 'quarantined'
  UNION ALL
  SELECT {measure} FROM kept SEMI JOIN offending USING (_object, _position)
)
"""
_MONEY_ASIDE = "SELECT coalesce(sum(abs({measure})), 0) FROM set_aside WHERE class = 'quarantined'"


def money(run: DayRun, source: str, aside: Aside) -> Decimal:
    """Return the absolute money that was quarantined of a source, each row once."""
    measures = run.measures(source)
    if not measures or not (aside.by_checks or _any(aside)):
        return Decimal(0)
    tables = {"set_aside": aside.files}
    if aside.by_checks:
        tables |= {"kept": aside.kept, "offending": aside.by_checks}
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)
    sql = (_MONEY if aside.by_checks else _MONEY_ASIDE).format(measure=f'"{measures[0]}"')
    return number(run.world.engine.query(sql, day, limit=2)) or Decimal(0)


_PLACES = """
SELECT class, reason, _object, _position FROM set_aside
QUALIFY row_number() OVER (PARTITION BY class, reason ORDER BY _object, _position) <= 20
ORDER BY class, reason, _object, _position
"""


def places(run: DayRun, aside: Aside) -> dict[tuple[str, str], tuple[Place, ...]]:
    """Return the first places of what curation set aside, by (class, reason)."""
    if not _any(aside):
        return {}
    tables = {"set_aside": aside.files}
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)
    answer = run.world.engine.query(_PLACES, day, limit=None)
    found: dict[tuple[str, str], tuple[Place, ...]] = {}
    for kind, reason, name, position in zip(*answer.columns, strict=True):
        place = Place(object=str(name), position=int(str(position)))
        key = (str(kind), str(reason))
        found[key] = (*found.get(key, ()), place)
    return found


def known_inputs(run: DayRun, report: str) -> dict[str, Digest]:
    """Return what plan B's decision depends on beside what was landed."""
    if not run.plan.without_warehouse:
        return {}
    contracts = {"contracts": declared(run.project.contracts)}
    recorded = run.recorded.get(f"decide:{report}")
    if recorded is not None:
        named = {n: d for n, d in recorded.inputs.items() if n.startswith(_INPUT)}
        return contracts | named
    return contracts | {f"{_INPUT}{step}": p.digest for step, p in _known(run)}


def known(run: DayRun, report: str, rows: Mapping[str, Aside] | None = None) -> tuple[Finding, ...]:
    """
    Return what is known of the raw data that plan B reads: once decided, what was known then.

    Nothing for a day that is curated: its own steps say it.

    Args:
        run: The day.
        report: Whose decision it is.
        rows: What was set aside, for a decision that is taken now.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    if not run.plan.without_warehouse:
        return ()
    step = f"decide:{report}"
    decided = run.published.get(step)
    made = decided.manifest if decided is not None else run.recorded.get(step)
    if made is not None:
        return list_from_json(Finding, made.facts.get(KNOWN, []))
    found = tuple(f for _, p in _known(run) for f in findings_of(p.manifest))
    told = {f.rule for f in found}
    differing = (
        conflict(run.project.contracts[name], one.conflicts)
        for name, one in (rows or {}).items()
        if one.conflicts
    )
    return (*found, *(f for f in differing if f.rule not in told))


def sets_aside(finding: Finding) -> bool:
    """Say whether a rule sets aside the rows that it found."""
    return finding.on_fail is OnFail.QUARANTINE and finding.verdict is Verdict.FAIL


def _known(run: DayRun) -> Iterator[tuple[str, Published]]:
    """Yield the steps of rules that are committed for this raw data and these rules."""
    rules = {
        "validate": ("checks", declared(run.project.checks)),
        "reconcile": ("controls", declared(run.project.controls)),
    }
    for step in _OF_RULES:
        made = checkpoint.read(run.world, step, run.date)
        file, digest = rules[step]
        if made is None or made.manifest.inputs.get(file) != digest:
            return
        if not _is_of_this_raw(run, made.manifest):
            return
        yield step, made


def _is_of_this_raw(run: DayRun, made: Manifest) -> bool:
    """Say whether all that a step was made from comes from what is landed now, of this day."""
    if standin.day_of(made) is not None:
        return False
    for name, digest in made.inputs.items():
        if name.startswith("land:"):
            landed = run.published.get(name)
            if landed is None or landed.digest != digest:
                return False
        elif name.startswith(_MADE) and not _is_of_this_raw(
            run, checkpoint.by_digest(run.world, digest)
        ):
            return False
    return True
