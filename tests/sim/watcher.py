"""
The product's watch on the simulated machine: its table, its children, its clock, its words.

`runner.watch.Watch`, the agenda, the standing of a day and the sending of notices are the
product's own. A child is the simulator's run of a day; the watch waits for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from puntual.cli.standing import Table, began, stand_of
from puntual.errors import PermanentError, TransientError
from puntual.local.outbox import SqliteOutbox
from puntual.model.notice import Message, Obligation, Phase, SendState
from puntual.model.route import Channel, Posted, Route, TextFile
from puntual.planner.agenda import OwedDay, Stand
from puntual.planner.flow import PLAN_B
from puntual.ports.notices import Notices
from puntual.runner.notify import Post, tell
from puntual.runner.watch import Watch, Work
from sim.machine import Process
from sim.night import Night
from sim.place import Place

ROUTES = (
    Route(name="operators", channels=(TextFile(path="operators"),)),
    Route(name="deputies", channels=(TextFile(path="deputies"),), fallback=True),
)
"""Who is told of everything, and who where those cannot be told."""


@dataclass(slots=True)
class Receivers:
    """
    Who takes the notices.

    Attributes:
        deaf: Says whether the operators' receiver takes nothing now.
        loses: Says whether its answer is lost: it has taken the message all the same.
        heard: Receiver, phase and message of everything that was taken, with its instant.
    """

    deaf: Callable[[], bool]
    loses: Callable[[], bool]
    now: Callable[[], datetime]
    heard: list[tuple[datetime, str, Message]] = field(default_factory=list)

    def send(self, channel: Channel, message: Message) -> str:
        """
        Take a message; see port `Channels`.

        Raises:
            TransientError: D2001.
            PermanentError: D2002.
        """
        assert isinstance(channel, TextFile)
        if channel.path == "operators" and self.deaf():
            raise PermanentError("D2002", "the receiver refuses")
        self.heard.append((self.now(), channel.path, message))
        if self.loses():
            raise TransientError("D2001", "the receiver does not answer")
        return "taken"

    def answered(self, receiver: str, message: Message) -> bool:
        """Say whether who was told of a notice has heard of its end as well."""
        return any(
            who == receiver and m.phase is Phase.RESOLVED and m.answers == message.id
            for _, who, m in self.heard
        )


class Child(Protocol):
    """Begins a run or a landing in a process of its own, and returns when it has ended."""

    def __call__(self, work: Work) -> None:
        """
        Carry it out.

        Raises:
            Killed: The machine went down with it, and with the watch.
        """


class SimulatedPlace:
    """Port `Place` of the watch, for one night."""

    def __init__(
        self, place: Place, night: Night, process: Process, child: Child, receivers: Receivers
    ) -> None:
        self._place, self._night, self._child = place, night, child
        self._receivers = receivers
        self._process = process
        self._notices = place.notices(process)
        self._journal = place.journal(process)
        self._table = Table(place.project)
        self._tried = Stand()

    def watch(self, every: timedelta, again: timedelta) -> Watch:
        """Return the watch of this place."""
        return Watch(
            place=self,
            notices=self._notices,
            clock=self._place.machine.clock,
            every=every,
            again=again,
            longest=timedelta(days=1),
        )

    @property
    def notices(self) -> Notices:
        """What people are told."""
        return self._notices

    def table(self, now: datetime) -> tuple[tuple[OwedDay, Stand], ...]:
        """Return this night's day with how it stands; those before have come to rest."""
        found = []
        for day in self._table.days(self._journal, now):
            if day.reference_date == self._night.day:
                known = self._journal.deliveries(reference_date=day.reference_date)
                stand = stand_of(self._place.root, self._journal, day, known, self._tried)
                found.append((day, stand))
        return tuple(found)

    def begin(self, work: Work, now: datetime) -> None:
        """Begin a child and wait for its end."""
        self._tried = began(self._tried, now, is_run=work.command == "run")
        try:
            self._child(work)
        finally:
            self._place.machine.current = self._process

    def busy(self) -> bool:
        """Say that no child is running."""
        return False

    def foresee(self, day: OwedDay, landed: datetime) -> dict[str, str]:
        """Say that a source is behind which has sent nothing yet."""
        return {
            name: f"{name} is silent"
            for name, state in self._night.states.items()
            if state.word == "absent"
        }

    def ended(self, now: datetime) -> dict[Obligation, str]:
        """Say that the calendars go on."""
        return {}

    def text(self, cause: str, report: str, day: OwedDay, now: datetime) -> str:
        """Return the words of a notice."""
        return f"{cause} {report} {day.reference_date}"

    def tell(self) -> Iterable[datetime]:
        """Send what is due."""
        machine = self._place.machine
        machine.effect("notify")
        with closing(SqliteOutbox(self._place.journal_path)) as outbox:
            post = Post(outbox=outbox, channels=self._receivers, clock=machine.clock)
            failing = tell(post, ROUTES, "sim", lambda send: None)
        return [send.next_at for send in failing]

    def sleep(self, until: datetime) -> None:
        """Let time pass, and let happen what happens meanwhile; a machine may sleep longer."""
        night, machine = self._night, self._place.machine
        machine.effect("sleep")
        while (event := night.next_event()) is not None and event <= until:
            _pass(machine.clock.sleep, machine.clock.true(), event)
            night.happen(machine.clock.true())
        _pass(machine.clock.sleep, machine.clock.true(), until)
        if night.asleep is not None:
            begins, ends = map(night.at, night.asleep)
            if begins <= machine.clock.true() < ends:
                self.sleep(ends)

    def stopping(self) -> bool:
        """Say whether the night has come to rest, or is over."""
        now = self._place.machine.clock.true()
        return self._night.over or now >= self._night.end or self._is_at_rest()

    def _is_at_rest(self) -> bool:
        """All has happened, the report is sent in full, and everybody was told."""
        if self._night.events or not self._is_done():
            return False
        with closing(SqliteOutbox(self._place.journal_path)) as outbox:
            return all(_waits_for_the_next_night(one) for one in outbox.unsettled())

    def _is_done(self) -> bool:
        found = self._journal.deliveries(reference_date=self._night.day)
        return bool(found) and found[0].sent_at is not None and found[0].completeness == "full"


def _waits_for_the_next_night(posted: Posted) -> bool:
    """Of a rehearsal that failed everybody has heard, and the next one resolves it."""
    told = all(s.state is not SendState.QUEUED for s in posted.sends) and bool(posted.sends)
    return told and posted.notice.resolved_at is None and posted.notice.cause == PLAN_B


def _pass(sleep: Callable[[float], None], now: datetime, until: datetime) -> None:
    sleep(max(0.0, (until - now).total_seconds()))
