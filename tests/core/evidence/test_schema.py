"""The JSON Schema that is published is the one that the program carries."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from puntual.evidence.document import SCHEMA_FILE


def test_the_published_schema_of_exceptions_is_the_one_of_the_package() -> None:
    published = Path(__file__).parents[3] / "docs/reference" / SCHEMA_FILE
    carried = files("puntual.evidence") / SCHEMA_FILE
    assert published.read_text(encoding="utf-8") == carried.read_text(encoding="utf-8")
