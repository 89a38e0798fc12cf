"""
Deploy Banco Ejemplo on the stage that answers for AWS on this machine, and deliver a day there.

The template that is deployed is the one that goes to AWS. The day's card events go into Kinesis,
its branch files into the lake, the core system into the PostgreSQL that a secret names; then the
deployed state machine is started and followed. The same day is delivered by this machine beside
it, and the report must be the same to the byte. The stage goes on running for what you may try.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import demo
import generate
import psycopg

from puntual.aws.deployment import settings_of

NAME, ENV = "banco-ejemplo", "aws-local"
DAY = date(2026, 11, 20)
EVENING, MORNING = f"{DAY}T21:00:00-06:00", "2026-11-23T05:00:00-06:00"
PUT = ("stream", "put", "--stream", "card-events", "--key", "client_id")


def stage(folder: Path) -> dict[str, Any]:
    """Start the stage, have this process led to it, and return how to reach it."""
    demo.say(folder, "aws", "local", "up")
    told = subprocess.run(
        [demo.puntual(), "aws", "local", "status", "--json"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(told.stdout)["data"]
    os.environ.update(found["environment"])
    return found


def feed(folder: Path, administrator: str) -> None:
    """Let the day arrive: tables, files, events."""
    print(f"\n# The core system: a PostgreSQL, named by the secret {NAME}/CORE", flush=True)
    with psycopg.connect(administrator, autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = 'core'").fetchone():
            server.execute("CREATE DATABASE core")
    core = administrator.replace("/postgres?", "/core?")
    generate.load_postgresql(folder / "data/core.db", core)
    secrets = boto3.client("secretsmanager")
    try:
        secrets.create_secret(Name=f"{NAME}/CORE", SecretString=core)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=f"{NAME}/CORE", SecretString=core)
    lake = settings_of(NAME, boto3.client("lambda")).lake
    print(f"# Branch files and control records: s3://{lake}/{NAME}/incoming/", flush=True)
    for place in ("inbox", "control"):
        for file in sorted((folder / place).glob(f"*{DAY:%Y%m%d}*")):
            key = f"{NAME}/incoming/{file.relative_to(folder).as_posix()}"
            boto3.client("s3").upload_file(str(file), lake, key)
    demo.say(folder, *PUT, "--env", ENV, f"data/card_events/{DAY}.jsonl")


def compare(folder: Path) -> None:
    """Deliver the day here as well, and stop if a report is another than the deployed one."""
    print("\n# The same day, by this machine", flush=True)
    demo.say(folder, "stream", "create", "--stream", "card-events", "--shards", "2")
    demo.say(folder, *PUT, "--as-of", EVENING, f"data/card_events/{DAY}.jsonl")
    demo.say(folder, "run", "-d", str(DAY), "--as-of", MORNING)
    deliveries = settings_of(NAME, boto3.client("lambda")).deliveries
    print()
    for name in (f"credit_daily_{DAY:%Y%m%d}_v1.txt", f"arrears_daily_{DAY:%Y%m%d}_v1.dat"):
        found = boto3.client("s3").get_object(Bucket=deliveries, Key=f"{NAME}/out/{name}")
        here = (folder / "out" / name).read_bytes()
        if found["Body"].read() != here:
            sys.exit(f"{name} is another report where it is deployed")
        print(f"  {name}: the same {len(here):,} bytes, deployed and here")


def main() -> None:
    """Read the command line, deploy, feed, run, compare."""
    parser = argparse.ArgumentParser(description="Deliver a day where the project is deployed.")
    in_checkout = (demo.CHECKOUT / "src" / "puntual").is_dir()
    default = demo.CHECKOUT / "build" / "demo-aws" if in_checkout else demo.HERE
    parser.add_argument("--into", type=Path, default=default, help=f"default: {default}")
    folder = parser.parse_args().into.resolve()
    began = time.monotonic()
    if (folder / ".puntual/aws-local").is_dir():
        demo.say(folder, "aws", "local", "down")
    demo.prepare(folder)
    found = stage(folder)
    demo.say(folder, "deploy", "--env", ENV)
    feed(folder, found["postgresql"])
    demo.say(folder, "run", "--env", ENV, "-d", str(DAY), "--as-of", MORNING)
    compare(folder)
    where = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(f"""
Deployed, fed, delivered and compared in {time.monotonic() - began:.0f} s. The stage still runs.

 what to try next           cd {where}
    puntual status --env {ENV}
    puntual reconcile -d {DAY} --env {ENV}
    puntual lineage credit_daily -d {DAY} --row line:2 --column charges --env {ENV}
    puntual verify -d {DAY} --level 3 --env {ENV}
 and at the end             puntual aws local down
""")


if __name__ == "__main__":
    main()
