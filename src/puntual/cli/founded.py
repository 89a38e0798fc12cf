"""The trust file of a deployed project: its keys are in KMS, its root key is a person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import books
from puntual.errors import PermanentError
from puntual.evidence import trust
from puntual.evidence.trust import Role, Trust
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
        waiting: Roles of which a key is deployed that it does not name yet.
    """

    current: Trust
    data: bytes
    begun: bool = False
    waiting: tuple[Role, ...] = ()


def found(root: Path, name: str, told: Mapping[str, str], by: KeyFile | None) -> Founded:
    """
    Lay down the first trust file of a deployed project where there is none.

    That a key which counts in each role is deployed is seen to, whoever laid it down.

    Args:
        root: The project's folder, whose root key signs; it is made where there is none.
        name: Of the project.
        told: The settings of the deployment.
        by: The root key, where it is kept away from this machine.

    Raises:
        PermanentError: V5001 no deployed key of a role counts by the trust file, or the root key is
            not here; V5002, V5003, T1001-T1003, T5004-T5009.
        TransientError: T5001, T5002, T5003.
        EvidenceError: V2001, V2002 the trust file was altered.
    """
    from puntual.aws.settings import Settings

    settings = Settings.from_environment(told)
    signer = _signer(name, settings)
    begun = not signer.has_trust
    if begun:
        log, pipeline = (signer.publics(role)[0] for role in (Role.LOG, Role.PIPELINE))
        signer.place(books.open_keys(root).vouch(name, log=log, pipeline=pipeline, root=by))
    standing = _opened(signer, begun=begun)
    roles = (Role.PIPELINE, Role.LOG)
    return replace(
        standing, waiting=tuple(r for r in roles if _is_waiting(signer, standing.current, r))
    )


def waiting(signer: KmsSigner, current: Trust, role: Role) -> bytes:
    """
    Return the public half of a deployed key that the trust file does not name yet.

    Args:
        signer: The keys of the deployment.
        current: The trust file in force.
        role: Of the key.

    Raises:
        PermanentError: V5001 there is none; T5004, T5005, T5007, T5008.
        TransientError: T5001, T5002.
    """
    found = _unnamed(signer, current, role)
    if not found:
        raise PermanentError(
            "V5001",
            f"no new key of {role.value} is deployed",
            where=f"trust file {current.version} of {current.origin}",
            expected="a key of KMS that the trust file does not name",
            observed=f"{len(signer.publics(role))} keys of {role.value}, each of them named",
            next_step=f"puntual deploy --new-key {role.value}, then this again",
        )
    return found[0]


def _unnamed(signer: KmsSigner, current: Trust, role: Role) -> list[bytes]:
    named = {key.public for key in current.keys}
    return [public for public in signer.publics(role) if public not in named]


def _is_waiting(signer: KmsSigner, current: Trust, role: Role) -> bool:
    """Say whether a deployed key of a role is not named yet; one that counts is deployed, too."""
    deployed = signer.publics(role)
    keys = [key for key in current.keys if key.role is role and key.public in deployed]
    is_waiting = bool(_unnamed(signer, current, role))
    if not keys or not (is_waiting or any(key.until is None for key in keys)):
        raise _another_key(current, role, deployed)
    return is_waiting


def _another_key(current: Trust, role: Role, deployed: tuple[bytes, ...]) -> PermanentError:
    listed = ", ".join(f"{trust.fingerprint(public)[:16]}…" for public in deployed)
    return PermanentError(
        "V5001",
        f"the trust file does not name the deployed key of {role.value}",
        where=f"trust file {current.version} of {current.origin}",
        expected=f"key {listed} among those that count",
        observed=f"{sum(key.until is None for key in current.keys)} other keys",
        next_step="The stack was made anew beside old evidence: deploy with the keys that the "
        "trust file names.",
    )


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
