"""What a deployment tells its functions and jobs by environment: resources, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from puntual.errors import PermanentError
from puntual.evidence.trust import Role

_TOPIC = "PUNTUAL_TOPIC_"
_SIGNERS = {Role.PIPELINE: "PUNTUAL_SIGNER", Role.LOG: "PUNTUAL_LOG_SIGNER"}
CACHE_BYTES = 384 << 20
"""Kept of located objects on the local disk unless told otherwise; a function has 512 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    The resources of one deployed project.

    Attributes:
        project: The folder of the project, or the `s3://` address of its archive.
        lake: Bucket of raw, curated, state, journal and `incoming/`.
        deliveries: Bucket of what is delivered.
        evidence: Bucket with Object Lock; it holds the ledger's checkpoints.
        workgroup: Of Redshift Serverless; "" where there is no warehouse.
        database: Of Redshift.
        athena: Athena's workgroup; "" where it is not used.
        catalog: The Glue database; "" where none is registered.
        signers: Role (`pipeline`, `log`) → the KMS keys that sign in it, the oldest first; empty
            where nothing is signed there.
        authority: URL of the time stamp authority that is asked for a token; "" for none.
        pseudonyms: The one that makes pseudonyms; "" where they are made without a secret.
        state_machine: ARN of the day's state machine; "" inside of what runs elsewhere.
        topics: Severity → ARN of an SNS topic.
        environment: Of `puntual.yaml`, in which the project is read; "" for the file as it
            stands.
        cache: Folder for located objects and scratch; "" for the machine's temporary folder.
        cache_bytes: How much of located objects it keeps.
    """

    project: str
    lake: str
    deliveries: str
    evidence: str
    workgroup: str = ""
    database: str = ""
    athena: str = ""
    catalog: str = ""
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authority: str = ""
    pseudonyms: str = ""
    state_machine: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    cache: str = ""
    cache_bytes: int = CACHE_BYTES

    @staticmethod
    def from_environment(env: Mapping[str, str]) -> Settings:
        """
        Read the settings from `PUNTUAL_…`.

        Args:
            env: Such as `os.environ`.

        Raises:
            PermanentError: T5009 one that is needed is not set, or is no number; all at once.
        """
        needed = ("PUNTUAL_PROJECT", "PUNTUAL_LAKE", "PUNTUAL_DELIVERIES", "PUNTUAL_EVIDENCE")
        size = env.get("PUNTUAL_CACHE_BYTES", "") or str(CACHE_BYTES)
        wrong = [name for name in needed if not env.get(name)]
        if not (size.isascii() and size.isdigit()):
            wrong.append("PUNTUAL_CACHE_BYTES")
        if wrong:
            raise PermanentError(
                "T5009",
                f"the environment does not say what is needed: {', '.join(wrong)}",
                where="environment",
                expected="the variables that `puntual deploy` gives to functions and jobs",
                observed=f"without a usable {', '.join(wrong)}",
                next_step="Deploy the project again; at a desk, set them by hand.",
            )
        return Settings(
            project=env["PUNTUAL_PROJECT"],
            lake=env["PUNTUAL_LAKE"],
            deliveries=env["PUNTUAL_DELIVERIES"],
            evidence=env["PUNTUAL_EVIDENCE"],
            workgroup=env.get("PUNTUAL_WORKGROUP", ""),
            database=env.get("PUNTUAL_DATABASE", ""),
            athena=env.get("PUNTUAL_ATHENA", ""),
            catalog=env.get("PUNTUAL_CATALOG", ""),
            signers={
                role.value: tuple(env[name].split(","))
                for role, name in _SIGNERS.items()
                if env.get(name)
            },
            authority=env.get("PUNTUAL_TIMESTAMP", ""),
            pseudonyms=env.get("PUNTUAL_PSEUDONYMS", ""),
            state_machine=env.get("PUNTUAL_STATE_MACHINE", ""),
            topics={
                name.removeprefix(_TOPIC).lower(): arn
                for name, arn in sorted(env.items())
                if name.startswith(_TOPIC) and arn
            },
            environment=env.get("PUNTUAL_ENVIRONMENT", ""),
            cache=env.get("PUNTUAL_CACHE", ""),
            cache_bytes=int(size),
        )
