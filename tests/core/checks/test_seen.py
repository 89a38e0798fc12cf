"""What "all seen" does not promise: what only the load shows passes where it is made before."""

from __future__ import annotations

from puntual.checks.seen import unseen_before_loading
from puntual.model.planted import Fault, PlantedFault

LOAD = "movements: curated → warehouse"


def planted(fault: Fault, *seen_by: str, dataset: str = "payments") -> PlantedFault:
    return PlantedFault(dataset=dataset, fault=fault, seen_by=seen_by, blind=("totals_tie",))


def test_a_kind_that_only_loads_see_is_named_with_its_datasets() -> None:
    found = (
        planted(Fault.SWAPPED_PAIR, LOAD),
        planted(Fault.SWAPPED_PAIR, "credits: curated → warehouse", dataset="credits"),
    )
    words = Fault.SWAPPED_PAIR.words
    assert unseen_before_loading(found) == (
        f"seen from the load on, and not where it is made before: {words} (payments, credits)",
    )


def test_a_kind_that_a_models_hop_sees_is_said_to_be_unseen_in_curation() -> None:
    model = "movements: curated payments → curated"
    words = Fault.SWAPPED_PAIR.words
    assert unseen_before_loading((planted(Fault.SWAPPED_PAIR, model, LOAD),)) == (
        f"seen from the models on, and not where it is made before: {words} (payments)",
    )


def test_a_fault_that_an_earlier_hop_or_a_control_sees_as_well_is_not_named() -> None:
    found = (
        planted(Fault.CHANGED_CENT, "payments: source → raw", LOAD),
        planted(Fault.LOST_ROW, "a_control", LOAD),
    )
    assert unseen_before_loading(found) == ()


def test_a_fault_that_nobody_sees_is_a_finding_already_and_not_named_here() -> None:
    assert unseen_before_loading((planted(Fault.FLIPPED_SIGN),)) == ()
