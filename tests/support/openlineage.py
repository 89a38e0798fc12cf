"""Events against the published schemas of OpenLineage 2-0-2 and of its facets."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from support.shared import shared


def validate(events: bytes) -> None:
    """Refuse a line that is no event as it is specified, or a facet that is none."""
    event, facets = _validators()
    for line in events.splitlines():
        told = json.loads(line)
        event.validate(told)
        for name, facet in _facets(told):
            facets[name].validate({name: facet})


@cache
def _validators() -> tuple[Any, dict[str, Any]]:
    spec = shared("openlineage") / "spec"
    core = json.loads((spec / "OpenLineage.json").read_text())
    named = [json.loads(p.read_text()) for p in sorted((spec / "facets").glob("*.json"))]
    pairs = [(s["$id"], Resource.from_contents(s)) for s in (core, *named)]
    registry: Registry[Any] = Registry().with_resources(pairs)
    check = Draft202012Validator.FORMAT_CHECKER
    run_event = {"$ref": f"{core['$id']}#/$defs/RunEvent"}
    event = Draft202012Validator(run_event, registry=registry, format_checker=check)
    facets = {
        name: Draft202012Validator(s, registry=registry, format_checker=check)
        for s in named
        for name in s.get("properties", {})
    }
    return event, facets


def _facets(event: dict[str, Any]) -> list[tuple[str, Any]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    keys = ("facets", "inputFacets", "outputFacets")
    return [pair for h in holders for k in keys for pair in h.get(k, {}).items()]
