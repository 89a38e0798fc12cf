"""Decides about one file: data, nothing, or refused by name, and counts its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from puntual.errors import PermanentError
from puntual.landing.desk import Desk, of_role
from puntual.landing.forms import Trouble, examine
from puntual.landing.seal import count
from puntual.model.contract import Contract, Parquet
from puntual.model.manifest import ObjectRef
from puntual.model.seal import Landed

_DISK_FULL = "No space left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A kept file, what was counted in it, and what was noticed; its role says the rest."""

    ref: ObjectRef
    landed: Landed
    troubles: tuple[Trouble, ...] = ()


def landed_before(desk: Desk, source: str, day: date) -> dict[str, str]:
    """Return the digests of files with records that other days have landed, with their day."""
    known: dict[str, str] = {}
    own = f"land:{source}/{day.isoformat()}"
    for name, digest in desk.pointers.read_prefix(f"land:{source}/").items():
        if name != own:
            for ref in of_role(desk.by_digest(digest).objects, "data"):
                if ref.records:
                    known[ref.sha256] = f"{ref.detail.get('name', '')} of {name[-10:]}"
    return known


def examined(
    desk: Desk, contract: Contract, day: date, ref: ObjectRef, known: Mapping[str, str]
) -> Judged:
    """
    Examine and count one kept file of a day.

    Args:
        desk: The ports.
        contract: What it should be.
        day: The reference date.
        ref: The file, with its `name`; role `data`.
        known: Digest of a file that was landed already → where, for people.

    Returns:
        The file with its role: `data`, `empty` or `refused` (with the code as `reason`).

    Raises:
        PermanentError: T3001 the engine has no memory left; T3002 it cannot read a file that
            is no Parquet.
    """
    nothing = Landed(records=0)
    if ref.bytes == 0:
        empty = Trouble(
            code="S2009", message="is empty", expected="records", observed="0 bytes", refused=False
        )
        return Judged(ref=_as(ref, "empty", "S2009"), landed=nothing, troubles=(empty,))
    troubles = _again(ref, known) or examine(desk.objects.locate(ref), contract)
    if not any(t.refused for t in troubles):
        landed, unread = _counted(desk, contract, day, ref)
        ref = replace(ref, records=landed.records)
        troubles += unread or _other_day(landed, day)
        if not any(t.refused for t in troubles):
            return Judged(ref=ref, landed=landed, troubles=troubles)
    refused = next(t for t in troubles if t.refused)
    return Judged(ref=_as(ref, "refused", refused.code), landed=nothing, troubles=troubles)


def _counted(
    desk: Desk, contract: Contract, day: date, ref: ObjectRef
) -> tuple[Landed, tuple[Trouble, ...]]:
    """Count one file; a Parquet file that the engine cannot read is the source's trouble."""
    try:
        return count(desk, contract, day, (ref,), stream=False), ()
    except PermanentError as exc:
        ours = exc.code != "T3002" or _DISK_FULL in exc.observed
        if ours or not isinstance(contract.format, Parquet):
            raise
    unread = Trouble(
        code="S2003",
        message="is a Parquet file that the engine cannot read",
        expected="a Parquet file",
        observed="one that the engine cannot read",
    )
    return Landed(records=0), (unread,)


def _as(ref: ObjectRef, role: str, reason: str) -> ObjectRef:
    return replace(ref, role=role, detail={**ref.detail, "reason": reason})


def _again(ref: ObjectRef, known: Mapping[str, str]) -> tuple[Trouble, ...]:
    if ref.sha256 not in known:
        return ()
    return (
        Trouble(
            code="S2004",
            message=f"has the same bytes as {known[ref.sha256]}",
            expected="another file",
            observed=f"sha256 {ref.sha256[:12]}",
        ),
    )


def _other_day(landed: Landed, day: date) -> tuple[Trouble, ...]:
    """
    Refuse a file in which most records that can be read name another day.

    Some late records in a day's file are kept apart when it is curated; a file that mostly holds
    another day is no file of this one, whatever its name and its control record say.
    """
    other, readable = sum(landed.other_days.values()), landed.records - landed.unreadable
    if 2 * other <= readable or other <= landed.unreadable:
        return ()
    days = ", ".join(f"{d} ({n:,})" for d, n in sorted(landed.other_days.items())[:5])
    most = "" if other == readable else f"{other:,} of {readable:,} "
    return (
        Trouble(
            code="S2005",
            message="is the file of another day" if not most else "mostly holds another day",
            expected=f"records of {day.isoformat()}",
            observed=f"{most}records of {days}",
        ),
    )
