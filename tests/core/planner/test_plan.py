"""A plan holds every step, after everything it reads."""

from __future__ import annotations

from datetime import date

import pytest

from puntual.errors import ProjectError
from puntual.model.project import Project
from puntual.planner.explain import describe
from puntual.planner.keys import step_key
from puntual.planner.plan import look, plan

DAY = date(2026, 11, 20)


def test_the_steps_stand_in_the_order_of_the_day(project: Project) -> None:
    assert [s.id for s in plan(project, DAY).steps] == [
        "land:events",
        "curate:events",
        "build:movements",
        "validate",
        "load:movements",
        "reconcile",
        "decide:credit_daily",
        "report:credit_daily",
        "attest:credit_daily",
        "deliver:credit_daily",
    ]


def test_every_step_stands_after_what_it_needs(project: Project) -> None:
    made = plan(project, DAY)
    seen: set[str] = set()
    for step in made.steps:
        assert set(made.needs[step.id]) <= seen
        seen.add(step.id)


def test_a_step_needs_exactly_what_it_reads(project: Project) -> None:
    needs = plan(project, DAY).needs
    assert needs["build:movements"] == ("curate:events",)
    assert needs["load:movements"] == ("build:movements", "validate")
    assert needs["validate"] == ("curate:events", "build:movements")
    assert set(needs["reconcile"]) == {
        "land:events",
        "curate:events",
        "build:movements",
        "validate",
        "load:movements",
    }
    assert {"land:events", "validate", "reconcile"} <= set(needs["decide:credit_daily"])
    assert needs["report:credit_daily"] == ("load:movements", "decide:credit_daily")
    assert needs["deliver:credit_daily"] == ("report:credit_daily", "attest:credit_daily")


def test_a_look_at_a_delivered_day_holds_the_landing_of_what_was_landed_and_no_more(
    project: Project,
) -> None:
    seen = look(project, DAY, ("credit_daily",), ("events", "gone"))
    assert [s.id for s in seen.steps] == ["land:events"]
    assert seen.needs == {"land:events": ()}
    assert look(project, DAY, ("credit_daily",), ()).steps == ()


def test_a_report_that_does_not_exist_is_the_callers_fault(project: Project) -> None:
    with pytest.raises(ProjectError, match="P1002"):
        plan(project, DAY, ["credits"])


def test_every_step_is_explained_in_one_sentence(project: Project) -> None:
    made = plan(project, DAY)
    told = {step.id: describe(step, project) for step in made.steps}
    assert all(text.endswith(".") and "\n" not in text for text in told.values())
    assert told["land:events"] == (
        "Keep the day's records of the stream s unchanged and seal it against the control record"
        " c.json."
    )
    assert told["validate"] == "Measure and judge 1 check on the curated day."


def test_a_key_changes_with_everything_it_is_made_of() -> None:
    base = step_key("curate:a", DAY, {"land:a": "1"}, "c")
    others = {
        step_key("curate:b", DAY, {"land:a": "1"}, "c"),
        step_key("curate:a", date(2026, 11, 21), {"land:a": "1"}, "c"),
        step_key("curate:a", DAY, {"land:a": "2"}, "c"),
        step_key("curate:a", DAY, {"land:b": "1"}, "c"),
        step_key("curate:a", DAY, {}, "c"),
        step_key("curate:a", DAY, {"land:a": "1"}, "d"),
        step_key("curate:a", DAY, {"land:a1": ""}, "c"),
    }
    assert len(others) == 7
    assert base not in others


def test_a_key_does_not_depend_on_the_order_of_its_inputs() -> None:
    assert step_key("s", DAY, {"a": "1", "ñ": "2"}, "c") == step_key(
        "s", DAY, {"ñ": "2", "a": "1"}, "c"
    )
