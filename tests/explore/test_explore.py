"""The protocol of lease, commit and seal, in every interleaving of two writers."""

from __future__ import annotations

from collections.abc import Mapping
from unittest import mock

import pytest

from explore.__main__ import explore
from explore.model import Budget
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Digest

FAULTS = Budget(crashes=1, lost=1, doubled=0, revoked=1, arriving=1)
_switch = SqlitePointers.switch


@pytest.mark.row("f57", "f27", "f31", "f20")
def test_no_interleaving_of_two_writers_with_a_crash_loses_doubles_or_unseals_anything() -> None:
    found = explore(2, FAULTS)
    assert found.wrong == []
    assert found.whole
    assert found.states > 2_000
    assert found.asked > 20  # the real pointers and leases were asked, not a model of them


def test_a_question_that_is_carried_out_twice_is_carried_out_once() -> None:
    found = explore(2, Budget(crashes=0, lost=0, doubled=1, revoked=0, arriving=1))
    assert found.wrong == []


def test_without_fencing_a_writer_that_lost_its_lease_is_found() -> None:
    def unfenced(
        self: SqlitePointers,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        (newest,) = self._db.execute("SELECT coalesce(max(epoch), 0) FROM pointers").fetchone()
        done = _switch(self, changes, seen=seen, epoch=max(epoch, newest))
        self._db.execute("UPDATE pointers SET epoch = ?", (epoch,))
        return done

    with mock.patch.object(SqlitePointers, "switch", unfenced):
        found = explore(
            2, Budget(crashes=0, lost=0, doubled=0, revoked=1, arriving=1), first_only=True
        )
    (wrong, way), *_ = found.wrong
    assert "an epoch that is not the newest" in wrong
    assert any("loses its lease" in step for step in way)


def test_without_comparing_what_was_seen_a_question_carried_out_late_is_found() -> None:
    def blind(
        self: SqlitePointers,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        now = {name: self.read(name) for name in changes}
        return _switch(self, changes, seen=now, epoch=epoch)

    with mock.patch.object(SqlitePointers, "switch", blind):
        found = explore(
            1, Budget(crashes=0, lost=0, doubled=1, revoked=0, arriving=1), first_only=True
        )
    (wrong, way), *_ = found.wrong
    assert "the position went back" in wrong or "sealed set" in wrong or "landed are" in wrong
    assert way[-1].endswith("a question is carried out again")
