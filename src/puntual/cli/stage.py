"""The stage of a drill: a copy of the example bank, its sources, and a clock that is moved on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from puntual.cli.places import journal_path, stream_path
from puntual.errors import PermanentError
from puntual.local.journal import SqliteJournal
from puntual.local.outbox import SqliteOutbox
from puntual.local.stream import LocalStream
from puntual.model.delivery import Delivery
from puntual.project.zones import zone
from puntual.runner.clock import FixedClock

ZONE = "America/Mexico_City"
DAY = date(2026, 11, 12)
"""A Thursday of the example in which all is right; due on the Friday at 07:00."""

HISTORY = 15
"""Business days before it whose card events the stream has, to know what is usual."""

STREAM = "card-events"
_LOG = re.compile(r"(?P<at>\d{4}-\d{2}-\d{2} \d{2}:\d{2}) \S+  (?P<what>.+)")
_QUIET = re.compile(r"watching |the watch ends")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One line of a drill's timeline; `at` UTC, `number` in the order in which it happened."""

    at: datetime
    number: int
    who: str
    what: str


@dataclass(slots=True)
class Stage:
    """
    A scratch folder in which the real commands play a story.

    Attributes:
        root: The folder.
        now: The simulated instant, in the example's zone.
        moments: What has happened so far.
    """

    root: Path
    now: datetime
    moments: list[Moment] = field(default_factory=list)

    def prepare(self) -> None:
        """
        Copy the example, approve its policies, let the days before arrive, deliver the last.

        Raises:
            PermanentError: T8001 a command of the preparation failed.
        """
        self._command("init", str(self.root))
        self._command("-C", str(self.root), "stream", "create", "--stream", STREAM,
                      "--retention-days", "60")  # fmt: skip
        for policy in sorted((self.root / "policies").glob("*.yaml")):
            for person, role in (("Ana Torres", "compliance"), ("Luis Vega", "operations")):
                self._command(
                    "-C", str(self.root), "sign", "policy", policy.stem, "--as", person,
                    "--role", role, "--as-of", self.now.isoformat(), ends=(0, 6),
                )  # fmt: skip
        files = sorted((self.root / "data/card_events").glob("*.jsonl"))
        before = [f for f in files if f.stem < DAY.isoformat()][-HISTORY:]
        self._arrive(line for file in before for line in _lines(file))
        last = before[-1].stem
        self._command("-C", str(self.root), "run", "-d", last, "--as-of", self.now.isoformat())

    def go(self, clock: str, day: date = DAY) -> None:
        """Move the clock on without anybody watching."""
        self.now = start_of(day, clock)

    def events(self, *, until: str = "20:00", share: int = 100) -> None:
        """Let the day's card events up to a wall-clock time arrive, each at its own hour."""
        end = start_of(DAY, until)
        chosen = [
            (at, line)
            for number, (at, line) in enumerate(_lines(self._events_file))
            if at < end and number % 100 < share
        ]
        self._arrive(iter(chosen))
        self.say("source", f"card events until {until}: {len(chosen):,} arrive")

    def rest(self) -> None:
        """Let the day's card events that have not arrived yet arrive now."""
        put = self._put
        rest = [line for _, line in _lines(self._events_file) if _event(line) not in put]
        self._stream(self.now).put_lines(STREAM, rest, key="client_id")
        self._remember(rest)
        self.say("source", f"card events: {len(rest):,} more arrive")

    def control(self, *, wrong_by: int = 0, gone: bool = False) -> None:
        """Lay the control record of the card events down: right, wrong by so many, or not yet."""
        path = self.root / f"control/card_events_{DAY:%Y%m%d}.json"
        kept = path.with_suffix(".kept")
        if path.exists() and not kept.exists():
            path.rename(kept)
        path.unlink(missing_ok=True)
        if gone:
            return
        record = json.loads(kept.read_text(encoding="utf-8"))
        record["count"] = str(int(record["count"]) + wrong_by)
        path.write_text(json.dumps(record), encoding="utf-8")
        said = f"{abs(wrong_by)} too many" if wrong_by > 0 else "right"
        self.say("source", f"control record of card events, {record['count']} records: {said}")

    def watch(self, clock: str, day: date, *, every: int, again: int) -> None:
        """Have `puntual watch` keep the bank until a wall-clock time."""
        until = start_of(day, clock)
        out = self._command(
            "-C", str(self.root), "watch", "--as-of", self.now.isoformat(),
            "--until", until.isoformat(), "--land-every", str(every), "--run-every", str(again),
        )  # fmt: skip
        for line in out.splitlines():
            found = _LOG.fullmatch(line)
            if found is not None and not _QUIET.match(found["what"]):
                at = datetime.fromisoformat(found["at"]).replace(tzinfo=zone(ZONE))
                self._add(at, "puntual", found["what"])
        self.now = until

    def command(self, *arguments: str) -> int:
        """Give a command by hand at this instant, and return its exit code."""
        done = self._run("-C", str(self.root), *arguments, "--as-of", self.now.isoformat())
        self.say("person", f"puntual {' '.join(arguments)} (exit {done.returncode})")
        return done.returncode

    @contextmanager
    def warehouse_down(self) -> Iterator[None]:
        """Keep the warehouse from everybody else, as a server that is down does."""
        path = self.root / ".puntual/warehouse.duckdb"
        holds = "import duckdb, sys; d = duckdb.connect(sys.argv[1]); print(flush=True); input()"
        holder = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-c", holds, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None  # noqa: S101 - of our own pipe
        holder.stdout.readline()
        self.say("world", "the warehouse goes down")
        try:
            yield
        finally:
            holder.communicate(b"\n")
            self.say("world", "the warehouse is back")

    def say(self, who: str, what: str) -> None:
        """Write something of the story into the timeline."""
        self._add(self.now, who, what)

    def timeline(self) -> tuple[Moment, ...]:
        """Return what has happened, and what people were told, in the order of time."""
        found = list(self.moments)
        with closing(SqliteOutbox(journal_path(self.root))) as outbox:
            for posted in outbox.history(1000):
                notice = posted.notice
                first, *more = notice.text.splitlines()
                what = " · ".join((first, *(m for m in more if m.startswith("card_events"))))
                found.append(Moment(notice.opened_at, 10**6, "notice", what))
                if notice.resolved_at is not None:
                    over = f"resolved: {notice.obligation} {notice.cause}"
                    found.append(Moment(notice.resolved_at, 10**6 + 1, "notice", over))
        return tuple(sorted(found))

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return every version of the day's deliveries, by report and version."""
        with closing(SqliteJournal(journal_path(self.root))) as journal:
            found = journal.deliveries(reference_date=DAY)
        return tuple(sorted(found, key=lambda d: (d.id.report, d.id.version)))

    def _add(self, at: datetime, who: str, what: str) -> None:
        self.moments.append(Moment(at.astimezone(UTC), len(self.moments), who, what))

    @property
    def _events_file(self) -> Path:
        return self.root / f"data/card_events/{DAY}.jsonl"

    @property
    def _put(self) -> frozenset[str]:
        path = self.root / ".puntual/drill-put"
        return frozenset(path.read_text().split()) if path.exists() else frozenset()

    def _remember(self, lines: Iterable[bytes]) -> None:
        with (self.root / ".puntual/drill-put").open("a") as put:
            put.writelines(f"{_event(line)}\n" for line in lines)

    def _arrive(self, lines: Iterable[tuple[datetime, bytes]]) -> None:
        """Put events into the stream in the order of time, those of an hour together."""
        hours: dict[datetime, list[bytes]] = {}
        for at, line in lines:
            hours.setdefault(at.replace(minute=0, second=0) + _HOUR, []).append(line)
        for hour in sorted(hours):
            self._stream(hour).put_lines(STREAM, hours[hour], key="client_id")
            self._remember(hours[hour])

    def _stream(self, at: datetime) -> LocalStream:
        return LocalStream(stream_path(self.root), FixedClock(at))

    def _command(self, *arguments: str, ends: tuple[int, ...] = (0,)) -> str:
        done = self._run(*arguments)
        if done.returncode not in ends:
            raise PermanentError(
                "T8001",
                f"the drill could not go on: puntual {' '.join(arguments)}",
                expected="exit 0",
                observed=f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}",
                next_step="look at the folder that is kept (--keep)",
            )
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - this program, by its own interpreter
            [sys.executable, "-m", "puntual.cli.main", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )


def start_of(day: date, clock: str) -> datetime:
    """Return a wall-clock time of a day in the example's zone."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone(ZONE))


def _lines(file: Path) -> Iterator[tuple[datetime, bytes]]:
    """Yield each event of a file with its instant; repeats, and those of an earlier day, too."""
    with file.open("rb") as lines:
        for line in lines:
            yield datetime.fromisoformat(json.loads(line)["occurred_at"]), line


def _event(line: bytes) -> str:
    return str(json.loads(line)["event_id"])
