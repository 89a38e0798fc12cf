"""What is deployed of a project in the account that the environment leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws import names
from puntual.aws.faults import code_of, translated
from puntual.aws.settings import Settings
from puntual.errors import ProjectError

_ABSENT = frozenset({"ResourceNotFoundException"})


def settings_of(project: str, functions: Any) -> Settings:
    """
    Return the settings of a deployed project: those that its first function was given.

    Args:
        project: Its name.
        functions: A client of Lambda.

    Raises:
        ProjectError: C1912 it is not deployed.
        TransientError: T5001, T5002.
        PermanentError: T5004-T5009.
    """
    name = names.function(project, "begin")
    with translated(f"function {name}", service="lambda"):
        try:
            found = functions.get_function_configuration(FunctionName=name)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                raise _not_deployed(project, name) from error
            raise
    told: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
    return Settings.from_environment(told)


def _not_deployed(project: str, name: str) -> ProjectError:
    return ProjectError(
        "C1912",
        f"{project} is not deployed where this environment leads to",
        where="Lambda",
        expected=f"a function {name}",
        observed="none of that name",
        next_step="puntual deploy; for the local stack, puntual aws local up before it",
    )
