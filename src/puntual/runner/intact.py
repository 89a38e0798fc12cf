"""
Whether what a step committed is still there, byte for byte.

What was derived and is damaged does not count as committed: the step is done again, from raw,
and its objects take the place of the damaged ones (`failures.md` 5, row 7). What was landed
cannot be made again: that stops the run before a delivery is attested or leaves. What the run
has itself landed or read is known to be right; what one before landed is read through once.
"""

from __future__ import annotations

from collections.abc import Mapping

from puntual.errors import EvidenceError
from puntual.model.manifest import Digest
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published
from puntual.runner.world import DayRun


def committed(run: DayRun, step: str) -> Published | None:
    """
    Return what a step after landing has committed for the day, every object having been read.

    Returns:
        None if nothing, or if the manifest or one of its objects is missing or altered; then
        `run.damaged` says which.

    Raises:
        TransientError: T2002.
        PermanentError: T1002, T1003, T2004.
    """
    try:
        found = checkpoint.read(run.world, step, run.date)
        for ref in found.manifest.objects if found else ():
            run.world.objects.locate(ref)
    except EvidenceError as exc:
        run.damaged[step] = exc
        return None
    return found


def require_landed(run: DayRun, inputs: Mapping[str, Digest]) -> None:
    """
    Refuse to go on with a delivery if what was landed for it is not there as it was landed.

    Args:
        run: The day.
        inputs: Of its `attest` step: the day's land manifests as its statement names them, which
            are not those of now where it was begun to be sent before something came late.

    Raises:
        EvidenceError: V1001, V1002 an object or manifest is missing or altered.
    """
    for step, digest in inputs.items():
        if step.startswith("land:"):
            for ref in checkpoint.by_digest(run.world, digest).objects:
                run.world.objects.confirm(ref)


def sentence(run: DayRun, step: str) -> str:
    """Return what is added to a step's summary where it was damaged before; "" elsewhere."""
    fault = run.damaged.get(step)
    if fault is None:
        return ""
    seen = f"expected {fault.expected}, found {fault.observed}"
    return f" (made again: {fault.code} {fault.where}, {seen})"
