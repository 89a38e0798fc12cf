"""
Two sides, what explains their difference, and what remains.

Everything is signed and exact. An absent side is unknown, never zero and never equal
(`traps.md` 1 and 2); keys are compared only where no row left on the way and both sides made
their digest in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Context, Decimal
from functools import reduce

from puntual.checks.parts import differing, named, unsettled, unsummed
from puntual.model.check import OnFail, Severity
from puntual.model.control import Explanation, Hop, HopPart, Undigested
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Totals

DIGITS = 120
"""Precision of differences: 38 digits of a decimal, and room for any number of rows."""

NO_COUNT = "count not compared"
"""What is said of the rows where a tie compares the sum of a column."""

COUNTED = "*"
"""The column of a tie that counts rows."""


def hop(
    dataset: str,
    left: str,
    right: str,
    before: Totals | None,
    after: Totals | None,
    explained: Iterable[Explanation] = (),
    *,
    digest_of_rest: bool = False,
    digested: tuple[str, ...] = (),
    whole: bool = False,
    undigested: tuple[Undigested, ...] = (),
    keyed: bool = True,
) -> Hop:
    """
    Compare two sides of one step to the right.

    Args:
        dataset: Whose waterfall.
        left: Name of the left side.
        right: Name of the right side.
        before: Totals of the left side; None when there are none.
        after: Totals of the right side; None when not measured.
        explained: What left on the way, by cause.
        digest_of_rest: The left side's key digest was made without the rows that left, so that
            keys can be compared although some did.
        digested: The columns of both sides' key digests.
        whole: These are all columns that both sides have.
        undigested: Columns of the key and measures that are not in them.
        keyed: Whether a column of a key is in them.

    Returns:
        The hop with its residual: before − explained − after.
    """
    causes = tuple(sorted(explained, key=lambda e: e.cause))
    if before is None or after is None:
        return Hop(
            dataset=dataset, left=left, right=right, before=before, after=after, explained=causes
        )
    gone = sum(e.totals.records for e in causes)
    agree = _keys_agree(before, after) if digest_of_rest or not gone else None
    if agree and (not keyed or any(u.key for u in undigested)):
        agree = None
    return Hop(
        dataset=dataset,
        left=left,
        right=right,
        before=before,
        after=after,
        explained=causes,
        residual_records=before.records - gone - after.records,
        residual_sums={
            column: _residual(column, before, after, causes)
            for column in sorted(before.sums.keys() & after.sums.keys())
        },
        keys_agree=agree,
        digested=digested,
        whole=whole,
        undigested=undigested,
    )


def tie(
    dataset: str,
    left: str,
    right: str,
    *,
    column: str,
    said: Decimal | str,
    after: Totals,
    nulls: int = 0,
) -> Hop:
    """
    Compare what a tie's query says with the file.

    A count that is no whole number is compared as it was said: cut to one, it would agree with
    a file that it does not count. A sum that agrees but for nulls in the column has no answer.

    Args:
        dataset: Whose rows the file holds.
        left: Where the query was asked.
        right: The file.
        column: The column that is summed, or `*` where rows are counted.
        said: The one number that the query answered; a text: what it answered in its place.
        after: The file's rows, and their sum of the column.
        nulls: How many of the column's values are null.
    """
    if isinstance(said, str):
        found = hop(dataset, left, right, None, after)
        return replace(found, lacks=f"the tie's SELECT answered no number: {said}")
    if column == COUNTED and said == said.to_integral_value():
        return hop(dataset, left, right, Totals(records=int(said)), after)
    if column == COUNTED:
        after = replace(after, sums={COUNTED: Decimal(after.records)})
    held = (
        f"nulls in {column} of {right}: {nulls:,} of {after.records:,} values (a null is no zero)"
    )
    return replace(
        hop(dataset, left, right, Totals(records=0, sums={column: said}), after),
        residual_records=None,
        counted=False,
        lacks=held if nulls else "",
    )


def parts(said: Mapping[str, Totals], landed: Mapping[str, Totals]) -> tuple[HopPart, ...]:
    """Compare each file or shard that either side names, by name."""
    return tuple(_part(n, said.get(n), landed.get(n)) for n in sorted({*said, *landed}))


def _part(name: str, before: Totals | None, after: Totals | None) -> HopPart:
    if before is None or after is None:
        return HopPart(name=name, before=before, after=after)
    return HopPart(
        name=name,
        before=before,
        after=after,
        residual_records=before.records - after.records,
        residual_sums={
            column: _residual(column, before, after, ())
            for column in sorted(before.sums.keys() & after.sums.keys())
        },
    )


def findings_of(hops: Iterable[Hop], controls: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """
    Turn hops into findings, and put those of the controls after them.

    Returns:
        For each hop one finding: R1001 (source) or R2001 pass or fail, R2002 when only the keys
        differ, R1002 (source) or R2003 unknown; then R5004, which flags, for each hop that has
        columns that it did not compare; then the controls' findings.
    """
    hops = tuple(hops)
    lacking = (_undigested(h) for h in hops if h.undigested)
    return (*(_finding(h) for h in hops), *lacking, *controls)


def _undigested(found: Hop) -> Finding:
    """Return what a hop says of columns that it did not compare; its places and sums it did."""
    return Finding(
        code="R5004",
        rule=f"{found.dataset}_undigested",
        dataset=found.dataset,
        verdict=Verdict.UNKNOWN,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{found.dataset}: {found.left} and {found.right} were not compared in full",
        expected="each column of the key and each measure that both have compared row by row",
        observed=f"not compared: {listed(found.undigested)}",
    )


def uncompared(model: str, inputs: Iterable[str]) -> Finding:
    """
    Return what a day says of a model that nothing compares with what it is made from.

    Args:
        model: Its name.
        inputs: The datasets that it reads.
    """
    return Finding(
        code="R5005",
        rule=f"{model}_uncompared",
        dataset=model,
        verdict=Verdict.UNKNOWN,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{model}: nothing compares it with what it is made from",
        expected="`carries`, or a control between the two",
        observed=f"made from {' and '.join(inputs)}; no hop, control or tie has a side on both",
    )


def untied(report: str) -> Finding:
    """Return what a day says of a report that nothing compares with what it is made from."""
    return Finding(
        code="R5006",
        rule=f"{report}_untied",
        dataset=report,
        verdict=Verdict.UNKNOWN,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{report}: nothing compares the rows of report.sql with what they are made from",
        expected="ties of its money and its rows, or a control with a side on its file",
        observed="no tie, and no control that compares its file with what it is made from",
    )


def listed(columns: Iterable[Undigested]) -> str:
    """Return columns that were not compared with the reason: `client_id (text → integer)`."""
    return ", ".join(f"{u.column} ({u.why})" for u in columns)


def keys_said(found: Hop) -> str:
    """Say in words what the digests of a hop say, and which columns are not in them."""
    word = agreement(found)
    if not found.undigested:
        return word
    keys = [u for u in found.undigested if u.key]
    if found.keys_agree is None and keys:
        word = f"{word}: {listed(keys)}"
    rest = [u for u in found.undigested if not u.key or found.keys_agree is not None]
    return f"{word}; not compared: {listed(rest)}" if rest else word


def agreement(found: Hop) -> str:
    """Return what a hop's digests say: of keys, or of rows where every column is in them."""
    return (_ROWS if found.whole else _KEYS)[found.keys_agree]


def first_break(hops: Iterable[Hop]) -> Hop | None:
    """Return the first hop that leaves a residual or has other keys; None if none does."""
    return next((h for h in hops if is_broken(h)), None)


def is_broken(found: Hop) -> bool:
    """Say whether a measured hop does not agree; a hop that is unknown is not broken."""
    return (
        bool(found.residual_records)
        or any(found.residual_sums.values())
        or found.keys_agree is False
        or bool(differing(found))
    )


def is_unknown(found: Hop) -> bool:
    """Say whether a side of a hop is missing, or money on both sides has no answer."""
    if found.before is None or found.after is None:
        return True
    lacking = unvouched(found) or unsettled(found) or found.lacks
    return bool(lacking) and not is_broken(found)


def unvouched(found: Hop) -> tuple[str, ...]:
    """
    Return the measures that the hop should compare and cannot, sorted.

    A source's control record says every measure that its contract declares, and no measure gets
    lost on the way to the right: counts pass where only sums catch (`peers.md` 10).
    """
    if found.before is None or found.after is None:
        return ()
    left, right = set(found.before.sums), set(found.after.sums)
    if found.left == "raw":  # both are the contract's measures, unless it has changed between
        return tuple(sorted(left ^ right))
    return tuple(sorted(right - left if found.left == "source" else left - right))


def _finding(found: Hop) -> Finding:
    source = found.left == "source"
    unknown, broken = is_unknown(found), is_broken(found)
    only_keys = found.keys_agree is False and not (
        found.residual_records or any(found.residual_sums.values())
    )
    code = ("R1001" if source else "R2001") if not unknown else "R1002" if source else "R2003"
    word = "cannot be compared" if unknown else "do not agree" if broken else "agree"
    return Finding(
        code="R2002" if only_keys else code,
        rule=f"{found.dataset}:{found.left}-{found.right}",
        dataset=found.dataset,
        verdict=Verdict.UNKNOWN if unknown else Verdict.FAIL if broken else Verdict.PASS,
        severity=Severity.ERROR,
        on_fail=OnFail.HOLD,
        message=f"{found.dataset}: {found.left} and {found.right} {word}",
        expected="residual 0",
        observed=unmeasured(found) if unknown else _measured(found),
        rows=None if found.residual_records is None else abs(found.residual_records),
        amounts=dict(found.residual_sums),
    )


def unmeasured(found: Hop) -> str:
    """Say what a hop that is unknown lacks: the totals of a side, a sum of one, or its answer."""
    missing = [
        name
        for name, totals in ((found.left, found.before), (found.right, found.after))
        if totals is None
    ]
    if missing:
        return found.lacks or f"no totals of {' and '.join(missing)}"
    lacks = ", ".join(unvouched(found))
    of_day = f"{lacks} not compared: one side has no sum of it" if lacks else ""
    return "; ".join(filter(None, (of_day, unsummed(found), found.lacks)))


def _measured(found: Hop) -> str:
    explained = sum(e.totals.records for e in found.explained)
    parts = list(_residuals(found))
    parts += [found.lacks] if found.lacks else []
    parts += [told] if (told := named(found)) else []
    parts += [f"{explained:,} rows explained"] if explained else []
    parts.append(keys_said(found))
    return ", ".join(parts)


def _residuals(found: Hop) -> Iterator[str]:
    """Yield what remains of the rows, where they were counted, and of each sum."""
    sums = [f"{_said(found, name)} {v:,f}" for name, v in found.residual_sums.items()]
    sums += [f"{name} not compared" for name in _one_sided(found)]
    if is_of_sum(found):
        yield f"residual {', '.join(sums)}"
        yield NO_COUNT
        return
    if found.residual_records is not None:
        yield f"residual {found.residual_records:,} rows"
    yield from sums or ["no sum compared"]


def is_of_sum(found: Hop) -> bool:
    """Say whether a hop compares a sum and no rows; a count that is no whole number is a count."""
    return not found.counted and COUNTED not in found.residual_sums


def _said(found: Hop, name: str) -> str:
    """Return a measure's name; of a count that is no whole number, what was counted."""
    if name != COUNTED or found.before is None or found.after is None:
        return name
    before, after = found.before.sums[name], found.after.sums[name]
    return f"a count of {before:,f}, which is no whole number, against {after:,f}: residual"


def _one_sided(found: Hop) -> list[str]:
    before, after = (set(t.sums) if t else set() for t in (found.before, found.after))
    return sorted(before ^ after)


_KEYS: Mapping[bool | None, str] = {
    True: "keys agree",
    False: "keys differ",
    None: "keys not compared",
}
_ROWS: Mapping[bool | None, str] = {
    True: "rows agree",
    False: "rows differ",
    None: "rows not compared",
}


def _residual(
    column: str, before: Totals, after: Totals, explained: tuple[Explanation, ...]
) -> Decimal:
    gone = (e.totals.sums.get(column, Decimal(0)) for e in explained)
    return reduce(_subtract, (*gone, after.sums[column]), before.sums[column])


def _keys_agree(before: Totals, after: Totals) -> bool | None:
    comparable = before.key_digest and after.key_digest and before.algorithm == after.algorithm
    return before.key_digest == after.key_digest if comparable else None


def _subtract(left: Decimal, right: Decimal) -> Decimal:
    return Context(prec=DIGITS).subtract(left, right)
