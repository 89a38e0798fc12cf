"""How an exception to a rule of cdk-nag is justified, at the resource that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

PACK = "AwsSolutions"

OBJECTS = "Objects below one prefix: an object is named by the digest of its bytes."
WHY = (
    (re.compile(r":table/[^/]+/\*$"), "The tables of the project's own database."),
    (re.compile(r":execution:[^*]+:\*$"), "The executions of the project's one machine."),
    (re.compile(r":secret:[^*]+/\*$"), "The connections of the project's own sources."),
    (re.compile(r"/\*$"), OBJECTS),
)
"""How a resource with a wildcard ends, and why it has to."""


def acknowledge(resource: Construct, rule: str, reason: str) -> None:
    """Say why a resource breaks a rule; the sentence is kept in the assembly's metadata."""
    given = cdk.Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason)
    cdk.Validations.of(resource).acknowledge(given)


def acknowledge_wildcards(
    role: Construct, statements: Iterable[iam.PolicyStatement], everything: str
) -> None:
    """
    Say of each resource with a wildcard why a role needs it.

    Args:
        role: The role.
        statements: Of its policy.
        everything: Why a statement is about `*`, where there is no narrower resource.

    Raises:
        ValueError: A wildcard for which nobody has given a reason.
    """
    stack = cdk.Stack.of(role)
    named = (r for s in statements for r in s.resources if s.effect == iam.Effect.ALLOW)
    for resource in sorted({shown(stack.resolve(r)) for r in named}):
        if resource == "*" and everything:
            acknowledge(role, f"IAM5[Resource::{resource}]", everything)
        elif "*" in resource:
            acknowledge(role, f"IAM5[Resource::{resource}]", _why(resource))


def shown(value: Any) -> str:
    """Return a resolved value as cdk-nag writes it: `<Bucket.Arn>/raw/*`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(shown(part) for part in parts)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", r"<\1>", text)
        case _:
            raise ValueError(f"no resource of a policy: {value}")


def _why(resource: str) -> str:
    for pattern, reason in WHY:
        if pattern.search(resource):
            return reason
    raise ValueError(f"a wildcard without a reason: {resource}")
