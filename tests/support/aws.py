"""Clients of the stage's services, made as the product makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from puntual.aws.clients import client
from puntual.aws.stage.standing import Standing


def on(stage: Standing, make: Callable[[], Any]) -> Any:
    """Make something while the environment leads botocore to the stage."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stage.environment().items():
            environment.setenv(name, value)
        return make()


def client_on(stage: Standing, service: str, *, attempts: int = 3) -> Any:
    """Return a client of one of the stage's services."""
    return on(stage, lambda: client(service, attempts=attempts))
