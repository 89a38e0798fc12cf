"""A number's lineage as people read it: its line, its rows, their bytes, what is not in it."""

from __future__ import annotations

from collections.abc import Iterator

from puntual.model.lineage import Atom, Balance, LeftOut, NumberLineage, PlacedRow

_SIGNS = {True: "● adds up", False: "✕ DOES NOT ADD UP", None: ""}


def adds_up(number: NumberLineage) -> bool:
    """Say whether nothing of a number is left unexplained."""
    return all(_is_whole(a) for a in number.atoms)


def _is_whole(atom: Atom) -> bool:
    accounted = all(b.unexplained in (0, None) for b in atom.balances)
    return atom.adds_up is not False and accounted and all(_is_whole(a) for a in atom.inner)


def lines(number: NumberLineage, *, sql: bool) -> Iterator[str]:
    """Yield what people read."""
    line = number.line
    state = "delivered" if number.delivered else "made, not delivered"
    yield f" {number.delivery}   {line.column} = {line.value}   {state}"
    yield f"   manifest  {number.manifest}"
    yield f"   file      {line.file_name}   sha256 {line.sha256}"
    yield f"   line {line.number:<4} {line.text}"
    yield f"   made as   {' '.join(number.expression.split())}"
    for atom in number.atoms:
        yield from _atom(atom, 1)
    for sentence in number.warehouse:
        yield f"   warehouse {sentence}"
    if number.revealed:
        yield f"   on record: classified columns were shown ({', '.join(number.revealed)})"
    if sql:
        for i, hop in enumerate(number.hops, 1):
            yield f" hop {i}   {hop.about}"
            yield from (f"   {step}   {digest}" for step, digest in sorted(hop.manifests.items()))
            yield from (f"     {said}" for said in hop.sql.splitlines())
    else:
        yield f"   {len(number.hops)} hops; --sql prints the SQL of each"


def _atom(atom: Atom, depth: int) -> Iterator[str]:
    lead = "  " * depth
    if atom.kind == "constant":
        yield f"{lead} {atom.expression} = {atom.total}   no row is behind it"
        return
    sign = _SIGNS[atom.adds_up]
    yield f"{lead} {atom.expression}   {atom.rows:,} rows, {atom.total}   {sign}".rstrip()
    number = atom.first
    for row in atom.shown:
        mark = "+" if row.role == "joined" else str(number)
        number += row.role != "joined"
        yield from _row(row, depth + 1, mark)
    for inner in atom.inner:
        yield from _atom(inner, depth + 2)
    for balance in atom.balances:
        yield from _balance(balance, lead)


def _row(row: PlacedRow, depth: int, mark: str) -> Iterator[str]:
    lead = "  " * depth
    value = f"   {row.value}" if row.value is not None else ""
    role = "" if row.role in ("contributes", "carried") else f"   {row.role}"
    yield f"{lead} {mark:<3} {row.dataset} {row.object}:{row.position}{value}{role}"
    if row.raw is not None:
        raw = row.raw
        named = raw.original or raw.object
        yield f"{lead}       raw {named} at {raw.position}   object sha256 {raw.sha256}"
        digest = f"   sha256 {raw.payload_sha256}" if raw.payload_sha256 else ""
        yield f"{lead}       {raw.bytes:,} bytes{digest}"
        yield f"{lead}       {raw.payload}"
    for origin in row.origins:
        yield from _row(origin, depth + 2, "←")


def _balance(balance: Balance, lead: str) -> Iterator[str]:
    yield f"{lead}   not in it, of {balance.records:,} records of {balance.dataset}:"
    for left in balance.left_out:
        yield from _left(left, lead)
    if balance.unexplained:
        yield f"{lead}     ✕ {balance.unexplained:,} records are not accounted for"
    elif balance.unexplained == 0:
        total = f"{balance.contributing:,} in it"
        yield f"{lead}     ● every record is accounted for, {total}"


def _left(left: LeftOut, lead: str) -> Iterator[str]:
    mark = "" if left.exclusive else "also: "
    yield f"{lead}     {left.rows:>13,}   {left.stage}   {mark}{left.reason}"
    for place, position in left.places:
        yield f"{lead}                     {place}:{position}"
