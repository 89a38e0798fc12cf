"""
Clients of AWS's services, all made in one way: bounded waiting, standard retries, our name.

Account, region, endpoint and credentials are botocore's business, which takes them from the
environment; so the same code runs in an account and on a stage.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from puntual import __version__
from puntual.aws.faults import translated

ATTEMPTS = 5
"""Of each call, the first one included; botocore waits between them (mode `standard`)."""

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0

POOL = 16
"""Connections that a client keeps open: as many as parts of a file are sent at once."""


def client(
    service: str,
    *,
    attempts: int = ATTEMPTS,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
    session: boto3.Session | None = None,
) -> Any:
    """
    Return a client of a service, which threads may share.

    Args:
        service: In botocore's words: `s3`, `redshift-data`.
        attempts: Of each call; 1 for none but the first.
        connect_seconds: Until a connection stands.
        read_seconds: Between two pieces of an answer.
        session: Where credentials come from; None for a new one.

    Raises:
        PermanentError: T5007 neither region nor endpoint is known, or the profile is not there.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        max_pool_connections=POOL,
        user_agent_extra=f"puntual/{__version__}",
        # Else botocore signs links in the old way in some regions: no `s3:signatureAge`, no KMS.
        signature_version="s3v4" if service == "s3" else None,
    )
    with translated(service, service=service):
        return (session or boto3.Session()).client(service, config=config)
