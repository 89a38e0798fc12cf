"""
Every message code: what it means and how to repair it, for `puntual explain CODE`.

Families: C project and contract, S source and landing, Q quality, R reconciliation, P policy
and decision, L layout, D delivery, V evidence, T technical. A code is never reused.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable code with its title, its meaning and its repair, each in plain sentences."""

    code: str
    title: str
    meaning: str
    repair: str


# C: project and contract

_C: tuple[Code, ...] = ()

# S: source and landing

_S: tuple[Code, ...] = ()

# Q: quality

_Q: tuple[Code, ...] = ()

# R: reconciliation

_R: tuple[Code, ...] = ()

# P: policy and decision

_P: tuple[Code, ...] = ()

# L: layout

_L: tuple[Code, ...] = ()

# D: delivery

_D: tuple[Code, ...] = ()

# V: evidence

_V: tuple[Code, ...] = ()

# T: technical

_T: tuple[Code, ...] = ()


CODES: dict[str, Code] = {c.code: c for c in _C + _S + _Q + _R + _P + _L + _D + _V + _T}
