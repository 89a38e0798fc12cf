"""
Deliver Banco Ejemplo's last five business days with the `puntual` command, and show the way on.

The first is a bad night: the card stream is silent, a policy that two people have signed
beforehand lets the report leave in part, with a document of every exception, and the complete
one replaces it when the events come. On the others each day's card events are put on the stream
in the evening, and the day is run early on the next business day. The clock is given by `--as-of`,
so that the demo is the same on any day. In a checkout it works in `build/demo`, elsewhere in the
folder it stands in; what an earlier demo made there is made afresh, anything else is left alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
MADE = (".puntual", "out", "evidence", "ledger.checkpoint")
GENERATED = ("data", "inbox", "control", "__pycache__")
DAYS = 5
SILENT = date(2026, 11, 13)
HELD = date(2026, 11, 19)
SHOWN = date(2026, 11, 20)
NEXT_MORNING = "05:00:00-06:00"  # two hours before the report is due
DECIDED = "06:40:00-06:00"  # the last moment to decide has come
REPAIRED = "09:30:00-06:00"  # the events have come, hours after the deadline
EVENING = "21:00:00-06:00"
DELIVERED, FINDING, IN_PART, WAITING = 0, 1, 4, 6
SIGNERS = (("Ana Torres", "compliance", WAITING), ("Luis Vega", "operations", DELIVERED))
"""Who agrees to a policy, in which role, and how `puntual sign` ends: the first is not enough."""


def puntual() -> str:
    """Return the command that belongs to this Python, or the one on the path."""
    beside = Path(sys.executable).with_name("puntual")
    found = str(beside) if beside.is_file() else shutil.which("puntual")
    if found is None:
        sys.exit("the command puntual is not installed; in a checkout: make demo")
    return found


def say(folder: Path, *arguments: str, expected: int = DELIVERED) -> None:
    """Show a command, run it, and stop the demo if it ends otherwise than it should."""
    shown = " ".join(f'"{a}"' if " " in a else a for a in arguments)
    print(f"\n$ puntual {shown}", flush=True)
    code = subprocess.run([puntual(), *arguments], cwd=folder, check=False).returncode
    print(f"  (exit {code})", flush=True)
    if code != expected:
        sys.exit(f"the demo expected exit {expected}")


def prepare(folder: Path) -> list[date]:
    """Copy the project, remove what an earlier demo made, and generate the data."""
    mark = folder / ".puntual" / "demo"
    if (folder / ".puntual").exists() and not mark.is_file():
        sys.exit(f"{folder} holds runs that are not this demo's; choose another: --into FOLDER")
    for name in MADE if mark.is_file() else ():
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).unlink(missing_ok=True)
    if folder != HERE:
        left_out = shutil.ignore_patterns(*MADE, *GENERATED)
        shutil.copytree(HERE, folder, ignore=left_out, dirs_exist_ok=True)
    mark.parent.mkdir(parents=True)
    mark.write_text("Made by demo.py, which removes this folder when it is run again.\n")
    generator = [sys.executable, str(folder / "generate.py"), "--into", str(folder)]
    print("$ python generate.py --seed 42", flush=True)
    subprocess.run([*generator, "--seed", "42"], check=True)
    return sorted(date.fromisoformat(p.stem) for p in (folder / "data/card_events").glob("*.jsonl"))


def put(folder: Path, day: date, at: str) -> None:
    """Put a day's card events on the stream at an instant."""
    events = f"data/card_events/{day}.jsonl"
    put = ("stream", "put", "--stream", "card-events", "--key", "client_id")
    say(folder, *put, "--as-of", at, events)


def silent_source(folder: Path, day: date, following: date) -> None:
    """Play the bad night: nothing comes, part of it is delivered, the complete one replaces it."""
    print("\n# The card stream is silent. Two people have agreed beforehand what may leave then.")
    for policy in ("arrears_daily_partial", "credit_daily_partial"):
        for person, role, ends in SIGNERS:
            who = ("--as", person, "--role", role, "--as-of", f"{day}T{EVENING}")
            say(folder, "sign", "policy", policy, *who, expected=ends)
    control = folder / f"control/card_events_{day:%Y%m%d}.json"
    kept = control.rename(control.with_suffix(".later"))
    run = ("run", "-d", str(day), "--as-of")
    say(folder, *run, f"{following}T{NEXT_MORNING}", expected=WAITING)
    print("\n# 06:40: nothing came. The policy decides, and the regulator is told what is missing.")
    say(folder, *run, f"{following}T{DECIDED}", expected=IN_PART)
    stem = folder / f"out/credit_daily_{day:%Y%m%d}_v1"
    for line in Path(f"{stem}.notice.en.txt").read_text(encoding="utf-8").splitlines()[:12]:
        print(f"  | {line}")
    print("\n# 09:30: the card events have come. The complete report replaces the partial one.")
    kept.rename(control)
    put(folder, day, f"{following}T{REPAIRED}")
    say(folder, *run, f"{following}T{REPAIRED}")
    say(folder, "diff", "credit_daily", "-d", str(day), expected=FINDING)


def deliver(folder: Path, day: date, following: date) -> None:
    """Put the day's events on the stream in the evening; run the day on the next morning."""
    put(folder, day, f"{day}T{EVENING}")
    expected = FINDING if day == HELD else DELIVERED
    morning = f"{following}T{NEXT_MORNING}"
    say(folder, "run", "-d", str(day), "--as-of", morning, expected=expected)


def way_on(folder: Path, seconds: float) -> None:
    """Say where everything lies and what to try next."""
    where = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    branch = f"branch_{HELD:%Y%m%d}_014.csv"
    print(f"""
{DAYS} business days in {seconds:.0f} s: four delivered, one of them in part first; one held.

 the night without cards    {where}/out/credit_daily_{SILENT:%Y%m%d}_v1.*
                            report, exceptions, notice; and _v2.*, which replaced them
 where the reports lie      {where}/out/
 the exceptions of {SHOWN}  {where}/out/, beside the report; or: puntual exceptions -d {SHOWN}
 the evidence               {where}/evidence/

 what to try next           cd {where}
  four card events of unknown clients were set aside, within the contract's limit:
    puntual exceptions -d {SHOWN}
  a branch file is two lines short of its control record, so {HELD} is held:
    puntual explain credit_daily -d {HELD}
    puntual reconcile -d {HELD}
  the branch sends it again, and the day is delivered:
    cp data/corrections/{branch} inbox/{branch}
    puntual run -d {HELD} --as-of {SHOWN}T06:00:00-06:00
  run a day twice; nothing is done twice:
    puntual run -d {SHOWN} --as-of 2026-11-23T05:30:00-06:00
  ask the curated data:
    puntual query "SELECT reference_date, kind, count(*) FROM card_movements GROUP BY ALL"
  prove a delivery, offline, from its evidence:
    puntual verify evidence/credit_daily_{SHOWN:%Y%m%d}_v1
""")


def main() -> None:
    """Read the command line and play the days."""
    parser = argparse.ArgumentParser(description="Deliver Banco Ejemplo's last business days.")
    in_checkout = (CHECKOUT / "src" / "puntual").is_dir()
    default = CHECKOUT / "build" / "demo" if in_checkout else HERE
    parser.add_argument("--into", type=Path, default=default, help=f"default: {default}")
    parser.add_argument("--story", help="Play this story of `puntual drill` instead.")
    arguments = parser.parse_args()
    if arguments.story is not None:
        say(Path.cwd(), "drill", arguments.story)
        return
    folder = arguments.into.resolve()
    began = time.monotonic()
    days = prepare(folder)
    say(folder, "check")
    say(folder, "stream", "create", "--stream", "card-events", "--shards", "2")
    followed_by = dict(zip(days, [*days[1:], SHOWN + timedelta(days=3)], strict=True))
    silent_source(folder, SILENT, followed_by[SILENT])
    for day in (d for d in days[-DAYS:] if d != SILENT):
        deliver(folder, day, followed_by[day])
    say(folder, "status", "--as-of", f"{followed_by[SHOWN]}T{NEXT_MORNING}")
    say(folder, "explain", "credit_daily", "-d", str(HELD), expected=FINDING)
    say(folder, "reconcile", "-d", str(HELD), "--rows", expected=FINDING)
    say(folder, "exceptions", "-d", str(SHOWN))
    way_on(folder, time.monotonic() - began)


if __name__ == "__main__":
    main()
