"""Which version of a delivery is made, what it replaces, and whether it would say anything new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.exceptions import Entry
from puntual.evidence.facts import list_from_json
from puntual.evidence.statement import Superseded
from puntual.model.delivery import Completeness, DeliveryId, Restatement
from puntual.model.manifest import Digest, Manifest
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published

if TYPE_CHECKING:
    from puntual.runner.world import DayRun

VERSION = "version"
SUPERSEDES = "supersedes"
YESTERDAY = "yesterday:"
"""In front of a table, among the inputs of `reconcile`: which load of the day before it was."""
FIRST_SENT = "first_sent_at"
"""In a deliver manifest of a later version: when the first one was sent."""


def version_of(made: Manifest) -> int:
    """Return the version that a report, attest or deliver manifest is of."""
    return int(str(made.facts.get(VERSION, "1")))


def stays(run: DayRun, report: str, found: Completeness | None) -> bool:
    """
    Say whether what was sent stays as it is: a run by itself replaces it by a full one alone.

    Less than that, and a day that would now be held, are for a person: `puntual amend`.
    """
    restatement = run.restatements.get(report)
    by_itself = restatement is not None and not restatement.person and run.send
    return by_itself and found is not Completeness.FULL


def version(run: DayRun, report: str) -> int:
    """
    Return which version of a report a run makes.

    That is the one asked for; else, in a replay, the one that was delivered; else the one that
    is delivered already, so that a run that is repeated makes nothing new; else the first.
    """
    restatement = run.restatements.get(report)
    if restatement is not None:
        return restatement.version
    recorded = run.recorded.get(f"report:{report}")
    if recorded is not None:
        return version_of(recorded)
    sent = checkpoint.read(run.world, f"deliver:{report}", run.date)
    return 1 if sent is None else version_of(sent.manifest)


def delivery_id(run: DayRun, report: str) -> DeliveryId:
    """Return which delivery a run makes of a report."""
    return DeliveryId(report=report, reference_date=run.date, version=version(run, report))


def inputs(run: DayRun, report: str) -> dict[str, Digest]:
    """Return what makes a later version's file another than the first's; nothing for the first."""
    made = version(run, report)
    return {} if made == 1 else {VERSION: sha256(str(made).encode())}


def reasons(run: DayRun, report: str) -> dict[str, Digest]:
    """Return what makes a later version's evidence another: what it replaces, and why."""
    said = _said(run, report)
    return {} if said is None else {SUPERSEDES: sha256(encode(said))}


def number(run: DayRun, report: str) -> dict[str, object]:
    """Return what a report manifest says of its version."""
    return {VERSION: str(version(run, report))}


def facts(run: DayRun, report: str) -> dict[str, object]:
    """Return what an attest or deliver manifest says of its version and the one before."""
    found = number(run, report)
    said = _said(run, report)
    return found if said is None else found | {SUPERSEDES: said}


def first_sent(run: DayRun, report: str) -> dict[str, object]:
    """Return when the first version was sent; nothing of the first itself."""
    restatement = run.restatements.get(report)
    if restatement is None:
        return {}
    before = checkpoint.by_digest(run.world, restatement.supersedes).facts
    return {FIRST_SENT: before.get(FIRST_SENT, before["sent_at"])}


def restated(report: str, was: Mapping[str, Published]) -> Restatement | None:
    """Return the restatement that a delivered version is, by its manifests; None of a first."""
    attest = was.get(f"attest:{report}")
    said = attest.manifest.facts.get(SUPERSEDES) if attest else None
    if attest is None or not isinstance(said, Mapping):
        return None
    return Restatement(
        report=report,
        version=version_of(attest.manifest),
        supersedes=str(said["manifest"]),
        reason=str(said["reason"]),
        person=str(said["person"]),
    )


def superseded(run: DayRun, report: str) -> Superseded | None:
    """
    Return the version before, as a statement names it; None for a first version.

    Raises:
        EvidenceError: V1001, V1002 its manifest is missing or altered.
    """
    said = _said(run, report)
    if said is None:
        return None
    manifest = str(said["manifest"])
    before = checkpoint.by_digest(run.world, manifest)
    return Superseded(
        delivery=str(
            DeliveryId(report=report, reference_date=run.date, version=version_of(before))
        ),
        manifest=manifest,
        reason=str(said["reason"]),
        person=str(said["person"]),
        same=same_steps(
            run.world,
            steps_of(run.world, report, manifest),
            {step: p.digest for step, p in run.published.items()},
        ),
    )


def entries_before(run: DayRun, report: str, sent: Digest) -> tuple[Entry, ...]:
    """Return the exceptions that a delivered version named."""
    decided = steps_of(run.world, report, sent)[f"decide:{report}"]
    return list_from_json(Entry, checkpoint.by_digest(run.world, decided).facts["entries"])


def steps_of(store: checkpoint.Store, report: str, sent: Digest) -> dict[str, Digest]:
    """
    Return what a delivered version was made from, by step, as its own manifests name it.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    deliver = dict(checkpoint.by_digest(store, sent).inputs)
    attest = f"attest:{report}"
    made_from = checkpoint.by_digest(store, deliver[attest]).inputs
    return {k: d for k, d in made_from.items() if k != SUPERSEDES} | {attest: deliver[attest]}


def same_steps(
    store: checkpoint.Store, was: Mapping[str, Digest], now: Mapping[str, Digest]
) -> dict[str, bool]:
    """
    Say what is the same in two versions, by the manifests that they were made from.

    Args:
        store: Where these lie.
        was: Step id → digest, of the earlier version.
        now: The same of the later.

    Returns:
        `inputs`: what every source landed; `code`: the program; `rules`: contracts, models,
        checks, controls, policies; `layout`: the report's SQL and its file.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    one = {s: checkpoint.by_digest(store, d) for s, d in was.items() if _is_step(s)}
    two = {s: checkpoint.by_digest(store, d) for s, d in now.items() if _is_step(s)}
    steps = sorted({*one, *two})

    def alike(prefixes: tuple[str, ...], of: Callable[[Manifest], object]) -> bool:
        mine = [s for s in steps if s.startswith(prefixes)]
        return all(s in one and s in two and of(one[s]) == of(two[s]) for s in mine)

    return {
        "inputs": alike(("land:",), _landed),
        "code": {m.code for m in one.values()} == {m.code for m in two.values()},
        "rules": alike(("curate:", "build:", "validate", "reconcile", "decide:"), _ruled),
        "layout": alike(("report:",), _laid_out),
    }


def _is_step(name: str) -> bool:
    kinds = ("land", "curate", "build", "validate", "load", "reconcile", "decide", "report")
    return name.partition(":")[0] in kinds and "/" not in name


def _landed(made: Manifest) -> object:
    return sorted(o.sha256 for o in made.objects if o.role == "data")


def _ruled(made: Manifest) -> object:
    own = {k: d for k, d in made.inputs.items() if not _is_step(k)}
    data = ("stands_in", YESTERDAY)
    return {k: d for k, d in own.items() if not k.startswith(("reports/", *data))}


def _laid_out(made: Manifest) -> object:
    return {k: d for k, d in made.inputs.items() if k.startswith("reports/")}


def _said(run: DayRun, report: str) -> dict[str, object] | None:
    restatement = run.restatements.get(report)
    if restatement is not None:
        return {
            "manifest": restatement.supersedes,
            "reason": restatement.reason,
            "person": restatement.person,
        }
    recorded = run.recorded.get(f"attest:{report}")
    if recorded is not None:
        said = recorded.facts.get(SUPERSEDES)
        return dict(said) if isinstance(said, Mapping) else None
    return None
