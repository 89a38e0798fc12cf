"""The `notices:` section of `puntual.yaml`: what may stand there, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.project.base import FILES, write

from puntual.model.check import Severity
from puntual.model.notice import Audience
from puntual.model.route import Console, Email, Route, TextFile, Webhook
from puntual.project.read import lint, read_project


def _with(text: str) -> dict[str, str]:
    return {**FILES, "puntual.yaml": f"{FILES['puntual.yaml']}{text}"}


def _routes(tmp_path: Path, text: str, env: str | None = None) -> tuple[Route, ...]:
    return read_project(write(tmp_path, _with(text)), env=env).notices


def _complaints(tmp_path: Path, text: str) -> list[str]:
    project, found, _ = lint(write(tmp_path, _with(text)))
    assert project is None
    return [f"{c.code} {c.message}" for c in found]


def test_a_project_without_the_section_tells_nobody(tmp_path: Path) -> None:
    assert _routes(tmp_path, "") == ()


def test_each_kind_of_channel_is_read(tmp_path: Path) -> None:
    found = _routes(
        tmp_path,
        """\
notices:
  terminal: {console: true}
  record: {file: told.jsonl, fallback: true}
  people:
    severity: [error]
    audience: [operations, compliance]
    email:
      host: mail.example
      from: puntual@bank.example
      to: [a@bank.example, b@bank.example]
      user: env:SMTP_USER
      password: env:SMTP_PASSWORD
  desk: {webhook: {url: "https://desk.example/in", secret: env:DESK, timeout: 3}}
""",
    )
    mail = {
        "host": "mail.example", "port": 587, "sender": "puntual@bank.example", "starttls": True,
        "user": "env:SMTP_USER", "password": "env:SMTP_PASSWORD", "timeout": 10,
    }  # fmt: skip
    assert found == (
        Route(name="terminal", channels=(Console(),)),
        Route(name="record", channels=(TextFile(path="told.jsonl"),), fallback=True),
        Route(
            name="people",
            channels=tuple(Email(to=f"{who}@bank.example", **mail) for who in "ab"),  # type: ignore[arg-type]
            severities=frozenset({Severity.ERROR}),
            audiences=frozenset({Audience.OPERATIONS, Audience.COMPLIANCE}),
        ),
        Route(
            name="desk",
            channels=(Webhook(url="https://desk.example/in", secret="env:DESK", timeout=3),),
        ),
    )


def test_an_environment_replaces_a_route_whole(tmp_path: Path) -> None:
    text = FILES["puntual.yaml"] + "    notices: {ops: {console: true}}\n"
    text += "notices: {ops: {file: told.jsonl}}\n"
    root = write(tmp_path, {**FILES, "puntual.yaml": text})
    assert read_project(root).notices[0].channels == (TextFile(path="told.jsonl"),)
    assert read_project(root, env="ci").notices[0].channels == (Console(),)


@pytest.mark.parametrize(
    ("route", "complaint"),
    [
        ("{}", "C1011 route 'a' needs exactly one of console, file, email, webhook"),
        ("{console: true, file: x}", "C1011 route 'a' needs exactly one of"),
        ("{console: false}", "C1011 'console' can only be true"),
        ("{consol: true}", "C1008 unknown key 'consol' in route 'a'"),
        ("{console: true, severity: [eror]}", "C1011 'eror' is not a possible severity"),
        ("{console: true, severity: []}", "C1011 'severity' is empty: nobody would be told"),
        ("{console: true, audience: [everyone]}", "C1011 'everyone' is not a possible audience"),
        ("{email: {host: m, from: p@b, to: []}}", "C1011 'to' is empty"),
        ("{email: {host: m, from: p@b, to: [ops]}}", "C1011 not an address"),
        ("{email: {host: m, from: pb, to: [a@b]}}", "C1011 not an address"),
        ("{email: {host: m, from: p@b, to: [peña@b]}}", "C1011 not an address"),
        ("{email: {host: m, from: p@bañco, to: [a@b]}}", "C1011 not an address"),
        ("{webhook: {url: 'https://[desk/in'}}", "C1011 'url' must be https://"),
        ("{webhook: {url: 'https://desk:x/in'}}", "C1011 'url' must be https://"),
        ("{email: {host: m, from: p@b, to: [a@b], port: 0}}", "C1011 'port' must lie between"),
        ("{email: {host: m, from: p@b, to: [a@b], user: env:U}}", "C1011 'email' needs both of"),
        (
            "{email: {host: m, from: p@b, to: [a@b], user: env:U, password: env:P, starttls: no}}",
            "C1010 'starttls' must be true or false",
        ),
        (
            "{email: {host: m, from: p@b, to: [a@b], user: env:U, password: env:P, "
            "starttls: false}}",
            "C1011 a password may not be sent over a connection without encryption",
        ),
        ("{webhook: {url: 'ftp://x/'}}", "C1011 'url' must be https://"),
        ("{webhook: {url: 'file:///etc/passwd'}}", "C1011 'url' must be https://"),
        ("{webhook: {url: 'https://h/', timeout: 600}}", "C1011 'timeout' must lie between"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, route: str, complaint: str) -> None:
    found = _complaints(tmp_path, f"notices:\n  a: {route}\n")
    assert any(one.startswith(complaint) for one in found), found


@pytest.mark.row("h16")
@pytest.mark.parametrize(
    "route",
    [
        "{email: {host: m, from: p@b, to: [a@b], user: env:U, password: hunter2}}",
        "{webhook: {url: 'https://h/', secret: hunter2}}",
        "{webhook: {url: 'https://user:hunter2@h/'}}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, route: str) -> None:
    root = write(tmp_path, _with(f"notices:\n  a: {route}\n"))
    _, found, _ = lint(root)
    assert [c.code for c in found if c.code == "C1020"] == ["C1020"]
    assert "hunter2" not in "".join(c.source + c.message for c in found)
