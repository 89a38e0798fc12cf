"""What of a SELECT is carried over to a warehouse's or query service's SQL, by a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """
    What an engine has been shown to answer as DuckDB does; all else is refused.

    Attributes:
        functions: The functions.
        refused: Kinds of expression that it reads otherwise → why.
        units: What `DATE_TRUNC` may cut to.
        parts: What `EXTRACT` may take.
    """

    functions: tuple[type[exp.Expr], ...]
    refused: Mapping[type[exp.Expr], str]
    units: frozenset[str]
    parts: frozenset[str]

    def why_not(self, node: exp.Expr) -> str:
        """Return why a node is not carried over; "" where nothing that all share forbids it."""
        for kind, why in self.refused.items():
            if isinstance(node, kind):
                return why
        match node:
            case exp.TryCast():
                return "TRY_CAST takes other texts there"
            case exp.Func() if not isinstance(node, self.functions):
                return f"{node.sql_name()} has not been shown to be the same there"
            case exp.TimestampTrunc() if node.text("unit").upper() not in self.units:
                return f"DATE_TRUNC of {node.text('unit').lower()}"
            case exp.Extract() if node.name.upper() not in self.parts:
                return f"EXTRACT of {node.name.lower()}"
            case exp.Star() if any(node.args.get(a) for a in ("except_", "replace", "rename")):
                return "* with EXCLUDE, REPLACE or RENAME: name the columns"
            case exp.Group() if node.args.get("all"):
                return "GROUP BY ALL: name the columns"
            case exp.Literal() if not node.is_string and "e" in node.name.lower():
                return f"{node.name} is a float"
            case exp.Join() if node.method or node.kind in ("SEMI", "ANTI"):
                return f"{node.method or node.kind} JOIN is not known there"
        return ""
