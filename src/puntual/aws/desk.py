"""What a person's command reads of a deployed project: its executions and its journal."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from puntual.aws.approvals import S3Approvals
from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.commits import S3CommitLog, S3Index
from puntual.aws.deployment import settings_of
from puntual.aws.executions import Executions, machine_arn
from puntual.aws.journal import S3Journal
from puntual.aws.leases import RUN, S3Leases, leases_of
from puntual.aws.notices import S3Notices
from puntual.aws.settings import Settings

_MOMENT = timedelta(minutes=10)
"""How long a command that died keeps runs waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDesk:
    """
    A deployed project, as it is looked at from outside.

    Attributes:
        settings: Of the deployment.
        executions: Of its machine.
        journal: What its runs have written down.
        notices: What people have been told.
        approvals: Who agreed to which bytes.
    """

    settings: Settings
    executions: Executions
    journal: S3Journal
    notices: S3Notices
    approvals: S3Approvals


def remote_desk(project: str) -> RemoteDesk:
    """
    Return the desk of a deployed project, in the account that the environment leads to.

    Raises:
        ProjectError: C1912 it is not deployed.
        TransientError: T5001, T5002.
        PermanentError: T5004-T5009.
    """
    settings = settings_of(project, client("lambda"))
    states = client("stepfunctions")
    arn = settings.state_machine or machine_arn(states, project)
    lake = Bucket(client("s3"), settings.lake, project)
    return RemoteDesk(
        settings=settings,
        executions=Executions(states, arn, project),
        journal=S3Journal(lake.below("journal")),
        notices=S3Notices(lake.below("notices")),
        approvals=S3Approvals(lake.below("approvals")),
    )


@contextmanager
def quiet(project: str) -> Iterator[None]:
    """
    Hold the lease of runs, so that none works while what they sign with is replaced.

    Raises:
        ProjectError: C1912 it is not deployed.
        TransientError: T2003 a run works; T5001, T5002, T5003.
        PermanentError: T5004-T5009.
        EvidenceError: V1003 the commit log is not what was recorded.
    """
    settings = settings_of(project, client("lambda"))
    with own_leases(Bucket(client("s3"), settings.lake, project)).acquire(RUN):
        yield


def own_leases(lake: Bucket) -> S3Leases:
    """
    Return the leases of a deployed project as this process takes them, for a moment each.

    Args:
        lake: Below the project's name.
    """
    state = lake.below("state")
    return leases_of(
        state,
        S3Index(S3CommitLog(state.below("commits"))),
        holder=f"{getpass.getuser()} at {socket.gethostname()}, process {os.getpid()}",
        lasts=_MOMENT,
    )
