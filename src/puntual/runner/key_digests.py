"""The keyed digests of a control: of a whole day's rows, on the lake or in the warehouse."""

from __future__ import annotations

from dataclasses import dataclass

from puntual.model.control import Cause, ControlRule, MeasureKind, Stage, StagedSide, Term
from puntual.runner import load as loading
from puntual.runner.world import DayRun


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDigests:
    """
    The digests of one term.

    Attributes:
        query: What was digested, for people.
        rows: How many rows.
        values: The place of each digest among the control's measures, and what it is.
    """

    query: str
    rows: int
    values: dict[int, str]


def key_digests(run: DayRun, rule: ControlRule, term: Term) -> KeyDigests | None:
    """
    Take the digests that a term asks for; None where it asks for none.

    Rows that a check set aside are left out on the lake where the control says that they explain
    a difference: they are not in the warehouse.

    Raises:
        TransientError: The warehouse does not answer.
        PermanentError: It refuses; the engine cannot.
    """
    wanted = {i: a.columns for i, a in enumerate(term.asked) if a.kind is MeasureKind.DIGEST}
    if not wanted:
        return None
    side = term.side
    assert isinstance(side, StagedSide)  # noqa: S101 - `check` refuses another side
    found = {place: _totals(run, rule, side, columns) for place, columns in wanted.items()}
    named = "; ".join(", ".join(columns) for columns in wanted.values())
    return KeyDigests(
        query=f"key digest of {side.stage.value} {side.dataset} ({named})",
        rows=next(iter(found.values()))[0],
        values={place: digest for place, (_, digest) in found.items()},
    )


def _totals(
    run: DayRun, rule: ControlRule, side: StagedSide, columns: tuple[str, ...]
) -> tuple[int, str]:
    world = run.world
    if side.stage is Stage.WAREHOUSE:
        found = world.warehouse.totals(side.dataset, run.date, columns, ())
    else:
        aside = Cause.QUARANTINED in rule.explained_by
        found = world.engine.totals(
            run.files(side.dataset),
            columns,
            (),
            algorithm=world.warehouse.digest_algorithm,
            without=loading.without(run, side.dataset) if aside else (),
        )
    return found.records, f"{found.algorithm}:{found.key_digest}"
