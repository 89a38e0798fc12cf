"""Draws a state machine as Mermaid's flowchart, from its JSON alone; the same text each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from puntual.infra.bound import Document

_SHAPES: Mapping[str, tuple[str, str]] = {
    "Task": ("[", "]"),
    "Pass": ("(", ")"),
    "Choice": ("{", "}"),
    "Succeed": ("([", "])"),
    "Fail": ("[[", "]]"),
}


def mermaid(definition: Document) -> str:
    """
    Return a machine as a flowchart.

    Ways of success are drawn through, with the word that a Choice goes on by; what is caught is
    dotted. A Glue job is told by `⚙`.
    """
    states: Mapping[str, Document] = definition["States"]
    ids = {name: f"s{number}" for number, name in enumerate(states)}
    lines = ["flowchart TD"]
    for name, state in states.items():
        left, right = _SHAPES[state["Type"]]
        job = "⚙ " if "glue:startJobRun" in state.get("Resource", "") else ""
        lines.append(f'  {ids[name]}{left}"{job}{name}"{right}')
    for name, state in states.items():
        lines += [f"  {ids[name]} {edge} {ids[to]}" for edge, to in _edges(state)]
    return "\n".join(lines) + "\n"


def _edges(state: Document) -> Iterator[tuple[str, str]]:
    if "Next" in state:
        yield "-->", state["Next"]
    ways: dict[str, list[str]] = {}
    for rule in state.get("Choices", ()):
        word = rule.get("StringEquals", rule.get("BooleanEquals"))
        ways.setdefault(rule["Next"], []).append(_word(word))
    if "Default" in state:
        ways.setdefault(state["Default"], []).append("else")
    for to, words in ways.items():
        yield f'-->|"{", ".join(words)}"|', to
    caught = {entry["Next"] for entry in state.get("Catch", ())} - {state.get("Next")}
    for to in sorted(caught):
        yield "-.->", to


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "nothing"
