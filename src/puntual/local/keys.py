"""
Port `Signer` on one machine: Ed25519 keys in files, and the trust file that names them.

    root.pem, <keyid>.pem        PKCS #8, mode 0600; encrypted when a passphrase was given
    …passphrase                  where that is found: `env:NAME`, never itself
    trust.<version>.json         in order; the last is in force
    approvals/<statement>/<keyid>     signatures of people

A key has the first 16 digits of its keyid for a name, so nothing is ever renamed.

Private keys never leave this module. The root key signs trust files and nothing else: it
belongs on a medium of its own, from which `root` names it when it is needed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from puntual.errors import PermanentError
from puntual.evidence import dsse, trust
from puntual.evidence.checkpoint import NoteSignature
from puntual.evidence.dsse import Signature
from puntual.evidence.trust import Role, Thresholds, Trust, TrustedKey
from puntual.evidence.trust_keys import verifies
from puntual.local.disk import (
    make_folder,
    open_regular,
    read_regular,
    sync_folder,
    translated,
)
from puntual.local.key_faults import last_of_log, no_key, taken, too_late, unknown
from puntual.local.whole import place
from puntual.ports.signer import Made

ROOT = "root"
_TRUST = re.compile(r"trust\.([1-9][0-9]*)\.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

Secret = Callable[[str], str]
"""`env:NAME` → the passphrase; raises V5002 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A private key in a file, and where its passphrase is found; "" for none."""

    path: Path
    passphrase: str


class LocalKeys:
    """
    Keys in a folder.

    Args:
        folder: Where they lie; private to its owner.
        secret: Resolves where a passphrase is found.
    """

    def __init__(self, folder: Path, secret: Secret) -> None:
        self._folder = folder
        self._secret = secret
        self._opened: dict[str, Ed25519PrivateKey] = {}

    @property
    def exist(self) -> bool:
        """Whether there is a trust file."""
        return self._version() > 0

    def begin(self, name: str) -> Trust:
        """
        Make a root key, one for the log and one for the pipeline, and the first trust file.

        Killed in between, it begins again; keys that nobody names do no harm.

        Args:
            name: Of the project; it becomes a part of the ledger's origin.

        Raises:
            PermanentError: T1001, T1002, T1003.
        """
        root, log, pipeline = self._made("", ROOT), self._made(""), self._made("")
        return self._publish(trust.first(name, root, log, pipeline), root=None, also=())

    def vouch(
        self, name: str, *, log: bytes, pipeline: bytes, root: KeyFile | None = None
    ) -> bytes:
        """
        Return the first trust file of a ledger whose keys are elsewhere, signed by the root here.

        The root key is made where there is none; nothing else is kept.

        Args:
            name: Of the project; it becomes a part of the ledger's origin.
            log: Public key that signs checkpoints there.
            pipeline: Public key that signs statements there.
            root: The root key, where it is not in this folder.

        Raises:
            PermanentError: V5001, V5002, V5003, T1001, T1002, T1003.
        """
        if root is None:
            public = self._made("", ROOT)
        else:
            public = _public(self._open(root.path, root.passphrase))
        return self._signed(trust.first(name, public, log, pipeline), root=root, also=())

    @property
    def current(self) -> Trust:
        """
        The trust file in force.

        Raises:
            EvidenceError: V2001, V2002 it was altered.
            PermanentError: V5001 there is none.
        """
        return self._current[0]

    def trust(self) -> bytes:
        """Return the trust file in force, signed by its root."""
        return self._current[1]

    def trust_version(self) -> int:
        """Return its version."""
        return self.current.version

    def sign(self, role: str, data: bytes, *, position: int) -> tuple[Made, ...]:
        """
        Sign bytes with every key that is here and counts in a role for a position.

        Raises:
            PermanentError: V5001 there is no such key; V5002 a passphrase is missing or wrong.
        """
        wanted = self.current.of(Role(role), position)
        here = [key for key in wanted if self._path(key.keyid).is_file()]
        if not here:
            raise no_key(role, f"{len(wanted)} keys count, none of them is in this folder")
        return tuple(self._sign(key, data) for key in here)

    def note_lines(self, text: bytes, size: int) -> tuple[NoteSignature, ...]:
        """Return the signature lines of the log's keys for a checkpoint."""
        found = self.sign(Role.LOG, text, position=size)
        known = {k.public: k for k in self.current.keys}
        return tuple(
            trust.note_line(known[m.public], self.current.origin, m.signature) for m in found
        )

    def signs_next(self, size: int) -> bool:
        """Say whether a key of the log is here that counts for what is added to a ledger."""
        counting = self.current.of(Role.LOG, size + 1)
        return any(self._path(key.keyid).is_file() for key in counting)

    def create(
        self, name: str, role: Role, *, size: int, passphrase: str = "", root: KeyFile | None = None
    ) -> Trust:
        """
        Make a key that counts from now on.

        Args:
            name: Whose it is; a name that is not taken.
            role: What it may sign.
            size: Of the ledger now.
            passphrase: Where it is found, `env:NAME`; "" leaves the key unencrypted.
            root: The root key, where it is not in this folder.

        Raises:
            ProjectError: C1901 the name is taken or of another form.
            PermanentError: V5001, V5002, T1001, T1002, T1003.
        """
        if not _NAME.fullmatch(name) or any(k.name == name for k in self.current.keys):
            raise taken(name)
        public = self._new(role, passphrase)
        key = TrustedKey(name=name, role=role, public=public, since=size + int(role is Role.LOG))
        return self._publish(self._next(keys=(*self.current.keys, key)), root=root, also=())

    def rotate(
        self, name: str, *, size: int, passphrase: str = "", root: KeyFile | None = None
    ) -> Trust:
        """
        Replace a key by a new one of its name and role; both sign the trust file that says so.

        The checkpoint that the rotation is put on record with is signed by both keys of a log.

        Raises:
            ProjectError: C1902 there is no such key that still counts.
            PermanentError: V5001, V5002, T1001, T1002, T1003.
        """
        old, at = self._counting(name), size + 1
        is_log = old.role is Role.LOG
        ended = replace(old, until=at + 1 if is_log else size, why="rotated", name=self._old(name))
        begun = TrustedKey(
            name=name,
            role=old.role,
            public=self._new(old.role, passphrase),
            since=at if is_log else size,
        )
        keys = tuple(ended if k.keyid == old.keyid else k for k in self.current.keys)
        return self._publish(self._next(keys=(*keys, begun)), root=root, also=(old, begun))

    def revoke(self, name: str, *, since: int, why: str, root: KeyFile | None = None) -> Trust:
        """
        End a key: what it signs for this position and later does not count.

        Args:
            name: Which.
            since: Position; that of a theft where it is known, else the ledger's size now.
            why: In words.
            root: The root key, where it is not in this folder.

        Raises:
            ProjectError: C1902 there is no such key that still counts; C1906 without it nothing
                can be put on record, this included.
            PermanentError: V5001, V5002, T1001, T1002, T1003.
        """
        old = self._counting(name)
        if old.role is Role.LOG and not self._others_here(old):
            raise last_of_log(name)
        ended = replace(old, until=max(since, old.since), why=f"revoked: {why}")
        keys = tuple(ended if k.keyid == old.keyid else k for k in self.current.keys)
        return self._publish(self._next(keys=keys), root=root, also=())

    def require(
        self,
        needed: Mapping[str, Mapping[Role, int]],
        *,
        size: int,
        root: KeyFile | None = None,
    ) -> Trust:
        """
        Say how many keys of each role must sign what is attested from now on.

        Args:
            needed: Completeness → role → how many.
            size: Of the ledger now.
            root: The root key, where it is not in this folder.

        Raises:
            PermanentError: V5001, V5002, T1001, T1002, T1003.
        """
        before = [t for t in self.current.thresholds if t.since < size]
        asked = Thresholds(since=size if before else 0, needed=needed)
        return self._publish(self._next(thresholds=(*before, asked)), root=root, also=())

    def approve(self, name: str, envelope: dsse.Envelope, statement: str, *, position: int) -> str:
        """
        Sign a statement as a person, and keep the signature; return its keyid.

        Args:
            name: Whose key signs.
            envelope: The statement's.
            statement: Its digest.
            position: Of the entry that tells of the statement: there the key must count.

        Raises:
            ProjectError: C1902 there is no such approver; C1907 the key does not count for what
                was attested before it was made.
            PermanentError: V5001, V5002, T1001, T1002, T1003.
        """
        key = self._counting(name)
        if key.role is not Role.APPROVER:
            raise unknown(name, self.current)
        if not key.counts(position):
            raise too_late(key, position)
        made = self._sign(key, envelope.pae)
        self._keep(statement, key.keyid, made.signature)
        return key.keyid

    def _keep(self, statement: str, keyid: str, signature: bytes) -> None:
        path = self._folder / "approvals" / statement / keyid
        with translated(str(path)):
            make_folder(path.parent)
            self._place(path, signature, 0o640)

    def approvals(self, statement: str) -> Mapping[str, bytes]:
        """Return the signatures of people over a statement, by keyid."""
        folder = self._folder / "approvals" / statement
        with translated(str(folder)):
            names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
            return {name: read_regular(folder / name) for name in names if len(name) == 64}

    @cached_property
    def _current(self) -> tuple[Trust, bytes]:
        version = self._version()
        if not version:
            raise no_key("any role", f"no trust file in {self._folder}")
        with translated(str(self._folder)):
            data = read_regular(self._folder / f"trust.{version}.json")
        return trust.opened(data, verifies), data

    def _version(self) -> int:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return 0
        return max((int(m[1]) for m in map(_TRUST.fullmatch, names) if m), default=0)

    def _next(
        self,
        keys: tuple[TrustedKey, ...] | None = None,
        thresholds: tuple[Thresholds, ...] | None = None,
    ) -> Trust:
        now = self.current
        return replace(
            now,
            version=now.version + 1,
            keys=now.keys if keys is None else keys,
            thresholds=now.thresholds if thresholds is None else thresholds,
        )

    def _publish(self, made: Trust, *, root: KeyFile | None, also: tuple[TrustedKey, ...]) -> Trust:
        """Sign a trust file and make it durable."""
        data = self._signed(made, root=root, also=also)
        path = self._folder / f"trust.{made.version}.json"
        with translated(str(path)):
            self._place(path, data, 0o644)
        self.__dict__.pop("_current", None)
        return self.current

    def _signed(self, made: Trust, *, root: KeyFile | None, also: tuple[TrustedKey, ...]) -> bytes:
        """Sign a trust file by the root, and by the keys of a rotation."""
        payload = trust.encode(made)
        pae = dsse.pae(trust.KIND, payload)
        path = root.path if root is not None else self._path(ROOT)
        signer = self._open(path, root.passphrase if root is not None else self._found(path))
        if _public(signer) != made.root:
            raise no_key(ROOT, f"another key in {path.name}")
        signatures = [Signature(keyid=trust.fingerprint(made.root), sig=signer.sign(pae))]
        for key in also:
            signatures.append(Signature(keyid=key.keyid, sig=self._sign(key, pae).signature))
        return trust.signed(payload, signatures)

    def _counting(self, name: str) -> TrustedKey:
        found = [k for k in self.current.keys if k.name == name and k.until is None]
        if not found:
            raise unknown(name, self.current)
        return found[0]

    def _new(self, role: Role, passphrase: str) -> bytes:
        """Return the public half of a new key for a role."""
        return self._made(passphrase)

    def _others_here(self, key: TrustedKey) -> bool:
        """Say whether another key of its role, which has not ended, is in this folder."""
        others = (k for k in self.current.keys if k.role is key.role and k.until is None)
        return any(self._path(k.keyid).is_file() for k in others if k.keyid != key.keyid)

    def _old(self, name: str) -> str:
        names = {k.name for k in self.current.keys}
        return next(n for i in range(1, len(names) + 2) if (n := f"{name}.{i}") not in names)

    def _sign(self, key: TrustedKey, data: bytes) -> Made:
        if key.keyid not in self._opened:
            path = self._path(key.keyid)
            self._opened[key.keyid] = self._open(path, self._found(path))
        private = self._opened[key.keyid]
        if _public(private) != key.public:
            raise no_key(key.name, f"another key in {key.keyid[:16]}.pem")
        return Made(name=key.name, public=key.public, signature=private.sign(data))

    def _open(self, path: Path, passphrase: str) -> Ed25519PrivateKey:
        """
        Read a private key.

        Raises:
            PermanentError: V5001 it is not there or no Ed25519 key; V5002; V5003 others may
                read it.
        """
        with translated(str(path)):
            try:
                with open_regular(path) as file:
                    mode, data = os.fstat(file.fileno()).st_mode, file.read()
            except FileNotFoundError:
                raise no_key(path.stem, f"no file {path.name}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise PermanentError(
                "V5003",
                f"others may read the private key {path.name}",
                where=str(path),
                expected="mode 0600",
                observed=f"mode {stat.S_IMODE(mode):04o}",
                next_step="If nobody did: chmod 600. If somebody may have: rotate the key.",
            )
        secret = self._secret(passphrase).encode() if passphrase else None
        try:
            key = load_pem_private_key(data, secret)
        except (TypeError, ValueError):
            raise PermanentError(
                "V5002",
                f"the private key {path.name} cannot be opened",
                where=str(path),
                expected="its passphrase, where it says that it is found",
                observed="none, or another" if secret else "no passphrase",
                next_step="export the variable that the key's .passphrase file names",
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise no_key(path.stem, "a key of another kind")
        return key

    def _made(self, passphrase: str, name: str = "") -> bytes:
        """Make a key, durable; return its public half. A key that has this name is taken."""
        if name and self._path(name).is_file():
            return _public(self._open(self._path(name), self._found(self._path(name))))
        protection: KeySerializationEncryption = NoEncryption()
        if passphrase:
            protection = BestAvailableEncryption(self._secret(passphrase).encode())
        private = Ed25519PrivateKey.generate()
        public = _public(private)
        data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        path = self._path(name or trust.fingerprint(public))
        with translated(str(path)):
            make_folder(self._folder)
            os.chmod(self._folder, 0o700)
            if passphrase:
                self._place(path.with_suffix(".passphrase"), passphrase.encode(), 0o600)
            self._place(path, data, 0o600)
        return public

    def _place(self, path: Path, data: bytes, mode: int) -> None:
        place(path, data, mode)
        sync_folder(path.parent)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name[:16]}.pem"

    def _found(self, path: Path) -> str:
        path = path.with_suffix(".passphrase")
        return read_regular(path).decode() if path.is_file() else ""


def _public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
