"""The rows behind hops and controls as they are stored now, in each form, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from puntual.cli import junit, rows, waterfall
from puntual.cli.reconciled import Reconciled, hop_name, hop_state, json_of
from puntual.cli.rows import About
from puntual.cli.wrap import wrapped
from puntual.model.broken_row import BrokenRows
from puntual.model.control import Hop
from puntual.model.masked import Mask
from puntual.model.shown import printable

SINCE = (
    "the run found no difference here: this one does not show in what it compared (counts, sums, "
    "keys), or something was altered after it"
)
UNREAD = "what is stored now could not be compared: unknown is not equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    What was asked for, and what was found.

    Attributes:
        found: The day as its run committed it.
        behind: Hops and controls with the rows behind them.
        now: Hops into the warehouse that were compared because no name was given; those that
            agree are not among `behind`. None where names were given or a hop is broken.
        mask: What may be shown.
        explained: Rows that left with a reason are named too.
    """

    found: Reconciled
    behind: tuple[tuple[About, BrokenRows], ...]
    now: tuple[Hop, ...] | None
    mask: Mask
    explained: bool

    @property
    def since(self) -> frozenset[str]:
        """Names of hops that agreed in the run and have rows that do not agree now."""
        return frozenset(_name(a) for a, r in self.behind if _agreed(a) and _differs(r))

    @property
    def unread(self) -> dict[str, str]:
        """Why two sides could not be compared, by name of hop or control."""
        return {_name(a): r.unread for a, r in self.behind if r.unread}

    @property
    def ok(self) -> bool:
        """Whether the day agreed, and all that was asked for agrees now; unknown does not."""
        return self.found.ok and not self.since and not self.unread

    def json(self) -> dict[str, object]:
        """Return the day and the rows as JSON values."""
        return json_of(self.found) | {
            "rows": [rows.json_of(r, self.mask, explained=self.explained) for _, r in self.behind],
            "differ_since": sorted(self.since),
            "not_compared": sorted(self.unread),
            "compared_now": [hop_name(h) for h in self.now or ()],
        }

    def csv(self) -> str:
        """Return the rows as CSV."""
        return rows.csv_of([r for _, r in self.behind], self.mask)

    def junit(self) -> str:
        """Return the day as JUnit XML, with the rows in its cases."""
        said = {_name(a): tuple(map(printable, self._rows(r))) for a, r in self.behind}
        return junit.junit(self.found, said, self.since, self.unread)

    def lines(self) -> Iterator[str]:
        """Yield what people read."""
        for about, found in self.behind:
            yield from wrapped(_heading(about).strip(), " ")
            yield from self._rows(found)
            if found.unread:
                yield f" ? {UNREAD}"
            if _name(about) in self.since:
                yield from wrapped(f"! {SINCE}", " ")
        if self.now is not None:
            yield from self._now(self.now)

    def _rows(self, found: BrokenRows) -> Iterator[str]:
        return rows.text_of(found, self.mask, explained=self.explained)

    def _now(self, hops: tuple[Hop, ...]) -> Iterator[str]:
        """Say what was compared without being named, so that no silence passes for agreement."""
        wrong = {_name(a) for a, r in self.behind if _differs(r) or r.unread}
        agree = [h for h in hops if hop_name(h) not in wrong]
        if not hops:
            said = "compared now: no hop into the warehouse is shown here"
        elif len(agree) < len(hops):
            said = f"compared now: {len(agree)} of {len(hops)} hop{'s' if hops[1:] else ''} agree"
        else:
            said = f"compared now: {f'{len(hops)} hops agree' if hops[1:] else '1 hop agrees'}"
        names = f" ({', '.join(hop_name(h) for h in agree)})" if agree else ""
        if not self.behind:
            yield from wrapped(waterfall.standing(self.found), " ")
        yield from wrapped(f"{said}{names}", " ")
        if not self.behind:
            hint = "--rows NAME looks at another hop or control, --explained names rows that"
            yield from wrapped(f"{hint} left with a reason", " ")


def _agreed(about: About) -> bool:
    return isinstance(about, Hop) and hop_state(about) not in ("broken", "unknown")


def _differs(found: BrokenRows) -> bool:
    return any(n and not c.explained for c, n in found.counts.items())


def _name(about: About) -> str:
    return hop_name(about) if isinstance(about, Hop) else about.id


def _heading(about: About) -> str:
    if isinstance(about, Hop):
        return f" {about.dataset}   residual {waterfall.residual_line(about)}"
    return f" {about.id}   {about.state.value}   {about.basis}".rstrip()
