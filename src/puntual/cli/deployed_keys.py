"""Keys of people, on this machine, under the trust file of a deployed project."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import books, founded
from puntual.errors import ProjectError
from puntual.evidence import trust
from puntual.evidence.trust import Role, Trust, TrustedKey
from puntual.evidence.trust_keys import verifies
from puntual.local.keys import KeyFile, LocalKeys, Secret
from puntual.ports.signer import Made

if TYPE_CHECKING:
    from puntual.aws.kms import KmsSigner


class DeployedKeys(LocalKeys):
    """
    Private keys in a folder of this machine; trust file and signatures in the evidence bucket.

    The keys that sign statements and ledger stay in KMS and are none of this folder's.
    """

    def __init__(self, folder: Path, secret: Secret, signer: KmsSigner) -> None:
        super().__init__(folder, secret)
        self._signer = signer

    @cached_property
    def _current(self) -> tuple[Trust, bytes]:
        data = self._signer.trust()
        return trust.opened(data, verifies), data

    def _version(self) -> int:
        return self.current.version

    def _publish(self, made: Trust, *, root: KeyFile | None, also: tuple[TrustedKey, ...]) -> Trust:
        self._signer.place(self._signed(made, root=root, also=also))
        self.__dict__.pop("_current", None)
        return self.current

    def _keep(self, statement: str, keyid: str, signature: bytes) -> None:
        self._signer.keep_approval(statement, keyid, signature)

    def _new(self, role: Role, passphrase: str) -> bytes:
        """
        Return the public half of a new key: of a person made here, of KMS deployed before.

        Raises:
            ProjectError: C1913 a passphrase protects no key of KMS.
            PermanentError: V5001 no key is deployed that the trust file does not name.
        """
        if role is Role.APPROVER:
            return super()._new(role, passphrase)
        if passphrase:
            raise ProjectError(
                "C1913",
                "a key of KMS never leaves it, and has no passphrase",
                where=f"key of {role.value}",
                expected="no --passphrase",
                observed="a passphrase",
                next_step="Leave the option away.",
            )
        return founded.waiting(self._signer, self.current, role)

    def _sign(self, key: TrustedKey, data: bytes) -> Made:
        if key.role is Role.APPROVER:
            return super()._sign(key, data)
        return self._signer.sign_as(key, data)

    def _others_here(self, key: TrustedKey) -> bool:
        deployed = self._signer.publics(key.role)
        others = (k for k in self.current.keys if k.role is key.role and k.until is None)
        return any(k.public in deployed for k in others if k.keyid != key.keyid)


def deployed_keys(root: Path, name: str) -> DeployedKeys:
    """
    Return the keys of this folder under the trust file of a deployed project.

    Raises:
        ProjectError: C1912 it is not deployed.
        PermanentError: T5004-T5009.
        TransientError: T5001, T5002.
    """
    return DeployedKeys(books.keys_path(root), books.secret, founded.signer(name))
