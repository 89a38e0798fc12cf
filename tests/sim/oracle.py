"""What must be true whatever happened: the invariants of `failures.md` 7, on the real files."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from puntual.errors import PuntualError
from puntual.local.notices import SqliteNotices
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Manifest
from puntual.model.notice import Obligation
from puntual.model.seal import SealStatus
from puntual.runner import checkpoint
from puntual.runner.sources import seal_of
from sim.engine import read
from sim.place import Place
from sim.project import expected
from sim.sources import FULL, HELD, Truth
from sim.worker import Went

KEYS = {"payments": "payment_id", "cards": "event_id", "accounts": "account_id"}


@dataclass(slots=True)
class Oracle:
    """
    Looks at a place after every run, and remembers what may not change.

    Attributes:
        sealed: (source, day) → digests of the raw objects of a day that was sealed as matched.
        out: File of the destination → its bytes.
        wrong: What was violated, in sentences.
        seen: How many switches were looked at.
        epochs: Name → the highest epoch under which it was switched, and by whom.
    """

    place: Place
    sealed: dict[tuple[str, date], tuple[str, ...]] = field(default_factory=dict)
    out: dict[str, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seen: int = 0
    epochs: dict[str, tuple[int, int]] = field(default_factory=dict)

    def say(self, invariant: str, what: str) -> None:
        """Note a violation."""
        self.wrong.append(f"{invariant}: {what}")

    def after_run(self, truth: Truth, went: Went, allowed: set[str]) -> None:
        """Compare how a run ended with how it may end, and look at what everybody can see."""
        right = {FULL: "sent", HELD: "held"}.get(truth.state, "failed")
        if went.outcome not in {right, *allowed}:
            self.say(
                "I4",
                f"the run of {truth.day} ended as {went.outcome} ({went.error}: {went.cause}), "
                f"expected {right} or {sorted(allowed)}",
            )
        if went.bound and went.seconds > went.bound:
            self.say("G8", f"a run took {went.seconds:.0f} s, its worst case is {went.bound:.0f} s")
        if not allowed:
            self._told(truth, went)
        self._switches()
        self._delivered(truth)

    def after_day(self, truth: Truth, went: Went) -> None:
        """Look at everything that is stored of a day, once it has come to rest."""
        if went.outcome == "sent" and f"payments_daily_{truth.day:%Y%m%d}_v1.txt" not in self.out:
            self.say("I2", f"{truth.day} is said to be sent, and there is no file")
        try:
            with self._audit() as audit:
                self._day(audit, truth, went)
        except PuntualError as error:
            self.say("I3", f"what is published of {truth.day} cannot be read: {error}")
        left = [p for p in (self.place.root / "lake" / ".tmp").rglob("*") if p.is_file()]
        if left:
            self.say("I8", f"{len(left)} temporary files are left after a whole run")

    def at_the_end(self) -> None:
        """Read every sealed day again: not a byte of it has changed."""
        try:
            with self._audit() as audit:
                for source, day in sorted(self.sealed):
                    self._still_sealed(audit, source, day)
                self._stream_once(audit)
        except PuntualError as error:
            self.say("I3", f"a sealed day cannot be read: {error}")

    @contextlib.contextmanager
    def _audit(self) -> Iterator[_Audit]:
        """Lend what reads the place without being a part of the simulation."""
        self.place.machine.quiet = True
        try:
            with contextlib.closing(SqlitePointers(self.place.state)) as pointers:
                yield _Audit(LocalObjects(self.place.root / "lake"), pointers)
        finally:
            self.place.machine.quiet = False

    def _told(self, truth: Truth, went: Went) -> None:
        """What people were told still holds: held, failed by this code, or nothing at all."""
        if went.outcome not in {"sent", "held"}:
            return
        name = Obligation(report="payments_daily", reference_date=truth.day)
        with contextlib.closing(SqliteNotices(self.place.state.with_name("journal.db"))) as held:
            causes = sorted(n.cause for n in held.open_ones(name))
        right = ["held"] if went.outcome == "held" else []
        if causes != right:
            self.say("I5", f"{truth.day} is {went.outcome}, open notices are {causes}")

    def _switches(self) -> None:
        for pid, epoch, names in self.place.watched.switches[self.seen :]:
            for name in names:
                before, by = self.epochs.get(name, (0, pid))
                if epoch < before:
                    self.say(
                        "fencing",
                        f"process {pid} of epoch {epoch} switched {name} after process {by} of "
                        f"epoch {before}",
                    )
                if epoch == before and pid != by:
                    self.say("fencing", f"two processes switched {name} under epoch {epoch}")
                self.epochs[name] = (max(epoch, before), pid)
        self.seen = len(self.place.watched.switches)

    def _delivered(self, truth: Truth) -> None:
        for names, contents in self.place.watched.sent.items():
            if len(contents) > 1:
                self.say("I6", f"{names[1]} was handed over with {len(contents)} contents")
        folder = self.place.root / "out"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith(".puntual-"):
                continue
            data = path.read_bytes()
            if self.out.setdefault(path.name, data) != data:
                self.say("I3", f"{path.name} changed after it was delivered")
            if path.name == f"payments_daily_{truth.day:%Y%m%d}_v1.txt":
                self._report(truth, data)

    def _report(self, truth: Truth, data: bytes) -> None:
        if data != expected(truth.rows, truth.day):
            self.say("I2", f"the report of {truth.day} is not that of the true rows: {data!r}")
        if HELD in (truth.state, truth.mended) and truth.state != FULL:
            self.say("I4", f"{truth.day} was delivered though it must be held ({truth.fault})")

    def _day(self, audit: _Audit, truth: Truth, went: Went) -> None:
        for source, rows in truth.rows.items():
            landed = audit.manifest(f"land:{source}", truth.day)
            if landed is None:
                self.say("I1", f"{source} of {truth.day} was not landed")
                continue
            data = landed.of_role("data")
            if seal_of(landed).status is SealStatus.MATCHED:
                self.sealed.setdefault((source, truth.day), tuple(o.sha256 for o in data))
            if sum(o.records for o in data) != truth.raw[source]:
                self.say(
                    "I1",
                    f"{source} of {truth.day}: {truth.raw[source]} records were sent, "
                    f"{sum(o.records for o in data)} are landed",
                )
            for ref in landed.objects:
                audit.objects.verify(ref)
            self._rows(audit, truth, source, [name for name, _ in rows], went)

    def _rows(self, audit: _Audit, truth: Truth, source: str, names: list[str], went: Went) -> None:
        curated = audit.manifest(f"curate:{source}", truth.day)
        if curated is None or went.outcome != "sent":
            return
        kept = read([audit.objects.locate(o) for o in curated.of_role("data")])
        aside = read([audit.objects.locate(o) for o in curated.of_role("set_aside")])
        found = sorted(str(r[KEYS[source]]) for r in kept)
        if found != sorted(names) or len(kept) + len(aside) != truth.raw[source]:
            self.say(
                "I1",
                f"{source} of {truth.day}: {len(kept)} curated and {len(aside)} set aside of "
                f"{truth.raw[source]} sent",
            )
        table = "movements" if source == "payments" else source
        loaded = self.place.server.rows.get((table, truth.day))
        if loaded is None and self.place.server.lost:
            return
        if sorted(str(r[KEYS[source]]) for r in loaded or ()) != sorted(names):
            self.say("I1", f"the warehouse holds other rows of {source} of {truth.day}")

    def _still_sealed(self, audit: _Audit, source: str, day: date) -> None:
        landed = audit.manifest(f"land:{source}", day)
        data = landed.of_role("data") if landed else ()
        if tuple(o.sha256 for o in data) != self.sealed[(source, day)]:
            self.say("seal", f"the sealed set of {source} of {day} has changed")
        for ref in data:
            audit.objects.verify(ref)

    def _stream_once(self, audit: _Audit) -> None:
        """Every record of the stream lies in one raw or late object, once."""
        if self.place.shape.name != "bank":
            return
        spans: Counter[str] = Counter()
        for kind in ("raw:cards/", "late:cards/"):
            for digest in audit.pointers.read_prefix(kind).values():
                for ref in checkpoint.by_digest(audit, digest).objects:
                    spans.update(_sequences(audit, ref))
        put = sum(int(s["records"]) for s in self.place.stream().describe())
        position = audit.pointers.read("stream:cards")
        read_up = _positions(audit, position)
        if any(n > 1 for n in spans.values()):
            self.say("I1", "records of the stream were landed twice")
        if len(spans) > put or len(spans) != read_up:
            self.say("I1", f"{read_up} records of the stream were read, {len(spans)} are landed")


@dataclass(frozen=True, slots=True)
class _Audit:
    """Reads what is published, past every fault."""

    objects: LocalObjects
    pointers: SqlitePointers

    def manifest(self, step: str, day: date) -> Manifest | None:
        found = checkpoint.read(self, step, day)
        return found.manifest if found else None


def _sequences(audit: _Audit, ref: object) -> Iterator[str]:
    import pyarrow.parquet as pq

    from puntual.model.manifest import ObjectRef

    table = pq.read_table(audit.objects.locate(cast(ObjectRef, ref)))
    for row in table.select(["shard", "sequence"]).to_pylist():
        yield f"{row['shard']}/{row['sequence']}"


def _positions(audit: _Audit, digest: str | None) -> int:
    if digest is None:
        return 0
    found = cast(Mapping[str, str], checkpoint.by_digest(audit, digest).facts["positions"])
    return sum(int(s) - 10**20 for s in found.values())
