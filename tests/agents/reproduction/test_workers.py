"""Trials on worker processes: dying workers, errors, refusals, a full disk, two parents."""

import importlib
import json
import os
import subprocess
import sys

import pytest

from papergym.agents.reproduction.trials import trial_id
from papergym.agents.reproduction.workers import run_trials


def test_trials_run_and_are_reported(agent, tmp_path):
    trials = [{"steps": 2, "seed": seed} for seed in range(4)]
    outcomes = list(run_trials(agent, trials, tmp_path / "runs", jobs=2))
    assert sorted(o.trial["seed"] for o in outcomes) == [0, 1, 2, 3]
    assert all(o.kind == "done" and o.row["score"] == 2 and o.row["threads"] == "1" for o in outcomes)
    assert 1 <= len({o.row["pid"] for o in outcomes} - {os.getpid()}) <= 2


def test_a_killed_worker_is_replaced_and_its_trial_resumed(agent, tmp_path):
    trials = [{"steps": 5, "seed": 0, "bad": "die"}, {"steps": 1, "seed": 1}]
    outcomes = {o.trial["seed"]: o for o in run_trials(agent, trials, tmp_path / "runs")}
    assert outcomes[0].row["first"] == 3 and outcomes[0].row["score"] == 5
    assert outcomes[1].kind == "done"


def test_a_trial_that_always_dies_is_given_up_alone(agent, tmp_path):
    trials = [{"steps": 5, "seed": 0, "bad": "always"}, {"steps": 1, "seed": 1}]
    outcomes = {o.trial["seed"]: o for o in run_trials(agent, trials, tmp_path / "runs")}
    assert outcomes[0].kind == "failed" and "died 3 times" in outcomes[0].message
    assert outcomes[1].kind == "done"


def test_errors_stay_with_their_trial_and_refusals_stop_the_rest(agent, tmp_path):
    trials = [{"steps": 1, "seed": seed, **extra} for seed, extra in enumerate([{"bad": "error"}, {}, {"bad": "refuse"}, {}])]
    outcomes = list(run_trials(agent, trials, tmp_path / "runs"))
    assert [o.kind for o in outcomes] == ["failed", "done", "refused"]
    assert "the wheel came off" in outcomes[0].message and outcomes[2].message == "a budget below one update"


def test_of_unlike_trials_a_refusal_stops_none(agent, tmp_path):
    outcomes = run_trials(agent, [{"steps": 1, "bad": "refuse"}, {"steps": 1}], tmp_path / "runs", alike=False)
    assert [outcome.kind for outcome in outcomes] == ["refused", "done"]


@pytest.mark.parametrize("how", ["full", "too large"])
def test_a_full_disk_stops_the_rest(agent, tmp_path, how):
    """Whether Python writes, whose errors carry a number, or safetensors, whose errors are text."""
    outcomes = list(run_trials(agent, [{"steps": 1, "bad": how}, {"steps": 1}], tmp_path / "runs", alike=False))
    assert [outcome.kind for outcome in outcomes] == ["full"]
    message = outcomes[0].message
    assert "cannot write" in message and "the same command goes on" in message and "Traceback" not in message


def _without_module(trial, folder, *, resume, device):
    importlib.import_module("nonsense")


def test_a_missing_module_is_named(tmp_path):
    outcomes = list(run_trials(_without_module, [{"steps": 1}], tmp_path))
    assert outcomes[0].kind == "refused" and "No module named 'nonsense'" in outcomes[0].message


def test_workers_take_the_devices_in_turn(agent, tmp_path):
    trials = [{"steps": 2, "seed": seed, "pause": 0.3} for seed in range(6)]
    outcomes = list(run_trials(agent, trials, tmp_path / "runs", jobs=3, devices=("cuda:0", "cuda:1")))
    by_process = {outcome.row["pid"]: outcome.row["device"] for outcome in outcomes}
    assert sorted(by_process.values()) in (["cuda:0", "cuda:0", "cuda:1"], ["cuda:0", "cuda:1"])


def test_what_a_dead_parent_left_is_taken_over(agent, tmp_path):
    """A row that a worker wrote after its parent was killed is reported without running the trial again."""
    trial = {"steps": 2, "seed": 0}
    list(run_trials(agent, [trial], tmp_path / "runs"))
    log = tmp_path / "runs" / trial_id(trial) / "log"
    again = list(run_trials(agent, [trial], tmp_path / "runs"))
    assert again[0].kind == "done" and again[0].row["score"] == 2 and log.read_text() == "start\n"
    list(run_trials(agent, [trial], tmp_path / "runs", resume=False))
    assert log.read_text() == "start\nstart\n"


def test_two_parents_share_the_work(agent, tmp_path):
    trials = [{"steps": 3, "seed": seed, "pause": 0.4} for seed in range(2)]
    first = run_trials(agent, trials[:1], tmp_path / "runs")
    script = (
        "import papergym.agents.reproduction.workers as w, sys, json; from pathlib import Path\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from papergym_counter.trial import run\n"
        "if __name__ == '__main__':\n"
        "    print(next(w.run_trials(run, json.loads(sys.argv[2]), Path(sys.argv[1]))).kind)"
    )
    main = tmp_path / "other.py"
    main.write_text(script)
    other = subprocess.Popen(
        [sys.executable, str(main), str(tmp_path / "runs"), json.dumps(trials[:1])], stdout=subprocess.PIPE, text=True
    )
    kinds = sorted([next(first).kind, other.communicate(timeout=60)[0].strip()])
    log = (tmp_path / "runs" / trial_id(trials[0]) / "log").read_text()
    assert log == "start\n" and kinds in (["busy", "done"], ["done", "done"])
