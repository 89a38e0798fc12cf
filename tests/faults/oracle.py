"""
What must hold whatever was done to a run: the invariants of `failures.md` 7, read from the disk.

It reads SQLite, JSON and Parquet by itself and shares no code with the program it judges. I5
(alerts) is judged by the notices of the journal, I7 (ledger) by `faults.books`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from faults import books
from faults.bank import PRODUCED, Sent, fates

_FIRST_SEQUENCE = 10**20
PROVING = frozenset(
    ("statement.dsse.json", "statement.tlog-proof", "leaf.json", "consistency.json", "trust.json")
) | {"manifests.json.gz"}
"""Files of a package that are made from the ledger when it is delivered."""
SOURCES = {"cards": "event_id", "clients": "client_id", "payments": "payment_id"}


@dataclass(frozen=True, slots=True)
class Truth:
    """
    What an undisturbed run left.

    Attributes:
        day: The reference date.
        files: Name → SHA-256 of every delivered file.
        data: Step → digests of the objects it must have published, whatever happened before.
        steps: Every step that must be committed.
    """

    day: str
    files: Mapping[str, str]
    data: Mapping[str, tuple[str, ...]]
    steps: frozenset[str]

    @classmethod
    def of(cls, root: Path, day: str) -> Truth:
        """Read it from the root of a run that nobody disturbed."""
        committed = {
            name.rpartition("/")[0]: digest
            for name, digest in pointers(root).items()
            if name.endswith(f"/{day}")
        }
        kept = ("curate:", "build:", "report:", "land:")
        roles = {"data", "set_aside", "report", "refused", "late"}
        data = {
            step: tuple(
                o["sha256"] for o in manifest(root, digest)["objects"] if o["role"] in roles
            )
            for step, digest in committed.items()
            if step.startswith(kept)
        }
        return cls(day, delivered(root), data, frozenset(committed))


def pointers(root: Path) -> dict[str, str]:
    """Return every published name with its manifest, as one moment saw them; {} before any."""
    return dict(_rows(root / ".puntual/state.db", "SELECT name, manifest FROM pointers"))


def manifest(root: Path, digest: str) -> dict[str, Any]:
    """Return a manifest, unchecked."""
    found = json.loads((root / f".puntual/lake/manifests/{digest}.json").read_bytes())
    assert isinstance(found, dict)
    return found


def delivered(root: Path) -> dict[str, str]:
    """Return the name and digest of what a receiver of the report sees."""
    folder = root / "out"
    if not folder.is_dir():
        return {}
    return {
        p.name: _digest(p) for p in sorted(folder.iterdir()) if not p.name.startswith(".puntual-")
    }


@dataclass(slots=True)
class Look:
    """
    Looks at a root again and again while a run is being disturbed; I3.

    Attributes:
        root: Where.
        truth: What may be seen in full, or not at all.
        doubled: As for `losses`; then deliveries are judged at the end only.
        looks: How often it looked.
        torn: What it saw that no reader may see.
        signed: Every checkpoint of the ledger that it saw.
    """

    root: Path
    truth: Truth
    doubled: bool = False
    looks: int = 0
    torn: list[str] = field(default_factory=list)
    signed: books.Seen = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def once(self) -> None:
        """Look once: deliveries whole, manifests whole, a stream's position and days as one."""
        self.looks += 1
        for name, digest in delivered(self.root).items():
            if digest != self.truth.files.get(name) and not self.doubled:
                self._say(f"out/{name} holds other bytes than the undisturbed file")
        self._evidence()
        seen = pointers(self.root)
        for name, digest in seen.items():
            self._whole(name, digest)
        self._stream(seen)
        self._catalog()
        self._ledger()

    def _ledger(self) -> None:
        """What was signed once stays signed, and no size has two trees."""
        now = books.checkpoints(self.root)
        for what in books.forgotten(self.signed, now):
            self._say(what)
        self.signed |= now

    def _say(self, what: str) -> None:
        if what not in self.torn:
            self.torn.append(what)

    def _evidence(self) -> None:
        packages = self.root / ".puntual/lake/packages"
        folder = self.root / "evidence"
        for file in folder.rglob("*") if folder.is_dir() else ():
            known = file.name in PROVING or file.name.startswith(".puntual-")
            if file.is_file() and not known:
                digest = _digest(file)
                if not any(packages.rglob(f"{digest}*")):
                    self._say(f"{file.relative_to(self.root)} is no object of a package")

    def _whole(self, name: str, digest: str) -> None:
        if self._known.get(name) == digest:
            return
        file = self.root / f".puntual/lake/manifests/{digest}.json"
        if not file.is_file() or _digest(file) != digest:
            self._say(f"{name} points at a manifest that is not there whole")
            return
        for ref in manifest(self.root, digest)["objects"]:
            held = self.root / ".puntual/lake" / ref["name"]
            if not held.is_file() or _digest(held) != ref["sha256"]:
                self._say(f"{name} names {ref['name']}, which is not there whole")
        self._known[name] = digest

    def _stream(self, seen: Mapping[str, str]) -> None:
        """Records of all days are as many as the committed position has passed."""
        position = seen.get("stream:cards")
        for name in (n for n in seen if n.startswith("stream:cards/")):
            position = seen[name]
        if position is None:
            return
        facts = manifest(self.root, position)["facts"]["positions"]
        passed = sum(int(n) - _FIRST_SEQUENCE for n in facts.values())
        held = sum(
            int(o["records"])
            for name, digest in seen.items()
            if name.startswith(("raw:cards/", "late:cards/"))
            for o in manifest(self.root, digest)["objects"]
        )
        if passed != held:
            self._say(f"the stream's position has passed {passed} records, {held} are landed")

    def _catalog(self) -> None:
        rows = _rows(
            self.root / ".puntual/catalog.db",
            "SELECT dataset, manifest, path FROM files JOIN partitions"
            " USING (dataset, reference_date)",
        )
        for dataset, digest, path in rows:
            listed = {o["name"] for o in manifest(self.root, digest)["objects"]}
            if path.removeprefix("lake/") not in listed:
                self._say(f"the catalog shows {path} of {dataset}, which its manifest does not")


def losses(
    root: Path, truth: Truth, *, doubled: bool = False, before: books.Seen | None = None
) -> Iterator[str]:
    """
    Yield what was lost, doubled or changed once a run has succeeded; I1, I2, I4, I6, I7, I9.

    Args:
        root: Where.
        truth: What an undisturbed run left.
        doubled: The stream's producer sent records again: raw has more, curated has not, and the
            exceptions say so.
        before: The checkpoints of the ledger before the run.
    """
    found = delivered(root)
    for name in sorted(truth.files.keys() | found.keys()):
        if doubled and name.endswith(".exceptions.json"):
            continue
        if truth.files.get(name) != found.get(name):
            yield f"I2 out/{name}: expected {truth.files.get(name)}, found {found.get(name)}"
    committed = {
        name.rpartition("/")[0]: digest
        for name, digest in pointers(root).items()
        if name.endswith(f"/{truth.day}")
    }
    if committed.keys() != truth.steps:
        yield f"I9 committed: {sorted(committed.keys() ^ truth.steps)}"
        return
    for step, expected in truth.data.items():
        if doubled and step.endswith(":cards"):
            continue
        objects = manifest(root, committed[step])["objects"]
        held = tuple(o["sha256"] for o in objects if o["sha256"] in expected)
        if held != expected:
            yield f"I2 {step} has other objects than undisturbed"
    yield from _identities(root, truth.day, doubled=doubled)
    yield from _status(root, truth, committed)
    yield from _warehouse(root, truth.day)
    yield from books.losses(root, truth.day, before or {})


def _identities(root: Path, day: str, *, doubled: bool) -> Iterator[str]:
    """I1: landed = curated + set aside, and late, each identity as often as it was produced."""
    seen = pointers(root)
    found: Counter[tuple[str, str, str]] = Counter()
    for source, key in SOURCES.items():
        made = manifest(root, seen[f"curate:{source}/{day}"])
        for ref in made["objects"]:
            table = pq.read_table(root / ".puntual/lake" / ref["name"]).to_pydict()
            if ref["role"] == "data":
                found.update((source, str(i), "curated") for i in table[key])
            else:
                found.update((source, "", str(fate)) for fate in table["class"])
    for name, digest in seen.items():
        if name.startswith("late:cards/"):
            records = sum(int(o["records"]) for o in manifest(root, digest)["objects"])
            found[("cards", "", "late")] += records
    if doubled:
        del found[("cards", "", "duplicate")]
    expected = fates(tuple(map(_as_found, PRODUCED[day])))
    if found != expected:
        yield f"I1 lost {dict(expected - found)}, too many {dict(found - expected)}"


def _as_found(sent: Sent) -> Sent:
    """Return a record as the store can tell it: what was set aside is known by its class."""
    named = sent.identity[1:] if sent.source == "clients" else sent.identity
    return Sent(
        source=sent.source,
        identity=named if sent.fate == "curated" else "",
        day=sent.day,
        amount=sent.amount,
        fate=sent.fate,
    )


def _status(root: Path, truth: Truth, committed: Mapping[str, str]) -> Iterator[str]:
    """I4 and I6: the journal says what the manifests prove, once."""
    for said in statuses(root):
        if said[0] == truth.day and said[1:4] != ("sent", "full", "on_time"):
            yield f"I4 the journal says {said[1:4]} of {said[0]}"
    if not any(said[0] == truth.day for said in statuses(root)):
        yield "I4 the journal does not know the delivery"
    for source in SOURCES:
        seal = manifest(root, committed[f"land:{source}"])["facts"]["seal"]["status"]
        if seal != "matched":
            yield f"I4 sent in full though {source} is {seal}"
    for finding in manifest(root, committed["reconcile"])["facts"]["findings"]:
        # That a planted fault would not be seen (R5001, R5002) is told and says nothing of the day.
        if finding["verdict"] != "pass" and not finding["code"].startswith("R5"):
            yield f"I4 sent in full though {finding['rule']} did not pass"


def statuses(root: Path) -> list[tuple[str, str, str, str]]:
    """Return (reference date, state, completeness, timeliness) of every delivery."""
    return _rows(
        root / ".puntual/journal.db",
        "SELECT reference_date, state, completeness, timeliness FROM deliveries",
    )


def untruthful(root: Path, truth: Truth) -> Iterator[str]:
    """Yield what is said of a run that failed and is not so; I4, before the next run."""
    for day, state, completeness, _ in statuses(root):
        sent = state in ("sent", "accepted")
        if day == truth.day and sent and delivered(root) != truth.files:
            yield "I4 the journal says sent, the files are not there"
        if day == truth.day and state == "held":
            yield f"I4 a technical fault became a finding: {state} {completeness}"


def _warehouse(root: Path, day: str) -> Iterator[str]:
    """The table holds the day once."""
    path = root / ".puntual/warehouse.duckdb"
    with closing(duckdb.connect(str(path), read_only=True)) as db:
        for table in ("movements", "cards"):
            source = "payments" if table == "movements" else table
            expected = sum(r.source == source and r.fate == "curated" for r in PRODUCED[day])
            counted = db.execute(
                f"SELECT count(*) FROM {table} WHERE reference_date = ?", [day]
            ).fetchone()
            if counted != (expected,):
                yield f"I1 the warehouse holds {counted} rows of {table}, not {expected}"


def in_stream(root: Path) -> Iterator[dict[str, str]]:
    """Yield the payloads of every record that is durable in the stream."""
    rows = _rows(root / ".puntual/stream.db", "SELECT sizes, payloads FROM chunks")
    for sizes, payloads in rows:
        at = 0
        for size in memoryview(sizes).cast("I"):
            yield json.loads(payloads[at : at + size])
            at += size


def litter(root: Path) -> list[str]:
    """Return temporary files that a finished run has left; I8."""
    found = [p for p in (root / ".puntual/lake/.tmp").rglob("*") if p.is_file()]
    for pattern in ("**/.puntual-*", ".puntual/.*.duckdb.*", ".puntual/*.tmp", "**/*.tmp-*"):
        found += root.glob(pattern)
    return sorted({str(p.relative_to(root)) for p in found})


def open_notices(root: Path) -> list[str]:
    """Return the notices that a run which delivered has left open; I5."""
    return [str(row) for row in _notices(root) if row[-1] is None]


def repeated_notices(root: Path) -> Iterator[str]:
    """Yield what people were told more than once of one fault; I5."""
    told = Counter(row[:3] for row in _notices(root))
    for (report, day, cause), times in sorted(told.items()):
        if times > 1:
            yield f"I5 {cause} of {report} {day} was told {times} times"


_TOLD = re.compile(r"notice open: \S+/(\d{4}-\d\d-\d\d)  (\w+)")
_GIVEN_UP = re.compile(r"✕ +failed")


def unheard(root: Path, day: str, text: str, *, may_be_silent: bool) -> Iterator[str]:
    """
    Yield what people must have heard of a run that ended with exit 3, and have not; I5.

    Args:
        root: Where.
        day: Its reference date.
        text: What the run said.
        may_be_silent: The fault hit what notices are written by.
    """
    still = [cause for _, of_day, cause, ended in _notices(root) if of_day == day and not ended]
    said = [cause for of_day, cause in _TOLD.findall(text) if of_day == day]
    for cause in said:
        if still.count(cause) != 1:
            yield f"I5 the run says that {cause} is told of, and {still.count(cause)} are open"
    if _GIVEN_UP.search(text) and not said and not may_be_silent:
        yield "I5 a step was given up, and nobody was told"


def _notices(root: Path) -> list[tuple[str, str, str, str | None]]:
    """Return (report, reference date, cause, when it was over) of every notice there ever was."""
    path = root / ".puntual/journal.db"
    if not _rows(path, "SELECT name FROM sqlite_master WHERE name = 'notices'"):
        return []
    return _rows(path, "SELECT report, reference_date, cause, resolved_at FROM notices")


def _rows(path: Path, sql: str) -> list[Any]:
    """Ask a state file, read-only; [] where it is not there, or not yet."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            return db.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "gone"
