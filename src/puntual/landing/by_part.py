"""
What has come of each branch or type, for the watch over arrivals (design 4.14).

A contract names the columns (`puntual.arrivalParts`); what came is counted by their values once,
when it is landed, and kept in the manifest. So a look at a hundred days reads no record. The form
that records come in is counted with them: which of the needed columns hold no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from puntual.landing.desk import Desk
from puntual.model.contract import Contract
from puntual.planner.curve import SCHEMA
from puntual.ports.engine import RawDay, RawPart

MOST = 64
"""Values of a column beyond which it is no part: its day is not watched by it."""

MINUTES = 10
"""Records of a stream are counted by so many minutes; a watch allows 30 (`planner.arrivals`)."""

WHOLE = "as declared"
"""The form of records in which every needed column holds a value."""

Parts = dict[str, dict[str, dict[str, str]]]
"""Column → value → instant (of a stream) or short name of the object → count, as text."""


def counted(
    desk: Desk,
    contract: Contract,
    day: date,
    parts: Sequence[RawPart],
    *,
    stream: bool,
) -> Parts:
    """
    Count records by the values of the columns that the contract names, and by their form.

    Args:
        desk: The ports of landing.
        contract: Names the columns; none: nothing is counted.
        day: The reference date.
        parts: What is counted.
        stream: They are of a stream: counted by the ten minutes in which they arrived, else by
            the object in which they came.

    Raises:
        PermanentError: T3001 the engine has no memory left.
    """
    if not contract.arrival_parts or not parts:
        return {}
    raw = RawDay(contract=contract, reference_date=day, parts=tuple(parts), stream=stream)
    where = "date_trunc('minute', _arrived_at)" if stream else "_object"
    values = [(name, f'CAST("{name}" AS VARCHAR)') for name in contract.arrival_parts]
    asked = [*values, (SCHEMA, _form(contract))]
    statements = tuple(_sql(contract, where, value) for _, value in asked)
    folder = desk.objects.scratch(f"parts-{contract.dataset}-{day.isoformat()}")
    try:
        answers = desk.engine.ask_raw(raw, statements, {}, folder)
    finally:
        desk.objects.discard(folder)
    found: Parts = {}
    for (name, _), answer in zip(asked, answers, strict=True):
        for value, at, records in zip(*answer.columns, strict=True):
            if value is not None:
                _add(found.setdefault(name, {}), str(value), _place(at), records)
    return added({}, found)


def added(held: Mapping[str, object], more: Parts) -> Parts:
    """Return counts of a day with those of what came since; of too many values none, for good."""
    found: Parts = {}
    beyond = {name for counts in (held, more) for name, values in counts.items() if not values}
    for counts in (held, more):
        for name, values in _mapping(counts):
            known = found.setdefault(name, {})
            for value, places in _mapping(values):
                for place, records in _mapping(places):
                    _add(known, value, place, records)
    beyond |= {name for name, values in found.items() if len(values) > MOST}
    return {name: {} if name in beyond else values for name, values in found.items()}


def _add(values: dict[str, dict[str, str]], value: str, place: str, records: object) -> None:
    places = values.setdefault(value, {})
    places[place] = str(int(places.get(place, "0")) + int(str(records)))


def _mapping(value: object) -> Iterator[tuple[str, object]]:
    assert isinstance(value, Mapping)  # noqa: S101 - written by `counted`
    yield from sorted(value.items())


def _sql(contract: Contract, where: str, value: str) -> str:
    return (
        f"SELECT {value} AS value, {where} AS place, count(*) AS records "
        f'FROM "{contract.dataset}" GROUP BY 1, 2 ORDER BY 1, 2'
    )


def _form(contract: Contract) -> str:
    """Return SQL for the form of a record: the needed columns that hold no value, by name."""
    needed = [column.name for column in contract.columns if column.required]
    without = "".join(f""", CASE WHEN "{name}" IS NULL THEN '{name}' END""" for name in needed)
    names = f"concat_ws(' '{without})" if needed else "''"
    return f"CASE {names} WHEN '' THEN '{WHOLE}' ELSE concat('without ', {names}) END"


def _place(at: object) -> str:
    """Return where records came: the last of the ten minutes, in UTC, or the object."""
    if not isinstance(at, datetime):
        return str(at)
    begun = at.astimezone(UTC).replace(second=0, microsecond=0)
    last = begun + timedelta(minutes=MINUTES - 1 - begun.minute % MINUTES)
    return last.isoformat(timespec="minutes")
