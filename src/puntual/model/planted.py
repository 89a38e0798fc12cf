"""
Known faults, planted in a copy of a few rows, and which comparison sees them.

The rows are a copy that nobody keeps; only measures leave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """
    What is planted, one at a time, in one row or two.

    Each is an error that a well-known comparison reported as success (`traps.md` 1 and 2):
    `DOUBLED_ROW` is lost in a join, `CHANGED_CENT` in a float, `FLIPPED_SIGN` in a sum of
    absolute amounts, `SWAPPED_PAIR` in any sum, `NULL_FOR_EMPTY` in a digest without null.
    """

    LOST_ROW = "lost_row"
    DOUBLED_ROW = "doubled_row"
    CHANGED_CENT = "changed_cent"
    FLIPPED_SIGN = "flipped_sign"
    SWAPPED_PAIR = "swapped_pair"
    NULL_FOR_EMPTY = "null_for_empty"

    @property
    def words(self) -> str:
        """The fault as people say it."""
        return _WORDS[self]


_WORDS = {
    Fault.LOST_ROW: "a lost row",
    Fault.DOUBLED_ROW: "a doubled row",
    Fault.CHANGED_CENT: "a changed cent",
    Fault.FLIPPED_SIGN: "a flipped sign",
    Fault.SWAPPED_PAIR: "a swapped pair",
    Fault.NULL_FOR_EMPTY: "a null for an empty text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """
    What became of one fault, planted in the rows of one source's way.

    Attributes:
        dataset: The source, or a model that carries no source's rows.
        fault: What was planted.
        columns: Where, by dataset; empty where the fault cannot stand in any row.
        seen_by: Hops (`movements: curated → warehouse`) and controls that see it, sorted.
        blind: Those that look at the dataset and do not see it, sorted.
    """

    dataset: str
    fault: Fault
    columns: Mapping[str, str] = field(default_factory=dict)
    seen_by: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether the fault could be planted at all; else it was neither seen nor missed."""
        return bool(self.seen_by or self.blind)


BASE, EMPTY = "", "empty"
"""
Variants without a fault: the rows as they are, and with one text made empty.

`EMPTY` is what `Fault.NULL_FOR_EMPTY` is compared with, every other fault with `BASE`.
"""

Groups = Mapping[tuple[object, ...], tuple[object, ...]]
"""Values of the grain's columns → values of the measures."""

PLANTED = "planted_fault"
"""Column of planted rows that names their variant; a look's first column where it has it."""


def variants_of(sample: str) -> str:
    """Return the name under which the rows of every variant of a sample stand together."""
    return f"planted_of_{sample}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    A dataset, in whose first rows faults are planted.

    Attributes:
        name: Tells it from another sample of the same dataset, with another amount.
        dataset: Its name; a person's SQL finds the planted rows under it, with their
            `reference_date`.
        file: Where its first rows lie; "" where there is none.
        columns: Column → type in DuckDB's words.
        money: Candidates for the column whose number is changed, best first; the first with a
            row that is not zero is taken.
        text: Candidates for the column whose text is made empty, best first.
    """

    name: str
    dataset: str
    file: str
    columns: Mapping[str, str]
    money: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What a side of a comparison measures of planted rows.

    Attributes:
        id: Tells it from the others.
        sample: Whose rows are planted.
        sql: A SELECT in DuckDB's dialect; "" where digests are all.
        by: How many of its columns are the grain's, after `PLANTED`.
        skip: How many of the columns after those are no measures; the others are.
        whole: It reads `variants_of` the sample, every variant at once, and its first column is
            `PLANTED`; else it reads the dataset by its name and is asked once for each variant,
            as a person's SQL must be.
        digests: Columns of key digests, made by the engine's own hash, each one measure more.
        encoded: Columns of digests of the canonical encoding, each one measure more, last.
    """

    id: int
    sample: str
    sql: str = ""
    by: int = 0
    skip: int = 0
    whole: bool = False
    digests: tuple[tuple[str, ...], ...] = ()
    encoded: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """
    What was planted, and what each look measured.

    Attributes:
        columns: Sample → fault → the column it stands in (`rows` where it is a whole row);
            a fault that no row of the sample can have is not there.
        measured: Look → variant (`BASE`, `EMPTY`, or a fault) → what it measured.
    """

    columns: Mapping[str, Mapping[Fault, str]]
    measured: Mapping[int, Mapping[str, Groups]]
