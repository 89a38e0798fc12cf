"""What the embedded stream says when it cannot: each fault with its code and its repair."""

from __future__ import annotations

from datetime import timedelta

from puntual.errors import PermanentError, ProjectError


def beyond(where: str, last: str, after: str) -> PermanentError:
    """Return the fault of a position that the shard does not have."""
    return PermanentError(
        "S1109",
        f"{where} has no such position",
        where=where,
        expected=f"a sequence number up to {last}",
        observed=after[:40],
        next_step="The stream file was made anew or restored from an older copy; restore "
        "the newer one, or land under another source.",
    )


def unknown(where: str) -> PermanentError:
    """Return the fault of a stream or shard that does not exist."""
    return PermanentError(
        "S1101",
        f"no stream {where}",
        where=where,
        expected="a stream that was created",
        observed="none of that name",
        next_step="puntual stream create --stream NAME",
    )


def gone(where: str, first: str, last: str, count: int) -> PermanentError:
    """Return the fault of records that retention removed before they were read."""
    return PermanentError(
        "S1103",
        f"{where}: {count} records were removed by retention before they were read",
        where=where,
        expected=f"the record {first}",
        observed=f"{first}..{last} are gone",
        next_step="Have the source send them again, and land more often than the stream keeps.",
    )


def other_shape(stream: str, shards: int, retention: int) -> PermanentError:
    """Return the fault of a stream that exists otherwise; `retention` in microseconds."""
    days = timedelta(microseconds=retention).days
    return PermanentError(
        "S1105",
        f"the stream {stream} exists with another shape",
        where=stream,
        expected="the shards and the retention that were asked for",
        observed=f"{shards} shards, {days} days",
        next_step="Use it as it is, or choose another name.",
    )


def impossible(stream: str, shards: int, days: int) -> ProjectError:
    """Return the fault of a call that asks for a stream that cannot be."""
    return ProjectError(
        "S1108",
        "no such stream can be made",
        where=stream[:128],
        expected="a name of letters, digits, _ . -; 1 to 4096 shards; 1 to 365 days",
        observed=f"{shards} shards, {days} days",
        next_step="Correct the call.",
    )
