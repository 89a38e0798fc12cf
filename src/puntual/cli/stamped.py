"""The time stamp of a package: examined against the certificates of an authority."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from puntual.errors import ProjectError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import ledger_files, tlog
from puntual.evidence.verify import Line
from puntual.local.disk import translated


def examined(proofs: Mapping[str, bytes], authority: Path | None) -> Iterator[Line]:
    """
    Yield what the time stamp of a package's checkpoint proves.

    Args:
        proofs: The files that prove the package; its proof can be read.
        authority: Certificates in PEM; None: it is not examined.

    Raises:
        ProjectError: C1904 neither rfc3161-client nor openssl is here.
        PermanentError: T1002, T1003.
    """
    token = proofs.get(ledger_files.STAMP)
    if authority is None:
        if token is not None:
            sentence = "a time stamp is there and was not examined: name --tsa-ca"
            yield Line(level=1, ok=None, sentence=sentence)
        return
    if token is None:
        yield Line(level=1, ok=False, sentence="there is no time stamp to examine")
        return
    note = checkpoints.encode(tlog.decode(proofs[ledger_files.PROOF]).checkpoint)
    at = _stamped_at(token, note, authority)
    if at is None:
        yield Line(level=1, ok=False, sentence="the time stamp does not hold")
    else:
        yield Line(level=1, ok=True, sentence=f"the checkpoint existed before {at}")


def _stamped_at(token: bytes, note: bytes, authority: Path) -> str | None:
    if find_spec("rfc3161_client") is not None:
        from puntual.local.stamped import UnreadError, stamped_at

        with translated(str(authority)):
            certificates = authority.read_bytes()
        try:
            at = stamped_at(token, note, certificates)
        except UnreadError:
            return by_openssl(token, note, authority) if which("openssl") else None
        return None if at is None else at.isoformat()
    return by_openssl(token, note, authority)


def by_openssl(token: bytes, note: bytes, authority: Path) -> str | None:
    """Ask `openssl ts`, which tells the time in words of its own."""
    openssl = which("openssl")
    if openssl is None:
        raise ProjectError(
            "C1904",
            "a time stamp cannot be examined here",
            expected="rfc3161-client, or openssl",
            observed="neither",
            next_step="pip install 'puntual[timestamp]'",
        )
    with tempfile.TemporaryDirectory() as folder:
        (stamp, data) = (Path(folder, name) for name in ("token", "note"))
        stamp.write_bytes(token)
        data.write_bytes(note)
        words = ["-in", str(stamp)]
        against = ["-data", str(data), "-CAfile", str(authority)]
        judged = subprocess.run(  # noqa: S603 - the program that `which` found
            [openssl, "ts", "-verify", *words, *against], capture_output=True, check=False
        )
        told = subprocess.run(  # noqa: S603
            [openssl, "ts", "-reply", *words, "-text"],
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in told.stdout.splitlines() if line.startswith("Time stamp: ")]
    if judged.returncode or not lines:
        return None
    return lines[0].removeprefix("Time stamp: ")
