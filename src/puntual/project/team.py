"""Reads who answers for a dataset from its contract: the `team` of ODCS 3.1."""

from __future__ import annotations

from puntual.project.yaml import Mapping, Node, Scalar, Sequence

_OWNER = "owner"
"""The role by which the standard's own example tells who owns a dataset; case does not count."""


def owner_of(contract: Mapping) -> str:
    """
    Return who answers for a contract's dataset, as its `team` says; "" where it names nobody.

    That is the team's name; else the first member with the role of an owner who has not left,
    by name, or by user name. The form of ODCS 3.0, a bare list of members, is read as well. What
    is not in the standard's form is the JSON Schema's to complain about, and names nobody here.
    """
    team = contract.get("team")
    if isinstance(team, Sequence):
        return _owner_among(team)
    if not isinstance(team, Mapping):
        return ""
    return _text(team.get("name")) or _owner_among(team.get("members"))


def _owner_among(members: Node | None) -> str:
    for member in members.items if isinstance(members, Sequence) else ():
        if isinstance(member, Mapping):
            left = member.get("dateOut") is not None
            if _text(member.get("role")).lower() == _OWNER and not left:
                return _text(member.get("name")) or _text(member.get("username"))
    return ""


def _text(node: Node | None) -> str:
    found = node.value if isinstance(node, Scalar) else None
    return found.strip() if isinstance(found, str) else ""
