"""People are told through real receivers, whatever is killed or down in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.receivers import HOST, Hook, hook_server, mail_server
from support.small import AS_OF, SETTINGS, drop, puntual, run_day, vouch, write_project

from puntual.local.outbox import SqliteOutbox
from puntual.model.route import Send

SECRET = "canary-4711-of-the-hook"


def _held(root: Path, **routes: str) -> Path:
    """Write a project with a day that is a row short of its control record."""
    lines = "".join(f"  {name}: {text}\n" for name, text in routes.items())
    write_project(root, **{"puntual.yaml": f"{SETTINGS}notices:\n{lines}"})
    drop(root)
    vouch(root, 5, "340.34")
    return root


def _events(hook: Hook) -> list[tuple[str, str]]:
    bodies = [json.loads(got.body) for got in hook.got]
    return [(body["type"], body["data"]["cause"]) for body in bodies]


def _sends(root: Path) -> list[Send]:
    with closing(SqliteOutbox(root / ".puntual/journal.db")) as outbox:
        return [send for posted in outbox.history(9) for send in posted.sends]


def _killed(root: Path, moment: Hook) -> None:
    """Run the day and kill it, as `kill -9` does, when the receiver has its request."""
    process = subprocess.Popen(
        [sys.executable, "-m", "puntual.cli.main", "-C", str(root), "run", "-d", "2026-03-02",
         "--as-of", AS_OF],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"HOOK": SECRET},
    )  # fmt: skip
    moment.before = lambda: os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    moment.before = lambda: None


@pytest.mark.row("f73")
def test_one_alert_then_its_resolution_by_mail_webhook_and_file(tmp_path: Path) -> None:
    with mail_server() as box, hook_server() as hook:
        root = _held(
            tmp_path,
            mail=f"{{email: {{host: {HOST}, port: {box.port}, from: p@bank.example, "
            "to: [ops@bank.example, boss@bank.example], starttls: false}}",
            hook=f"{{webhook: {{url: '{hook.url}'}}}}",
            record="{file: told.jsonl}",
        )
        assert run_day(root).code == 1
        assert run_day(root, as_of="2026-03-03T05:10:00-06:00").code == 1  # nothing new: no repeat
        assert _events(hook) == [("Notice.Opened", "held")]
        vouch(root, 4, "330.35")
        assert run_day(root, as_of="2026-03-03T05:30:00-06:00").code == 0
    assert _events(hook) == [("Notice.Opened", "held"), ("Notice.Resolved", "held")]
    assert [(m["To"], "resolved" in m["Subject"]) for m in box.taken] == [
        ("boss@bank.example", False),
        ("ops@bank.example", False),
        ("boss@bank.example", True),
        ("ops@bank.example", True),
    ]
    assert len((root / "told.jsonl").read_text().splitlines()) == 2


@pytest.mark.row("f72", "h16")
def test_killed_while_telling_then_down_it_is_seen_and_told_later_with_the_same_id(
    tmp_path: Path,
) -> None:
    with hook_server() as hook:
        root = _held(
            tmp_path,
            hook=f"{{webhook: {{url: '{hook.url}', secret: 'env:HOOK'}}}}",
            last="{file: last.jsonl, fallback: true}",
        )
        _killed(root, hook)
        assert [(s.state, s.attempts) for s in _sends(root)] == [("queued", 0)]

        without = puntual(root, "notices", "--send", "--as-of", AS_OF)
        assert (without.code, "D2003" in without.err) == (0, True)
        assert len((root / "last.jsonl").read_text().splitlines()) == 1  # the other channel
        status = puntual(root, "status", "--as-of", AS_OF)
        assert "1 message has not been taken by the receiver" in status.out
        shown = puntual(root, "notices", "--as-of", AS_OF)
        assert "NOT TOLD  1 attempts, next 2026-03-03 11:01 UTC" in shown.out

        env = {"HOOK": SECRET}
        puntual(root, "notices", "--send", "--as-of", "2026-03-03T05:00:59-06:00", env=env)
        assert len(hook.got) == 1  # not yet: it waits a minute
        told = puntual(root, "notices", "--send", "--as-of", "2026-03-03T05:01:00-06:00", env=env)
    ids = [json.loads(got.body)["id"] for got in hook.got]
    assert len(ids) == 2  # the receiver cannot know that its first answer was lost
    assert len(set(ids)) == 1
    assert hook.got[1].headers["Puntual-Signature"].startswith("sha256=")
    assert "not been taken" not in puntual(root, "status", "--as-of", AS_OF).out
    everywhere = b"".join(p.read_bytes() for p in root.rglob("*") if p.is_file())
    assert SECRET.encode() not in everywhere + told.out.encode() + told.err.encode()
