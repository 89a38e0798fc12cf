"""`make tamper`: 100,000 and more changed packages before both verifiers, on every core."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tamper import resigned
from tamper.mutate import campaign

CHUNK = 1000
RESIGNED = 100
"""Of a chunk, how many more packages are changed before their bank signs them."""


def _run(first: int) -> tuple[int, int, list[int], tuple[int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder, "changed"), range(first, first + CHUNK))
        odd = resigned.campaign(Path(folder, "odd"), range(first, first + RESIGNED))
    return *found, odd


def main(number: int) -> int:
    """Judge so many changes and say how it went."""
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_run, range(0, number, CHUNK)))
    effective, harmless = sum(f[0] for f in found), sum(f[1] for f in found)
    wrong = [seed for f in found for seed in f[2]]
    odd, taken = sum(f[3][0] for f in found), sum(f[3][1] for f in found)
    sys.stdout.write(
        f"{number:,} changes, {effective:,} effective: "
        f"{effective - harmless - len(wrong):,} rejected, "
        f"{harmless:,} accepted with the same claims, {len(wrong):,} with others; "
        f"{odd:,} signed in another form: {odd - taken:,} rejected; "
        f"both verifiers agree on each; {time.monotonic() - began:.0f} s\n"
    )
    if wrong:
        sys.stdout.write(f"seeds: {wrong[:20]}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 106_000))
