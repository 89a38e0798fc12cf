"""Every message code is in the catalogue, and every entry of the catalogue is said somewhere."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from architecture import rules

from puntual.model.codes import CODES

SOURCE = Path(__file__).resolve().parents[2] / "src/puntual"


@cache
def used() -> dict[str, str]:
    """Return the codes that the source says, with a file that does."""
    return {
        code: file.relative_to(SOURCE).as_posix()
        for file in sorted(SOURCE.rglob("*.py"))
        if file != SOURCE / "model/codes.py"
        for code in rules.codes_in(rules.parse(file.name, file.read_text(encoding="utf-8")))
    }


def test_every_code_that_is_said_can_be_explained() -> None:
    assert {code: file for code, file in used().items() if code not in CODES} == {}


def test_every_code_of_the_catalogue_is_said() -> None:
    assert sorted(set(CODES) - set(used())) == []


def test_a_code_says_what_it_means_and_how_to_repair_it() -> None:
    silent = [c.code for c in CODES.values() if not (c.title and c.meaning and c.repair)]
    assert silent == []


def test_no_code_stands_twice_in_the_catalogue() -> None:
    text = (SOURCE / "model/codes.py").read_text(encoding="utf-8")
    codes = [
        str(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and rules.CODE.fullmatch(str(node.value))
    ]
    assert sorted({code for code in codes if codes.count(code) > 1}) == []
    assert len(codes) == len(CODES)


def test_a_code_in_a_call_is_seen_and_one_in_prose_is_not() -> None:
    module = rules.parse("x.py", '"""See T1001."""\nraise PermanentError("T1002", "full")\n')
    assert rules.codes_in(module) == {"T1002"}
