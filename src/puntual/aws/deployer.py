"""
Deploys a synthesised stack: uploads what travels, creates or updates, asks for every resource.

It takes a folder as `puntual synth` (or any CDK app) writes it; nothing of the template is
changed. A stack that says CREATE_COMPLETE may have made nothing (aws-local.md L40), so each
service is asked for what it is said to have.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from puntual.aws.clients import client
from puntual.aws.deployed import Clients, asked
from puntual.aws.faults import code_of, translated
from puntual.errors import PermanentError, TransientError

LONGEST = 45 * 60
"""Seconds for a stack to be made; a Redshift workgroup takes some ten minutes."""

PAUSE = 1.0
LONGEST_BODY = 51_200
"""Bytes of a template that travels in the request; a larger one is read from the bucket."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_ABSENT = frozenset({"404", "NoSuchBucket", "NotFound"})
_FAILED_BEFORE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """
    A stack that stands.

    Attributes:
        stack: Its name.
        resources: Type → physical names, sorted.
        settings: `PUNTUAL_…` → value, from the stack's outputs.
        changed: Whether anything was created or updated.
        uploaded: How many assets were not in the bucket yet.
    """

    stack: str
    resources: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, str]
    changed: bool
    uploaded: int


def deploy(
    stack: str,
    template: Path,
    assets: Path,
    *,
    say: Say,
    wait: Callable[[float], None] = time.sleep,
    longest: float = LONGEST,
) -> Deployed:
    """
    Deploy a stack and see that it is there; repeatable.

    Args:
        stack: Its name.
        template: The template's file.
        assets: The list of assets beside it.
        say: Told of what happens.
        wait: Waits some seconds.
        longest: Seconds that the stack may take.

    Raises:
        TransientError: T5001, T5002; T5021 the stack was not ready in time.
        PermanentError: T5022 the stack cannot be made; T5023 a resource is not there; T5004-T5008.
    """
    session = boto3.Session()
    account, region = _here(session)
    listed = json.loads(assets.read_text(encoding="utf-8"))["files"]
    uploaded, place = 0, None
    s3 = client("s3", session=session)
    for asset in listed.values():
        source = assets.parent / asset["source"]["path"]
        for target in asset["destinations"].values():
            bucket = _filled(target["bucketName"], account, region)
            _make_bucket(s3, bucket, region)
            uploaded += _upload(s3, bucket, target["objectKey"], source, asset, say)
            if source.name == template.name:
                place = f"{s3.meta.endpoint_url}/{bucket}/{target['objectKey']}"
    cloud = client("cloudformation", session=session)
    text = template.read_text(encoding="utf-8")
    changed = _applied(cloud, stack, text, place, say)
    if changed:
        settled(cloud, stack, say, wait, longest)
    resources = physical(cloud, stack)
    wanted = json.loads(text)["Resources"]
    missing = sorted(wanted.keys() - resources.keys())
    if missing:
        raise _not_there(stack, ", ".join(missing), "no physical name")
    clients = Clients(session)
    for name, resource in wanted.items():
        with translated(f"{name} ({resource['Type']})", service=resource["Type"].split("::")[1]):
            if not asked(clients, resource, resources[name], resources):
                raise _not_there(stack, name, f"{resource['Type']} {resources[name]}")
    say(f"{len(wanted)} resources, each found in its service")
    by_type: dict[str, list[str]] = {}
    for name, resource in wanted.items():
        by_type.setdefault(resource["Type"], []).append(resources[name])
    return Deployed(
        stack=stack,
        resources={kind: tuple(sorted(names)) for kind, names in sorted(by_type.items())},
        settings=settings(cloud, stack),
        changed=changed,
        uploaded=uploaded,
    )


def settings(cloud: Any, stack: str) -> dict[str, str]:
    """
    Return what a client of a deployment needs to know, as variables of an environment.

    Args:
        cloud: A client of CloudFormation.
        stack: The stack's name.

    Raises:
        TransientError: T5001, T5002.
        PermanentError: T5004-T5008.
    """
    with translated(stack, service="cloudformation"):
        found = cloud.describe_stacks(StackName=stack)["Stacks"][0]
    values = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
    return {
        variable_of(key): "" if value == "-" else value
        for key, value in sorted(values.items())
        if key.startswith("Puntual")
    }


def variable_of(output: str) -> str:
    """Return the variable that an output holds: `PuntualTopicError` is `PUNTUAL_TOPIC_ERROR`."""
    words = "".join(f"_{c}" if c.isupper() else c for c in output)
    return words.strip("_").upper()


def physical(cloud: Any, stack: str) -> dict[str, str]:
    """
    Return logical name → physical name of a stack's resources.

    Raises:
        TransientError: T5001, T5002.
        PermanentError: T5004-T5008.
    """
    with translated(stack, service="cloudformation"):
        pages = cloud.get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for page in pages
            for each in page["StackResourceSummaries"]
        }


def packed(folder: Path) -> bytes:
    """Return a folder as a zip archive: sorted, without times, so the same bytes each time."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())
    return held.getvalue()


def _here(session: boto3.Session) -> tuple[str, str]:
    sts = client("sts", session=session)
    with translated("the account", service="sts"):
        account = str(sts.get_caller_identity()["Account"])
    return account, str(sts.meta.region_name)


def _filled(text: str, account: str, region: str) -> str:
    filled = text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
    return filled.replace("${AWS::Partition}", "aws")


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    """Make the bucket of assets if there is none; it is the account's, not a stack's."""
    with translated(f"s3://{bucket}"):
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if code_of(error) not in _ABSENT:
                raise
        else:
            return
        # The first region is the default of the API and may not be named.
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **(where if region != "us-east-1" else {}))
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        only_tls = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": arns,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(only_tls))


def _upload(
    s3: Any, bucket: str, key: str, source: Path, asset: Mapping[str, Any], say: Say
) -> int:
    """Upload an asset that is not there: its name is the digest of what it holds."""
    with translated(f"s3://{bucket}/{key}"):
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in {*_ABSENT, "NoSuchKey"}:
                raise
        else:
            return 0
        zipped = asset["source"]["packaging"] == "zip"
        body = packed(source) if zipped else source.read_bytes()
        say(f"uploading {asset.get('displayName', key)}, {len(body):,} bytes")
        s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
    return 1


def _applied(cloud: Any, stack: str, text: str, place: str | None, say: Say) -> bool:
    """Create or update the stack; False if nothing is to be changed."""
    small = len(text.encode()) <= LONGEST_BODY or place is None
    body = {"TemplateBody": text} if small else {"TemplateURL": place}
    request = {"StackName": stack, "Capabilities": ["CAPABILITY_IAM"], **body}
    with translated(stack, service="cloudformation"):
        before = _status(cloud, stack)
        if before in _FAILED_BEFORE:
            raise _unmakeable(stack, before, "an earlier attempt left it; delete it, then again")
        if before is None:
            say(f"creating the stack {stack}")
            cloud.create_stack(**request, OnFailure="ROLLBACK")
            return True
        try:
            cloud.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                say(f"the stack {stack} stands as it is")
                return False
            raise
        say(f"updating the stack {stack}")
        return True


def _status(cloud: Any, stack: str) -> str | None:
    try:
        return str(cloud.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise


def settled(
    cloud: Any, stack: str, say: Say, wait: Callable[[float], None], longest: float
) -> None:
    """
    Wait until a stack is complete.

    Raises:
        TransientError: T5001, T5002; T5021 it is still at work.
        PermanentError: T5022 it could not be made; T5004-T5008.
    """
    waited = 0.0
    while True:
        with translated(stack, service="cloudformation"):
            status = _status(cloud, stack) or "DELETED"
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            say(f"{stack}: {status}")
            return
        if not status.endswith("_IN_PROGRESS"):
            raise _unmakeable(stack, status, "; ".join(_reasons(cloud, stack)))
        if waited >= longest:
            raise TransientError(
                "T5021",
                f"the stack {stack} is not ready after {longest:.0f} s",
                where=stack,
                expected="CREATE_COMPLETE or UPDATE_COMPLETE",
                observed=status,
                next_step="puntual deploy again: it goes on waiting, and changes nothing twice",
            )
        wait(PAUSE)
        waited += PAUSE


def _reasons(cloud: Any, stack: str) -> Iterator[str]:
    """Yield why resources could not be made, as the service says it; at most five."""
    with translated(stack, service="cloudformation"):
        events = cloud.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [e for e in events if str(e.get("ResourceStatus", "")).endswith("_FAILED")]
    for event in failed[-5:]:
        yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason')}"


def _unmakeable(stack: str, status: str, why: str) -> PermanentError:
    return PermanentError(
        "T5022",
        f"the stack {stack} could not be made",
        where=stack,
        expected="CREATE_COMPLETE or UPDATE_COMPLETE",
        observed=f"{status}: {why}" if why else status,
        next_step="Repair what the reasons name; a stack that was rolled back is deleted first.",
    )


def _not_there(stack: str, what: str, observed: str) -> PermanentError:
    return PermanentError(
        "T5023",
        f"the stack says it is complete, and {what} is not there",
        where=stack,
        expected="every resource of the template, found in its own service",
        observed=observed,
        next_step="Look at the stack's events; on a stage, see what its log says of this type.",
    )
