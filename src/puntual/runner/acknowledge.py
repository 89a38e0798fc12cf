"""
Records what the receiver of a delivery answered, as a manifest that is never changed.

Each record stands in a manifest with all those before it, published under the report and its
reference date; the delivery's state in the journal follows from the last one, so that it is
made again with the journal when that is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from puntual.errors import ProjectError
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.acknowledgement import Acknowledgement, Answer, Attempt
from puntual.model.delivery import Delivery, DeliveryId, State
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.planner.keys import step_key
from puntual.ports.journal import Journal
from puntual.runner import checkpoint

KIND = "ack"
ATTACHMENT = "acknowledgement"
_MOVES: Mapping[Answer, State] = {
    Answer.ACCEPTED: State.ACCEPTED,
    Answer.REJECTED: State.REJECTED,
}
_ANSWERED = frozenset({State.SENT, State.ACCEPTED, State.REJECTED})
_TRIED = frozenset({"failed", "timed out", "died"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """
    What is to be recorded.

    Attributes:
        acknowledgement: The record, without its attachment's digest.
        attachment: The bytes of the file that proves it; None for none.
        suffix: Of the file, such as `.pdf`.
    """

    acknowledgement: Acknowledgement
    attachment: bytes | None = None
    suffix: str = ".bin"


def records(
    store: checkpoint.Store, report: str, reference_date: date
) -> tuple[Acknowledgement, ...]:
    """
    Return what was recorded of every version of a delivery, oldest first.

    Raises:
        EvidenceError: V1001, V1002, V2003 a record is missing or altered.
    """
    published = checkpoint.read(store, f"{KIND}:{report}", reference_date)
    return _records(published.manifest) if published else ()


def attempts(journal: Journal, name: DeliveryId) -> tuple[Attempt, ...]:
    """Return how often a delivery was tried and did not arrive, oldest first."""
    step = f"deliver:{name.report}"
    return tuple(
        Attempt(at=event.at, outcome=event.outcome, sentence=event.summary)
        for event in journal.steps(name.reference_date)
        if event.step == step and event.outcome in _TRIED
    )


def acknowledge(
    store: checkpoint.Store, given: Given, *, code: Digest, epoch: int
) -> tuple[Acknowledgement, bool]:
    """
    Record an answer, unless the very same one stands there already.

    Returns:
        The record, and whether it is new.

    Raises:
        ProjectError: D3002 another answer with this identifier is recorded.
        EvidenceError: V1001, V1002 what was recorded before is missing or altered.
        TransientError: T2006 somebody else records at the same moment.
        PermanentError: T1001-T1003 the store cannot be written; T2001.
    """
    made = given.acknowledgement
    name = made.delivery
    step = f"{KIND}:{name.report}"
    before = checkpoint.read(store, step, name.reference_date)
    known = _records(before.manifest) if before else ()
    objects = before.manifest.objects if before else ()
    if given.attachment is not None:
        attachment = _stored(store, given, name)
        made = replace(made, attachment=attachment.sha256)
        objects = (*objects, attachment)
    for one in known:
        if _same(one, made):
            return one, False
        if one.identifier == made.identifier and one.delivery == name and one.answer is made.answer:
            raise _contradicts(one, made)
    inputs = {"report": made.sha256} | ({"before": before.digest} if before else {})
    manifest = Manifest(
        step=step,
        dataset=name.report,
        reference_date=name.reference_date,
        key=step_key(step, name.reference_date, inputs, code),
        inputs=inputs,
        code=code,
        objects=objects,
        totals=Totals(records=0),
        facts={"acknowledgements": to_json((*known, made))},
    )
    checkpoint.commit(store, manifest, epoch=epoch)
    return made, True


def answered(delivery: Delivery, found: tuple[Acknowledgement, ...]) -> Delivery:
    """Return a delivery in the state that the last answer to it gives; others as they are."""
    moves = [_MOVES[a.answer] for a in found if a.delivery == delivery.id and a.answer in _MOVES]
    if delivery.state not in _ANSWERED or not moves:
        return delivery
    return replace(delivery, state=moves[-1])


def told_otherwise(found: tuple[Acknowledgement, ...], name: DeliveryId) -> bool:
    """Say whether a person has said that a delivery is not to be tried again."""
    mine = [one for one in found if one.delivery == name]
    return bool(mine) and not mine[-1].retry


def _records(manifest: Manifest) -> tuple[Acknowledgement, ...]:
    return list_from_json(Acknowledgement, manifest.facts["acknowledgements"])


def _stored(store: checkpoint.Store, given: Given, name: DeliveryId) -> ObjectRef:
    where = f"acknowledgements/{name.report}/reference_date={name.reference_date.isoformat()}"
    data = given.attachment or b""
    return store.objects.put_bytes(where, data, suffix=given.suffix, role=ATTACHMENT)


def _same(one: Acknowledgement, other: Acknowledgement) -> bool:
    return replace(one, recorded_at=other.recorded_at, attempts=other.attempts) == other


def _contradicts(one: Acknowledgement, other: Acknowledgement) -> ProjectError:
    return ProjectError(
        "D3002",
        f"{one.identifier} is recorded for {one.delivery} already, with other facts",
        where=str(one.delivery),
        expected=f"{one.answer.value} at {one.at.isoformat()}, attachment {one.attachment[:12]}",
        observed=f"{other.answer.value} at {other.at.isoformat()}, "
        f"attachment {other.attachment[:12]}",
        next_step="a record is never changed; give the answer its own identifier",
    )
