"""What an attempt before left of a package does not stop the next one, and is not lost."""

from __future__ import annotations

from pathlib import Path

from support.small import good_day, run_day


def test_a_package_laid_out_and_never_committed_is_put_aside_and_the_day_is_sent(
    tmp_path: Path,
) -> None:
    twin = good_day(tmp_path / "twin")
    assert run_day(twin).code == 0
    (name,) = (p.name for p in (twin / "evidence").iterdir())
    root = good_day(tmp_path / "bank")
    begun = root / "evidence" / name
    begun.mkdir(parents=True)
    (begun / "VERIFY.txt").write_bytes(b"of the program before")

    ran = run_day(root)

    assert ran.code == 0, ran.out + ran.err
    aside = root / "evidence" / f"{name}.unfinished-1"
    assert (aside / "VERIFY.txt").read_bytes() == b"of the program before"
    assert (begun / "VERIFY.txt").read_bytes() != b"of the program before"
