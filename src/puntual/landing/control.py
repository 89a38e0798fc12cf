"""The source's own record of a day: read strictly, or said to be missing or unusable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NoReturn

from puntual.errors import PermanentError
from puntual.evidence import canonical
from puntual.landing.desk import Desk, notice, raw_prefix
from puntual.landing.templates import expand
from puntual.model.finding import Finding
from puntual.model.manifest import ObjectRef, Totals
from puntual.model.seal import ControlRecord
from puntual.model.shown import in_ascii, printable
from puntual.model.source import ControlFile

MAX_BYTES = 8 * 1024 * 1024
"""Largest control record that is read: `_MOST_PARTS` of the longest names, and some sums each."""

_KEYS = frozenset({"source", "reference_date", "count", "sums"})
_OPTIONAL = frozenset({"digest", "generated_at", "parts"})
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")
_AMOUNT = re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?")  # of as many digits as DECIMAL(38) has
_COLUMN = re.compile(r"[ -~]{1,128}")  # printable ASCII: it becomes a key of canonical JSON
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNREAD = frozenset({"S1302", "S1303"})
"""Codes of what lies where the control record should and is none: the day is not verified."""
_MOST_SUMS = 100
_MOST_PARTS = 10_000
_LONGEST_PART = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """
    The source's side of a seal.

    Attributes:
        record: What it says; None when there is none, or none that can be used.
        objects: The record as it came, role `control`; empty when none came.
        findings: Why a record that came cannot be used.
    """

    record: ControlRecord | None = None
    objects: tuple[ObjectRef, ...] = ()
    findings: tuple[Finding, ...] = ()


class _UnusableError(Exception):
    """Why a control record cannot be used: (code, message, expected, observed)."""


def read_file(desk: Desk, source: str, day: date, control: ControlFile) -> Vouched:
    """
    Read a source's control file, and keep it as it came.

    Raises:
        PermanentError: S1301 it may not be read; T1001-T1003 it cannot be kept.
    """
    name = expand(control.pattern, day)
    try:
        data = desk.drop.read_small(name, MAX_BYTES)
    except PermanentError as exc:
        if exc.code not in _UNREAD:
            raise
        return Vouched(findings=(_unread(source, exc),))
    if data is None:
        return Vouched()
    kept = desk.objects.put_bytes(
        raw_prefix(source, day), data, suffix=".json", role="control", detail={"name": name}
    )
    return read_kept(source, day, data, (kept,))


def _unread(source: str, exc: PermanentError) -> Finding:
    return notice("S2020", source, exc.message, expected=exc.expected, observed=exc.observed)


def read_kept(source: str, day: date, data: bytes, objects: tuple[ObjectRef, ...]) -> Vouched:
    """Read a control record that is kept already."""
    try:
        return Vouched(record=parse(data, source, day), objects=objects)
    except _UnusableError as exc:
        code, message, expected, observed = exc.args
        trouble = notice(code, source, message, expected=expected, observed=observed)
        return Vouched(objects=objects, findings=(trouble,))


def spell(record: ControlRecord) -> bytes:
    """Return a control record that a database made, in the form of a control file."""
    return canonical.encode(
        {
            "source": record.source,
            "reference_date": record.reference_date.isoformat(),
            "count": str(record.count),
            "sums": {k: format(v, "f") for k, v in record.sums.items()},
        }
    )


def parse(data: bytes, source: str, day: date) -> ControlRecord:
    """
    Read a control record; nothing is guessed or repaired.

    Raises:
        _UnusableError: S2020 it is not of the form; S2021 it is of another source or day.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_number,
        )
    except (ValueError, RecursionError) as exc:
        raise _UnusableError("S2020", "the control record is no JSON", _FORM, "other text") from exc
    if not isinstance(value, dict) or not _KEYS <= value.keys() <= _KEYS | _OPTIONAL:
        _form("other keys")
    _same(value["source"], source, "source")
    _same(value["reference_date"], day.isoformat(), "reference date")
    whole = _totals(value)
    given = value.get("digest")
    digest = "" if given is None else given
    if not isinstance(digest, str) or (digest and not _DIGEST.fullmatch(digest.lower())):
        _form("a digest that is no SHA-256")
    return ControlRecord(
        source=source,
        reference_date=day,
        count=whole.records,
        sums=whole.sums,
        digest=digest.lower(),
        parts=_parts(value["parts"], whole.records) if "parts" in value else {},
    )


def _totals(value: Mapping[str, object]) -> Totals:
    """Read the count and the sums of a day, or of a part of it."""
    sums = value["sums"]
    if not isinstance(sums, dict) or len(sums) > _MOST_SUMS:
        _form(f"sums that are no object of at most {_MOST_SUMS} keys")
    if not all(_COLUMN.fullmatch(name) for name in sums):
        _form("a sum whose name is no name of a column")
    return Totals(
        records=int(_text(value["count"], _COUNT, "count")),
        sums={k: Decimal(_text(v, _AMOUNT, f"sum of {k}")) for k, v in sorted(sums.items())},
    )


def _parts(value: object, count: int) -> dict[str, Totals]:
    """
    Read what is said of each file or shard, by its name.

    A record that names none and counts records would be read as one that says nothing of files.
    """
    if not isinstance(value, dict) or len(value) > _MOST_PARTS:
        _form(f"parts that are no object of at most {_MOST_PARTS} keys")
    if not all(name.isprintable() and 0 < len(name) <= _LONGEST_PART for name in value):
        _form("a part whose name is no name of a file or shard")
    if not all(isinstance(v, dict) and v.keys() == {"count", "sums"} for v in value.values()):
        _form("a part that has not exactly count and sums")
    if not value and count:
        _form("parts that name no file or shard, and a count that is not 0")
    named = {in_ascii(name): part for name, part in value.items()}
    if len(named) != len(value):
        _form("two parts whose names are one")
    return {name: _totals(part) for name, part in sorted(named.items())}


_FORM = (
    '{"source", "reference_date", "count", "sums", "digest"?, "parts"?: {name: {"count", "sums"}}}'
    " with numbers as strings"
)


def _text(value: object, form: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        _form(f"a {what} that is no decimal number in a string")
    return value


def _same(found: object, expected: str, what: str) -> None:
    if found != expected:
        raise _UnusableError(
            "S2021",
            f"the control record is of another {what}",
            expected,
            printable(found[:80]) if isinstance(found, str) else type(found).__name__,
        )


def _unique(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _form("a key that stands twice")
    return value


def _number(text: str) -> NoReturn:
    _form("a number that is not in a string")


def _form(observed: str) -> NoReturn:
    raise _UnusableError("S2020", f"the control record has {observed}", _FORM, observed)
