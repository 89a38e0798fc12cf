"""
The deployed template, run: the machine, its jobs and functions deliver what a laptop delivers.

One stage, one deployment, days one after the other; each test looks at states, attempts, outputs
and delivered files. What an emulator is known to get wrong (`aws-local.md` 3) is not looked at:
payload limits (L17), roles (L28), the zone of a schedule (L21).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.aws import client_on
from support.openlineage import validate
from support.stage import stage as stage
from support.stage import stage_python as stage_python
from support.tsa import Authority, made, serving

from puntual.aws.cache import Cache
from puntual.aws.commits import S3CommitLog, S3Index
from puntual.aws.executions import RUNNING
from puntual.aws.objects import S3Objects
from puntual.aws.pointers import S3Pointers
from puntual.aws.producer import KinesisProducer
from puntual.aws.redshift_data import DataApi
from puntual.aws.stage.standing import Standing
from puntual.checks.encoding import ALGORITHM
from puntual.cli import wiring
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import TransientError
from puntual.infra.asl import machine
from puntual.model.delivery import Completeness, State
from puntual.model.manifest import Manifest
from puntual.project.read import read_project
from puntual.runner import checkpoint
from puntual.runner.published import committed_steps

from .bank import ENV, NAME, STREAM, Bank, deployed, mailbox

FRIDAY, MONDAY = "2026-11-20", "2026-11-23T05:00:00-06:00"
SHORT_DAY, NEXT_DAY = "2026-11-19", "2026-11-20T05:00:00-06:00"
BROKEN_DAY, MORNING = "2026-11-17", "2026-11-18T05:00:00-06:00"
STOPPED_DAY, STOPPED_MORNING = "2026-11-09", "2026-11-10T05:00:00-06:00"
SCHEDULED_DAY, SCHEDULED_AT = "2026-10-30", "2026-11-03T08:00:00Z"
REPLAYED = ((FRIDAY, MONDAY), (BROKEN_DAY, MORNING), (STOPPED_DAY, STOPPED_MORNING))
SIGNED_DAY, SIGNED_MORNING = "2026-11-13", "2026-11-17T05:00:00-06:00"
EARLY_DAY, EARLY_MORNING = "2026-11-10", "2026-11-11T06:50:00-06:00"
SILENT_DAY, SILENT_MORNING = "2026-11-05", "2026-11-06T06:50:00-06:00"
"""
A day brings late events of the day before it: it is fed after that one is delivered, or not at all.
"""

VERIFIERS = Path(__file__).resolve().parents[2] / "verifier"

Faults = Callable[[dict[str, Any]], None]

everything = pytest.mark.skipif(
    not os.environ.get("PUNTUAL_AWS_ALL"), reason="`make aws` runs it: a day more on Spark"
)


@pytest.fixture(scope="module")
def bank(stage: Standing, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return deployed(stage, tmp_path_factory.mktemp("aws") / "bank")


@pytest.fixture(scope="module")
def friday(bank: Bank) -> Any:
    """A day without trouble, delivered by the deployed machine."""
    bank.feed(FRIDAY)
    return bank.run(FRIDAY, MONDAY)


@pytest.fixture(scope="module")
def laptop(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same day, delivered by `puntual run` on this machine."""
    root = tmp_path_factory.mktemp("laptop") / "bank"
    shutil.copytree(bank.root, root, ignore=shutil.ignore_patterns(".puntual"))
    events = str(root / f"data/card_events/{FRIDAY}.jsonl")
    for command in (
        ("stream", "create", "--stream", "card-events", "--shards", "2"),
        ("stream", "put", "--stream", "card-events", "--key", "client_id",
         "--as-of", f"{FRIDAY}T21:00:00-06:00", events),
        ("run", "-d", FRIDAY, "--as-of", MONDAY),
    ):  # fmt: skip
        done = bank.puntual(*command, root=root)
        assert done.code == 0, done.err
    return root


def _way(bank: Bank) -> list[str]:
    """Return the states of a day on which all is well, out of the compiled machine."""
    states: Any = machine(read_project(bank.root, env=ENV))["States"]
    at, way = "Begin", []
    while at:
        way.append(at)
        state = states[at]
        # Decided and made in full; and at the end, failed by nothing.
        full = [c for c in state.get("Choices", ()) if c.get("StringEquals") in ("full", "")]
        planned = [c for c in state.get("Choices", ()) if c.get("BooleanEquals")]
        at = (full or planned or [state])[0].get("Next", "")
    return way


def test_the_deployed_machine_delivers_a_day_and_the_command_ends_as_a_local_run(
    bank: Bank, friday: Any
) -> None:
    assert friday.code == 0, friday.out + friday.err
    assert "execution:banco-ejemplo-day:banco-ejemplo-2026-11-20-1" in friday.out
    assert "card_events matched 1,029" in friday.out
    assert "● credit_daily  2026-11-20  v1  sent, full, on time" in friday.out
    assert bank.states(FRIDAY, 1) == _way(bank)
    sent = {d.id.report: d for d in bank.journal.deliveries(reference_date=date(2026, 11, 20))}
    assert {d.state for d in sent.values()} == {State.SENT}
    assert {d.completeness for d in sent.values()} == {Completeness.FULL}
    assert {outcome for _, outcome in bank.outcomes(FRIDAY)} == {"done"}


def test_the_report_is_the_laptops_to_the_byte(bank: Bank, friday: Any, laptop: Path) -> None:
    here = {f"out/{p.name}": p.read_bytes() for p in (laptop / "out").iterdir() if p.is_file()}
    there = bank.delivered()
    reports = [name for name in here if name.endswith((".txt", ".dat"))]
    assert len(reports) == 2
    assert {name: there[name] for name in reports} == {name: here[name] for name in reports}


def test_an_auditor_verifies_what_the_machine_delivered_with_a_folder_and_a_fingerprint(
    bank: Bank, friday: Any, tmp_path: Path
) -> None:
    given = bank.puntual("key", "export", str(tmp_path), "--env", ENV)
    assert given.code == 0, given.out + given.err
    root = given.out.split("on paper: root key ")[1].strip()
    package = f"evidence/credit_daily_{FRIDAY.replace('-', '')}_v1/"
    names = {n: d for n, d in bank.delivered().items() if n.startswith(package)}
    folder = tmp_path / "package"
    folder.mkdir()
    for name, data in names.items():
        (folder / name.removeprefix(package)).write_bytes(data)

    def told(fingerprint: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", "verify_delivery.py", "package", "--root", fingerprint],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, said = told(root)
    assert code == 0, said
    assert told("0" * 64)[0] == 1
    here = bank.puntual("verify", str(folder), "--root", root, root=tmp_path)
    assert here.code == 0, here.out + here.err
    report = folder / f"credit_daily_{FRIDAY.replace('-', '')}_v1.txt"
    report.write_bytes(report.read_bytes().replace(b"1", b"2", 1))
    assert told(root)[0] == 1
    listed = bank.puntual("key", "list", "--env", ENV)
    assert "trust file 1" in listed.out
    assert root in listed.out


def test_raw_objects_on_s3_have_the_record_root_that_the_machine_delivered(
    bank: Bank, friday: Any, tmp_path: Path
) -> None:
    package, store = tmp_path / "package", tmp_path / "store"
    package.mkdir()
    prefix = f"evidence/credit_daily_{FRIDAY.replace('-', '')}_v1/"
    for name, data in bank.delivered().items():
        if name.startswith(prefix):
            (package / name.removeprefix(prefix)).write_bytes(data)
    listed = [one.name for one in bank.lake.listed("raw/")]
    for name, read in zip(listed, bank.lake.read_many(listed), strict=True):
        assert read is not None
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_bytes(read.data)
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIERS / "verify_raw.py"), str(package), "--store",
         str(store)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are the ones that were landed, with their record root" in done.stdout


def test_every_dataset_has_the_laptops_digest(
    bank: Bank, friday: Any, laptop: Path, tmp_path: Path
) -> None:
    project = read_project(bank.root)
    cache = Cache(tmp_path / "cache", 1 << 30)
    objects = S3Objects(bank.lake, cache)
    pointers = S3Pointers(S3Index(S3CommitLog(bank.lake.below("state/commits"))))

    class There:
        def __init__(self) -> None:
            self.objects, self.pointers = objects, pointers

    with wiring.open_store(laptop) as here:
        stores = (here, There())
        found: dict[str, list[Any]] = {}
        engine = DuckDBEngine(temporary=str(tmp_path), threads=1)
        for store in stores:
            committed = committed_steps(store, date(2026, 11, 20))
            for dataset in (*project.contracts, *project.models):
                kind = "curate" if dataset in project.contracts else "build"
                made: Manifest = checkpoint.by_digest(store, committed[f"{kind}:{dataset}"])
                files = tuple(store.objects.locate(o) for o in made.of_role("data"))
                columns = (project.contracts if kind == "curate" else project.models)[dataset]
                totals = engine.totals(
                    files,
                    columns.key,
                    tuple(m.column for m in columns.measures),
                    algorithm=ALGORITHM,
                )
                found.setdefault(dataset, []).append(totals)
    assert {name for name, (one, other) in found.items() if one != other} == set()
    assert all(found[name][0].key_digest for name in project.models)


OF_A_PLACE = frozenset(
    {
        "object",
        "position",
        "sample",
        "places",
        "shown",
        "key_digest",
        "algorithm",
        "hops",
        "manifest",
    }
)
"""Two stores of the same records have other objects, and another engine another digest."""

LOOKS = (
    ("explain", "credit_daily", "-d", FRIDAY),
    ("exceptions", "-d", FRIDAY),
    ("reconcile", "-d", FRIDAY),
    ("reconcile", "-d", FRIDAY, "--rows"),
    ("lineage", "credit_daily", "-d", FRIDAY, "--row", "line:2", "--column", "charges",
     "--left-out"),
)  # fmt: skip


def _said(value: Any) -> Any:
    """Return what is said, without the names of a place."""
    if isinstance(value, dict):
        return {k: _said(v) for k, v in value.items() if k not in OF_A_PLACE}
    if isinstance(value, list):
        return [_said(v) for v in value]
    # What stands for a value that may not be shown is made with the secret of its place.
    return re.sub(r" #[0-9a-f]{6}›", "›", value) if isinstance(value, str) else value


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(look[:1] + look[3:4]))
def test_what_a_person_asks_about_a_deployed_day_is_answered_as_on_a_laptop(
    bank: Bank, friday: Any, laptop: Path, look: tuple[str, ...]
) -> None:
    there = bank.puntual(*look, "--json", "--env", ENV)
    here = bank.puntual(*look, "--json", root=laptop)
    assert (there.code, here.code) == (0, 0), there.out + there.err + here.out + here.err
    said, expected = (_said(json.loads(ran.out)["data"]) for ran in (there, here))
    assert said == expected
    assert said


def test_hops_of_a_deployed_day_have_the_laptops_counts_and_sums(
    bank: Bank, friday: Any, laptop: Path
) -> None:
    def hops(*more: str, root: Path | None = None) -> list[Any]:
        ran = bank.puntual("reconcile", "-d", FRIDAY, "--json", *more, root=root)
        found: list[Any] = json.loads(ran.out)["data"]["hops"]
        return [{k: v for k, v in hop.items() if k != "digested"} for hop in found]

    there, here = hops("--env", ENV), hops(root=laptop)
    assert len(there) > 15
    assert [_said(hop) for hop in there] == [_said(hop) for hop in here]


def test_status_shows_what_is_deployed_and_never_this_machines_own_days(
    bank: Bank, friday: Any
) -> None:
    there = bank.puntual("status", "--env", ENV, "--as-of", MONDAY)
    assert there.code == 0, there.err
    assert "● credit_daily  2026-11-20 v1  sent  full  on time" in there.out
    assert f"next: puntual exceptions --env {ENV} -d {FRIDAY}" in friday.out
    here = bank.puntual("status", "--as-of", MONDAY)
    assert "nothing has been run here yet" in here.out


def test_the_ledger_of_a_deployed_project_is_checked_and_proves_its_growth(
    bank: Bank, friday: Any, tmp_path: Path
) -> None:
    checked = bank.puntual("ledger", "check", "--env", ENV, "--json")
    assert checked.code == 0, checked.err
    size = int(json.loads(checked.out)["data"]["entries"])
    assert size > 30
    proof = tmp_path / "proof"
    proved = bank.puntual("ledger", "prove", "--from", "2", str(proof), "--env", ENV)
    assert proved.code == 0, proved.err
    assert proof.stat().st_size > 100
    newest = bank.puntual("ledger", "show", "-n", "1", "--env", ENV)
    assert "deliver" in newest.out


def test_a_deployed_delivery_is_verified_to_its_raw_records(bank: Bank, friday: Any) -> None:
    done = bank.puntual("verify", "-d", FRIDAY, "--level", "2", "--json", "--env", ENV)
    assert done.code == 0, done.out + done.err
    packages = json.loads(done.out)["data"]["packages"]
    assert [(p["verified"], p["level"]) for p in packages] == [(True, "2")] * 2
    lines = [line["sentence"] for line in packages[1]["lines"]]
    assert "ledger: the checkpoint is one of this project's" in lines
    assert "land:card_events: the record root is the one that was recorded" in lines


def test_the_events_of_a_deployed_day_are_exported_as_openlineage_says(
    bank: Bank, friday: Any
) -> None:
    asked = ("export", "openlineage", "-d", FRIDAY, "--env", ENV)
    done = bank.puntual(*asked)
    assert done.code == 0, done.out + done.err
    validate(done.out.encode())
    told = [(e["job"]["name"], e["eventType"]) for e in map(json.loads, done.out.splitlines())]
    for step in ("land:card_events", "load:ledger", "deliver:credit_daily"):
        assert told.count((step, "START")) == told.count((step, "COMPLETE")) == 1
    assert bank.puntual(*asked).out == done.out


def test_a_row_that_was_altered_in_redshift_is_named_with_its_raw_place(
    bank: Bank, friday: Any
) -> None:
    warehouse = DataApi(
        client_on(bank.stage, "redshift-data"),
        workgroup=bank.settings.workgroup,
        database=bank.settings.database,
    )
    where = f"WHERE reference_date = '{FRIDAY}' AND _position = 72"
    assert not warehouse.run(f"UPDATE card_movements SET amount = amount + 0.01 {where}").error
    try:
        found = bank.puntual("reconcile", "-d", FRIDAY, "--rows", "--json", "--env", ENV)
    finally:
        back = f"UPDATE card_movements SET amount = amount - 0.01 {where}"
        assert not warehouse.run(back).error
    assert found.code == 1, found.out + found.err
    (behind,) = json.loads(found.out)["data"]["rows"]
    (row,) = [r for r in behind["rows"] if r["class"] == "changed"]
    assert row["position"] == "72"
    assert row["amounts"] == {"amount": "-0.01"}
    assert [cell["column"] for cell in row["changed"]] == ["amount"]


def test_classified_values_of_a_deployed_day_are_not_revealed_by_a_command(
    bank: Bank, friday: Any
) -> None:
    for look in LOOKS[-2:]:
        asked = bank.puntual(*look, "--unmask", "--env", ENV)
        assert asked.code == 2, asked.out + asked.err
        assert "C1913" in asked.err


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with serving(made(tmp_path_factory.mktemp("tsa") / "authority")) as authority:
        yield authority


@pytest.fixture(scope="module")
def rotated(bank: Bank, friday: Any, stamps: Authority) -> list[str]:
    """
    Two new keys of KMS and an authority for time stamps, after FRIDAY was delivered.

    Returns:
        What the deployment said.
    """
    new = ("--new-key", "pipeline", "--new-key", "log", "--timestamp-url", stamps.url)
    again = bank.puntual("deploy", "--env", ENV, *new)
    assert again.code == 0, again.out + again.err
    for name in ("pipeline", "log"):
        done = bank.puntual("key", "rotate", name, "--env", ENV)
        assert done.code == 0, done.out + done.err
    return again.err.splitlines()


@everything
def test_a_person_signs_a_delivery_with_a_key_of_his_own_and_only_then_it_is_sent(
    bank: Bank, friday: Any, rotated: list[str]
) -> None:
    bank.feed(SIGNED_DAY)
    for change in (("create", "ana", "--role", "approver"), ("require", "--full", "1")):
        done = bank.puntual("key", *change, "--env", ENV)
        assert done.code == 0, done.out + done.err
    try:
        waits = bank.run(SIGNED_DAY, SIGNED_MORNING)
        assert waits.code == 6, waits.out + waits.err
        asked = f"puntual key sign --env {ENV} -r credit_daily -d {SIGNED_DAY} --name NAME"
        assert asked in waits.out
        assert not any(SIGNED_DAY.replace("-", "") in name for name in bank.delivered())
        signed = bank.puntual("key", "sign", "-d", SIGNED_DAY, "--name", "ana", "--env", ENV)
        assert signed.code == 0, signed.out + signed.err
        sent = bank.run(SIGNED_DAY, SIGNED_MORNING)
        assert sent.code == 0, sent.out + sent.err
    finally:
        back = bank.puntual("key", "require", "--full", "0", "--env", ENV)
        assert back.code == 0, back.err
    shown = bank.puntual("ledger", "show", "-n", "200", "--json", "--env", ENV)
    events = [e["event"] for e in json.loads(shown.out)["data"]["entries"]]
    assert events.count("approval") == 2  # one for each report
    assert "key" in events
    verified = bank.puntual("verify", "-d", SIGNED_DAY, "--level", "1", "--env", ENV)
    assert verified.code == 0, verified.out + verified.err
    assert verified.out.count("signed by approver: ana (1 needed)") == 2


@everything
def test_a_key_of_kms_that_was_replaced_still_vouches_for_what_it_signed_before(
    bank: Bank, rotated: list[str], stamps: Authority
) -> None:
    """FRIDAY is signed by the first keys, the signed day by the second ones."""
    for role in ("pipeline", "log"):
        assert f"puntual:  ! a new key of {role} is deployed, and signs nothing yet" in rotated
        assert f"puntual:    puntual key rotate {role} --env {ENV} has it sign" in rotated
    listed = json.loads(bank.puntual("key", "list", "--json", "--env", ENV).out)["data"]["keys"]
    ended = {k["name"]: k["until"] for k in listed if k["role"] != "approver"}
    assert sorted(ended) == ["log", "log.1", "pipeline", "pipeline.1"]
    assert [name for name, until in sorted(ended.items()) if until is None] == ["log", "pipeline"]
    for day, also in ((FRIDAY, ()), (SIGNED_DAY, ("--tsa-ca", str(stamps.ca)))):
        held = bank.puntual("verify", "-d", day, "--level", "1", *also, "--env", ENV)
        assert held.code == 0, held.out + held.err
        assert held.out.count("the checkpoint existed before") == (2 if also else 0)
    again = bank.puntual("deploy", "--env", ENV, "--timestamp-url", stamps.url)
    assert again.code == 0, again.out + again.err
    assert "stands as it is" in again.err, "the keys that were made are asked for again"


def test_keys_that_kms_holds_are_not_made_on_this_machine(bank: Bank, friday: Any) -> None:
    for change in (("create", "other", "--role", "pipeline"), ("rotate", "log")):
        refused = bank.puntual("key", *change, "--env", ENV)
        assert refused.code == 3, refused.out
        assert "V5001" in refused.err
        assert "puntual deploy --new-key" in refused.err


@everything
def test_a_delivered_day_is_only_looked_at_and_an_execution_that_runs_is_followed(
    bank: Bank, friday: Any
) -> None:
    before, day = bank.delivered(), date.fromisoformat(FRIDAY)
    as_of = datetime.fromisoformat(MONDAY)
    first = bank.executions.start(day, as_of=as_of)
    second = bank.executions.start(day, as_of=as_of)
    assert (first.attempt, first.started) == (2, True), "the name of a closed one is taken (S3)"
    assert (second.arn, second.started) == (first.arn, False)  # S1, which the stage refuses
    with pytest.raises(TransientError, match="T6007"):
        bank.executions.start(day, as_of=as_of, from_step="load:ledger")
    again = bank.run(FRIDAY, MONDAY)
    assert again.code == 0, again.out + again.err
    assert f"{first.arn}\n  it runs already; followed from here" in again.out
    assert again.out.count("already delivered; nothing to do") == 2
    assert bank.delivered() == before
    lands = [outcome for step, outcome in bank.outcomes(FRIDAY) if step.startswith("land:")]
    assert lands[-5:] == ["skipped"] * 5
    assert "Report-credit_daily" not in bank.states(FRIDAY, 2)
    assert bank.executions.found(day, 3) is None


@pytest.fixture(scope="module")
def short_day(bank: Bank, friday: Any) -> None:
    """The day on which a branch file is two lines short, in part landed by the streaming job."""
    bank.feed(SHORT_DAY)


@everything
def test_a_stream_is_landed_as_it_comes_before_the_run(bank: Bank, short_day: None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "puntual.aws.jobs.stream", "--rounds", "2", "--every", "1",
         "--settings", json.dumps(bank.variables())],
        capture_output=True, text=True, check=False,
        env={**os.environ, **bank.stage.environment()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line)["landed"] for line in done.stdout.splitlines()]
    assert rounds == [["card_events"]] * 2
    pointers = S3Pointers(S3Index(S3CommitLog(bank.lake.below("state/commits"))))
    assert pointers.read(f"raw:card_events/{SHORT_DAY}") is not None
    assert pointers.read(f"land:card_events/{SHORT_DAY}") is None, "it is not sealed"


@everything
@pytest.mark.row("f68")
def test_a_job_that_dies_twice_is_tried_again_and_a_finding_is_told_and_not_retried(
    bank: Bank, short_day: None, faults: Faults
) -> None:
    box = mailbox(bank.stage, bank.settings.topics["warn"], "warnings")
    faults({"glue": {"puntual-banco-ejemplo-land": {"dies": 2}}})
    before = len(bank.job_runs("land"))
    ran = bank.run(SHORT_DAY, NEXT_DAY)
    assert ran.code == 1, ran.out + ran.err
    runs = bank.job_runs("land")
    assert runs[before:] == ["FAILED", "FAILED", "SUCCEEDED"]
    states = bank.states(SHORT_DAY, 1)
    assert states.count("Decide-credit_daily") == 1
    assert "Notify-credit_daily-held" in states
    assert states[-2:] == ["End", "Done"]
    assert "Report-credit_daily" not in states
    assert not any(SHORT_DAY.replace("-", "") in name for name in bank.delivered())
    told = [str(letter["Message"]) for letter in box.letters()]
    assert any("HELD · credit_daily 2026-11-19" in one for one in told)
    assert sum("credit_daily" in one for one in told) == 1


@everything
def test_a_warehouse_that_is_down_fails_the_run_and_the_next_goes_on_where_it_stopped(
    bank: Bank, friday: Any, faults: Faults
) -> None:
    box = mailbox(bank.stage, bank.settings.topics["error"], "pages")
    bank.feed(BROKEN_DAY)
    faults({"redshift": {"*": {"down": True}}})
    down = bank.run(BROKEN_DAY, MORNING)
    assert down.code == 3, down.out + down.err
    assert "T4003" in down.err
    states = bank.states(BROKEN_DAY, 1)
    assert states[-4:] == ["Rescue", "Rescuable", "End-failed", "Failed"]
    assert "Notify-failed" in states
    letters = [str(letter) for letter in box.letters()]
    assert any("T4003" in one for one in letters), "the notice"
    faults({})
    back = bank.run(BROKEN_DAY, MORNING)
    assert back.code == 0, back.out + back.err
    words = dict(bank.outcomes(BROKEN_DAY))
    assert words["load:ledger"] == "done"
    committed = [o for s, o in bank.outcomes(BROKEN_DAY) if s == "curate:credits"]
    assert committed == ["done", "skipped"]
    resolved = [str(letter) for letter in box.letters()]
    assert any("resolved" in one.lower() for one in resolved)


@everything
def test_a_stopped_day_goes_on_from_its_checkpoint_and_a_split_shard_loses_no_record(
    bank: Bank, friday: Any, faults: Faults
) -> None:
    box = mailbox(bank.stage, bank.settings.topics["error"], "stopped")
    faults({"kinesis": {STREAM: {"share": 0.1}}})
    bank.feed(STOPPED_DAY, between=bank.split)
    faults({})
    day = date.fromisoformat(STOPPED_DAY)
    execution = bank.executions.start(day, as_of=datetime.fromisoformat(STOPPED_MORNING))
    while "land:card_events" not in dict(bank.outcomes(STOPPED_DAY)):
        assert bank.executions.read(execution.arn, 1).status == RUNNING
    assert bank.stop(execution).status == "ABORTED"
    back = bank.run(STOPPED_DAY, STOPPED_MORNING)
    assert back.code == 0, back.out + back.err
    events = [o for s, o in bank.outcomes(STOPPED_DAY) if s == "land:card_events"]
    assert events == ["done", "skipped"]
    assert bank.states(STOPPED_DAY, 2) == _way(bank)
    assert _standing(bank, STOPPED_DAY)["credit_daily"] == ("sent", "full")
    letters = [str(letter) for letter in box.letters()]
    assert any("ABORTED" in one and execution.arn in one for one in letters)


@everything
def test_the_deployed_schedule_fires_and_its_day_is_delivered(bank: Bank, friday: Any) -> None:
    bank.feed(SCHEDULED_DAY)
    ended = bank.fire(SCHEDULED_AT)
    assert ended.status == "SUCCEEDED", ended
    assert _standing(bank, SCHEDULED_DAY) == {
        "credit_daily": ("sent", "full"),
        "arrears_daily": ("sent", "full"),
    }
    plain = SCHEDULED_DAY.replace("-", "")
    assert any(f"credit_daily_{plain}_v1" in name for name in bank.delivered())


@everything
def test_a_day_is_made_again_by_the_machine_and_would_say_the_same(bank: Bank, friday: Any) -> None:
    before = bank.delivered()
    sent = bank.run(FRIDAY, MONDAY, "--from", "curate:card_events")
    assert sent.code != 0, sent.out
    assert "P1006" in sent.out + sent.err, "what was sent is not made again by a run"
    told = bank.puntual(
        "amend", "-r", "credit_daily", "-d", FRIDAY, "--env", ENV, "--as-of", MONDAY,
        "--from", "curate:card_events",
    )  # fmt: skip
    assert (told.code, "P3031" in told.err) == (2, True), told.out + told.err
    for step in ("curate:card_events", "build:card_movements", "load:card_movements"):
        assert [o for s, o in bank.outcomes(FRIDAY) if s == step][-1] == "done"
    assert bank.delivered() == before


def _everything_there(bank: Bank) -> tuple[set[tuple[str, str, str]], list[str]]:
    """Return every version of every object of the deployment, and what was ever started."""
    s3 = client_on(bank.stage, "s3")
    found: set[tuple[str, str, str]] = set()
    buckets = (bank.settings.lake, bank.settings.deliveries, bank.settings.evidence)
    for bucket in buckets:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            found |= {(bucket, v["Key"], v["VersionId"]) for v in versions}
    return found, bank.started()


def _made(bank: Bank, step: str, day: str) -> Manifest:
    """Return what a step has published for a day."""
    objects = S3Objects(bank.lake, Cache(bank.root / ".puntual/nothing", 0))
    pointers = S3Pointers(S3Index(S3CommitLog(bank.lake.below("state/commits"))))
    digest = pointers.read(checkpoint.pointer(step, date.fromisoformat(day)))
    assert digest is not None
    return checkpoint.read_manifest(objects, digest)


def _object_of(bank: Bank, step: str, day: str) -> str:
    """Return the name of the first object of the rows that a step has published."""
    return _made(bank, step, day).of_role("data")[0].name


@contextmanager
def _altered(bank: Bank, name: str) -> Iterator[None]:
    """Change one byte of an object that is stored, and give it back."""
    read = bank.lake.read(name)
    assert read is not None
    wrong = bytearray(read.data)
    wrong[len(wrong) // 2] ^= 1
    bank.lake.overwrite(name, bytes(wrong))
    try:
        yield
    finally:
        bank.lake.overwrite(name, read.data)


@contextmanager
def _removed(bank: Bank, name: str) -> Iterator[None]:
    """Delete an object that is stored, and give it back."""
    read = bank.lake.read(name)
    assert read is not None
    bank.lake.hide(name)
    try:
        yield
    finally:
        bank.lake.overwrite(name, read.data)


def _replayed(bank: Bank, *more: str, root: Path | None = None) -> tuple[int, dict[str, Any]]:
    """Replay days of the deployment; return the exit code, and what was found by day."""
    project = () if root is None else ("-C", str(root))
    ran = bank.puntual(*project, "replay", "--json", "--env", ENV, *more)
    assert ran.out, ran.err
    return ran.code, {day["day"]: day for day in json.loads(ran.out)["data"]["days"]}


def test_a_deployed_delivery_is_made_again_here_from_raw_and_nothing_there_is_touched(
    bank: Bank, friday: Any
) -> None:
    before = _everything_there(bank)
    done = bank.puntual("verify", "-d", FRIDAY, "--level", "3", "--json", "--env", ENV)
    assert done.code == 0, done.out + done.err
    packages = json.loads(done.out)["data"]["packages"]
    assert [(p["verified"], p["level"]) for p in packages] == [(True, "3")] * 2
    for package in packages:
        (said,) = [
            li["sentence"] for li in package["lines"] if (li["level"], li["ok"]) == ("3", True)
        ]
        assert f"{FRIDAY} was made again here by DuckDB, from raw that was copied" in said
        assert "the digests of the rows of 15 tables" in said
    assert _everything_there(bank) == before
    assert not list((bank.root / ".puntual").glob("trial-*"))


def test_deployed_raw_that_was_altered_or_removed_is_named_and_is_no_replay(
    bank: Bank, friday: Any
) -> None:
    clients, events = (
        _object_of(bank, f"land:{source}", FRIDAY) for source in ("clients", "card_events")
    )
    with _altered(bank, clients), _removed(bank, events):
        code, days = _replayed(bank, "-d", FRIDAY)
        told = bank.puntual("replay", "-d", FRIDAY, "--env", ENV)
    assert (code, days[FRIDAY]["verdict"]) == (3, "failed")
    found = {fault["where"]: fault["code"] for fault in days[FRIDAY]["damaged"]}
    assert found == {clients: "V1002", events: "V1001"}
    assert told.code == 3
    assert f"V1002  object {clients} has other bytes" in told.out
    assert "0 of 1 days are the same, 0 differ, 1 could not be replayed" in told.out


@everything
def test_three_deployed_days_are_replayed_here_from_raw_and_are_the_same(
    bank: Bank, friday: Any
) -> None:
    before = _everything_there(bank)
    told = bank.puntual("replay", "-d", f"{STOPPED_DAY}..{FRIDAY}", "--env", ENV)
    assert told.code == 0, told.out + told.err
    for day, _ in REPLAYED:
        assert f"● {day}  same " in told.out
    assert "were rebuilt here by DuckDB from it alone" in told.out
    assert "every byte of reports and exceptions" in told.out
    assert f"digests ({ALGORITHM}) of the rows" in told.out
    assert "not compared: the bytes of Parquet" in told.out
    assert _everything_there(bank) == before
    assert f"{SHORT_DAY}  held" in told.out, "it is left out, and said"


@everything
def test_rows_that_spark_wrote_and_somebody_altered_are_another_day(
    bank: Bank, friday: Any
) -> None:
    with _altered(bank, _object_of(bank, "build:card_movements", BROKEN_DAY)):
        code, days = _replayed(bank, "-d", BROKEN_DAY)
    assert (code, days[BROKEN_DAY]["verdict"]) == (1, "differs")
    (found,) = days[BROKEN_DAY]["differences"]
    assert (found["step"], found["about"]) == ("build:card_movements", "rows data")
    assert found["was"].startswith("V1002")


@everything
def test_a_replay_that_looks_back_reads_the_days_before_as_the_machine_published_them(
    bank: Bank, friday: Any, tmp_path: Path
) -> None:
    """The rule is another than the deployed one: so the report differs, by exactly those days."""
    root = tmp_path / "bank"
    shutil.copytree(bank.root, root, ignore=shutil.ignore_patterns(".puntual", "data", "inbox"))
    sql = root / "reports/credit_daily/report.sql"
    one, all_of_them = (
        f"FROM branch_postings\n  WHERE reference_date {of} :reference_date" for of in ("=", "<=")
    )
    assert one in sql.read_text(encoding="utf-8")
    sql.write_text(sql.read_text(encoding="utf-8").replace(one, all_of_them), encoding="utf-8")
    code, days = _replayed(bank, "-d", FRIDAY, root=root)
    assert (code, days[FRIDAY]["verdict"]) == (1, "differs")
    found = {(d["step"], d["about"]): d for d in days[FRIDAY]["differences"]}
    net = found["report:credit_daily", "sum branch_net"]
    assert "reports/credit_daily/report.sql" in net["because"]
    pointers = S3Pointers(S3Index(S3CommitLog(bank.lake.below("state/commits"))))
    step = "load:branch_postings"
    names = [n.removeprefix(f"{step}/") for n in pointers.read_prefix(f"{step}/")]
    loaded = [_made(bank, step, day).totals.sums["amount"] for day in names if day <= FRIDAY]
    assert len(loaded) >= len(REPLAYED)
    assert Decimal(net["now"].replace(",", "")) == sum(loaded)
    assert {step for step, _ in found} == {"report:credit_daily", "attest:credit_daily"}


@pytest.fixture(scope="module")
def approved(bank: Bank) -> None:
    """The policies of the project, approved by the people whom it names."""
    for policy in sorted((bank.root / "policies").glob("*.yaml")):
        for person, role, code in (("Ana Torres", "compliance", 6), ("Luis Vega", "operations", 0)):
            done = bank.puntual(
                "sign", "policy", policy.stem, "--as", person, "--role", role, "--env", ENV,
                "--as-of", "2026-10-01T12:00:00-06:00",
            )  # fmt: skip
            assert done.code == code, done.out + done.err
    listed = bank.puntual("policy", "--env", ENV)
    assert listed.code == 0, listed.out + listed.err
    assert "approved by Ana Torres" in listed.out


def _standing(bank: Bank, day: str) -> dict[str, tuple[str, str]]:
    found = bank.journal.deliveries(reference_date=date.fromisoformat(day))
    return {
        d.id.report: (d.state.value, d.completeness.value if d.completeness else "") for d in found
    }


@everything
def test_where_the_warehouse_is_down_at_the_decision_plan_b_is_delivered_by_policy(
    bank: Bank, friday: Any, approved: None, faults: Faults
) -> None:
    bank.feed(EARLY_DAY)
    faults({"redshift": {"*": {"down": True}}})
    ran = bank.run(EARLY_DAY, EARLY_MORNING)
    states = bank.states(EARLY_DAY, 1)
    assert "PlanB-Deliver-credit_daily" in states, (states, ran.out, ran.err)
    assert _standing(bank, EARLY_DAY)["credit_daily"] == ("sent", "emergency")
    assert any("credit_daily_20261110" in name for name in bank.delivered())
    assert ran.code in (3, 4)


@everything
def test_a_source_that_is_silent_at_the_decision_is_left_out_as_the_policy_says(
    bank: Bank, friday: Any, approved: None
) -> None:
    bank.feed(SILENT_DAY, without="card_events")
    ran = bank.run(SILENT_DAY, SILENT_MORNING)
    assert ran.code == 4, ran.out + ran.err
    assert _standing(bank, SILENT_DAY)["credit_daily"] == ("sent", "partial")


def test_what_the_receiver_answered_is_recorded_where_the_project_is_deployed(
    bank: Bank, friday: Any, tmp_path: Path
) -> None:
    box = mailbox(bank.stage, bank.settings.topics["error"], "answers")
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7 total of line 2 is not what we expected")
    call = ("ack", "credit_daily", "-d", FRIDAY, "--env", ENV)

    def recorded(*more: str) -> str:
        done = bank.puntual(*call, "--as-of", "2026-11-24T09:00:00-06:00", *more)
        assert done.code == 0, done.out + done.err
        return done.out

    assert "nothing is recorded" in recorded()
    rejection = ("--status", "rejected", "--id", "F-118", "--file", str(letter))
    assert "rejected  rejected F-118 recorded" in recorded(*rejection)
    assert "F-118 was recorded already" in recorded(*rejection)
    assert _standing(bank, FRIDAY)["credit_daily"] == ("rejected", "full")
    (told,) = (m for m in box.letters() if "REJECTED" in m["Message"])
    assert f"puntual ack --env {ENV} credit_daily -d {FRIDAY}" in told["Message"]

    assert "accepted F-119 recorded" in recorded("--status", "accepted", "--id", "F-119")
    assert _standing(bank, FRIDAY)["credit_daily"] == ("accepted", "full")
    status = bank.puntual("status", "--env", ENV, "--as-of", "2026-11-24T09:00:00-06:00")
    assert "REJECTED" not in status.out
    assert [m["Subject"] for m in box.letters() if "REJECTED" in m["Message"]]

    other = bank.puntual(*call, "--status", "accepted", "--id", "F-119", "--at",
                         "2026-11-23T09:00:00-06:00")  # fmt: skip
    assert (other.code, "D3002" in other.err) == (2, True), other.out + other.err
    folder = f"evidence/credit_daily_{FRIDAY.replace('-', '')}_v1.acknowledgements"
    lying = {n: d for n, d in bank.delivered().items() if n.startswith(folder)}
    assert lying[f"{folder}/001-attachment.pdf"] == letter.read_bytes()
    assert {n.rpartition("/")[2] for n in lying} == {
        "001-rejected.json", "001-attachment.pdf", "002-accepted.json"
    }  # fmt: skip
    assert bank.puntual("verify", "-d", FRIDAY, "--env", ENV).code == 0


_LATE = """\
{"event_id":"L1","occurred_at":"2026-11-19T21:00:00-06:00","posted_on":"2026-11-20","client_id":"C000166",\
"credit":{"id":"K0000418"},"kind":"CHARGE","amount":"10.00","currency":"MXN"}
{"event_id":"L2","occurred_at":"2026-11-19T21:30:00-06:00","posted_on":"2026-11-20","client_id":"C000166",\
"credit":{"id":"K0000418"},"kind":"REFUND","amount":"-10.00","currency":"MXN"}
"""


@everything
def test_what_came_late_is_shown_and_replaces_a_delivery_when_a_person_says_so(
    bank: Bank, friday: Any
) -> None:
    record = f"control/card_events_{FRIDAY.replace('-', '')}.json"
    count = json.loads((bank.root / record).read_text(encoding="utf-8"))["count"]
    vouched = (bank.root / record).read_text(encoding="utf-8").replace(count, str(int(count) + 2))
    client_on(bank.stage, "s3").put_object(
        Bucket=bank.settings.lake, Key=f"{NAME}/incoming/{record}", Body=vouched.encode()
    )
    put = KinesisProducer(client_on(bank.stage, "kinesis")).put_lines(
        STREAM, _LATE.encode().splitlines(keepends=True), key="client_id"
    )
    assert put.put == 2
    call = ("amend", "-r", "credit_daily", "-d", FRIDAY, "--env", ENV,
            "--as-of", "2026-11-24T10:00:00-06:00")  # fmt: skip

    shown = bank.puntual(*call)
    assert shown.code == 6, shown.out + shown.err
    assert "movements        1 rows   total 1,161 → 1,163 (+2)" in shown.out
    # People have approved the policies since; that is another rule.
    assert "inputs NOT same, code same, " in shown.out
    assert ", layout same" in shown.out
    assert "v2 is made and not sent" in shown.out
    assert not [name for name in bank.delivered() if "credit_daily_20261120_v2" in name]

    refused = bank.puntual(*call, "--yes")
    assert (refused.code, "P3033" in refused.err) == (2, True), refused.out + refused.err
    said = ("--reason", "two card events came late", "--by", "Ana Torres", "--yes")
    sent = bank.puntual(*call, *said)
    assert sent.code == 0, sent.out + sent.err
    assert "● credit_daily  2026-11-20  v2  sent, full, on time" in sent.out
    assert "more came meanwhile" not in sent.out
    assert "out/credit_daily_20261120_v2.txt" in bank.delivered()
    assert bank.puntual("verify", "-d", FRIDAY, "--env", ENV).code == 0
    again = bank.puntual(*call, *said)
    assert (again.code, "P3031" in again.err) == (2, True), again.out + again.err
