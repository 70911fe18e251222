"""Signals that ask a run to stop: a checkpoint comes first, and no process stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from papergym.agents.reproduction.results import read_rows
from papergym.agents.reproduction.trials import trial_id
from papergym.agents.runner.signals import STOP, on_stop

TRAIN = ["train", "ppo", "--env", "Pendulum-v1", "--n-steps", "200", "--batch-size", "50", "--n-epochs", "2"]
TRAIN += ["--eval-episodes", "1", "--eval-every", "100000", "--no-video", "--checkpoint-seconds", "1000", "--run-folder", "run"]


def wait_for(condition, seconds: float = 60.0):
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def has_rows(path: Path) -> bool:
    return path.is_file() and path.read_text().count("\n") > 2


SLOW = pytest.mark.slow


@pytest.mark.parametrize("name", ["SIGUSR1", *(pytest.param(name, marks=SLOW) for name in ("SIGTERM", "SIGHUP"))])
def test_a_run_checkpoints_and_stops(command_line, name):
    """TERM of every scheduler, HUP of a closed terminal, USR1 of Slurm; TERM may come again and again."""
    process = command_line.start(*TRAIN, "--steps", "10000000")
    folder = command_line.folder / "run"
    wait_for(lambda: has_rows(folder / "metrics.csv") or process.poll() is not None)
    process.send_signal(getattr(signal, name))
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "the same command with --resume goes on" in output, output
    assert len(list((folder / "checkpoints").glob("*.safetensors"))) == 1


def test_signals_that_are_ignored_stay_ignored():
    """In this process: those of nohup and of shells without job control are left alone, the others are put back."""
    heard: list[int] = []
    inherited = {number: signal.getsignal(number) for number in STOP}  # a background job ignores SIGINT
    for number in STOP:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else lambda number, frame: None)
    before = {number: signal.getsignal(number) for number in STOP}
    try:
        with on_stop(lambda number, frame: heard.append(number)):
            for number in STOP:
                signal.raise_signal(number)
        assert sorted(heard) == sorted(number for number in STOP if number != signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert {number: signal.getsignal(number) for number in STOP} == before
    finally:
        for number, handler in inherited.items():
            signal.signal(number, handler)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1} == set(STOP)


@SLOW
def test_nohup_is_respected(command_line):
    process = subprocess.Popen(
        [sys.executable, "-m", "papergym.agents.run", *TRAIN, "--steps", "10000000"],
        cwd=command_line.folder,
        env=command_line.environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    metrics = command_line.folder / "run" / "metrics.csv"
    wait_for(lambda: has_rows(metrics))
    process.send_signal(signal.SIGHUP)
    before = metrics.read_text()
    wait_for(lambda: metrics.read_text() != before)  # it goes on
    assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 130


STUDY = """
[reproduce.long]
agent = "ppo"
preset = "quick"
[reproduce.long.fixed]
env_id = "Pendulum-v1"
steps = STEPS
n_steps = 200
batch_size = 50
n_epochs = 2
eval_episodes = 1
log_every = 400
[[reproduce.long.vary]]
seed = [0, 1]
"""


def descendants(pid: int) -> set[int]:
    """Of a process, on Linux."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child, *descendants(child)}
    return found


def alive(pids: set[int]) -> set[int]:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if runs(pid)}


def start_and_end(command_line, verb: list[str], name: str, group: bool) -> None:
    environment = {**command_line.environment, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "papergym.agents.run", *verb],
        cwd=command_line.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def rows() -> bool:
        tables = list(command_line.folder.rglob("metrics.csv"))
        return len(tables) == 2 and all(map(has_rows, tables))

    wait_for(lambda: rows() or process.poll() is not None)
    workers = descendants(process.pid)
    assert len(alive(workers)) >= 2
    (os.killpg if group else os.kill)(process.pid, getattr(signal, name))
    process.wait(60)
    wait_for(lambda: not alive(workers))
    checkpoints = [list((path.parent / "checkpoints").glob("*")) for path in command_line.folder.rglob("metrics.csv")]
    assert [len(found) for found in checkpoints] == [1, 1], checkpoints


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize(("name", "group"), [("SIGTERM", False), ("SIGKILL", False), pytest.param("SIGINT", True, marks=SLOW)])
def test_workers_checkpoint_and_end_with_their_parent(command_line, name, group):
    """However it ends: by a signal, by one nobody can handle, or by Ctrl-C, which all processes of a terminal get."""
    (command_line.folder / "long.toml").write_text(STUDY.replace("STEPS", "10_000_000"))
    start_and_end(command_line, ["reproduce", "long.toml", "--jobs", "2"], name, group)


@SLOW
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("verb", ["reproduce", "sweep"])
@pytest.mark.parametrize(("name", "group"), [("SIGTERM", True), ("SIGHUP", False), ("SIGUSR1", True), ("SIGKILL", False)])
def test_workers_of_both_verbs_and_every_signal(command_line, verb, name, group):
    (command_line.folder / "long.toml").write_text(STUDY.replace("STEPS", "10_000_000"))
    sweep = ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--seeds", "0", "1", "--steps", "10000000", "--jobs", "2"]
    sweep += ["--set", "n_steps=200"]
    start_and_end(command_line, ["reproduce", "long.toml", "--jobs", "2"] if verb == "reproduce" else sweep, name, group)


@SLOW
def test_what_was_stopped_ends_with_the_same_numbers(command_line):
    (command_line.folder / "long.toml").write_text(STUDY.replace("STEPS", "30_000"))
    verb = ["reproduce", "long.toml", "--where", "seed=0"]
    command_line.run(*verb, "--folder", "whole")
    process = command_line.start(*verb, "--folder", "cut")
    wait_for(lambda: any(map(has_rows, command_line.folder.glob("cut/*/run/metrics.csv"))) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    command_line.run(*verb, "--folder", "cut")
    whole, cut = (read_rows(command_line.folder / name / "results.csv")[0] for name in ("whole", "cut"))
    assert {k: v for k, v in whole.items() if k not in ("cpu_s", "command")} == {
        k: v for k, v in cut.items() if k not in ("cpu_s", "command")
    }
    trial = {
        "env_id": "Pendulum-v1",
        "steps": 30_000,
        "n_steps": 200,
        "batch_size": 50,
        "n_epochs": 2,
        "eval_episodes": 1,
        "log_every": 400,
    }
    tables = [command_line.folder / name / trial_id({**trial, "seed": 0}) / "run" / "metrics.csv" for name in ("whole", "cut")]
    assert tables[0].read_bytes() == tables[1].read_bytes()
