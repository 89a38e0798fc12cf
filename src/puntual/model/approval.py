"""Somebody's agreement, bound to the bytes that were agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from puntual.model.manifest import Digest


class Subject(StrEnum):
    """What is agreed to."""

    POLICY = "policy"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """
    One person's agreement to one sequence of bytes; void for any other.

    Attributes:
        subject: A policy's file, or the statement of a delivery.
        name: Which: the policy's name, or the delivery's id.
        digest: SHA-256 of the bytes.
        person: Who.
        role: In which role.
        at: When, UTC.
        identity: How it is known who it was; `declared` is the person's own word.
    """

    subject: Subject
    name: str
    digest: Digest
    person: str
    role: str
    at: datetime
    identity: str = "declared"
