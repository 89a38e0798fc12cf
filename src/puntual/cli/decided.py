"""By which policy and clauses a delivery that is not full was decided, from what is published."""

from __future__ import annotations

from puntual.cli.vantage import Vantage
from puntual.errors import PuntualError
from puntual.evidence.facts import from_json
from puntual.model.delivery import Decision, Delivery
from puntual.runner import checkpoint
from puntual.runner.restate import steps_of
from puntual.runner.versions import sent_versions


def policy_lines(place: Vantage, delivery: Delivery) -> list[str]:
    """
    Return the policy and the clauses of a delivery, a line for each clause.

    Args:
        place: Where it was run.
        delivery: Partial, or made by plan B.
    """
    try:
        decision = _decision(place, delivery)
    except PuntualError as fault:
        return [f"  policy    not known: {fault.code} {fault.message}"]
    if decision is None or not decision.policy:
        return []
    covered: dict[str, list[str]] = {}
    for used in decision.applied:
        covered.setdefault(used.clause, []).append(f"{used.code} {used.about}")
    first = f"  policy    {decision.policy}   sha256 {decision.policy_digest[:12]}…"
    clauses = [f"  clause    {clause}: {', '.join(what)}" for clause, what in covered.items()]
    return [first, *clauses]


def _decision(place: Vantage, delivery: Delivery) -> Decision | None:
    report, day = delivery.id.report, delivery.id.reference_date
    decide = f"decide:{report}"
    with place.store() as store:
        if delivery.sent_at is not None:
            # Its own: the day may have been decided again since, for the next version.
            sent = sent_versions(store, report, day).get(delivery.id.version)
            digest = steps_of(store, report, sent).get(decide) if sent else None
        else:
            digest = store.pointers.read(checkpoint.pointer(decide, day))
        if digest is None:
            return None
        return from_json(Decision, checkpoint.by_digest(store, digest).facts["decision"])
