"""What an engine said of a statement, without any value of the data (design 4.16)."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1""")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


def shown(error: str, sql: str) -> str:
    """
    Return the first line of an error without any value (design 4.16).

    Quoted words and numbers stay if they stand in the SQL.
    """
    first = error.strip().split("\n", 1)[0].removeprefix("ERROR:").strip()
    known = sql.lower()

    def word(found: re.Match[str]) -> str:
        return found[0] if found[2].lower() in known else f"{found[1]}…{found[1]}"

    def number(found: re.Match[str]) -> str:
        return found[0] if re.search(rf"\b{re.escape(found[0])}\b", known) else "…"

    return _DIGITS.sub(number, _QUOTED.sub(word, first))[:300]
