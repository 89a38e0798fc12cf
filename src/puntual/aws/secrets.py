"""Secrets that a project names by `env:NAME`: of the environment, else of Secrets Manager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws.faults import code_of, translated
from puntual.aws.names import slug

_ABSENT = frozenset({"ResourceNotFoundException"})


class Secrets(Mapping[str, str]):
    """
    What `env:NAME` means on AWS: the secret `<project>/NAME`, asked for when it is needed.

    Args:
        environment: Variables that come before secrets, as a person sets them at a desk.
        manager: A client of Secrets Manager.
        project: The project's name.
    """

    def __init__(self, environment: Mapping[str, str], manager: Any, project: str) -> None:
        self._environment = environment
        self._manager = manager
        self._prefix = f"{slug(project)}/"
        self._known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """
        Return a secret.

        Raises:
            KeyError: There is none of that name.
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        if name in self._environment:
            return self._environment[name]
        if name not in self._known:
            self._known[name] = self._asked(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over what is known by now; secrets are asked for one by one."""
        return iter({**self._known, **self._environment})

    def __len__(self) -> int:
        """Return how many are known by now."""
        return len({**self._known, **self._environment})

    def _asked(self, name: str) -> str:
        secret = f"{self._prefix}{name}"
        with translated(f"secret {secret}", service="secretsmanager"):
            try:
                found = self._manager.get_secret_value(SecretId=secret)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    raise KeyError(name) from error
                raise
        return str(found["SecretString"])
