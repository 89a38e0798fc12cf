"""Settings come from the environment; what is missing is said at once."""

from __future__ import annotations

import pytest

from puntual.aws.settings import CACHE_BYTES, Settings
from puntual.errors import PermanentError

NEEDED = {
    "PUNTUAL_PROJECT": "s3://assets/project.zip",
    "PUNTUAL_LAKE": "lake",
    "PUNTUAL_DELIVERIES": "deliveries",
    "PUNTUAL_EVIDENCE": "evidence",
}


def test_what_is_needed_is_enough() -> None:
    found = Settings.from_environment(NEEDED | {"AWS_REGION": "us-east-1"})
    assert (found.lake, found.topics, found.cache_bytes) == ("lake", {}, CACHE_BYTES)


def test_topics_are_told_by_severity() -> None:
    topics = {"PUNTUAL_TOPIC_ERROR": "arn:1", "PUNTUAL_TOPIC_WARN": "arn:2", "PUNTUAL_TOPIC_X": ""}
    found = Settings.from_environment(NEEDED | topics)
    assert found.topics == {"error": "arn:1", "warn": "arn:2"}


def test_all_that_is_missing_is_said_at_once() -> None:
    wrong = {"PUNTUAL_LAKE": "lake", "PUNTUAL_EVIDENCE": "", "PUNTUAL_CACHE_BYTES": "-1"}
    with pytest.raises(PermanentError, match="T5009") as caught:
        Settings.from_environment(wrong)
    for name in ("PROJECT", "DELIVERIES", "EVIDENCE", "CACHE_BYTES"):
        assert f"PUNTUAL_{name}" in caught.value.message
    assert "PUNTUAL_LAKE" not in caught.value.message
