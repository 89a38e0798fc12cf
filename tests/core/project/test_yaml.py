"""The YAML loader: what JSON says it says, what surprises it refuses."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.project.complaints import Complaints
from puntual.project.files import SourceFile
from puntual.project.yaml import Mapping, Node, Plain, Scalar, load, plain


def read(text: str) -> tuple[Node | None, list[str]]:
    complaints = Complaints()
    source = SourceFile(
        path="a.yaml", data=text.encode(), text=text, lines=tuple(text.splitlines())
    )
    node = load(source, complaints)
    return node, [f"{c.line}:{c.column} {c.code} {c.message}" for c in complaints.sorted()]


def value(text: str) -> Plain:
    node, complaints = read(text)
    assert node is not None, complaints
    assert not complaints
    return plain(node)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20
) | st.sampled_from(["", "null", "0123", "a: b", "- x", "# c", "'", "\n", "\t", "😀", "<<", "&a"])
numbers = st.integers(-(10**30), 10**30) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6
).filter(lambda d: "E" not in str(d))
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def write(value: object) -> str:
    match value:
        case Decimal():
            return str(value)
        case list():
            return "[" + ", ".join(write(v) for v in value) + "]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: {write(v)}" for k, v in value.items()) + "}"
        case _:
            return json.dumps(value)


@given(documents)
@settings(max_examples=150, deadline=None)
def test_a_json_document_means_in_yaml_what_it_means_in_json(document: Plain) -> None:
    assert value(write(document)) == json.loads(write(document), parse_float=Decimal)


@pytest.mark.row("h1")
@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused_with_a_complaint(text: str) -> None:
    node, complaints = read(text)
    assert node is not None or complaints


@given(st.text("&*!<>|[]{}:-?,#'\"%@` \n\tab1", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_yaml_punctuation_is_read_or_refused_with_a_complaint(text: str) -> None:
    node, complaints = read(text)
    assert node is not None or complaints


@pytest.mark.row("h2")
@pytest.mark.parametrize(
    "written",
    [
        "0123",
        "1_000",
        "0x1f",
        "0o17",
        ".inf",
        ".nan",
        "2026-03-03",
        "12:30",
        "NO",
        "yes",
        "on",
        "+1",
        ".5",
        "1.",
        "True",
        "NULL",
        "~",
        "1e",
        "1a",
    ],
)
def test_what_only_looks_like_a_value_is_text(written: str) -> None:
    assert value(f"a: {written}") == {"a": written}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.10", Decimal("1.10")),
        ("-0.5", Decimal("-0.5")),
        ("1e3", Decimal("1E+3")),
        ("12", 12),
        ("-7", -7),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
    ],
)
def test_a_plain_scalar_is_a_number_a_truth_value_or_null(written: str, meant: Plain) -> None:
    found = value(f"a: {written}")
    assert found == {"a": meant}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(meant)


@pytest.mark.row("h2")
def test_a_decimal_keeps_its_trailing_zeros() -> None:
    assert str(value("1.10")) == "1.10"


def test_every_key_and_value_knows_its_place() -> None:
    node, _ = read("a: 1\nbc:\n  - 'x y'\n")
    assert isinstance(node, Mapping)
    (first, second) = node.entries
    assert (second.key.line, second.key.column, second.key.width) == (2, 1, 2)
    assert isinstance(first.value, Scalar)
    assert (first.value.line, first.value.column, first.value.width) == (1, 4, 1)
    item = second.value
    assert not isinstance(item, Scalar | Mapping)
    assert (item.items[0].line, item.items[0].column, item.items[0].width) == (3, 5, 5)


@pytest.mark.row("h1", "h2")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x 1\nb: 2\n", "1:4 C1004 anchors are not allowed"),
        ("a: 1\nb: *x\n", "2:4 C1004 aliases are not allowed"),
        ("a: !!str 1\n", "1:4 C1004 tags are not allowed"),
        ("<<: {a: 1}\n", "1:1 C1004 merge keys are not allowed"),
        ("%YAML 1.1\n---\na: 1\n", "2:1 C1004 directives are not allowed; this is YAML 1.2"),
        ("a: 1\nb: 2\na: 3\n", "3:1 C1005 key 'a' stands twice"),
        ("a: 1\n---\nb: 2\n", "2:1 C1007 a second document begins here"),
        ("a: b: c\n", "1:5 C1003 not YAML: mapping values are not allowed here"),
        ("a: [1\n", "2:1 C1003 not YAML: expected ',' or ']', but got '<stream end>'"),
        ("ok: 1\nb: \x07\n", "2:4 C1003 a control character may not stand here"),
        ("? [a]\n: b\n", "1:3 C1003 a key must be a name"),
        (r'a: "\ud83d"' + "\n", "1:4 C1003 half of a surrogate pair is no character"),
        (f"a: 1{'0' * 60}\n", "1:4 C1006 a number of more than 60 characters"),
        ("a: 1e99999\n", "1:4 C1006 a number of more than 60 characters"),
    ],
)
def test_yaml_that_surprises_is_refused_at_its_place(text: str, complaint: str) -> None:
    assert complaint in read(text)[1]


@pytest.mark.row("h1")
def test_thirty_two_levels_are_read_and_thirty_three_are_not() -> None:
    assert read("[" * 32 + "]" * 32)[1] == []
    assert read("[" * 33 + "]" * 33)[1] == ["1:33 C1006 more than 32 levels deep"]


@pytest.mark.row("h1")
def test_a_file_of_more_values_than_a_project_has_is_refused_before_it_is_read() -> None:
    node, complaints = read("[" + "1," * 400_000 + "]")
    assert node is None
    assert complaints == ["1:40000 C1006 more than 20000 keys and values"]


@pytest.mark.row("h1")
def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    node, complaints = read(bomb)
    assert node is None
    assert complaints[0] == "1:5 C1004 anchors are not allowed"


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert value(r'"\ud83d\ude00"') == "😀"


def test_an_empty_file_is_null() -> None:
    assert value("") is None
    assert value("# only a comment\n") is None
