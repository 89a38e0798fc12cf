"""`puntual status --arrivals`: how the sources of each open day stand against a usual day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime

from puntual.cli.vantage import Vantage
from puntual.errors import PuntualError
from puntual.model.delivery import Delivery

Told = tuple[tuple[str, str, str], ...]
"""(source, verdict, sentence) of each source that is not on its way to a usual day."""


def open_days(deliveries: Iterable[Delivery], now: datetime) -> tuple[date, ...]:
    """Return the reference dates that have begun of what is neither sent nor late, ascending."""
    return tuple(
        sorted(
            {
                d.id.reference_date
                for d in deliveries
                if d.sent_at is None
                and now <= d.due_at
                and d.id.reference_date <= now.astimezone(d.due_at.tzinfo).date()
            }
        )
    )


def arrivals(
    place: Vantage, days: Iterable[date], now: datetime, tell: Callable[[str], None]
) -> dict[date, Told]:
    """
    Return how the sources of days stand; what cannot be known hides nothing else of `status`.

    Args:
        place: Where the days are run.
        days: Reference dates.
        now: The moment.
        tell: Where it is said that a day's arrivals are not known.
    """
    # What a project needs to be read, and pyarrow: `status` alone does without either.
    from puntual.cli.ahead import arriving
    from puntual.cli.foreseen import Foresight

    found: dict[date, Told] = {}
    try:
        project = place.project()
        foresight = Foresight(place, project)
        for day in days:
            found[day] = arriving(foresight, project, day, now)
    except PuntualError as error:
        tell(f" ! arrivals are not shown: {error.code} {error.message}")
    return found


def lines(found: Mapping[date, Told]) -> Iterator[str]:
    """Yield a block for each day: the sources that are not on their way, with a guess at why."""
    for day, told in found.items():
        yield f" arrivals of {day.isoformat()}" + ("" if told else ": every source is on its way")
        yield from (f"   {sentence}" for _, _, sentence in told)


def as_json(found: Mapping[date, Told]) -> dict[str, object]:
    """Return the same as JSON values, by day; a source that is on its way is not named."""
    return {
        day.isoformat(): [
            {"source": name, "verdict": verdict, "sentence": sentence}
            for name, verdict, sentence in told
        ]
        for day, told in found.items()
    }
