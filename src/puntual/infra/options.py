"""What a deployment chooses: sizes, limits, receivers; the report project chooses the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from puntual.model.project import Project

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    Sizes and limits of a deployment; the defaults carry some ten million events a day.

    Attributes:
        environment: Of `puntual.yaml`, in which functions and jobs read the project; "" for the
            file as it stands.
        worker_type: Of a Glue job (`G.1X`: 4 vCPU, 16 GB).
        workers: Of a Glue job.
        concurrency: Runs of one job at the same time: a replay beside the day. A zombie of a
            step that timed out is one of them; the epoch refuses what it publishes (aws.md 1).
        memory: Of a function, MB; its CPU grows with it.
        scratch: `/tmp` of a function, MB; the cache of located objects takes three quarters.
        base_capacity: Of Redshift Serverless, RPU.
        scan_limit: Bytes that one Athena query may read.
        retention_hours: Of the streams; longer than the longest outage to survive (aws.md K7).
        log_days: How long logs are kept; a value that CloudWatch Logs knows.
        evidence_days: How long evidence cannot be deleted by anybody (Object Lock, compliance).
        authority: URL of the time stamp authority that deliveries are stamped by; "" for none.
        keys: Role (`pipeline`, `log`) → how many KMS keys were made for it; one replaces the other,
            and none is ever taken away.
        streaming: Land streams as they come, by a Glue streaming job, beside the day's run.
        silence_hours: Without a record after which a stream's source is called silent.
        emails: Severity (`error`, `warn`) → address that is subscribed.
        mail_identity: Address or domain that SES sends from; "" for none.
    """

    environment: str = ""
    worker_type: str = "G.1X"
    workers: int = 2
    concurrency: int = 3
    memory: int = 3008
    scratch: int = 4096
    base_capacity: int = 8
    scan_limit: int = 100 * GIB
    retention_hours: int = 7 * 24
    log_days: int = 365
    evidence_days: int = 3653
    authority: str = ""
    keys: Mapping[str, int] = field(default_factory=dict)
    streaming: bool = False
    silence_hours: int = 6
    emails: Mapping[str, str] = field(default_factory=dict)
    mail_identity: str = ""


def slug(project: Project) -> str:
    """Return a project's name as resources carry it: lower case, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", project.name.lower()).strip("-")


def stack_name(project: Project) -> str:
    """Return the name of a project's stack."""
    return f"puntual-{slug(project)}"


def database_name(project: Project) -> str:
    """Return the name of a project's Glue database, and of its database in Redshift."""
    return f"puntual_{slug(project).replace('-', '_')}"
