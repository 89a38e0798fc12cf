"""The picture of a state machine holds every state and every way."""

from __future__ import annotations

from infra.projects import made

from puntual.infra.asl import machine
from puntual.infra.bound import ahead
from puntual.infra.picture import mermaid


def test_a_small_machine_is_drawn_as_it_reads() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.x", "StringEquals": "full", "Next": "Done"},
            {"Variable": "$.x", "StringEquals": "partial", "Next": "Done"},
        ],
        "Default": "Failed",
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": "Decided",
    }
    states = {"Land": task, "Decided": choice, "Done": {"Type": "Succeed"}}
    drawn = mermaid({"States": {**states, "Failed": {"Type": "Fail"}}})
    assert drawn.splitlines() == [
        "flowchart TD",
        '  s0["⚙ Land"]',
        '  s1{"Decided"}',
        '  s2(["Done"])',
        '  s3[["Failed"]]',
        "  s0 --> s1",
        "  s0 -.-> s3",
        '  s1 -->|"full, partial"| s2',
        '  s1 -->|"else"| s3',
    ]


def test_every_state_and_every_way_of_a_project_is_drawn() -> None:
    definition = machine(made(reports=2, rehearsed=True))
    states = definition["States"]
    assert isinstance(states, dict)
    lines = mermaid(definition).splitlines()
    ways = {(name, to) for name, state in states.items() for to in ahead(state)}
    assert sum("-->" in line or "-.->" in line for line in lines) == len(ways)
    assert all(
        any(f'"{mark}{name}"' in line for line in lines for mark in ("", "⚙ ")) for name in states
    )
