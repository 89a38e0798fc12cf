"""A link is allowed, short, as long as it says, and never shown (`aws.md` P1-P4)."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import RefreshableCredentials

from puntual.aws.bucket import Bucket
from puntual.aws.links import Link, Links
from puntual.errors import PermanentError, TransientError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALLOWED = frozenset({"out"})


@pytest.fixture
def delivered(lake: Bucket) -> Bucket:
    lake.create("report.txt", b"H|BANK\n")
    return lake


def fetched(link: Link) -> bytes:
    with urllib.request.urlopen(link.address, timeout=10) as answer:
        data = answer.read()
        assert isinstance(data, bytes)
        return data


def credentials(lives: timedelta, renewed: timedelta) -> RefreshableCredentials:
    def refresh() -> dict[str, str]:
        end = datetime.now(UTC) + renewed
        return {
            "access_key": "test", "secret_key": "test", "token": "t", "expiry_time": end.isoformat()
        }  # fmt: skip

    return RefreshableCredentials("test", "test", "t", datetime.now(UTC) + lives, refresh, "a role")


def test_p1_no_link_is_made_that_the_policy_does_not_allow(delivered: Bucket) -> None:
    with pytest.raises(PermanentError, match="D1004"):
        Links(delivered, None).to("out", "report.txt", lasts=60 * SECOND, now=NOW)
    with pytest.raises(PermanentError, match="D1004"):
        Links(delivered, None, allowed=ALLOWED).to("in", "report.txt", lasts=60 * SECOND, now=NOW)


def test_p3_a_link_works_until_it_ends_and_not_with_another_signature(delivered: Bucket) -> None:
    links = Links(delivered, None, allowed=ALLOWED)
    link = links.to("out", "report.txt", lasts=2 * SECOND, now=NOW)
    assert link.ends == NOW + 2 * SECOND
    assert fetched(link) == b"H|BANK\n"
    forged = Link(name=link.name, ends=link.ends, address=link.address[:-4] + "AAAA")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(forged)
    time.sleep(3)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(link)


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(minutes=10, seconds=1)])
def test_p3_a_link_lives_ten_minutes_at_most(delivered: Bucket, lasts: timedelta) -> None:
    with pytest.raises(PermanentError, match="D1004"):
        Links(delivered, None, allowed=ALLOWED).to("out", "report.txt", lasts=lasts, now=NOW)


def test_a_link_to_nothing_is_not_made(delivered: Bucket) -> None:
    with pytest.raises(PermanentError, match="D1004"):
        Links(delivered, None, allowed=ALLOWED).to("out", "none.txt", lasts=60 * SECOND, now=NOW)


@pytest.mark.parametrize(
    ("lives", "renewed", "made"),
    [
        (timedelta(hours=1), timedelta(0), True),
        (timedelta(minutes=1), timedelta(hours=1), True),
        (timedelta(minutes=11), timedelta(hours=1), True),
        (timedelta(minutes=1), timedelta(minutes=2), False),
    ],
)
@pytest.mark.row("f75")
def test_p2_a_link_does_not_outlive_what_signed_it(
    delivered: Bucket, lives: timedelta, renewed: timedelta, made: bool
) -> None:
    links = Links(delivered, credentials(lives, renewed), allowed=ALLOWED)
    if made:
        links.to("out", "report.txt", lasts=timedelta(minutes=10), now=NOW)
        return
    with pytest.raises(TransientError, match="D1005"):
        links.to("out", "report.txt", lasts=timedelta(minutes=10), now=NOW)


def test_p4_whatever_shows_a_link_shows_no_address(delivered: Bucket) -> None:
    links = Links(delivered, None, allowed=ALLOWED)
    link = links.to("out", "report.txt", lasts=60 * SECOND, now=NOW)
    assert "X-Amz-Signature" in link.address
    assert "X-Amz" not in f"{link} {link!r}"
