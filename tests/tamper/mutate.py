"""Changes of a package: bits, bytes, lines, digits, files; each by its number alone."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from tamper.bank import Bank, Judge, bank

Files = dict[str, bytes]


def mutated(files: Mapping[str, bytes], other: Mapping[str, bytes], seed: int) -> Files:
    """Return a package with one change or a few; `other` is that of another day or version."""
    chance = random.Random(seed)
    changed = dict(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name = chance.choice(sorted(changed))
        kind = chance.randrange(13)
        data = changed[name]
        if kind == 0:
            del changed[name]
        elif kind == 1:
            changed[f"{name}.{chance.randrange(9)}"] = data
        elif kind == 2:
            changed[name] = other.get(name, b"")
        elif kind == 3:
            with_ = chance.choice(sorted(changed))
            changed[name], changed[with_] = changed[with_], changed[name]
        else:
            changed[name] = _edited(data, kind, chance)
        if not changed:
            return {"x": b""}
    return changed


def _edited(data: bytes, kind: int, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    lines = data.split(b"\n")
    match kind:
        case 4 | 5 if at < len(data):
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case 6:
            return data[:at]
        case 7:
            return data[:at] + chance.choice((b" ", b"\n", b"0", b"\0", b'"', b"\xff")) + data[at:]
        case 8:
            return data[:at] + data[at + chance.randrange(1, 40) :]
        case 9:
            chance.shuffle(lines)
            return b"\n".join(lines)
        case 10:
            return b"\n".join([*lines, chance.choice(lines)])
        case 11:
            digits = [i for i, c in enumerate(data) if 48 <= c <= 57]
            if not digits:
                return data + b"1"
            i = chance.choice(digits)
            return data[:i] + str(chance.randrange(10)).encode() + data[i + 1 :]
        case 12:
            return _spaced(data)
        case _:
            return data + data[at:]


def _spaced(data: bytes) -> bytes:
    try:
        return json.dumps(json.loads(data)).encode()
    except (ValueError, RecursionError):
        return data * 2


CLAIMED = frozenset(
    {"credit_daily.txt", "exceptions.json", "exceptions.txt", "evidence.html", "VERIFY.txt"}
)
"""Files that say something to people or machines; any change of them is a changed claim."""


def campaign(folder: Path, seeds: range) -> tuple[int, int, list[int]]:
    """Return how many changes were effective, how many were harmless, and which were accepted."""
    made = bank(folder / "bank")
    eve = made.deliver(1, day=date(2026, 11, 19))
    first, second = made.deliver(1), made.deliver(2)
    (folder / "judge").mkdir()
    judge = Judge(folder / "judge", made.fingerprint)
    assert judge.accepts(first)
    effective, harmless, wrong = 0, 0, []
    for seed in seeds:
        changed = mutated(second, (first, eve)[seed % 2], seed)
        if changed == second:
            continue
        effective += 1
        if judge.accepts(changed):
            if _says_the_same(made, changed, second) or changed in (first, eve):
                harmless += 1
            else:
                wrong.append(seed)
    return effective, harmless, wrong


def _says_the_same(made: Bank, changed: Files, files: Files) -> bool:
    """Say whether an accepted package claims what the true one does."""
    from puntual.cli.packs import unzipped
    from puntual.evidence import dsse

    def claims(one: Files) -> tuple[object, ...]:
        payload = dsse.decode(one["statement.dsse.json"], dsse.STATEMENT).payload
        manifests = unzipped(one["manifests.json.gz"], Path())
        rest = {n: d for n, d in one.items() if n in CLAIMED or n == "leaf.json"}
        return payload, manifests, rest, sorted(set(one) - {"timestamp.tsr"})

    return claims(changed) == claims(files)
