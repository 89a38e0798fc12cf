"""
What came for a day after its seal, as it is recorded: apart, counted and named (design 4.12).

It lies under `late/` and stands in the manifest `late:<source>/<date>`, which grows and never
shrinks; nothing of the sealed day is touched. It is offered as the next version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from puntual.evidence.facts import to_json
from puntual.landing.desk import Desk, key_of, notice
from puntual.model.contract import Contract
from puntual.model.finding import Finding
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals

RECORDS = "S2011"
"""Code of records of a stream that came after the seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    One look for what came late for a day.

    Attributes:
        desk: The ports.
        contract: Of the source.
        day: The reference date.
        sealed: The `land:` manifest of the day.
        before: What earlier looks have kept; None if nothing.
    """

    desk: Desk
    contract: Contract
    day: date
    sealed: Manifest
    before: Manifest | None

    @property
    def kept(self) -> tuple[ObjectRef, ...]:
        """What earlier looks have kept, oldest first."""
        return self.before.objects if self.before else ()

    @property
    def held(self) -> frozenset[str]:
        """The digests of everything that is known of the day."""
        return frozenset(o.sha256 for o in (*self.sealed.objects, *self.kept))

    def manifest(
        self,
        source: str,
        objects: Sequence[ObjectRef],
        said: Sequence[Finding],
        *,
        previous: Digest | None,
    ) -> Manifest:
        """Return the day's late manifest after this look; see `late_manifest`."""
        return late_manifest(
            self.desk,
            self.contract,
            source,
            self.day,
            previous=previous,
            objects=objects,
            said=said,
        )


def late_pointer(source: str, day: date) -> str:
    """Return the name under which what came late for a day is published."""
    return f"late:{source}/{day.isoformat()}"


def late_prefix(source: str, day: date) -> str:
    """Return where late objects lie: never below the raw day, which engines may list."""
    return f"late/{source}/reference_date={day.isoformat()}"


def late_detail(
    desk: Desk, code: str, sentence: str, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the detail of a late object: why it is late, in a sentence, and since when known."""
    noticed = desk.clock.now().isoformat(timespec="seconds")
    return {"code": code, "told": sentence, "noticed_at": noticed} | dict(more or {})


def late_manifest(
    desk: Desk,
    contract: Contract,
    source: str,
    day: date,
    *,
    previous: Digest | None,
    objects: Sequence[ObjectRef],
    said: Sequence[Finding] = (),
) -> Manifest:
    """
    Return the manifest of everything that has come late for a day of a source.

    Args:
        desk: The ports.
        contract: Of the source.
        source: Its name.
        day: The reference date.
        previous: Digest of the manifest that this one follows.
        objects: All of them, oldest first; role `late`.
        said: What else the last look noticed, such as a file that is not whole yet.

    Returns:
        With `facts["findings"]`: one for each object, or for all records of a stream, then
        `said`. Its totals count the records of all objects.
    """
    step = f"late:{source}"
    inputs = {contract.file: contract.digest} | ({"previous": previous} if previous else {})
    facts: dict[str, object] = {"findings": to_json((*_told(source, objects), *said))}
    key = [step, day.isoformat(), inputs, desk.code, [o.sha256 for o in objects], facts]
    return Manifest(
        step=step,
        dataset=source,
        reference_date=day,
        key=key_of(key),
        inputs=inputs,
        code=desk.code,
        objects=tuple(objects),
        totals=Totals(records=sum(o.records for o in objects)),
        facts=facts,
    )


def _told(source: str, objects: Sequence[ObjectRef]) -> tuple[Finding, ...]:
    found = [
        notice(o.detail["code"], source, o.detail["told"], rows=o.records, warn=True)
        for o in objects
        if "told" in o.detail
    ]
    records = sum(o.records for o in objects if o.detail.get("code") == RECORDS)
    if records:
        sentence = f"{counted(records)} of the stream came after the day was sealed"
        found.append(notice(RECORDS, source, sentence, rows=records, warn=True))
    return tuple(found)


def counted(records: int) -> str:
    """Return a number of records in words."""
    return f"{records:,} record" if records == 1 else f"{records:,} records"
