"""Port `Journal` on S3: what happened, for people; rebuilt from manifests if lost."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from urllib.parse import quote

from puntual.aws.bucket import Bucket
from puntual.aws.series import Record, Series
from puntual.evidence import shape
from puntual.evidence.facts import from_json, to_json
from puntual.model.delivery import Delivery, DeliveryId, State
from puntual.ports.journal import StepEvent

_EVENT = frozenset(
    {"run", "reference_date", "step", "outcome", "seconds", "at", "summary", "facts", "token"}
)


class S3Journal:
    """
    A journal below a prefix of a bucket; nothing in it is ever replaced.

        steps/<day>/<number>.json                        an outcome
        deliveries/<day>/<report>/<version>/<number>.json   a delivery as it stood; the last counts
    """

    def __init__(self, bucket: Bucket) -> None:
        self._steps = Series(bucket.below("steps"))
        self._deliveries = Series(bucket.below("deliveries"))
        self._last: dict[str, int] = {}

    def record(self, event: StepEvent) -> None:
        """
        Append a step's outcome.

        Raises:
            TransientError: T5001 it may have been appended; T5002, T5003.
            PermanentError: T5004-T5008.
            ValueError: The instant has no zone (a bug of the caller).
        """
        day = event.reference_date.isoformat()
        value = _event(event)
        number = self._last.get(day)
        while number is None or not self._steps.append(day, number + 1, value):
            number = self._steps.lasts(f"{day}/").get(day, 0)
        self._last[day] = number + 1

    def save(self, delivery: Delivery, *, replacing: frozenset[State] | None = None) -> bool:
        """
        Insert or replace a delivery by its id; see the port.

        Raises:
            TransientError: T5001 it may have been saved; T5002, T5003.
            PermanentError: T5004-T5008.
            ValueError: An instant has no zone (a bug of the caller).
        """
        folder = _folder(delivery.id)
        if delivery.sent_at is not None:
            _utc(delivery.sent_at)
        while True:
            last = self._deliveries.last(folder)
            before = None if last is None else _delivery(last)
            if before is not None and replacing is not None and before.state not in replacing:
                return False
            number = 1 if last is None else last.number + 1
            if before == delivery or self._deliveries.append(folder, number, to_json(delivery)):
                return True

    def deliveries(
        self, *, report: str | None = None, reference_date: date | None = None
    ) -> tuple[Delivery, ...]:
        """
        Return deliveries, newest reference date and version first.

        Raises:
            EvidenceError: V2001, V2003 a record is none of ours.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        prefix = "" if reference_date is None else f"{reference_date.isoformat()}/"
        wanted = [
            (folder, number)
            for folder, number in self._deliveries.lasts(prefix).items()
            if report is None or folder.split("/")[1] == quote(report, safe="")
        ]
        found = [_delivery(record) for record in self._deliveries.read(wanted)]
        found.sort(key=lambda d: (-d.id.reference_date.toordinal(), d.id.report, -d.id.version))
        return tuple(found)

    def steps(self, reference_date: date) -> tuple[StepEvent, ...]:
        """
        Return the outcomes of a day, oldest first.

        Raises:
            EvidenceError: V2001, V2002 a record is none of ours.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        day = reference_date.isoformat()
        last = self._steps.lasts(f"{day}/").get(day, 0)
        wanted = [(day, number) for number in range(1, last + 1)]
        return tuple(_read_event(record) for record in self._steps.read(wanted))

    def close(self) -> None:
        """Do nothing: no connection is held."""


def _folder(of: DeliveryId) -> str:
    return f"{of.reference_date.isoformat()}/{quote(of.report, safe='')}/{of.version:06}"


def _delivery(record: Record) -> Delivery:
    return from_json(Delivery, record.value)


def _utc(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _event(event: StepEvent) -> Mapping[str, object]:
    return {
        "run": event.run,
        "reference_date": event.reference_date.isoformat(),
        "step": event.step,
        "outcome": event.outcome,
        "seconds": repr(event.seconds),
        "at": _utc(event.at),
        "summary": event.summary,
        "facts": dict(event.facts),
        "token": uuid.uuid4().hex,  # two outcomes may be equal; both happened
    }


def _read_event(record: Record) -> StepEvent:
    found = shape.record(record.value, _EVENT, "$")
    return StepEvent(
        run=shape.text(found["run"], "$.run"),
        reference_date=shape.day(found["reference_date"], "$.reference_date"),
        step=shape.text(found["step"], "$.step"),
        outcome=shape.text(found["outcome"], "$.outcome"),
        seconds=float(shape.text(found["seconds"], "$.seconds")),
        at=datetime.fromisoformat(shape.text(found["at"], "$.at")),
        summary=shape.text(found["summary"], "$.summary"),
        facts=shape.mapping_of(found["facts"], shape.text, "$.facts"),
    )
