"""
What of a control may not be shown: groups by classified columns, and their single values.

The result of a control is kept in a manifest, told in findings and notices, and leaves with a
delivery. So a value of a column that is not public is replaced by its pseudonym when a side
has been measured, before both sides are compared: equal values have equal pseudonyms, and
there is still one line for each group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property

from puntual.checks.control import Group, Key, Value
from puntual.model.control import (
    ControlRule,
    DatabaseSide,
    MeasureKind,
    QuerySide,
    ReportSide,
    StagedSide,
    Term,
)
from puntual.model.masked import equal_text, pseudonym
from puntual.project.classified import Shown, public_columns, public_of
from puntual.runner.world import DayRun

_SINGLE = frozenset({MeasureKind.MIN, MeasureKind.MAX})
"""Measures whose answer is the value of one row."""


class Concealment:
    """
    Lays pseudonyms over what sides of controls have answered.

    Args:
        run: The day.
    """

    def __init__(self, run: DayRun) -> None:
        """Read nothing yet."""
        self._run = run
        self._known: dict[str, tuple[frozenset[int], frozenset[int]]] = {}

    def columns(self, rule: ControlRule) -> tuple[str, ...]:
        """Return the names of a control's grain whose values may not be shown."""
        places, _ = self._of(rule)
        return tuple(name for i, name in enumerate(rule.by) if i in places)

    def over(self, rule: ControlRule, groups: Mapping[Key, Group]) -> Mapping[Key, Group]:
        """
        Return a side's groups with pseudonyms in place of what may not be shown.

        Pseudonyms of numbers stand for the number, whatever its scale was.
        """
        places, measures = self._of(rule)
        if not (places or measures):
            return groups
        return {self.key(rule, k): self._group(g, measures) for k, g in groups.items()}

    def key(self, rule: ControlRule, key: Key) -> Key:
        """Return a group's values with pseudonyms in place of those that may not be shown."""
        places, _ = self._of(rule)
        return tuple(self._text(v) if i in places else v for i, v in enumerate(key))

    def _group(self, group: Group, measures: frozenset[int]) -> Group:
        values = (self._value(v) if i in measures else v for i, v in enumerate(group.values))
        return replace(group, values=tuple(values))

    def _of(self, rule: ControlRule) -> tuple[frozenset[int], frozenset[int]]:
        """Return the places of the grain, and of the measures, that may not be shown."""
        if rule.id not in self._known:
            terms = (*rule.left, *rule.right)
            grain = frozenset(
                i
                for i in range(len(rule.by))
                if not self._public((t, t.by[i]) for t in terms if len(t.by) > i)
            )
            single = [i for i, m in enumerate(rule.measures) if m.kind in _SINGLE]
            measures = frozenset(
                i for i in single if not self._public((t, c) for t in terms for c in _read(t, i))
            )
            self._known[rule.id] = grain, measures
        return self._known[rule.id]

    def _public(self, columns: Iterator[tuple[Term, str]]) -> bool:
        """Say whether columns that are one to a control are public on every side that knows."""
        said = [p for term, column in columns if (p := self._is_public(term, column)) is not None]
        return bool(said) and all(said)

    def _is_public(self, term: Term, column: str) -> bool | None:
        """Say whether a column is public; None of a source database, which does not say."""
        match term.side:
            case StagedSide(dataset=dataset):
                return column in self._shown.get(dataset, frozenset())
            case ReportSide(report=report):
                return column in self._shown.get(f"report:{report}", frozenset())
            case QuerySide(sql=sql):
                return column.lower() in public_of(sql, self._shown)
            case DatabaseSide():
                return None

    @cached_property
    def _shown(self) -> Shown:
        return public_columns(self._run.project)

    @cached_property
    def _secret(self) -> bytes:
        return self._run.world.secret() if self._run.world.secret is not None else b""

    def _text(self, text: str | None) -> str | None:
        return None if text is None else pseudonym(self._secret, text).text

    def _value(self, value: Value) -> Value:
        return self._text(equal_text(value) if isinstance(value, Decimal) else value)


def _read(term: Term, place: int) -> tuple[str, ...]:
    return term.asked[place].columns
