"""The trust file of a deployed project: its keys are in KMS, its root key is a person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import books
from puntual.errors import PermanentError
from puntual.evidence import trust
from puntual.evidence.trust import Trust
from puntual.evidence.trust_keys import verifies

if TYPE_CHECKING:
    from puntual.aws.kms import KmsSigner
    from puntual.aws.settings import Settings
    from puntual.evidence.signed_log import SignedLog
    from puntual.local.keys import KeyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """
    The trust file in force.

    Attributes:
        current: What it says.
        data: Its bytes, signed by the root.
        begun: It was laid down just now.
    """

    current: Trust
    data: bytes
    begun: bool = False


def found(root: Path, name: str, told: Mapping[str, str], by: KeyFile | None) -> Founded:
    """
    Lay down the first trust file of a deployed project where there is none.

    That its keys are those that are deployed is seen to, whoever laid it down.

    Args:
        root: The project's folder, whose root key signs; it is made where there is none.
        name: Of the project.
        told: The settings of the deployment.
        by: The root key, where it is kept away from this machine.

    Raises:
        PermanentError: V5001 a key that is deployed is not in the trust file, or the root key is
            not here; V5002, V5003, T1001-T1003, T5004-T5009.
        TransientError: T5001, T5002, T5003.
        EvidenceError: V2001, V2002 the trust file was altered.
    """
    from puntual.aws.settings import Settings

    settings = Settings.from_environment(told)
    signer = _signer(name, settings)
    pipeline, log = signer.publics()
    begun = not signer.has_trust
    if begun:
        signer.place(books.open_keys(root).vouch(name, log=log, pipeline=pipeline, root=by))
    standing = _opened(signer, begun=begun)
    counting = {key.public for key in standing.current.keys if key.until is None}
    for public, role in ((pipeline, "pipeline"), (log, "log")):
        if public not in counting:
            raise PermanentError(
                "V5001",
                f"the trust file does not name the deployed key of {role}",
                where=f"trust file {standing.current.version} of {standing.current.origin}",
                expected=f"key {trust.fingerprint(public)[:16]}… among those that count",
                observed=f"{len(counting)} other keys",
                next_step="The stack was made anew beside old evidence, or a key was replaced: "
                "deploy with the keys that the trust file names.",
            )
    return standing


def deployed(name: str) -> Founded:
    """
    Return the trust file of a deployed project, in the account that the environment leads to.

    Raises:
        ProjectError: C1912 it is not deployed.
        PermanentError: V5001 it has no trust file; T5004-T5009.
        TransientError: T5001, T5002, T5003.
        EvidenceError: V2001, V2002 the trust file was altered.
    """
    return _opened(signer(name), begun=False)


def signer(name: str) -> KmsSigner:
    """
    Return what signs in a deployed project; see `deployed` for who is asked.

    Raises:
        ProjectError: C1912 it is not deployed.
        PermanentError: T5004-T5009.
        TransientError: T5001, T5002.
    """
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of

    return _signer(name, settings_of(name, client("lambda")))


def ledger(name: str) -> SignedLog:
    """
    Open the ledger of a deployed project for reading; see `deployed` for who is asked.

    Raises:
        ProjectError: C1912 it is not deployed.
        PermanentError: V5001 it has no trust file; T5004-T5009.
        TransientError: T5001, T5002, T5003.
        EvidenceError: V2001, V2002 the trust file was altered; V4003, V4004 the ledger was.
    """
    from puntual.aws.bucket import Bucket
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of
    from puntual.aws.ledger import S3Ledger

    settings, s3 = settings_of(name, client("lambda")), client("s3")
    origin = _opened(_signer(name, settings), begun=False).current.origin
    evidence = Bucket(s3, settings.evidence, name)
    return S3Ledger(Bucket(s3, settings.lake, name).below("ledger"), origin, evidence, None)


def _opened(signer: KmsSigner, *, begun: bool) -> Founded:
    data = signer.trust()
    return Founded(current=trust.opened(data, verifies), data=data, begun=begun)


def _signer(name: str, settings: Settings) -> KmsSigner:
    from puntual.aws.bucket import Bucket
    from puntual.aws.clients import client
    from puntual.aws.kms import KmsSigner

    evidence = Bucket(client("s3"), settings.evidence, name)
    return KmsSigner(client("kms"), evidence, settings.signers)
