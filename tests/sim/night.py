"""What happens around one deadline: who sends what when, who agrees, what is down, who sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sim.policies import AGE, MOST, OMIT, PLAN_B, SHORT, STANDS_IN, Approved
from sim.sources import Bank, Row, lines

Event = Callable[[], None]
WHOLE, ABSENT, SHORTENED, UNVERIFIED = "whole", "absent", "short", "unverified"
MINUTE = timedelta(minutes=1)

PARTIAL, EMERGENCY = "partial", "emergency"
LAST = 150
"""Minutes after the deadline at which everything has come and is repaired, at the latest."""

AGREED = 15
"""Minutes before the deadline at which a deliverable must exist (issue: deadline)."""


@dataclass(frozen=True, slots=True)
class State:
    """How a source stands: the word, and how many of its rows are missing where it is short."""

    word: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What the world looks like from an instant on, as far as the decision depends on it."""

    at: datetime
    complete: bool
    less: frozenset[str]


@dataclass(slots=True)
class Night:
    """
    One reference date with its deadline, as it really was.

    Attributes:
        day: The reference date.
        due: UTC.
        decide_by: UTC; the last moment to decide.
        approved: Its policy.
        payments: Rows of the source that every delivery needs.
        cards: Rows of the source that may be missing.
        before: The last earlier day whose cards were matched; None: none was.
        states: Source → how it stands now.
        warehouse_down: Now.
        events: (minutes after due, what happens), sorted; done ones are taken away.
        asleep: From and until when the machine does not run, in minutes after due; None: never.
        deaf: The same of the receiver of notices.
        kinds: What was drawn, for the table.
        moments: How the world changed, oldest first.
        cards_down: The source of the cards does not answer now.
        approved_now: The signatures that the policy needs are given.
        over: Something was violated; the rest is not played.
    """

    day: date
    due: datetime
    decide_by: datetime
    approved: Approved
    payments: list[Row]
    cards: list[Row]
    before: date | None
    states: dict[str, State] = field(default_factory=dict)
    warehouse_down: bool = False
    events: list[tuple[int, Event]] = field(default_factory=list)
    asleep: tuple[int, int] | None = None
    deaf: tuple[int, int] | None = None
    kinds: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    cards_down: bool = False
    approved_now: bool = False
    over: bool = False

    def at(self, minutes: int) -> datetime:
        """Return an instant by its distance to the deadline."""
        return self.due + minutes * MINUTE

    @property
    def deadline(self) -> datetime:
        """Until when a deliverable must exist."""
        return self.due - AGREED * MINUTE

    @property
    def end(self) -> datetime:
        """When it is given up that the night comes to rest."""
        return self.at(LAST + 12 * 60)

    def cards_there(self) -> list[Row]:
        """Return the cards that have been sent."""
        cards = self.states["cards"]
        return [] if cards.word == ABSENT else self.cards[: len(self.cards) - cards.missing]

    def next_event(self) -> datetime | None:
        """Return when something happens next."""
        return self.at(self.events[0][0]) if self.events else None

    def happen(self, now: datetime) -> None:
        """Let everything happen that is due."""
        while self.events and self.at(self.events[0][0]) <= now:
            self.events.pop(0)[1]()
        self.look(now)

    def look(self, now: datetime) -> None:
        """Remember how the world stands now."""
        self.moments.append(Moment(now, self.complete, self.less(faulty=False)))

    @property
    def whole(self) -> bool:
        """Every source has sent everything."""
        return all(s.word == WHOLE for s in self.states.values())

    @property
    def complete(self) -> bool:
        """A full report can be made."""
        return self.whole and not self.warehouse_down

    def less(self, *, faulty: bool) -> frozenset[str]:
        """
        Return what less than a full report the policy allows now, once it is time to decide.

        Args:
            faulty: A technical fault has hit the run, so that there may be no full report.
        """
        if not (self.approved.counts and self.approved_now):
            return frozenset()
        if self.states["payments"].word != WHOLE:
            return frozenset()
        clause = self.clause()
        found = set()
        if clause and not self.warehouse_down:
            found.add(PARTIAL)
        covered = clause if clause != STANDS_IN else ""
        fault = self.warehouse_down or faulty
        if fault and PLAN_B in self.approved.clauses and (covered or self.whole):
            found.add(EMERGENCY)
        return frozenset(found)

    def clause(self) -> str:
        """Return the clause that covers how the cards stand; "" if none does, or none is needed."""
        cards, has = self.states["cards"], self.approved.clauses
        if cards.word == ABSENT and OMIT in has:
            return OMIT
        if cards.word == ABSENT and STANDS_IN in has:
            near = self.before is not None and (self.day - self.before).days <= AGE
            return STANDS_IN if near else ""
        if cards.word == SHORTENED and SHORT in has and cards.missing <= MOST:
            return SHORT
        return ""

    def owed(self) -> bool:
        """Say whether a deliverable had to exist at `deadline`: from the decision on, all along."""
        if self.asleep is not None:
            begins, ends = map(self.at, self.asleep)
            if begins < self.deadline and ends > self.decide_by:
                return False
        before = [m for m in self.moments if m.at <= self.decide_by]
        within = [m for m in self.moments if self.decide_by < m.at <= self.deadline]
        return all(m.complete or m.less for m in (*before[-1:], *within)) and bool(before)


def draw(
    night: Night,
    bank: Bank,
    rng: random.Random,
    set_down: Callable[[bool], None],
    set_cards_down: Callable[[bool], None],
) -> None:
    """
    Draw what happens in a night; at least one thing goes wrong, if only the policy.

    Args:
        night: Gets its events and its first states.
        bank: Sends the files.
        rng: The seed's choices.
        set_down: Takes the warehouse down, or brings it back.
        set_cards_down: The same of the source of the cards.
    """
    decide = (night.decide_by - night.due) // MINUTE
    for source, rows in (("payments", night.payments), ("cards", night.cards)):
        night.states[source] = State(ABSENT)
        trouble = rng.random() < (0.2 if source == "payments" else 0.65)
        steps = [(-400, State(WHOLE))] if not trouble else list(_steps(rng, decide, len(rows)))
        if trouble:
            night.kinds.append(f"{source} {steps[0][1].word if len(steps) > 1 else 'late'}")
        if trouble and source == "cards" and _is_down(rows):
            # Until it is whole it cannot be asked, and nothing of it has been landed.
            night.kinds[-1] = "cards down"
            _down_for_cards(night, set_cards_down, True)()
            night.events.append((steps[-1][0], _down_for_cards(night, set_cards_down, False)))
            steps = steps[-1:]
        for minutes, state in steps:
            night.events.append((minutes, _sent(night, bank, source, rows, state)))
    if rng.random() < 0.25:
        begins = _when(rng, decide)
        night.kinds.append("warehouse down")
        for minutes, down in ((begins, True), (begins + rng.randint(5, 200), False)):
            night.events.append((min(minutes, LAST), _down(night, set_down, down)))
    if rng.random() < 0.06:
        begins = rng.randint(decide - 60, 40)
        night.asleep = (begins, begins + rng.randint(10, 180))
        night.kinds.append("machine asleep")
    if rng.random() < 0.15:
        begins = rng.randint(decide - 60, 60)
        night.deaf = (begins, begins + rng.randint(10, 300))
        night.kinds.append("receiver of notices down")
    night.events.sort(key=lambda e: e[0])


def _is_down(rows: list[Row]) -> bool:
    """Say whether a source that comes late does not answer until then; chosen by the seed."""
    return random.Random(repr(rows)).random() < 0.3


def _down_for_cards(night: Night, set_down: Callable[[bool], None], down: bool) -> Event:
    def change() -> None:
        set_down(down)
        night.cards_down = down

    return change


def _steps(rng: random.Random, decide: int, rows: int) -> Iterator[tuple[int, State]]:
    """Yield how a source comes in the end, perhaps in two goes."""
    whole = _when(rng, decide)
    first = rng.choice((None, State(SHORTENED, rng.randint(1, rows - 1)), State(UNVERIFIED)))
    if first is not None:
        yield min(_when(rng, decide), whole - 1), first
    yield whole, State(WHOLE)


def _when(rng: random.Random, decide: int) -> int:
    """Draw minutes after the deadline: long before it, around the decision, late, or last."""
    low, high = rng.choice(
        ((-380, decide - 1), (decide - 30, decide), (decide, -AGREED), (-AGREED, 0), (1, LAST),
         (1, LAST), (LAST, LAST))
    )  # fmt: skip
    return rng.randint(low, high)


def _sent(night: Night, bank: Bank, source: str, rows: list[Row], state: State) -> Event:
    def send() -> None:
        if state.word == UNVERIFIED:
            bank.control_path(source, night.day).unlink(missing_ok=True)
        else:
            bank.vouch(source, night.day, rows)
        there = rows[: len(rows) - state.missing]
        bank.file(night.day, lines(night.day, there), source=source)
        night.states[source] = state

    return send


def _down(night: Night, set_down: Callable[[bool], None], down: bool) -> Event:
    def change() -> None:
        set_down(down)
        night.warehouse_down = down

    return change
