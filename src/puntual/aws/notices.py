"""Port `Notices` on S3: opened and resolved in turn, as numbered records of one cause."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from puntual.aws.bucket import Bucket
from puntual.aws.series import Series
from puntual.evidence.digest import sha256
from puntual.evidence.facts import from_json, to_json
from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A notice as it was opened or resolved; the token tells this call from an equal one."""

    notice: Notice
    token: str


class S3Notices:
    """
    Notices below a prefix of a bucket: `<report>/<day>/<cause>/<number>.json`.

    Odd numbers open a notice and even ones resolve it. Each number is taken once, so of two
    that open at once one is told that it was open already.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._series = Series(bucket)

    def open(
        self, obligation: Obligation, cause: str, severity: Severity, text: str, at: datetime
    ) -> bool:
        """
        Open a notice, unless one of this obligation and cause is open; see the port.

        Raises:
            TransientError: T5001 it may have been opened; T5002, T5003.
            PermanentError: T5004-T5008.
            ValueError: The instant has no zone (a bug of the caller).
        """
        folder = _folder(obligation, cause)
        notice = Notice(
            obligation=obligation, cause=cause, severity=severity, text=text, opened_at=_utc(at)
        )
        turn = to_json(_Turn(notice=notice, token=uuid.uuid4().hex))
        while True:
            number = self._series.lasts(f"{folder}/").get(folder, 0)
            if _opens(number):
                return False
            if self._series.append(folder, number + 1, turn):
                return True

    def resolve(self, obligation: Obligation, cause: str, at: datetime, ended: str = "") -> bool:
        """
        Resolve the open notice of an obligation and cause; see the port.

        Raises:
            EvidenceError: V2001, V2003 its record is none of ours.
            TransientError: T5001 it may have been resolved; T5002, T5003.
            PermanentError: T5004-T5008.
            ValueError: The instant has no zone (a bug of the caller).
        """
        folder = _folder(obligation, cause)
        instant = _utc(at)
        while True:
            last = self._series.last(folder)
            if last is None or not _opens(last.number):
                return False
            opened = from_json(_Turn, last.value).notice
            over = replace(opened, resolved_at=instant, ended=ended)
            turn = _Turn(notice=over, token=uuid.uuid4().hex)
            if self._series.append(folder, last.number + 1, to_json(turn)):
                return True

    def open_ones(self, obligation: Obligation | None = None) -> tuple[Notice, ...]:
        """
        Return the open notices, of one obligation or of all, oldest first.

        Raises:
            EvidenceError: V2001, V2003 a record is none of ours.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        prefix = "" if obligation is None else f"{_obligation(obligation)}/"
        wanted = [item for item in self._series.lasts(prefix).items() if _opens(item[1])]
        found = [from_json(_Turn, record.value).notice for record in self._series.read(wanted)]
        return tuple(sorted(found, key=lambda notice: notice.opened_at))

    def close(self) -> None:
        """Do nothing: no connection is held."""


def _opens(number: int) -> bool:
    return number % 2 == 1


def _obligation(obligation: Obligation) -> str:
    return f"{quote(obligation.report, safe='')}/{obligation.reference_date.isoformat()}"


def _folder(obligation: Obligation, cause: str) -> str:
    return f"{_obligation(obligation)}/{sha256(cause.encode())[:32]}"


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(UTC)
