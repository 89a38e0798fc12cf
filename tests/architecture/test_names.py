"""The kinds of known fault are the names of `ErrorEquals`: every one of them has exactly one."""

from __future__ import annotations

import ast
from pathlib import Path

from puntual import errors
from puntual.model.flow import DIED, TIMEOUT
from puntual.planner.flow import ERROR_NAMES, LAMBDA, RETRIED

SOURCE = Path(__file__).resolve().parents[2] / "src/puntual"


def below(kind: type[errors.PuntualError]) -> list[type[errors.PuntualError]]:
    """Return every class below one, at any depth."""
    return [one for child in kind.__subclasses__() for one in (child, *below(child))]


def test_every_known_fault_has_exactly_one_name() -> None:
    kinds = [kind for kind in below(errors.PuntualError) if kind.__module__ == errors.__name__]
    assert sorted(k.__name__ for k in kinds) == sorted(k.__name__ for k in ERROR_NAMES)
    assert len(set(ERROR_NAMES.values())) == len(ERROR_NAMES)


def test_a_name_is_that_of_its_class_for_so_lambda_reports_it() -> None:
    assert {kind.__name__: kind.__name__ for kind in ERROR_NAMES} == {
        kind.__name__: name for kind, name in ERROR_NAMES.items()
    }


def test_no_known_fault_is_below_another_so_that_its_name_is_clear() -> None:
    kinds = list(ERROR_NAMES)
    assert [k for k in kinds for other in kinds if k is not other and issubclass(k, other)] == []


def test_of_the_known_faults_only_a_transient_one_is_tried_again() -> None:
    assert set(RETRIED) & set(ERROR_NAMES.values()) == {"TransientError"}
    assert set(RETRIED) == {"TransientError", TIMEOUT, DIED, *LAMBDA}


def test_no_other_class_of_the_program_is_a_known_fault() -> None:
    bases = {kind.__name__ for kind in ERROR_NAMES} | {"PuntualError"}
    made = [
        f"{file.relative_to(SOURCE)}:{node.lineno} {node.name}"
        for file in sorted(SOURCE.rglob("*.py"))
        if file != SOURCE / "errors.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and bases & {b.id for b in node.bases if isinstance(b, ast.Name)}
    ]
    assert made == []
