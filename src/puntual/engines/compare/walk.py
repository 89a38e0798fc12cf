"""The rows of one side as they come: counted on the way, and a fault kept as its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from puntual.errors import PuntualError
from puntual.model.difference import Shape, Unread
from puntual.ports.side import Bucket, Encoded, Side


class Walk:
    """
    One walk through the rows of some buckets of a side.

    A fault ends it like its last row would; whoever uses the rows looks at `reason` then.
    """

    def __init__(
        self,
        side: Side,
        shape: Shape,
        buckets: frozenset[int],
        *,
        values: bool,
        native: bool,
        keys: tuple[str, ...] | None = None,
    ) -> None:
        self.reason: Unread | None = None
        self._side = side
        self._asked = (shape, buckets)
        self._values = values
        self._native = native
        self._keys = keys
        self._seen = [0, 0, 0]

    def __iter__(self) -> Iterator[Encoded]:
        """Yield the rows; raises nothing that a side may raise."""
        try:
            for row in self._side.rows(
                *self._asked, values=self._values, keys=self._keys, native=self._native
            ):
                self._seen[0] += 1
                self._seen[1] += row.high
                self._seen[2] += row.low
                yield row
        except PuntualError as exc:
            self.reason = reason_of(self._side.name, exc)

    def settle(self, expected: Iterable[Bucket]) -> Unread | None:
        """
        Return why the walk cannot be trusted; None if it is the rows that were scanned.

        Args:
            expected: The buckets that were walked through, as the scan before gave them.
        """
        if self.reason is None:
            buckets = tuple(expected)
            sums = [sum(getattr(b, f) for b in buckets) for f in ("rows", "high", "low")]
            if sums != self._seen:
                self.reason = unstable(self._side.name, sums[0], self._seen[0])
        return self.reason


def reason_of(side: str, fault: PuntualError) -> Unread:
    """Return a fault as the reason why a side is unknown."""
    return Unread(
        side=side,
        code=fault.code,
        message=fault.message,
        expected=fault.expected,
        observed=fault.observed,
        next_step=fault.next_step,
    )


def unstable(side: str, scanned: int, walked: int) -> Unread:
    """Return the reason of a side whose rows are not those that its scan summed."""
    return Unread(
        side=side,
        code="R6003",
        message=f"{side} changed while it was read",
        expected=f"the rows that were scanned: {scanned:,} in the buckets that differ",
        observed=f"{walked:,} rows, or others",
        next_step="Compare again when nobody writes to it, or compare a snapshot.",
    )
