"""Reads `controls/*.yaml`: reconciliations, two numbers of the warehouse that must agree."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.model.check import OnFail, Severity
from puntual.model.control import ControlKind, ControlRule
from puntual.project.projections import Columns
from puntual.project.scalars import read_scalar
from puntual.project.section import IDENTIFIER, Section, check_name


def read_control(section: Section, tables: Mapping[str, Columns | None]) -> ControlRule:
    """
    Read one control.

    Args:
        section: Where it stands.
        tables: The warehouse's tables with their columns.
    """
    name = section.text("id")
    if name:
        check_name(section, name, section.spot("id"), pattern=IDENTIFIER)
    tolerance = section.amount("tolerance", "0")
    if tolerance < 0:
        section.complain("C1011", "a tolerance cannot be negative", "tolerance")
    on_fail = section.choice("on_fail", OnFail, OnFail.HOLD) or OnFail.HOLD
    if on_fail is OnFail.QUARANTINE:
        message = "a control has no rows to quarantine"
        section.complain("C1302", message, "on_fail", hint="continue, flag or hold")
    control = ControlRule(
        id=name,
        kind=section.choice("kind", ControlKind) or ControlKind.BUSINESS,
        left=read_scalar(section, "left", tables, what="warehouse table"),
        right=read_scalar(section, "right", tables, what="warehouse table"),
        tolerance=tolerance,
        unit=section.text("unit", ""),
        severity=section.choice("severity", Severity, Severity.ERROR) or Severity.ERROR,
        on_fail=on_fail,
        basis=section.text("basis", ""),
        description=section.text("description", ""),
    )
    section.done()
    return control
