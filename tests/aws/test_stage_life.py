"""The stage starts once, says where it is, and leaves nothing running whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from support.stage import client, shows, until

from puntual.aws.stage import launch, plugin
from puntual.aws.stage.environment import folder as environment_folder
from puntual.aws.stage.environment import interpreter
from puntual.aws.stage.standing import Standing, read
from puntual.cli.aws import command
from puntual.errors import PermanentError, TransientError

PLUGIN = Path(str(plugin.__file__)).parent


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder whose path is too long for a socket; what runs there is ended."""
    top = Path(tempfile.mkdtemp(prefix="puntual-stage-"))
    top.chmod(0o755)
    folder = top / ("deep" * 25)
    folder.mkdir()
    try:
        yield folder
    finally:
        launch.down(folder, env=os.environ, say=lambda _: None)
        shutil.rmtree(top, ignore_errors=True)


def run(place: Path, *words: str) -> tuple[int, str]:
    """Run `puntual aws local` in this process; return its exit code and what it printed."""
    done = CliRunner().invoke(command, ["local", *words, "--folder", str(place)], obj=None)
    return done.exit_code, done.stdout


def running(place: Path) -> set[str]:
    """Return the names of the processes that carry the folder or serve its data."""
    found = set()
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("STAGE_FOLDER") == str(place)
            if ours or str(place / "postgresql") in process.cmdline():
                found.add(process.name())
        except psutil.Error:
            continue
    return found


@shows("L32")
def test_a_stage_of_a_session_says_where_it_is(stage: Standing) -> None:
    place = Path(stage.folder)
    code, said = run(place, "status")
    assert code == 0
    assert f"on {stage.endpoint} as process {stage.pid}" in said
    told = json.loads(run(place, "status", "--json")[1])["data"]
    assert told["running"] is True
    assert (told["log"], told["postgresql"]) == (str(stage.log), stage.postgresql)
    again = json.loads(run(place, "up", "--json")[1])["data"]
    assert (again["started"], again["pid"]) == (False, stage.pid)
    assert run(place, "up")[1].splitlines()[0] == f"export AWS_ENDPOINT_URL={stage.endpoint}"
    ports = {each.laddr.port for each in psutil.Process(stage.pid).net_connections("tcp")}
    assert 8883 not in ports


def test_where_no_stage_runs_status_exits_three_and_down_does_nothing(tmp_path: Path) -> None:
    code, said = run(tmp_path, "status", "--json")
    assert code == 3
    assert json.loads(said)["data"] == {"running": False, "folder": str(tmp_path)}
    assert run(tmp_path / "never", "down") == (0, "no stage ran\n")
    assert run(tmp_path, "up", "--scale", "fast")[0] == 2


def test_after_a_kill_of_everything_that_watches_down_ends_the_rest(place: Path) -> None:
    """The launcher is killed while it waits, then the stage: PostgreSQL and a job live on."""
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "puntual.cli.main",
            "aws",
            "local",
            "up",
            "--keep",
            "--folder",
            str(place),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    known = until(lambda: read(place), "a stage", seconds=60)
    launcher.kill()
    launcher.wait()
    until(lambda: launch.standing(place, os.environ), "an answer", seconds=60)
    s3, glue = client(known, "s3"), client(known, "glue")
    s3.create_bucket(Bucket="kept")
    script = b"import time; print('begun', flush=True); time.sleep(60)"
    s3.put_object(Bucket="kept", Key="main.py", Body=script)
    glue.create_job(
        Name="orphan", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://kept/main.py"}
    )
    run_id = glue.start_job_run(JobName="orphan")["JobRunId"]
    out = known.jobs / run_id / "log.out"
    until(lambda: out.exists() and out.read_text(), "a run")
    os.kill(known.pid, signal.SIGKILL)
    until(lambda: not launch.standing(place, os.environ), "a dead stage")
    assert any(name.startswith("postgres") for name in running(place))
    assert any(name.startswith("python") for name in running(place))

    ended = launch.down(place, env=os.environ, say=lambda _: None)
    assert len(ended) >= 2
    assert running(place) == set()

    again, new = launch.up(place, env=os.environ, say=lambda _: None, keep=True)
    assert new
    kept = client(again, "s3").get_object(Bucket="kept", Key="main.py")["Body"].read()
    assert kept == script
    launch.down(place, env=os.environ, say=lambda _: None)
    assert running(place) == set()


@shows("L11")
def test_a_stage_that_is_not_the_pinned_one_does_not_start(
    place: Path, stage_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = PLUGIN.parents[2]
    copy = place / "copy" / "puntual"
    for name in ("aws", "aws/stage"):
        (copy / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name / "__init__.py", copy / name)
    shutil.copy(root / "__init__.py", copy)
    shutil.copytree(PLUGIN, copy / "aws/stage/plugin")
    pin = copy / "aws/stage/plugin/pin.py"
    text = pin.read_text().replace('PIN = "1.5', 'PIN = "9.9').replace('"main",', '"entrance",')
    pin.write_text(text)
    monkeypatch.setattr(launch, "START", copy / "aws/stage/plugin/start.py")
    with pytest.raises(PermanentError) as raised:
        launch.up(place, env=os.environ, say=lambda _: None)
    assert raised.value.code == "T5092"
    assert "the corrections were written for 9.9.33" in raised.value.observed
    assert "ministack.app.entrance is gone" in raised.value.observed
    assert read(place) is None


def test_two_commands_do_not_start_one_stage(place: Path) -> None:
    with launch._alone(place), pytest.raises(TransientError, match="T5095"):
        launch.up(place, env=os.environ, say=lambda _: None)


def test_an_environment_belongs_to_its_lock_and_names_no_interpreter_that_is_none() -> None:
    assert environment_folder({"XDG_CACHE_HOME": "/c"}).parent == Path("/c/puntual")
    with pytest.raises(PermanentError, match="T5091"):
        interpreter({"PUNTUAL_STAGE_PYTHON": "/no/python"}, lambda _: None)


def test_what_is_running_is_not_taken_from_a_file(stage: Standing, place: Path) -> None:
    """The port of a stage that died may be another's by now."""
    replace(stage, folder=str(place)).written()
    assert launch.standing(place, os.environ) is None
    assert launch.down(place, env=os.environ, say=lambda _: None) == []
    assert launch.standing(Path(stage.folder), os.environ) == stage
