"""The product's run of a day, on the simulated machine: supervisor, worker, timeouts, ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from puntual.cli.day import Owed, Shown, carried, one_day
from puntual.cli.land import RUN as LANDING
from puntual.cli.land import _collecting, _Unsaid
from puntual.errors import PuntualError, TransientError
from puntual.local.disk import machine_faults
from puntual.model.delivery import State
from puntual.model.flow import DIED, TIMEOUT
from puntual.planner.flow import flow
from puntual.planner.plan import look, plan
from puntual.planner.worst import worst
from puntual.runner import route
from puntual.runner.execute import Desk, Run
from puntual.runner.flow import Failed
from puntual.runner.published import landed_sources, sent_reports
from puntual.runner.step import Answer, InProcess, Order
from puntual.runner.world import World
from sim.machine import End, Killed, Process
from sim.place import Place

SWEPT = "zombie without its scratch folder"
"""A later run has swept what it had in work."""

ENDS = {State.SENT: "sent", State.ACCEPTED: "sent", State.HELD: "held"}


@dataclass(slots=True)
class Went:
    """
    How a run went.

    Attributes:
        outcome: `sent`, `held`, `failed` (a known fault, after retries), `bug`, `refused`
            (before the first step), `killed`.
        error: The fault's code, or the bug's class.
        cause: In words.
        seconds: How long it took, by the monotonic clock; 0 if it did not begin.
        bound: The worst case of its flow, in seconds.
    """

    outcome: str
    error: str = ""
    cause: str = ""
    seconds: float = 0.0
    bound: float = 0.0


class SimulatedWorker:
    """
    Port `Worker`: does steps until one outlasts its time or dies; then another one goes on.

    As `local.worker` does it with processes: after an attempt that failed, another one opens the
    world anew. What the old one had in memory is gone.
    """

    def __init__(self, place: Place, world: World, process: Process) -> None:
        self._place, self._process = place, process
        self._inner: InProcess | None = InProcess(place.project, world, machine_faults)

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        """
        Do a step within its time; see the port.

        Raises:
            Failed: As the port says.
        """
        self._process.limit = self._place.machine.clock.elapsed + timeout
        try:
            if self._inner is None:
                self._inner = self._begun_again(order)
            return self._inner.do(order, timeout=timeout, begun=begun)
        except Killed:
            how = self._process.end
            if how is None or how is End.KILLED:
                raise
            self._process.end = self._inner = None
            raise _ended(how, order.step) from None
        except Failed as failed:
            self._inner = None
            if isinstance(failed.fault, PuntualError) and failed.fault.code == "T2007":
                self._place.machine.fired[SWEPT] += 1
            raise
        finally:
            self._process.limit = None

    def close(self) -> None:
        """Give up nothing."""

    def _begun_again(self, order: Order) -> InProcess:
        with route.attempt(), machine_faults(order.step):
            world = self._place.world(self._process)
            world.objects.sweep()
        return InProcess(self._place.project, world, machine_faults)


def _ended(how: End, step: str) -> Failed:
    """Return what `local.worker` raises; with its fault, for when the retries are spent."""
    late = how is End.TIMED_OUT
    fault = TransientError("T6001" if late else "T6002", f"{step}: {how}", where=step)
    return Failed(TIMEOUT if late else DIED, how, fault=fault)


def run_day(place: Place, process: Process, day: date, *, only_land: bool = False) -> Went:
    """
    Run a reference date as `puntual run` does, in a process that may be killed.

    Args:
        place: Where.
        process: Which.
        day: The reference date.
        only_land: Land only, as `puntual land` does before the run.
    """
    machine = place.machine
    machine.note(f"{'land' if only_land else 'run'} {day}")
    went = Went("refused")
    try:
        (_land if only_land else _run)(place, process, day, went)
    except Killed:
        went.outcome = "killed"
    except PuntualError as error:
        went.outcome = "failed" if went.bound else "refused"
        went.error, went.cause = error.code, f"{error}; {error.expected}; {error.observed}"
    except Exception as error:  # noqa: BLE001 - what `cli.main` prints and exits 70 with
        went.outcome, went.error, went.cause = "bug", type(error).__name__, repr(error)
    finally:
        process.give_back()
    return went


def _run(place: Place, process: Process, day: date, went: Went) -> None:
    machine = place.machine
    world = place.world(process)
    desk = Desk(journal=world.journal, notices=place.notices(process), clock=machine.clock)
    with world.leases.acquire("run") as lease:
        world.objects.sweep()
        reports = tuple(sorted(place.project.reports))
        # A place without policies sends nothing in part, and is not asked what it has sent.
        sent = sent_reports(world, day) if place.project.policies else {}
        owed = Owed(day=day, reports=reports, landed=landed_sources(world, day), sent=sent)
        worker = SimulatedWorker(place, world, process)
        went.bound = float(worst(flow(place.project, plan(place.project, day))))
        began = machine.clock.elapsed
        try:
            (made,) = one_day(
                place.project,
                owed,
                worker,
                desk=desk,
                epoch=lease.epoch,
                anew=frozenset(),
                shown=Shown(quiet=True),
                approvals=world.approvals,
            )
        finally:
            went.seconds = machine.clock.elapsed - began
        went.outcome = ENDS.get(made.state, made.state.value)


def _land(place: Place, process: Process, day: date, went: Went) -> None:
    world = place.world(process)
    desk = Desk(journal=world.journal, notices=_Unsaid(), clock=place.machine.clock)
    with world.leases.acquire("run") as lease:
        world.objects.sweep()
        _collecting(place.project, desk, day)
        planned = look(place.project, day, tuple(place.project.reports), place.project.sources)
        run = Run(id=f"{LANDING}{day.isoformat()}-{lease.epoch}", epoch=lease.epoch)
        worker = SimulatedWorker(place, world, process)
        went.outcome = "failed"
        carried(place.project, planned, worker, desk, run, Shown(quiet=True))
        went.outcome = "landed"
