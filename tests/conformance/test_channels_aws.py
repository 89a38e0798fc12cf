"""`Channels` by SNS and SES, `Signer` by KMS, metrics as lines of a log: on the stage."""

from __future__ import annotations

import hashlib
import json
import urllib.request
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from conformance.test_channels import HELD, OPENED, RESOLVED
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.aws import client_on
from support.s3 import lake_of

from puntual.aws.bucket import Bucket
from puntual.aws.kms import KmsSigner
from puntual.aws.mail import SesMail
from puntual.aws.metrics import Metric, Unit, line
from puntual.aws.stage.standing import Standing
from puntual.aws.topics import Topics
from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.evidence import dsse, trust
from puntual.evidence.dsse import Signature
from puntual.evidence.trust import Role, Trust, TrustedKey
from puntual.evidence.trust_keys import verifies
from puntual.model.notice import Phase
from puntual.model.route import Console, Email
from puntual.planner import alert
from puntual.runner.mail import mail
from puntual.runner.message import event, lines

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MAIL = Email(host="", port=0, sender="puntual@bank.example", to="ops@bank.example")


def refusing(client: Any, service: str, operation: str, code: str) -> Any:
    """Let each call of an operation be refused, until what is returned is called."""

    def refused(**_: Any) -> None:
        said = {"Error": {"Code": code, "Message": "injected"}}
        raise client.exceptions.from_code(code)(said, operation)

    name = f"provide-client-params.{service}.{operation}"
    client.meta.events.register(name, refused)
    return lambda: client.meta.events.unregister(name, refused)


@pytest.fixture(scope="module")
def sns(stage: Standing) -> Any:
    return client_on(stage, "sns")


@pytest.fixture(scope="module")
def sqs(stage: Standing) -> Any:
    return client_on(stage, "sqs")


@pytest.fixture(scope="module")
def ses(stage: Standing) -> Any:
    found = client_on(stage, "sesv2")
    found.create_email_identity(EmailIdentity=MAIL.sender)
    return found


@pytest.fixture(scope="module")
def kms(stage: Standing) -> Any:
    return client_on(stage, "kms")


@pytest.fixture(scope="module")
def key(kms: Any) -> str:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["Arn"])


class TestTopics:
    @pytest.fixture
    def queue(self, sns: Any, sqs: Any) -> tuple[str, str]:
        """A topic, and a queue that hears of it."""
        name = f"t{uuid.uuid4().hex[:12]}"
        topic = sns.create_topic(Name=name)["TopicArn"]
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
        return topic, url

    def heard(self, sqs: Any, url: str) -> dict[str, Any]:
        (found,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        body: dict[str, Any] = json.loads(found["Body"])
        return body

    def test_a_subscriber_gets_the_event_with_its_id_and_attributes(
        self, sns: Any, sqs: Any, queue: tuple[str, str]
    ) -> None:
        topic, url = queue
        receipt = Topics(sns, {"warn": topic}).send(Console(), OPENED)
        body = self.heard(sqs, url)
        assert receipt == body["MessageId"]
        assert json.loads(body["Message"]) == event(OPENED)
        told = {name: one["Value"] for name, one in body["MessageAttributes"].items()}
        assert told == {
            "severity": "warn", "cause": "held", "phase": "opened", "report": "credit_daily"
        }  # fmt: skip
        Topics(sns, {"warn": topic}).send(Console(), RESOLVED)
        assert json.loads(self.heard(sqs, url)["Message"])["id"] == RESOLVED.id

    def test_a_subject_is_one_line_of_ascii_and_short(
        self, sns: Any, sqs: Any, queue: tuple[str, str]
    ) -> None:
        topic, url = queue
        long = alert.message("bank", replace(HELD, text="Año · " + "x" * 300), Phase.OPENED)
        Topics(sns, {"warn": topic}).send(Console(), long)
        subject = self.heard(sqs, url)["Subject"]
        assert len(subject) == 100
        assert subject.startswith("[bank] A?o ? xxx")

    def test_a_topic_that_is_gone_or_was_never_made_refuses(self, sns: Any) -> None:
        with pytest.raises(PermanentError, match="D2002"):
            Topics(sns, {}).send(Console(), OPENED)
        gone = "arn:aws:sns:us-east-1:000000000000:gone"
        with pytest.raises(PermanentError, match="D2002"):
            Topics(sns, {"warn": gone}).send(Console(), OPENED)

    @pytest.mark.parametrize(
        ("code", "kind", "said"),
        [
            ("ThrottledException", TransientError, "D2001"),
            ("InternalErrorException", TransientError, "D2001"),
            ("AuthorizationErrorException", PermanentError, "T5004"),
            ("KMSDisabledException", PermanentError, "T5005"),
            ("SomethingNew", PermanentError, "T5008"),
        ],
    )
    def test_a_vendors_code_is_a_known_fault(
        self, sns: Any, queue: tuple[str, str], code: str, kind: type[Exception], said: str
    ) -> None:
        undo = refusing(sns, "sns", "Publish", code)
        try:
            with pytest.raises(kind, match=said):
                Topics(sns, {"warn": queue[0]}).send(Console(), OPENED)
        finally:
            undo()


class TestMail:
    def test_a_route_of_e_mail_goes_by_ses_with_the_messages_own_id(
        self, stage: Standing, ses: Any
    ) -> None:
        sent: list[bytes] = []

        def note(params: dict[str, Any], **_: Any) -> None:
            sent.append(params["Content"]["Raw"]["Data"])

        ses.meta.events.register("provide-client-params.sesv2.SendEmail", note)
        try:
            receipt = Topics(None, {}, SesMail(ses)).send(MAIL, OPENED)
        finally:
            ses.meta.events.unregister("provide-client-params.sesv2.SendEmail", note)
        assert sent == [mail(MAIL, OPENED).as_bytes()]
        assert f"Message-ID: <{OPENED.id}@bank.example>".encode() in sent[0]
        address = f"{stage.environment()['AWS_ENDPOINT_URL']}/_ministack/ses/messages"
        with urllib.request.urlopen(address) as answer:
            assert receipt in answer.read().decode()

    @pytest.mark.parametrize(
        ("code", "kind", "said"),
        [
            ("MessageRejected", PermanentError, "D2002"),
            ("TooManyRequestsException", TransientError, "D2001"),
            ("SendingPausedException", TransientError, "D2001"),
        ],
    )
    def test_a_vendors_code_is_a_known_fault(
        self, ses: Any, code: str, kind: type[Exception], said: str
    ) -> None:
        undo = refusing(ses, "sesv2", "SendEmail", code)
        try:
            with pytest.raises(kind, match=said):
                SesMail(ses).send(MAIL, OPENED)
        finally:
            undo()


class TestKms:
    @pytest.fixture
    def bucket(self, stage: Standing) -> Bucket:
        return lake_of(client_on(stage, "s3"))

    def signer(self, kms: Any, bucket: Bucket, key: str, *, since: int = 0) -> KmsSigner:
        """A deployment whose trust file, signed by a root elsewhere, names its key."""
        signer = KmsSigner(kms, bucket, {Role.PIPELINE: [key]})
        (public,) = signer.publics(Role.PIPELINE)
        root = Ed25519PrivateKey.generate()
        root_public = root.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        log = Ed25519PrivateKey.generate().public_key()
        payload = trust.encode(
            Trust(
                origin="puntual/bank/0a1b2c3d",
                version=1,
                root=root_public,
                keys=(
                    TrustedKey(
                        name="log",
                        role=Role.LOG,
                        public=log.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
                    ),
                    TrustedKey(name="pipeline", role=Role.PIPELINE, public=public, since=since),
                ),
            )
        )
        pae = dsse.pae(trust.KIND, payload)
        made = Signature(keyid=trust.fingerprint(root_public), sig=root.sign(pae))
        assert signer.place(trust.signed(payload, [made])) == 1
        return signer

    def test_a_signature_verifies_with_the_public_key_and_no_other_bytes(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        signer = self.signer(kms, bucket, key)
        statement = b"x" * 10_000  # more than KMS signs without a digest
        (made,) = signer.sign("pipeline", statement, position=0)
        assert made.name == "pipeline"
        assert verifies(made.public, statement, made.signature)
        assert not verifies(made.public, statement + b"y", made.signature)
        assert signer.trust_version() == 1
        assert trust.opened(KmsSigner(kms, bucket, {}).trust(), verifies).version == 1

    def test_a_key_that_does_not_count_signs_nothing(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        signer = self.signer(kms, bucket, key, since=5)
        for role, position in (("pipeline", 4), ("log", 5), ("approver", 5)):
            with pytest.raises(PermanentError, match="V5001"):
                signer.sign(role, b"", position=position)
        assert signer.sign("pipeline", b"", position=5)

    def test_without_a_trust_file_nothing_is_signed(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        with pytest.raises(PermanentError, match="V5001"):
            KmsSigner(kms, bucket, {Role.PIPELINE: [key]}).sign("pipeline", b"", position=0)

    def test_a_trust_file_that_was_altered_is_refused(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        data = self.signer(kms, bucket, key).trust()
        bucket.overwrite("keys/trust.1.json", data.replace(b"sig", b"gis", 1))
        with pytest.raises(EvidenceError, match=r"V200[12]"):
            KmsSigner(kms, bucket, {Role.PIPELINE: [key]}).trust()

    def test_a_signature_of_other_bytes_is_found_out(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        signer = self.signer(kms, bucket, key)

        def other(params: dict[str, Any], **_: Any) -> None:
            params["Message"] = hashlib.sha256(b"other").digest()

        kms.meta.events.register("provide-client-params.kms.Sign", other)
        try:
            with pytest.raises(EvidenceError, match="V5006"):
                signer.sign("pipeline", b"these", position=0)
        finally:
            kms.meta.events.unregister("provide-client-params.kms.Sign", other)

    @pytest.mark.parametrize(
        ("code", "said"),
        [("DisabledException", "T5005"), ("KMSInvalidStateException", "T5005"),
         ("AccessDeniedException", "T5004")],
    )  # fmt: skip
    @pytest.mark.row("f66")
    def test_m5_a_key_that_is_disabled_or_denied_names_what_is_missing(
        self, kms: Any, bucket: Bucket, key: str, code: str, said: str
    ) -> None:
        signer = self.signer(kms, bucket, key)
        undo = refusing(kms, "kms", "Sign", code)
        try:
            with pytest.raises(PermanentError, match=said) as caught:
                signer.sign("pipeline", b"", position=0)
        finally:
            undo()
        assert key in caught.value.where
        assert said != "T5004" or "kms:Sign" in caught.value.observed

    def test_signatures_of_people_are_read_from_the_evidence(
        self, kms: Any, bucket: Bucket, key: str
    ) -> None:
        statement, keyid = "a" * 64, "b" * 64
        bucket.create(f"keys/approvals/{statement}/{keyid}", b"signature")
        bucket.create(f"keys/approvals/{statement}/readme.txt", b"no signature")
        signer = KmsSigner(kms, bucket, {Role.PIPELINE: [key]})
        assert signer.approvals(statement) == {keyid: b"signature"}
        assert signer.approvals("c" * 64) == {}


class TestMetrics:
    def test_a_line_is_what_cloudwatch_makes_metrics_of(self) -> None:
        told = json.loads(
            line(
                (Metric(name="LandedRecords", value=7, unit=Unit.COUNT),),
                {"project": "bank", "source": "card_events"},
                AT,
                facts={"reference_date": "2026-11-20"},
            )
        )
        assert told == {
            "_aws": {
                "Timestamp": 1795420800000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Puntual",
                        "Dimensions": [["project", "source"]],
                        "Metrics": [{"Name": "LandedRecords", "Unit": "Count"}],
                    }
                ],
            },
            "LandedRecords": 7,
            "project": "bank",
            "source": "card_events",
            "reference_date": "2026-11-20",
        }

    @pytest.mark.parametrize(
        ("metrics", "dimensions", "facts"),
        [
            ((), {"project": "bank"}, {}),
            ((Metric(name="A", value=1, unit=Unit.COUNT),) * 2, {"project": "bank"}, {}),
            ((Metric(name="A", value=1, unit=Unit.COUNT),), {"client": "C1"}, {}),
            ((Metric(name="A", value=1, unit=Unit.COUNT),), {"A": "b"}, {}),
            ((Metric(name="A", value=1, unit=Unit.COUNT),), {"source": "Juana Pérez"}, {}),
            ((Metric(name="A", value=1, unit=Unit.COUNT),), {}, {"note": "card 4111 1111"}),
        ],
    )
    def test_what_is_no_name_never_comes_into_a_line(
        self, metrics: tuple[Metric, ...], dimensions: dict[str, str], facts: dict[str, str]
    ) -> None:
        with pytest.raises(ValueError, match=r"metric|dimensions"):
            line(metrics, dimensions, AT, facts=facts)


def test_an_e_mail_of_a_topic_is_lines_for_people() -> None:
    assert lines(OPENED)[0].startswith("HELD")
