"""
Reads `controls/*.yaml`: reconciliations, each in one of the forms in which they are declared.

Every form ends in the same algebra: two sides, a grain, measures, what may explain a difference.
"""

from __future__ import annotations

from puntual.model.check import OnFail, Severity
from puntual.model.control import ControlKind, ControlRule, Form
from puntual.project.around import Known
from puntual.project.forms import Declared, read_form
from puntual.project.section import IDENTIFIER, Section, check_name
from puntual.project.vacuous import check_can_fail

FORMS = ("left", *(f.value for f in Form if f is not Form.SIDES))


def read_control(section: Section, known: Known) -> ControlRule | None:
    """
    Read one control.

    Args:
        section: Where it stands.
        known: What it may name.

    Returns:
        None when there is nothing to compare.
    """
    name = section.text("id")
    if name:
        check_name(section, name, section.spot("id"), pattern=IDENTIFIER)
    kind = section.choice("kind", ControlKind) or ControlKind.BUSINESS
    declared = read_declared(section, known, name)
    if declared is None:
        return None
    on_fail = read_on_fail(section, "on_fail")
    severity = section.choice("severity", Severity, Severity.ERROR) or Severity.ERROR
    basis, description = section.text("basis", ""), section.text("description", "")
    may_be_empty = section.boolean("may_be_empty", False)
    section.done()
    return rule_of(
        declared,
        name=name,
        kind=kind,
        severity=severity,
        on_fail=on_fail,
        basis=basis,
        description=description,
        may_be_empty=may_be_empty,
    )


def read_on_fail(section: Section, key: str) -> OnFail:
    """Read what happens when a control fails; complain of what it has no rows for."""
    on_fail = section.choice(key, OnFail, OnFail.HOLD) or OnFail.HOLD
    if on_fail is OnFail.QUARANTINE:
        message = "a control has no rows to quarantine"
        section.complain("C1302", message, key, hint="continue, flag or hold")
    return on_fail


def read_declared(section: Section, known: Known, name: str) -> Declared | None:
    """Read what a control compares; complain unless it is declared in exactly one form."""
    given = [f for f in FORMS if section.mapping.entry(f) is not None]
    if "left" not in given and section.mapping.entry("right") is not None:
        given.append("left")
    if len(given) != 1:
        if not section.broken:
            found = ", ".join(given) or "none"
            message = f"control '{name}' needs exactly one form, and has {found}"
            hint = "forms: left and right, equal, refers, roll_forward, tie"
            section.complain("C1301", message, hint=hint)
        return None
    form = Form.SIDES if given[0] == "left" else Form(given[0])
    declared = read_form(section, form, known)
    if declared is not None:
        spot = section.key_spot("right" if form is Form.SIDES else form.value)
        check_can_fail(section, declared.left, declared.right, spot)
    return declared


def rule_of(
    declared: Declared,
    *,
    name: str,
    kind: ControlKind,
    severity: Severity = Severity.ERROR,
    on_fail: OnFail = OnFail.HOLD,
    basis: str = "",
    description: str = "",
    may_be_empty: bool = False,
) -> ControlRule:
    """Return the control that compares what was declared."""
    return ControlRule(
        id=name,
        kind=kind,
        left=declared.left,
        right=declared.right,
        measures=declared.measures,
        by=declared.by,
        explained_by=declared.explained_by,
        form=declared.form,
        may_be_empty=may_be_empty,
        absent_is_zero=declared.absent_is_zero,
        calendar=declared.calendar,
        first_day=declared.first_day,
        severity=severity,
        on_fail=on_fail,
        basis=basis,
        description=description,
    )
