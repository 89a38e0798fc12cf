"""Every promise of `Channels`, kept by a console, a file, a mail server and a web server."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from support.receivers import (
    HOST,
    PASSWORD,
    USER,
    Mailbox,
    certificate_for,
    free_port,
    hook_server,
    mail_server,
)

from puntual.errors import PermanentError, TransientError
from puntual.local.channels import LocalChannels
from puntual.local.notices import SqliteNotices
from puntual.local.outbox import SqliteOutbox
from puntual.model.check import Severity
from puntual.model.notice import Message, Notice, Obligation, Phase
from puntual.model.route import Channel, Console, Email, Route, TextFile, Webhook
from puntual.planner import alert
from puntual.runner.clock import SystemClock
from puntual.runner.message import event_bytes, lines, subject
from puntual.runner.notify import Post, tell

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HELD = Notice(
    obligation=Obligation(report="credit_daily", reference_date=date(2026, 11, 20)),
    cause="held",
    severity=Severity.WARN,
    text="HELD · credit_daily 2026-11-20\nAño: puntual explain credit_daily",
    opened_at=AT,
)
OPENED = alert.message("bank", HELD, Phase.OPENED)
RESOLVED = alert.message("bank", replace(HELD, resolved_at=LATER), Phase.RESOLVED)
SECRETS = {"SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD, "HOOK": "key of the hook"}


def _send(
    channel: Channel,
    message: Message = OPENED,
    *,
    root: Path = Path(),
    secrets: dict[str, str] = SECRETS,
    say: Callable[[str], None] = print,
) -> str:
    return LocalChannels(root, secrets, say).send(channel, message)


def _email(port: int, **more: object) -> Email:
    facts: dict[str, object] = {
        "host": HOST, "port": port, "sender": "puntual@bank.example", "to": "ops@bank.example",
        "starttls": False, "timeout": 3,
    }  # fmt: skip
    return Email(**(facts | more))  # type: ignore[arg-type]


def test_a_console_prints_the_lines() -> None:
    said: list[str] = []
    assert _send(Console(), say=said.append) == "printed"
    assert said == lines(OPENED)


def test_a_file_gets_one_line_for_each_message(tmp_path: Path) -> None:
    for message in (OPENED, RESOLVED):
        assert _send(TextFile(path="told/notices.jsonl"), message, root=tmp_path) == "written"
    written = (tmp_path / "told/notices.jsonl").read_bytes()
    assert written == event_bytes(OPENED) + b"\n" + event_bytes(RESOLVED) + b"\n"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "notices.jsonl").mkdir()
    with pytest.raises(PermanentError, match="D2002"):
        _send(TextFile(path="notices.jsonl"), root=tmp_path)


class TestMail:
    def test_the_server_takes_the_message_and_its_answer_is_the_receipt(self) -> None:
        with mail_server() as box:
            assert _send(_email(box.port)) == "250 OK queued as 1"
        (mail,) = box.taken
        assert (mail["From"], mail["To"]) == ("puntual@bank.example", "ops@bank.example")
        assert mail["Subject"] == "[bank] HELD · credit_daily 2026-11-20"
        assert parsedate_to_datetime(mail["Date"]) == AT
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_content().splitlines() == lines(OPENED)

    def test_a_resolution_stands_in_the_thread_of_its_alert(self) -> None:
        with mail_server() as box:
            for message in (OPENED, RESOLVED):
                _send(_email(box.port), message)
        alert_mail, resolution = box.taken
        assert resolution["In-Reply-To"] == resolution["References"] == alert_mail["Message-ID"]
        assert resolution["Subject"] == "[bank] resolved: HELD · credit_daily 2026-11-20"
        assert resolution.get_content().startswith("resolved 2026-11-23 09:30 UTC: HELD")

    def test_a_repeat_has_the_same_id(self) -> None:
        with mail_server() as box:
            for _ in range(2):
                _send(_email(box.port))
        first, second = box.taken
        assert first["Message-ID"] == second["Message-ID"]

    @pytest.mark.parametrize(
        ("answer", "fault"),
        [("451 try later", TransientError), ("550 no such user", PermanentError)],
    )
    def test_what_the_server_answers_says_whether_to_come_again(
        self, answer: str, fault: type[Exception]
    ) -> None:
        with mail_server() as box:
            box.answer = answer
            with pytest.raises(fault, match=answer):
                _send(_email(box.port))

    def test_a_server_that_is_not_there_may_come_back(self) -> None:
        with pytest.raises(TransientError, match="D2007"):
            _send(_email(free_port()))

    def test_a_server_that_hangs_is_given_up_in_time(self) -> None:
        with socket.socket() as silent:
            silent.bind((HOST, 0))
            silent.listen()
            with pytest.raises(TransientError, match="timed out"):
                _send(_email(silent.getsockname()[1], timeout=1))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(HOST, tmp_path_factory.mktemp("tls") / "server.pem")


class TestMailWithTls:
    @staticmethod
    def _secure(box: Mailbox) -> Email:
        return _email(box.port, starttls=True, user="env:SMTP_USER", password="env:SMTP_PASSWORD")

    def test_it_logs_in_over_a_connection_that_is_encrypted(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with mail_server(certificate) as box:
            assert _send(self._secure(box)).startswith("250")
        assert len(box.taken) == 1

    def test_a_server_that_does_not_prove_who_it_is_gets_no_password(
        self, certificate: Path
    ) -> None:
        with mail_server(certificate) as box, pytest.raises(PermanentError, match="D2002"):
            _send(self._secure(box))
        assert box.taken == []

    def test_a_server_without_encryption_gets_nothing(self) -> None:
        with mail_server() as box, pytest.raises(PermanentError, match="D2002"):
            _send(self._secure(box))
        assert box.taken == []

    @pytest.mark.row("h16")
    def test_a_wrong_password_is_refused_and_not_shown(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        wrong = {"SMTP_USER": USER, "SMTP_PASSWORD": "hunter2-wrong"}
        with mail_server(certificate) as box, pytest.raises(PermanentError) as raised:
            _send(self._secure(box), secrets=wrong)
        assert "hunter2" not in f"{raised.value} {raised.value.observed}"

    def test_a_secret_that_is_not_set_is_named(self, certificate: Path) -> None:
        with mail_server(certificate) as box, pytest.raises(PermanentError, match="SMTP_USER"):
            _send(self._secure(box), secrets={})


class TestWebhook:
    def test_it_gets_a_cloud_event(self) -> None:
        with hook_server() as hook:
            assert _send(Webhook(url=hook.url)) == "HTTP 202"
        (got,) = hook.got
        event = json.loads(got.body)
        assert got.path == "/hook"
        assert got.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert {k: event[k] for k in ("specversion", "id", "source", "type", "subject")} == {
            "specversion": "1.0",
            "id": OPENED.id,
            "source": "puntual/bank",
            "type": "Notice.Opened",
            "subject": "credit_daily/2026-11-20",
        }
        assert event["time"] == "2026-11-23T08:00:00+00:00"
        assert event["data"]["cause"] == "held"
        assert event["data"]["audiences"] == ["data"]

    def test_a_resolution_names_the_event_that_it_answers(self) -> None:
        with hook_server() as hook:
            _send(Webhook(url=hook.url), RESOLVED)
        event = json.loads(hook.got[0].body)
        assert (event["type"], event["data"]["answers"]) == ("Notice.Resolved", OPENED.id)
        assert event["data"]["resolved_at"] == "2026-11-23T09:30:00+00:00"

    def test_the_body_is_signed_with_the_secret(self) -> None:
        with hook_server() as hook:
            _send(Webhook(url=hook.url, secret="env:HOOK"))
        (got,) = hook.got
        expected = hmac.new(b"key of the hook", got.body, hashlib.sha256).hexdigest()
        assert got.headers["Puntual-Signature"] == f"sha256={expected}"

    def test_its_address_may_be_a_secret(self) -> None:
        with hook_server() as hook:
            _send(Webhook(url="env:WHERE"), secrets={"WHERE": hook.url})
        assert len(hook.got) == 1

    @pytest.mark.parametrize(
        ("status", "fault"),
        [
            (500, TransientError),
            (503, TransientError),
            (429, TransientError),
            (400, PermanentError),
            (404, PermanentError),
        ],
    )
    def test_the_status_says_whether_to_come_again(
        self, status: int, fault: type[Exception]
    ) -> None:
        with hook_server() as hook:
            hook.status = status
            with pytest.raises(fault, match=f"HTTP {status}"):
                _send(Webhook(url=hook.url))

    @pytest.mark.row("h15")
    def test_a_redirection_is_not_followed(self) -> None:
        with hook_server() as hook:
            hook.status = 307
            with pytest.raises(PermanentError, match="not followed"):
                _send(Webhook(url=hook.url))
        assert [got.path for got in hook.got] == ["/hook"]

    def test_a_receiver_that_is_not_there_may_come_back(self) -> None:
        with pytest.raises(TransientError, match="D2007"):
            _send(Webhook(url=f"http://{HOST}:{free_port()}/"))


@pytest.mark.row("h8")
def test_line_ends_and_escapes_in_a_notice_make_no_header_and_no_line(tmp_path: Path) -> None:
    evil = replace(HELD, text="HELD \x1b[31m\rBcc: x@evil.example\u202e\nsecond")
    message = alert.message("bank", evil, Phase.OPENED)
    with mail_server() as box, hook_server() as hook:
        _send(_email(box.port), message)
        _send(Webhook(url=hook.url), message)
        _send(TextFile(path="told"), message, root=tmp_path)
    assert box.taken[0]["Bcc"] is None
    assert "\x1b" not in box.taken[0]["Subject"]
    shown = json.loads(hook.got[0].body)["data"]["text"]
    assert shown == r"HELD \x1b[31m" + "\nBcc: x@evil.example" + r"\u202e" + "\nsecond"
    assert len((tmp_path / "told").read_bytes().splitlines()) == 1


def test_a_long_line_is_cut() -> None:
    long = alert.message("bank", replace(HELD, text="x" * 10_000), Phase.OPENED)
    assert len(subject(long)) == 500
    assert len(lines(long)[0]) == 500


@pytest.mark.parametrize("over", [{"to": "peña@banco.example"}, {"sender": "españa@bank.example"}])
def test_an_address_that_smtp_cannot_carry_is_a_refusal_and_no_bug(over: dict[str, str]) -> None:
    with mail_server() as box, pytest.raises(PermanentError) as refused:
        _send(_email(box.port, **over))
    assert (refused.value.code, "in ASCII" in str(refused.value.expected)) == ("D2002", True)
    assert "ñ" not in refused.value.message
    assert box.taken == []


@pytest.mark.parametrize("address", ["https://[desk.bank.example/in", "https://desk.example:x/in"])
def test_a_webhook_whose_variable_holds_no_url_is_a_refusal_that_does_not_show_it(
    address: str,
) -> None:
    with pytest.raises(PermanentError) as refused:
        _send(Webhook(url="env:HOOK", timeout=3), secrets={"HOOK": address})
    assert (refused.value.code, refused.value.where) == ("D2002", "env:HOOK")
    assert "desk" not in refused.value.message


class _Broken:
    """Real channels of which every mail is a bug."""

    def __init__(self, real: LocalChannels) -> None:
        self._real = real

    def send(self, channel: Channel, message: Message) -> str:
        if isinstance(channel, Email):
            raise RuntimeError("s3cret-of-the-test")  # noqa: TRY004 - a bug, of whatever class
        return self._real.send(channel, message)


def test_a_channel_that_fails_as_nobody_expected_is_a_failed_send_and_the_others_are_told(
    tmp_path: Path,
) -> None:
    with closing(SqliteNotices(tmp_path / "journal.db")) as notices:
        notices.open(HELD.obligation, HELD.cause, HELD.severity, HELD.text, AT)
    routes = (
        Route(name="a", channels=(_email(1),)),
        Route(name="b", channels=(TextFile(path="told.jsonl"),)),
    )
    channels = _Broken(LocalChannels(tmp_path, SECRETS, print))
    with closing(SqliteOutbox(tmp_path / "journal.db")) as outbox:
        post = Post(outbox=outbox, channels=channels, clock=SystemClock())
        failing = tell(post, routes, "bank", lambda send: None)
    assert [(s.target, s.code, s.attempts) for s in failing] == [
        ("a/email:ops@bank.example", "D2004", 1)
    ]
    assert "RuntimeError at test_channels.py:" in failing[0].error
    assert PASSWORD not in failing[0].error
    assert (tmp_path / "told.jsonl").read_bytes().count(b"\n") == 1
