"""The key under which a step runs once: what it reads, and the program that reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

from puntual.model.manifest import Digest


def step_key(step: str, reference_date: date, inputs: Mapping[str, Digest], code: Digest) -> Digest:
    """
    Return the key of (step, reference date, inputs, code), design 4.9.

    The same key never runs twice. Every part is preceded by its length in bytes, so that no two
    different lists of parts are the same bytes.

    Args:
        step: The step's id.
        reference_date: The day.
        inputs: Name → digest of every manifest, contract and SQL file that is read.
        code: Digest of the program.
    """
    parts = ["puntual/step-key/1", step, reference_date.isoformat(), code]
    for name in sorted(inputs):
        parts += [name, inputs[name]]
    found = hashlib.sha256()
    for part in parts:
        data = part.encode()
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()
