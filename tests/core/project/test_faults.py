"""What the libraries below raise becomes a complaint of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.project.base import FILES, edited, shown

from puntual.errors import ProjectError
from puntual.project import odcs
from puntual.project.complaints import Complaints
from puntual.project.files import SourceFile
from puntual.project.patterns import is_encoding, pattern_error, placeholder_errors, sum_columns
from puntual.project.yaml import load


def test_a_text_whose_braces_do_not_close_is_no_pattern() -> None:
    assert placeholder_errors("{report", frozenset({"report"})) == (
        "'{report' is no pattern: expected '}' before end of string",
    )
    assert sum_columns("{sum:balance} {") == ()


@pytest.mark.row("h12")
@pytest.mark.parametrize("pattern", ["(", "[z-a]", "a{99999999999}", "[[a]]", "*"])
def test_a_pattern_that_cannot_be_read_says_why(pattern: str) -> None:
    assert pattern_error(pattern)


@pytest.mark.parametrize("name", ["no-such", "utf-8\0", "", "hex"])
def test_what_is_no_text_encoding_is_none(name: str) -> None:
    assert not is_encoding(name)


def test_an_escape_that_names_no_character_is_no_yaml() -> None:
    complaints = Complaints()
    text = 'name: "\\U00ffffff"\n'
    assert load(SourceFile(path="x.yaml", text=text, lines=(text,)), complaints) is None
    assert [c.code for c in complaints.found] == ["C1003"]


def test_an_expression_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    old = "row: balance >= 0"
    assert old in FILES["checks/rules.yaml"]
    many = " UNION ALL ".join(["SELECT 1 FROM credits"] * 3000)
    deep = f"row: balance IN ({many})"
    assert "C1201" in shown(edited(tmp_path, "checks/rules.yaml", old, deep))


def test_a_machine_without_the_standards_schema_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(odcs, "PACKAGE", "a-package-that-is-not-there")
    with pytest.raises(ProjectError, match="C1120") as caught:
        odcs._schema_text()
    assert "pip install" in caught.value.next_step
