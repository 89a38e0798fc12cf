"""What every kind of landing works with: the ports, and manifests behind their pointers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from puntual.evidence import canonical
from puntual.evidence.facts import from_json
from puntual.evidence.manifest import decode, encode
from puntual.model.check import OnFail, Severity
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest, ObjectRef
from puntual.model.seal import Seal, SealStatus
from puntual.ports.clock import Clock
from puntual.ports.database import Databases
from puntual.ports.drop import Drop
from puntual.ports.engine import Engine
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers
from puntual.ports.stream import StreamReader

MANIFESTS = "manifests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """
    The ports that landing reaches the world through.

    Attributes:
        zone: Builds a zone from its IANA name.
        code: Digest of the program, for the manifests that landing itself publishes.
    """

    objects: Objects
    pointers: Pointers
    engine: Engine
    streams: StreamReader
    drop: Drop
    databases: Databases
    clock: Clock
    zone: Callable[[str], tzinfo]
    code: Digest

    def manifest(self, pointer: str) -> tuple[Digest | None, Manifest | None]:
        """
        Return what a pointer names, and its manifest.

        Raises:
            EvidenceError: V1001, V1002, V2001, V2002 the manifest is missing or altered.
        """
        digest = self.pointers.read(pointer)
        return (digest, self.by_digest(digest)) if digest else (None, None)

    def by_digest(self, digest: Digest) -> Manifest:
        """
        Return the manifest that a digest names.

        Raises:
            EvidenceError: V1001, V1002, V2001, V2002 it is missing or altered.
        """
        return decode(self.objects.read_named(MANIFESTS, digest, ".json"))

    def store(self, manifest: Manifest) -> Digest:
        """Make a manifest durable and return the digest that names it; it is not yet published."""
        stored = self.objects.put_bytes(
            MANIFESTS, encode(manifest), suffix=".json", role="manifest"
        )
        return stored.sha256


def raw_prefix(source: str, day: date) -> str:
    """Return where the raw objects of a day lie."""
    return f"raw/{source}/reference_date={day.isoformat()}"


def key_of(value: object) -> Digest:
    """Return the digest of what makes a manifest: step, inputs, code, contract."""
    return hashlib.sha256(canonical.encode(value)).hexdigest()


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first instant of a day in its zone and of the next one, in UTC."""
    start = datetime.combine(day, time.min, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def notice(
    code: str,
    source: str,
    message: str,
    *,
    expected: str = "",
    observed: str = "",
    rows: int | None = None,
    warn: bool = False,
) -> Finding:
    """Return a finding about a source: it holds the delivery, or only warns."""
    return Finding(
        code=code,
        rule=source,
        dataset=source,
        verdict=Verdict.FAIL,
        severity=Severity.WARN if warn else Severity.ERROR,
        on_fail=OnFail.FLAG if warn else OnFail.HOLD,
        message=message,
        expected=expected,
        observed=observed,
        rows=rows,
    )


def is_matched(landed: Manifest) -> bool:
    """Say whether a `land:` manifest, as the runner writes it, holds a day sealed as matched."""
    return from_json(Seal, landed.facts["seal"]).status is SealStatus.MATCHED


def of_role(objects: Iterable[ObjectRef], role: str) -> tuple[ObjectRef, ...]:
    """Return the objects with a role, in order."""
    return tuple(o for o in objects if o.role == role)
