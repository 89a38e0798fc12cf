"""
Port `Leases` on S3: who holds a lease, and its epoch, in one object that is replaced if unchanged.

The object keeps two runs from working at once; what protects is the epoch, which every grant
writes into the commit log (`failures.md` 2): a holder that was taken for dead is refused there.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from urllib.parse import quote

from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.commits import S3Index
from puntual.aws.executions import has_ended
from puntual.errors import PuntualError, TransientError
from puntual.evidence import canonical
from puntual.evidence.facts import from_json, to_json
from puntual.ports.clock import Clock
from puntual.runner.clock import SystemClock

RUN = "run"
"""Name of the lease that a run holds, here as on a laptop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    Who holds a lease.

    Attributes:
        epoch: Of the grant.
        holder: An execution's ARN, or a process by its number and machine.
        since: When it was granted.
        until: After this instant anybody may take it.
        token: Tells this grant's record from every other.
        held: False once it was given back.
    """

    epoch: int
    holder: str
    since: datetime
    until: datetime
    token: str
    held: bool


class S3Leases:
    """
    Leases as objects below a prefix.

    Args:
        bucket: Where they lie.
        index: The commit log, into which grants are written.
        clock: Says what time it is; the machines' clocks must agree within `lasts`.
        holder: Who takes leases here.
        lasts: For how long one is granted; longer than the work under it may take.
        dead: Says whether a holder is known to be dead; by default of none.
    """

    def __init__(
        self,
        bucket: Bucket,
        index: S3Index,
        clock: Clock,
        *,
        holder: str,
        lasts: timedelta,
        dead: Callable[[str], bool] = lambda holder: False,
    ) -> None:
        self._bucket = bucket
        self._index = index
        self._clock = clock
        self._holder = holder
        self._lasts = lasts
        self._dead = dead

    def acquire(self, name: str) -> S3Lease:
        """
        Take the lease, with an epoch higher than all before.

        It may be taken when it was given back, when its time is over, or when its holder is
        known to be dead.

        Raises:
            TransientError: T2003 another holder has it; T5001 it may have been taken, and ends
                by itself; T5002, T5003.
            PermanentError: T5004-T5008.
            EvidenceError: V1003 the log is not what was recorded.
        """
        before, etag = self._read(name)
        now = self._clock.now()
        if before is not None and self._in_force(before, now):
            raise _taken(name, before)
        last = 0 if before is None else before.epoch
        mine = Held(
            epoch=max(last, self._index.now().leases.get(name, 0)) + 1,
            holder=self._holder,
            since=now,
            until=now + self._lasts,
            token=uuid.uuid4().hex,
            held=True,
        )
        if self._bucket.replace(_key(name), _encode(mine), etag) is None:
            raise _taken(name, self.holder(name))
        try:
            self._grant(name, mine)
        except PuntualError:
            with contextlib.suppress(PuntualError):
                self.release(name, mine.epoch)
            raise
        return S3Lease(self, name, mine.epoch)

    def holder(self, name: str) -> Held | None:
        """
        Return who holds a lease as far as its record says; None if nobody.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        found, _ = self._read(name)
        return found if found is not None and found.held else None

    def renew(self, name: str, epoch: int) -> bool:
        """
        Hold a lease for as long again, from now.

        Returns:
            False if it is held no more under this epoch: the work under it must stop.

        Raises:
            TransientError: T5001 it may have been renewed; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        found, etag = self._read(name)
        if found is None or not found.held or found.epoch != epoch:
            return False
        until = self._clock.now() + self._lasts
        longer = replace(found, until=until, token=uuid.uuid4().hex)
        return self._bucket.replace(_key(name), _encode(longer), etag) is not None

    def release(self, name: str, epoch: int) -> None:
        """
        Give a lease back if it is still of this epoch.

        Raises:
            TransientError: T5001 it may have been given back; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        self._give_back(name, lambda found: found.epoch == epoch)

    def revoke(self, name: str) -> None:
        """
        Give back a lease whatever its epoch: for an operator who knows that its holder is gone.

        A holder that lives after all is refused at the pointer: its epoch is lower.

        Raises:
            TransientError: T5001 it may have been given back; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        self._give_back(name, lambda found: True)

    def _in_force(self, found: Held, now: datetime) -> bool:
        return found.held and found.until > now and not self._dead(found.holder)

    def _give_back(self, name: str, mine: Callable[[Held], bool]) -> None:
        while True:
            found, etag = self._read(name)
            if found is None or not found.held or not mine(found):
                return
            back = replace(found, held=False, token=uuid.uuid4().hex)
            if self._bucket.replace(_key(name), _encode(back), etag) is not None:
                return

    def _grant(self, name: str, mine: Held) -> None:
        while True:
            if self._index.now().leases.get(name, 0) >= mine.epoch:
                raise _taken(name, self.holder(name))
            if self._index.append(epoch=mine.epoch, lease=name):
                return

    def _read(self, name: str) -> tuple[Held | None, str]:
        found = self._bucket.read(_key(name))
        if found is None:
            return None, ""
        return from_json(Held, canonical.decode(found.data)), found.etag


class S3Lease:
    """A lease that is held; given back on leaving the `with` block."""

    def __init__(self, leases: S3Leases, name: str, epoch: int) -> None:
        self._leases = leases
        self._name = name
        self.epoch = epoch

    def __enter__(self) -> S3Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leases.release(self._name, self.epoch)


def leases_of(state: Bucket, index: S3Index, *, holder: str, lasts: timedelta) -> S3Leases:
    """
    Return the leases of a project, in which an execution that has ended is known to be dead.

    Args:
        state: The folder of the project's state.
        index: Its commit log.
        holder: Who takes leases.
        lasts: For how long one is granted.
    """
    return S3Leases(
        state.below("leases"),
        index,
        SystemClock(),
        holder=holder,
        lasts=lasts,
        dead=lambda other: has_ended(client("stepfunctions"), other),
    )


def _key(name: str) -> str:
    return f"{quote(name, safe='')}.json"


def _encode(held: Held) -> bytes:
    return canonical.encode(to_json(held))


def _taken(name: str, other: Held | None) -> TransientError:
    who = "another run" if other is None else other.holder
    since = f" since {other.since.isoformat()}" if other is not None else ""
    return TransientError(
        "T2003",
        f"{name} is already running: {who}{since}",
        where=name,
        expected="no other run",
        observed=f"{who}{since}",
        next_step="Wait for it to end. If it is gone for good, its lease ends by itself, or can be "
        "released by hand: `puntual doctor --release-lease run`.",
    )
