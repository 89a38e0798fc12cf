"""A bank with keys and a ledger that delivers packages, and two verifiers that judge them."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType

from core.evidence.test_package import CLAIMS, CURATE, LAND

from puntual.cli.memory import read_memory, write_memory
from puntual.cli.packs import open_pack
from puntual.evidence import manifest as manifests
from puntual.evidence import statement
from puntual.evidence.digest import sha256
from puntual.evidence.ledger import Entry, Event, Told, Upto, encode
from puntual.evidence.ledger_proof import Known, prove, remembered
from puntual.evidence.package import STATEMENT, build_package
from puntual.evidence.trust import Role, Trust, fingerprint
from puntual.evidence.trust_keys import verifies
from puntual.evidence.verify import Line, holds, verify
from puntual.local.keys import LocalKeys
from puntual.local.ledger import LocalLedger
from puntual.model.delivery import DeliveryId
from puntual.ports.ledger import Books
from puntual.runner.packing import pack
from puntual.runner.record import attested

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
Files = dict[str, bytes]


def no_secret(where: str) -> str:
    raise AssertionError(where)


@dataclass(slots=True)
class Bank:
    """A folder with keys and a ledger."""

    root: Path

    @property
    def keys(self) -> LocalKeys:
        return LocalKeys(self.root / "keys", no_secret)

    def ledger(self) -> LocalLedger:
        keys = self.keys
        apart = self.root / "ledger.checkpoint"
        return LocalLedger(self.root / "ledger", keys.current.origin, apart, keys.note_lines)

    @property
    def trust(self) -> Trust:
        return self.keys.current

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.trust.root)

    def told(self, *events: Told) -> None:
        entries = [
            encode(Entry(told=t, at=AT, epoch=1, trust=self.trust.version, upto=Upto()))
            for t in events
        ]
        self.ledger().append(entries, epoch=1)

    def attest(
        self,
        version: int,
        report: bytes = b"1|2.00\n",
        *,
        name: str = "credit_daily",
        day: date = date(2026, 11, 20),
    ) -> Files:
        """Build a package of a version and put it on record."""
        files = build_package(
            replace(
                CLAIMS,
                delivery=DeliveryId(report=name, reference_date=day, version=version),
            ),
            file_name="credit_daily.txt",
            report=report,
            entries=(),
            manifests={manifests.digest_of(m): manifests.encode(m) for m in (LAND, CURATE)},
        )
        told = Told(
            event=Event.ATTEST,
            step=f"attest:{name}",
            reference_date=day.isoformat(),
            facts={"statement": sha256(files[STATEMENT])},
        )
        self.told(Told(event=Event.STEP, step=f"report:{name}"), told)
        return files

    def packed(self, files: Files) -> Files:
        books = Books(ledger=self.ledger(), changes=lambda _, __: (), signer=self.keys)
        return pack(books, files)

    def deliver(
        self,
        version: int,
        report: bytes = b"1|2.00\n",
        *,
        name: str = "credit_daily",
        day: date = date(2026, 11, 20),
    ) -> Files:
        return self.packed(self.attest(version, report, name=name, day=day))

    def approve(self, files: Files, name: str) -> None:
        from puntual.evidence import dsse

        data = files[STATEMENT]
        envelope = dsse.Envelope(payload=data, kind=dsse.STATEMENT)
        position, _ = attested(self.ledger(), sha256(data))
        self.keys.approve(name, envelope, sha256(data), position=position)

    def copy(self, to: Path) -> Bank:
        shutil.copytree(self.root, to)
        return Bank(to)


def bank(root: Path, *, approvers: int = 0) -> Bank:
    """Make a bank; with approvers, each of them must sign."""
    made = Bank(root)
    made.keys.begin("bank")
    made.told(Told(event=Event.KEY))
    for number in range(approvers):
        made.keys.create(f"person-{number}", Role.APPROVER, size=made.ledger().size)
    if approvers:
        need = {Role.PIPELINE: 1, Role.APPROVER: approvers}
        asked = dict.fromkeys(("full", "partial", "emergency"), need)
        made.keys.require(asked, size=made.ledger().size)
    return made


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def by_puntual(
    folder: Path,
    state: Path,
    root: str = "",
    proofs: tuple[bytes, ...] = (),
    *,
    new_ledger: bool = False,
) -> list[Line]:
    """What `puntual verify` does of level 1 without a project."""
    one = open_pack(folder)
    held = read_memory(state)
    lines = [*verify(one.names, one.read, lying=one.lying)]
    if one.foreign:
        lines.append(Line(level=1, ok=False, sentence="foreign"))
    if holds(lines):
        data = one.read(STATEMENT)
        known = Known(root=root, memory=held, proofs=proofs, new_ledger=new_ledger)
        proven = prove(statement.decode(data), data, one.proofs, known, verifies)
        lines += proven.lines
        if holds(lines):
            write_memory(state, remembered(held, proven))
    return lines


def _verifier() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "verifier" / "verify_delivery.py"
    spec = importlib.util.spec_from_file_location("verify_delivery", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFIER = _verifier()


def by_one_file(
    folder: Path,
    state: Path,
    root: str = "",
    proofs: tuple[Path, ...] = (),
    *,
    new_ledger: bool = False,
) -> str:
    """What `verify_delivery.py` prints; "NOT VERIFIED" stands in it where something is not."""
    told = io.StringIO()
    more = [a for p in proofs for a in ("--consistency", str(p))]
    more += ["--new-ledger"] if new_ledger else []
    with contextlib.redirect_stdout(told):
        code = VERIFIER.main(
            [str(folder), "--state", str(state), *(["--root", root] if root else []), *more]
        )
    assert (code == 0) == ("NOT VERIFIED" not in told.getvalue())
    return told.getvalue()


class Judge:
    """Both verifiers with memories of their own; they must agree."""

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._states = folder / "one.json", folder / "two.json"
        self._root = root

    def accepts(
        self, files: Mapping[str, bytes], *, root: str | None = None, new_ledger: bool = False
    ) -> bool:
        folder = written(self._folder / "package", files)
        by = self._root if root is None else root
        said = by_puntual(folder, self._states[0], by, new_ledger=new_ledger)
        other = by_one_file(folder, self._states[1], by, new_ledger=new_ledger)
        agree = holds(said) == ("NOT VERIFIED" not in other)
        assert agree, ([line.sentence for line in said if line.ok is False], other)
        return holds(said)

    def forgetful(self, files: Mapping[str, bytes]) -> bool:
        """Judge as one who remembers nothing, and remember nothing."""
        for state in self._states:
            state.unlink(missing_ok=True)
        return self.accepts(files)

    def fresh(self) -> Judge:
        """Another reader, who holds nothing."""
        folder = self._folder / f"fresh-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        return Judge(folder, self._root)
