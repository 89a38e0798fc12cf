"""What the source systems of a simulated bank send, and what they do wrong."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from puntual.local.stream import LocalStream

HEADER = "payment_id;client_id;amount;paid_on"
HELD, FULL, DOWN = "held", "full", "down"

Row = tuple[str, Decimal]


@dataclass(slots=True)
class Truth:
    """
    A day as it really was.

    Attributes:
        day: The reference date.
        rows: Dataset → (identity, amount), each once.
        raw: Dataset → how many records the source sent for the day, before its seal.
        state: What must become of the delivery now: `full`, `held`, or `down` (no answer).
        repair: What mends it; None when nothing does.
        mended: What must become of it then.
        later: What arrives after the day was delivered, if anything.
        fault: What the source did wrong; "" for nothing.
    """

    day: date
    rows: dict[str, list[Row]]
    raw: dict[str, int] = field(default_factory=dict)
    state: str = FULL
    repair: Callable[[], None] | None = None
    mended: str = FULL
    later: Callable[[], None] | None = None
    fault: str = ""


@dataclass(slots=True)
class Bank:
    """The source systems of one project's folder."""

    root: Path
    rng: random.Random
    stream: LocalStream | None
    ids: int = 0
    ahead: dict[date, list[Row]] = field(default_factory=dict)
    yesterday: bytes = b""

    def open(self) -> None:
        """Make the folders, the stream and the database."""
        (self.root / "inbox").mkdir()
        (self.root / "control").mkdir()
        if self.stream is not None:
            self.stream.create("cards", shards=2, retention_days=365)
            with closing(sqlite3.connect(self.root / "source.db")) as db, db:
                db.execute("CREATE TABLE accounts (account_id TEXT, balance TEXT, as_of TEXT)")

    def rows(self, low: int, high: int) -> list[Row]:
        """Draw rows with identities that nobody had before."""
        found = []
        for _ in range(self.rng.randint(low, high)):
            self.ids += 1
            amount = Decimal(self.rng.randint(-20_000, 90_000)) / 100
            found.append((f"p{self.ids}", amount.quantize(Decimal("0.01"))))
        return found

    def send(self, day: date, following: date, fault: str) -> Truth:
        """
        Send a day, rightly or with one fault.

        Args:
            day: The reference date.
            following: The next one, for what comes early.
            fault: A key of `FAULTS`; "" for none.
        """
        rows = {"payments": [] if fault == "empty day" else self.rows(2, 7)}
        truth = Truth(day=day, rows=rows, fault=fault)
        if self.stream is not None:
            early = self.ahead.pop(day, [])
            rows["cards"] = self.rows(1, 4) + early
            rows["accounts"] = self.rows(1, 3)
            self._accounts(truth)
            self._cards(truth, following, fault, early)
        send = FAULTS.get(fault)
        if send is None or fault.startswith("stream"):
            self.file(day, lines(day, rows["payments"], shuffle=self.rng))
            self.vouch("payments", day, rows["payments"])
        else:
            send(self, truth)
        truth.raw.setdefault("payments", len(rows["payments"]))
        return truth

    def file(
        self,
        day: date,
        text: list[str],
        *,
        suffix: str = "",
        marker: bool = True,
        end: str = "\n",
        source: str = "payments",
    ) -> Path:
        """Put a file of a source into the inbox, of payments unless another is named."""
        path = self.root / "inbox" / f"{source}_{day:%Y%m%d}{suffix}.csv"
        header = HEADER.replace("payment_id", f"{source.removesuffix('s')}_id")
        path.write_bytes(("\n".join([header, *text]) + end).encode())
        if marker:
            path.with_name(path.name + ".ok").touch()
        return path

    def vouch(
        self, source: str, day: date, rows: list[Row], *, more: int = 0, cents: int = 0
    ) -> None:
        """Write a control record, `more` records and `cents` away from the truth."""
        amount = sum((a for _, a in rows), Decimal(0)) + Decimal(cents) / 100
        record = {
            "source": source,
            "reference_date": day.isoformat(),
            "count": str(len(rows) + more),
            "sums": {"amount": format(amount.quantize(Decimal("0.01")), "f")},
        }
        self.control_path(source, day).write_text(json.dumps(record), encoding="utf-8")

    def control_path(self, source: str, day: date) -> Path:
        """Return where a source lays its control record down."""
        return self.root / "control" / f"{source}_{day:%Y%m%d}.json"

    def put(self, rows: list[Row], day: date, version: int = 2) -> None:
        """Put card events into the stream, as their producer does."""
        assert self.stream is not None
        self.stream.put(
            "cards",
            [
                (
                    name,
                    json.dumps(
                        {
                            "event_id": name,
                            "version": version,
                            "amount": format(amount, "f"),
                            "paid_on": day.isoformat(),
                        }
                    ).encode(),
                )
                for name, amount in rows
            ],
        )

    def _accounts(self, truth: Truth) -> None:
        with closing(sqlite3.connect(self.root / "source.db")) as db, db:
            db.executemany(
                "INSERT INTO accounts VALUES (?, ?, ?)",
                [(n, format(a, "f"), truth.day.isoformat()) for n, a in truth.rows["accounts"]],
            )
        truth.raw["accounts"] = len(truth.rows["accounts"])

    def _cards(self, truth: Truth, following: date, fault: str, early: list[Row]) -> None:
        """Events arrive in any order; some of the next day come early."""
        rows = truth.rows["cards"]
        fresh = [r for r in rows if r not in early]
        self.rng.shuffle(fresh)
        sent = list(rows)
        if fault == "stream duplicates":
            # The producer timed out and sent again: an older version, and the same one twice.
            twice = self.rng.sample(fresh, self.rng.randint(1, len(fresh))) if fresh else []
            stale = [(n, a + 1) for n, a in twice]
            self.put(twice, truth.day)
            self.put(stale, truth.day, version=1)
            sent += twice + stale
        self.put(fresh, truth.day)
        if self.rng.random() < 0.3:
            self.ahead[following] = self.rows(1, 2)
            self.put(self.ahead[following], following)
        truth.raw["cards"] = len(sent)
        self.vouch("cards", truth.day, sent)
        if fault == "stream late records":
            truth.later = lambda: self.put(self.rows(1, 2), truth.day)


def lines(day: date, rows: list[Row], *, shuffle: random.Random | None = None) -> list[str]:
    """Return the lines of a payments file."""
    listed = [f"{name};c{name[1:]};{amount:f};{day.isoformat()}" for name, amount in rows]
    if shuffle is not None:
        shuffle.shuffle(listed)
    return listed


def _file_of(bank: Bank, truth: Truth) -> None:
    bank.file(truth.day, lines(truth.day, truth.rows["payments"]))


def _right(bank: Bank, truth: Truth) -> Callable[[], None]:
    return lambda: bank.vouch("payments", truth.day, truth.rows["payments"])


def _no_count(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    truth.state, truth.repair = HELD, _right(bank, truth)


def _wrong_count(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    bank.vouch("payments", truth.day, truth.rows["payments"], more=bank.rng.choice((-1, 1, 5)))
    truth.state, truth.repair = HELD, _right(bank, truth)


def _wrong_sum(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    bank.vouch("payments", truth.day, truth.rows["payments"], cents=bank.rng.choice((-1, 1, 900)))
    truth.state, truth.repair = HELD, _right(bank, truth)


def _silent(bank: Bank, truth: Truth) -> None:
    def speak() -> None:
        _file_of(bank, truth)
        bank.vouch("payments", truth.day, truth.rows["payments"])

    truth.state, truth.repair = HELD, speak


def _empty(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    bank.vouch("payments", truth.day, [])


def _half(bank: Bank, truth: Truth) -> None:
    """Half a file without its marker; the rest, and the marker, come later."""
    text = lines(truth.day, truth.rows["payments"])
    bank.file(truth.day, text[: len(text) // 2], marker=False, end="")
    bank.vouch("payments", truth.day, truth.rows["payments"])
    truth.state, truth.repair = HELD, lambda: _file_of(bank, truth)


def _cut(bank: Bank, truth: Truth) -> None:
    """A file that says it is whole and is not; the source sends it again."""
    text = lines(truth.day, truth.rows["payments"])
    bank.file(truth.day, [*text[:-1], text[-1][:4]], end="")
    bank.vouch("payments", truth.day, truth.rows["payments"])
    truth.state, truth.repair = HELD, lambda: _file_of(bank, truth)


def _replaced(bank: Bank, truth: Truth) -> None:
    """Other amounts first, with a control record of the right ones."""
    wrong = [(n, a + 1) for n, a in truth.rows["payments"]]
    bank.file(truth.day, lines(truth.day, wrong))
    bank.vouch("payments", truth.day, truth.rows["payments"])
    truth.state, truth.repair = HELD, lambda: _file_of(bank, truth)


def _two_parts(bank: Bank, truth: Truth) -> None:
    """Two files, of which the second comes later."""
    text = lines(truth.day, truth.rows["payments"])
    bank.file(truth.day, text[:1], suffix="_1")
    bank.vouch("payments", truth.day, truth.rows["payments"])
    truth.state = HELD

    def second() -> None:
        bank.file(truth.day, text[1:], suffix="_2")

    truth.repair = second


def _twice(bank: Bank, truth: Truth) -> None:
    text = lines(truth.day, truth.rows["payments"])
    bank.file(truth.day, text)
    bank.file(truth.day, text, suffix="_again")
    bank.vouch("payments", truth.day, truth.rows["payments"])


def _yesterdays(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    if bank.yesterday:
        path = bank.root / "inbox" / f"payments_{truth.day:%Y%m%d}_b.csv"
        path.write_bytes(bank.yesterday)
        path.with_name(path.name + ".ok").touch()
    bank.vouch("payments", truth.day, truth.rows["payments"])


def _duplicates(bank: Bank, truth: Truth) -> None:
    """Some rows stand twice in the file, and its control record counts them twice."""
    rows = truth.rows["payments"]
    sent = rows + bank.rng.sample(rows, bank.rng.randint(1, len(rows)))
    bank.file(truth.day, lines(truth.day, sent))
    bank.vouch("payments", truth.day, sent)
    truth.raw["payments"] = len(sent)


def _poison(bank: Bank, truth: Truth) -> None:
    """One line is no record; it is counted and summed by nobody."""
    text = lines(truth.day, truth.rows["payments"])
    bank.file(truth.day, [*text, f"x;y;many;{truth.day.isoformat()}"])
    bank.vouch("payments", truth.day, truth.rows["payments"], more=1)
    truth.raw["payments"] = len(text) + 1
    truth.state = truth.mended = HELD


def _no_client(bank: Bank, truth: Truth) -> None:
    """A payment without its client: a finding of a holding check."""
    text = lines(truth.day, truth.rows["payments"])
    first = text[0].split(";")
    bank.file(truth.day, [";".join([first[0], "", *first[2:]]), *text[1:]])
    bank.vouch("payments", truth.day, truth.rows["payments"])
    truth.state = truth.mended = HELD


def _late(bank: Bank, truth: Truth) -> None:
    _file_of(bank, truth)
    bank.vouch("payments", truth.day, truth.rows["payments"])
    text = lines(truth.day, bank.rows(1, 2))

    def come() -> None:
        bank.file(truth.day, text, suffix="_late")

    truth.later = come


FAULTS: dict[str, Callable[[Bank, Truth], None]] = {
    "count unavailable": _no_count,
    "wrong control count": _wrong_count,
    "wrong control sum": _wrong_sum,
    "source silent": _silent,
    "empty day": _empty,
    "half-written file": _half,
    "file cut off": _cut,
    "file replaced": _replaced,
    "file in two parts": _two_parts,
    "same file twice": _twice,
    "yesterday's file": _yesterdays,
    "duplicate rows": _duplicates,
    "poison record": _poison,
    "business finding": _no_client,
    "late file": _late,
    "stream duplicates": _no_count,
    "stream late records": _no_count,
}
"""Kind of fault → how a payments file is sent with it; those of the stream are in `_cards`."""
