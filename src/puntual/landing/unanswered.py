"""Seals the day of a source that does not answer: what was landed of it before, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from puntual.errors import PermanentError, PuntualError
from puntual.landing.control import Vouched, read_file
from puntual.landing.desk import Desk, notice
from puntual.landing.seal import Side, count, judge
from puntual.model.contract import Contract
from puntual.model.manifest import ObjectRef
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, Source, StreamSource
from puntual.ports.landing import LandedDay, is_unanswered


def land(
    desk: Desk, source: Source, contract: Contract, day: date, fault: PuntualError
) -> LandedDay:
    """
    Seal a day without asking its source for data; see the port.

    Raises:
        PermanentError: T1001-T1003 the control record cannot be kept; T3001.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    data = _landed_before(desk, source, day)
    vouched = _vouched(desk, source, day)
    sentence = f"the source did not answer: {fault.said}"
    side = Side(
        landed=count(desk, contract, day, data, stream=isinstance(source, StreamSource)),
        came=bool(data),
        unfinished=(sentence,),
    )
    seal, findings = judge(source.name, day, side, vouched, source.control)
    if not data:
        # Whatever its control record says was sent: nothing of it is here, and none can be had.
        seal = replace(seal, status=SealStatus.ABSENT, differences=(sentence,))
        findings = vouched.findings
    silent = notice(
        fault.code,
        source.name,
        f"{source.name} did not answer, and the time to wait for it is over: {fault.said}",
        expected=fault.expected,
        observed=fault.observed,
    )
    return LandedDay(objects=(*data, *vouched.objects), seal=seal, findings=(*findings, silent))


def _landed_before(desk: Desk, source: Source, day: date) -> tuple[ObjectRef, ...]:
    """Return the records of a stream's day that were read before; other sources land at once."""
    if not isinstance(source, StreamSource):
        return ()
    _, raw = desk.manifest(f"raw:{source.name}/{day.isoformat()}")
    return raw.objects if raw else ()


def _vouched(desk: Desk, source: Source, day: date) -> Vouched:
    """Read the source's control file, unless that may not be read either."""
    if not isinstance(source.control, ControlFile):
        return Vouched()
    try:
        return read_file(desk, source.name, day, source.control)
    except PermanentError as exc:
        if not is_unanswered(exc):
            raise
        return Vouched()
