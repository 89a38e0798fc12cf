"""
What is being handed over: it is finished as it was begun, whatever has come since.

A run that dies while it delivers may have given the receiver a file, or may not; nobody can ask.
So what is about to be handed over is on record before the first byte leaves, and the next run
hands over exactly that, and commits it. What came meanwhile is the next version's (design 4.12).
"""

from __future__ import annotations

from collections.abc import Mapping

from puntual.model.manifest import Digest, Manifest
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published
from puntual.runner.restate import version, version_of
from puntual.runner.work import manifest
from puntual.runner.world import DayRun

KIND = "send"
"""Of the step that records it; it is none of a plan."""


def begin(run: DayRun, report: str) -> None:
    """
    Put on record that the attested delivery of a report is handed over from now on; repeatable.

    Raises:
        TransientError: T2002, T2006.
        PermanentError: T2001 the lease was lost; T1001-T1003.
    """
    attest = f"attest:{report}"
    if _begun(run, report) == run.published[attest].digest:
        return
    made = manifest(
        run, f"{KIND}:{report}", dataset=report, inputs={attest: run.published[attest].digest}
    )
    checkpoint.commit(run.world, made, epoch=run.epoch)


def unfinished(run: DayRun, report: str) -> Mapping[str, Published]:
    """
    Return the steps `decide`, `report` and `attest` of what was begun to be sent and is not.

    Returns:
        By step id; empty where nothing is unfinished, and in a replay, which sends nothing.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    attest, deliver = f"attest:{report}", f"deliver:{report}"
    begun = None if run.recorded else _begun(run, report)
    if begun is None:
        return {}
    attested = checkpoint.by_digest(run.world, begun)
    sent = checkpoint.read(run.world, deliver, run.date)
    if sent is not None and version_of(sent.manifest) >= version_of(attested):
        return {}
    found = {attest: Published(digest=begun, manifest=attested)}
    for step in (f"decide:{report}", f"report:{report}"):
        digest = attested.inputs[step]
        found[step] = Published(digest=digest, manifest=_read(run, digest))
    return found


def is_owed(run: DayRun, report: str) -> bool:
    """
    Say whether a report is still to be made or sent in this run.

    What was begun to be sent is only finished, and what was sent stays.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    if unfinished(run, report):
        return False
    sent = checkpoint.read(run.world, f"deliver:{report}", run.date)
    return sent is None or version_of(sent.manifest) < version(run, report)


def _begun(run: DayRun, report: str) -> Digest | None:
    made = checkpoint.read(run.world, f"{KIND}:{report}", run.date)
    return None if made is None else made.manifest.inputs[f"attest:{report}"]


def _read(run: DayRun, digest: Digest) -> Manifest:
    return checkpoint.by_digest(run.world, digest)
