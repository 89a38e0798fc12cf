"""A plan: a list of typed steps, executed, explained and (later) compiled (design 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """Make one source's day immutable, and seal it."""

    source: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"land:{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curate:
    """Parse one source's raw day by its contract."""

    dataset: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"curate:{self.dataset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Make one model's day from curated datasets."""

    model: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"build:{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Measure and judge every check."""

    @property
    def id(self) -> str:
        """The step's id."""
        return "validate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Replace the day's rows of one warehouse table, in one transaction."""

    table: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"load:{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Compare every hop and every control."""

    @property
    def id(self) -> str:
        """The step's id."""
        return "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Full, or hold: by findings, seals and limits."""

    report: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"decide:{self.report}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReport:
    """Query, lay out, read back, tie to the warehouse."""

    report: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"report:{self.report}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attest:
    """Manifest and statement of everything the report came from."""

    report: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"attest:{self.report}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Hand the report and its evidence to its destinations."""

    report: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"deliver:{self.report}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearse:
    """Make plan B beside a full report that was sent, and compare the two (design 4.14)."""

    report: str

    @property
    def id(self) -> str:
        """The step's id."""
        return f"rehearse:{self.report}"


Step = (
    Land
    | Curate
    | Build
    | Validate
    | Load
    | Reconcile
    | Decide
    | MakeReport
    | Attest
    | Deliver
    | Rehearse
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The steps of one reference date, in an order in which each finds its inputs.

    Attributes:
        reference_date: The day.
        reports: The reports that it delivers, sorted.
        steps: In order.
        needs: Step id → ids of the steps whose output it reads.
        without_warehouse: From landing straight to the decision: the full report could not be
            made, and plan B is what is left.
    """

    reference_date: date
    reports: tuple[str, ...]
    steps: tuple[Step, ...]
    needs: dict[str, tuple[str, ...]]
    without_warehouse: bool = False
