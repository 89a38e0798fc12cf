"""What must be true of a deadline, whatever happened: judged without the product's decision."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.local.pointers import SqlitePointers
from puntual.model.delivery import Delivery, State
from puntual.model.notice import MISSED, Obligation, Phase
from puntual.planner.flow import PLAN_B as PLAN_B_FAILED
from sim.night import ABSENT, AGREED, MINUTE, PARTIAL, Night
from sim.night import State as NightState
from sim.place import Place
from sim.policies import FLAGS, PLAN_B, REPORT, STANDS_IN, said
from sim.sources import Row
from sim.watcher import Receivers
from sim.worker import Went

READY, ALLOWED, TOLD, RESOLVED, ENDS = (
    "no deliverable in time",
    "delivered without leave",
    "late and silent",
    "alert without resolution",
    "ends as it must not",
)
CLAUSES = (READY, ALLOWED, TOLD, RESOLVED, ENDS)
"""What is checked, as the table names it."""

_FILE = re.compile(rf"{REPORT}_(\d{{8}})_v(\d+)\.txt")
HUNG = frozenset({"step timeout", "slow step"})
"""Faults of the machine for which a landing may not end in its time."""

_GRACE = 15 * MINUTE
"""Within which people must hear that a deadline was missed."""


@dataclass(slots=True)
class Deadlines:
    """
    Looks at a place after every child of the watch, and at each night when it is over.

    Attributes:
        cards: Day → the cards that were delivered in full, for a day that stands in later.
        out: File of the destination → its bytes.
        first: When the first version of this night was there, sent or waiting for signatures.
        sent: When it was sent.
        how: What the first version was: `full`, `partial` or `emergency`; "" while there is none.
        worst: Fewest minutes before a deadline at which a deliverable was there that had to be.
        counts: What nights came to.
        wrong: What was violated, in sentences.
    """

    place: Place
    cards: dict[date, list[Row]] = field(default_factory=dict)
    out: dict[str, bytes] = field(default_factory=dict)
    first: datetime | None = None
    sent: datetime | None = None
    how: str = ""
    worst: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def say(self, clause: str, what: str) -> None:
        """Note a violation."""
        self.wrong.append(f"{clause}: {what}")

    def begin(self) -> None:
        """Forget the night before."""
        self.first, self.sent, self.how = None, None, ""

    def after_child(self, night: Night, began: datetime, went: Went, *, fault: str) -> None:
        """Look at what a child left, at how it ended and at what is there now."""
        faulty = bool(fault)
        if went.outcome == "bug" and fault != "unknown bug":
            self.say(ENDS, f"{night.day}: a bug: {went.cause}")
        waits = night.cards_down and began < night.decide_by
        if went.outcome in ("failed", "refused") and not (faulty or night.warehouse_down or waits):
            self.say(ENDS, f"{night.day}: {went.outcome} for no fault: {went.error} {went.cause}")
        if went.bound and went.seconds > went.bound * 2:
            self.say(ENDS, f"{night.day}: a run took {went.seconds:.0f} s of {went.bound:.0f} s")
        self._files(night, began, fault=fault)
        if self.first is None and self._waits(night.day):
            self.first = self.place.machine.clock.true()

    def after_night(self, night: Night, receivers: Receivers) -> None:
        """Judge a night that is over."""
        deliveries = self._deliveries(night.day)
        if not deliveries or deliveries[0].completeness != "full":
            self.say(ENDS, f"{night.day}: everything came, and it is not delivered in full")
        if any(d.state is not State.SUPERSEDED for d in deliveries[1:]):
            self.say(ENDS, f"{night.day}: an earlier version is not superseded")
        self.cards[night.day] = night.cards
        in_time = self.sent is not None and self.sent <= night.due
        self.counts[self.how if in_time else f"held, then {self.how or 'nothing'}"] += 1
        self._ready(night)
        self._told(night, receivers)
        self._resolved(night, receivers)

    def _ready(self, night: Night) -> None:
        if not night.owed():
            return
        self.counts["a deliverable was owed"] += 1
        left = None if self.first is None else (night.due - self.first) / MINUTE
        if left is None or left < AGREED:
            found = "none" if left is None else f"{left:.1f} minutes before"
            self.say(READY, f"{night.day} ({night.approved.kind}): {found}; {night.kinds}")
        else:
            self.worst = int(left) if self.worst is None else min(self.worst, int(left))

    def _told(self, night: Night, receivers: Receivers) -> None:
        """Who is owed a report that does not come hears of it before, and when it is missed."""
        if self.sent is not None and self.sent <= night.due:
            return
        late = night.due
        asleep = False
        if night.asleep is not None:
            begins, ends = map(night.at, night.asleep)
            asleep = begins <= night.due and ends >= night.decide_by
            late = max(late, ends) if begins <= night.due + _GRACE else late
        heard = [
            (at, m.notice.cause)
            for at, _, m in receivers.heard
            if m.phase is Phase.OPENED and m.notice.obligation == _owed(night)
        ]
        if not asleep and not any(at <= night.due for at, _ in heard):
            self.say(TOLD, f"{night.day}: nobody had heard of it at the deadline")
        if self.sent is not None and self.sent <= late + _GRACE:
            return
        if not any(c == MISSED and night.due <= at <= late + _GRACE for at, c in heard):
            self.say(TOLD, f"{night.day}: missed, and nobody heard of it; they heard {heard}")

    def _resolved(self, night: Night, receivers: Receivers) -> None:
        """Nothing is open of a night at rest; of a rehearsal, until the next one that is done."""
        with closing(SqlitePointers(self.place.state)) as pointers:
            rehearsed = pointers.read(f"rehearse:{REPORT}/{night.day}") is not None
        with closing(SqliteNotices(self.place.journal_path)) as notices:
            still = {(n.obligation, n.cause) for n in notices.open_ones()}
        waits = {(o, c) for o, c in still if c == PLAN_B_FAILED and not rehearsed}
        for obligation, cause in sorted(still - waits, key=str):
            self.say(RESOLVED, f"{night.day}: {cause} of {obligation} is still open")
        for _, who, message in receivers.heard:
            notice = message.notice
            is_opening = message.phase is Phase.OPENED
            if (notice.obligation, notice.cause) in still or not is_opening:
                continue
            if not receivers.answered(who, message):
                self.say(RESOLVED, f"{night.day}: {who} were not told that {notice.cause} is over")

    def _files(self, night: Night, began: datetime, *, fault: str) -> None:
        folder = self.place.root / "out"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            data = path.read_bytes()
            if path.name.startswith(".puntual-") or self.out.get(path.name) == data:
                continue
            if path.name in self.out:
                self.say(ENDS, f"{path.name} changed after it was delivered")
            self.out[path.name] = data
            found = _FILE.fullmatch(path.name)
            if found is not None:
                self._file(night, path.name, data, began, fault=fault)

    def _file(self, night: Night, name: str, data: bytes, began: datetime, *, fault: str) -> None:
        handed = [at for at, known, _ in self.place.watched.handed if known == name]
        at = min(handed, default=self.place.machine.clock.true())
        how = data.split(b"|", 3)[2].decode()
        self.sent = self.sent or at
        self.first = self.first or at
        self.how = self.how or how
        if f"{night.day:%Y%m%d}" not in name:
            self.say(ENDS, f"{name} was delivered in the night of {night.day}")
        elif how == "full":
            if not night.whole or data != said(
                night.day, night.payments, night.cards, completeness=how
            ):
                self.say(ALLOWED, f"{name} is not what the sources sent: {data!r}")
        elif at < night.decide_by or not (seen := _seen(night, how, fault)):
            self.say(
                ALLOWED,
                f"{name} is {how} at {at - night.due} of the deadline (run began {began}), policy "
                f"{night.approved.kind}, {night.states}",
            )
        elif data not in (right := [self._less(n, how) for n in seen]):
            self.say(ALLOWED, f"{name} is {data!r}, expected {right}")

    def _less(self, night: Night, how: str) -> bytes:
        clause = night.clause()
        cards = night.cards_there()
        flags = [FLAGS[clause]] if clause else []
        if clause == STANDS_IN and night.before is not None:
            cards = self.cards[night.before]
            age = (night.day - night.before).days
            flags = [f"{FLAGS[clause]} ({night.before.isoformat()}, {age} d)"]
        if how != PARTIAL:
            flags.append(FLAGS[PLAN_B])
        return said(night.day, night.payments, cards, completeness=how, flags="; ".join(flags))

    def _waits(self, day: date) -> bool:
        """A version is made and waits for signatures."""
        return any(d.state in (State.READY, State.SIGNED) for d in self._deliveries(day))

    def _deliveries(self, day: date) -> tuple[Delivery, ...]:
        with closing(SqliteJournal(self.place.journal_path)) as journal:
            return journal.deliveries(reference_date=day)


def _seen(night: Night, how: str, fault: str) -> list[Night]:
    """
    Return how a run may have seen the night, where the policy allows such a delivery.

    When it is time to decide, the day of a source whose landing hung is sealed without it.
    """
    seen = [night]
    if fault in HUNG:
        seen.append(replace(night, states=night.states | {"cards": NightState(ABSENT)}))
    return [n for n in seen if how in n.less(faulty=bool(fault))]


def _owed(night: Night) -> Obligation:
    return Obligation(report=REPORT, reference_date=night.day)
