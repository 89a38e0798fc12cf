"""
Links to a delivered object, for who has no account: off unless the policy turns them on.

A presigned address is a bearer token that works until it ends and cannot be called back
(`aws.md` P1-P4). So none is made that was not allowed, none lives longer than ten minutes, none
ends sooner than it says, and none is ever part of a message or a representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.credentials import RefreshableCredentials

from puntual.aws.bucket import Bucket
from puntual.aws.faults import translated
from puntual.errors import PermanentError, TransientError

LONGEST = timedelta(minutes=10)
"""The bucket's policy holds it as well (`s3:signatureAge`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """
    A link, and the instant at which it ends.

    The address is kept out of the representation: whatever logs a link logs no access (P4).
    """

    name: str
    ends: datetime
    address: str = field(repr=False)


class Links:
    """
    Makes links to the objects of one bucket.

    Args:
        bucket: The deliveries, reached by a client that signs with these credentials.
        credentials: Of the session that the client is of.
        allowed: Destinations for which the policy turns links on; by default none (P1).
    """

    def __init__(
        self, bucket: Bucket, credentials: Any, *, allowed: frozenset[str] = frozenset()
    ) -> None:
        self._bucket = bucket
        self._credentials = credentials
        self._allowed = allowed

    def to(self, destination: str, name: str, *, lasts: timedelta, now: datetime) -> Link:
        """
        Return a link to an object.

        Args:
            destination: The folder of the report's destination.
            name: The object, below the bucket's prefix.
            lasts: At least a second, at most `LONGEST`.
            now: This instant.

        Raises:
            PermanentError: D1004 the policy allows none there, or it would live too long;
                T5006 there is no such object; T5004-T5008.
            TransientError: D1005 the credentials end sooner than the link would; T5001, T5002.
        """
        if destination not in self._allowed:
            raise _refused(destination, "no links, unless the policy turns them on", "none allowed")
        seconds = int(lasts.total_seconds())
        if not 1 <= seconds <= LONGEST.total_seconds():
            raise _refused(destination, f"from 1 to {LONGEST.total_seconds():.0f} s", f"{lasts}")
        where = self._bucket.where(name)
        if self._bucket.head(name) is None:
            raise _refused(destination, "an object that was delivered", f"nothing at {where}")
        self._outlives(seconds, where)
        with translated(where):
            address = self._bucket.s3.generate_presigned_url(
                "get_object", Params=self._bucket.place(name), ExpiresIn=seconds
            )
        return Link(name=name, ends=now + timedelta(seconds=seconds), address=str(address))

    def _outlives(self, seconds: int, where: str) -> None:
        """See that the credentials live as long as the link, having them renewed if not (P2)."""
        held = self._credentials
        if not isinstance(held, RefreshableCredentials) or not held.refresh_needed(seconds):
            return
        with translated(where):
            held.get_frozen_credentials()
        if held.refresh_needed(seconds):
            raise TransientError(
                "D1005",
                "a link would end sooner than it says: the credentials that sign it do",
                where=where,
                expected=f"credentials for {seconds} s",
                observed="credentials that end before",
                next_step="Ask again when the role's credentials were renewed, or for less time.",
            )


def _refused(destination: str, expected: str, observed: str) -> PermanentError:
    return PermanentError(
        "D1004",
        f"no link is made to what was delivered to {destination}",
        where=destination,
        expected=expected,
        observed=observed,
        next_step="Let the receiver fetch the file by an account of its own, or allow links for "
        "this destination.",
    )
