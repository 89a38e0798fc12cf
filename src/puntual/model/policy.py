"""What may be delivered when something is missing, approved beforehand (design 4.13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from puntual.model.manifest import Digest

Roles = Mapping[str, tuple[str, ...]]
"""Role → the names of the people who hold it, as `puntual.yaml` declares them."""


class Gap(StrEnum):
    """What may be the matter with a source for a clause to apply."""

    ABSENT = "absent"
    SHORT = "short"
    UNVERIFIED = "unverified"
    QUARANTINED = "quarantined"


class Substitute(StrEnum):
    """What stands in for what is missing."""

    OMIT = "omit"
    LAST_KNOWN = "last_known"
    PLAN_B = "plan_b"


class Sending(StrEnum):
    """Whether a partial delivery leaves by itself or waits for signatures."""

    AUTOMATIC = "automatic"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How much may be missing under a clause; None: not limited by this.

    Attributes:
        rows: Rows at most.
        share: Of the source's money at most, in percent, exact.
        age: Days at most between the reference date and the day that stands in.
    """

    rows: int | None = None
    share: Decimal | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """
    One case in which less may be delivered.

    Attributes:
        id: Unique in its policy, `^[a-z][a-z0-9_]*$`.
        source: The source it is about; "" if it is about a check or a technical fault.
        check: The check or control it is about; "" otherwise.
        fault: It is about the full report that could not be made or proven.
        gaps: What may be the matter with the source.
        limits: How much.
        substitute: What stands in.
        flag: What the report file says where its layout has room (`{flags}`).
        covers: Checks and controls that cannot hold while the source is missing.
        owner: Who repairs it.
        repair_hours: When it is expected to be repaired, in hours after the due instant.
    """

    id: str
    source: str = ""
    check: str = ""
    fault: bool = False
    gaps: tuple[Gap, ...] = ()
    limits: Limits = field(default_factory=Limits)
    substitute: Substitute = Substitute.OMIT
    flag: str = ""
    covers: tuple[str, ...] = ()
    owner: str = ""
    repair_hours: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """
    Whose agreement is needed.

    Attributes:
        roles: Each must be held by somebody who signed.
        people: How many different people at least.
    """

    roles: tuple[str, ...]
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The regulator's written acceptance: its reference, and from when until when it holds."""

    reference: str
    accepted_on: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """
    What every delivery must hold, whatever is missing.

    Attributes:
        sources: Each must be there, sealed and matched.
        rows: Rows of the report at least.
    """

    sources: tuple[str, ...] = ()
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    What was laid down for a report and a period; it counts once it is approved.

    Attributes:
        name: The file's name without its ending.
        file: Relative to the project.
        report: Which report.
        author: Who wrote it; may not approve it.
        valid_from: First due day on which it holds.
        valid_until: Last one.
        approval: Who approves the policy.
        sending: How a delivery under it leaves.
        signing: Who signs such a delivery; None where it leaves by itself.
        acceptance: What the regulator accepted; None if nothing.
        minimum: What must be there in any case.
        clauses: The cases, by id.
        digest: SHA-256 of the file: what an approval is bound to.
    """

    name: str
    file: str
    report: str
    author: str
    valid_from: date
    valid_until: date
    approval: Signatures
    sending: Sending
    signing: Signatures | None
    acceptance: Acceptance | None
    minimum: Minimum
    clauses: tuple[Clause, ...]
    digest: Digest

    def holds_on(self, day: date) -> bool:
        """Say whether its validity, and that of the acceptance it needs, covers a due day."""
        return self.first_day <= day <= self.last_day

    @property
    def needed_acceptance(self) -> Acceptance | None:
        """The acceptance without which it does not hold; None where it needs none."""
        return self.acceptance if self.sending is Sending.AUTOMATIC else None

    @property
    def first_day(self) -> date:
        """The first due day on which it holds: nobody delivers on what is accepted later."""
        if self.needed_acceptance is not None:
            return max(self.valid_from, self.needed_acceptance.accepted_on)
        return self.valid_from

    @property
    def last_day(self) -> date:
        """The last due day on which it holds."""
        if self.needed_acceptance is not None:
            return min(self.valid_until, self.needed_acceptance.valid_until)
        return self.valid_until

    def clause(self, name: str) -> Clause | None:
        """Return a clause by its id."""
        return next((c for c in self.clauses if c.id == name), None)
