"""Trials of papers: expansion, selection, skipping, resuming after kill -9, parallel writers, bad input."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
import tomli_w

from papergym import assets
from papergym.agents import run as command_line
from papergym.agents.cli.reproduce import describe
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import read_rows
from papergym.agents.reproduction.trials import expand, reproductions, select, trial_id
from papergym.agents.reproduction.workers import Outcome
from papergym.agents.runner.registry import agent as agent_row

PAPER = {"title": "Counting", "authors": ["A. Author"], "year": 2020}
TABLE = {
    "fixed": {"steps": 8},
    "vary": [
        {"seed": [0, 1], "setting": [{"setting": "a", "rate": 0.1}, {"setting": "b"}], "env_id": ["X", "Y"]},
        {"seed": [0], "setting": [{"setting": "c"}], "env_id": ["X"]},
    ],
}


def test_products_are_expanded_in_order():
    trials = expand(TABLE)
    assert len(trials) == 9
    assert trials[0] == {"steps": 8, "seed": 0, "setting": "a", "rate": 0.1, "env_id": "X"}
    assert [(t["seed"], t["setting"], t["env_id"]) for t in trials[:5]] == [
        (0, "a", "X"), (0, "a", "Y"), (0, "b", "X"), (0, "b", "Y"), (1, "a", "X"),
    ]  # fmt: skip
    assert trials[-1]["setting"] == "c" and "rate" not in trials[-1]


def test_ids_ignore_order_and_tell_values_apart():
    assert trial_id({"a": 1, "b": 2}) == trial_id({"b": 2, "a": 1})
    assert len({trial_id(trial) for trial in expand(TABLE)}) == 9


def test_bad_tables_are_refused():
    with pytest.raises(UsageError, match="two values of 'steps'"):
        expand({"fixed": {"steps": 1}, "vary": [{"steps": [2]}]})
    with pytest.raises(UsageError, match="stands twice"):
        expand({"vary": [{"seed": [0, 0]}]})
    with pytest.raises(UsageError, match=r"axes of .* are lists"):
        expand({"vary": [{"seed": 3}]})


def test_the_line_of_a_trial_names_numbers_only():
    trial = {"setting": "a", "env_id": "X", "seed": 0, "steps": 8}
    row = {**trial, "score": float("nan"), "eval_return": 3.0, "eval_std": float("inf"), "cpu_s": 1.5}
    assert describe(Outcome(trial, "done", row)).endswith("eval_return 3, cpu_s 1.5")
    assert describe(Outcome(trial, "busy")).endswith(": busy")


def test_selection():
    trials = expand(TABLE)
    assert {t["seed"] for t in select(trials, seeds=(7, 8))} == {7, 8} and len(select(trials, seeds=(7, 8))) == 10
    assert {t["steps"] for t in select(trials, budget=3)} == {3}
    chosen = select(trials, where=("setting=a", "setting=b", "env_id=X"))
    assert len(chosen) == 4 and all(t["env_id"] == "X" for t in chosen)
    with pytest.raises(UsageError, match="no trial is left"):
        select(trials, where=("env_id=Z",))
    with pytest.raises(UsageError, match="no field 'planet'; they have env_id"):
        select(trials, where=("planet=mars",))
    with pytest.raises(UsageError, match=r"--budget: .* no field 'steps'"):
        select([{"seed": 0}], budget=5)


def test_every_reproduction_of_the_papers_expands():
    for key, plan in reproductions().items():
        assert plan.trials and plan.summary, key
        assert agent_row(plan.agent), f"{key} names the agent {plan.agent}"
        assert not plan.study or plan.study in agent_row(plan.agent).studies


@pytest.fixture
def papers(agent, monkeypatch, tmp_path):
    """One paper with a reproduction ``count`` of a study of an agent outside the package."""
    table = {"summary": "counting", "agent": "papergym_counter:AGENT", "study": "count", "fixed": {"steps": 2}}
    table["vary"] = [{"seed": [0, 1, 2]}]
    monkeypatch.setattr(assets, "paper_keys", lambda: ["counting"])
    monkeypatch.setattr(assets, "paper", lambda key: {"paper": PAPER, "reproduce": {"count": table}})
    monkeypatch.setattr(assets, "ROOT", tmp_path / "assets")
    return table


def test_the_verb_writes_rows_skips_done_and_says_where(papers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["reproduce", "count", "--results", "out.csv", "--where", "seed=0", "seed=2"]
    assert command_line.main(arguments) == 0
    rows = read_rows(tmp_path / "out.csv")
    assert [(row["seed"], row["steps"], row["score"]) for row in rows] == [("0", "2", "2.0"), ("2", "2", "2.0")]
    assert all(row["gymnasium"] and row["command"].startswith("papergym reproduce count") for row in rows)
    assert command_line.main(["reproduce", "count", "--results", "out.csv"]) == 0
    printed = capsys.readouterr().out
    assert "3 trials, 2 done, 1 to run; results in out.csv" in printed and "[2/2]" in printed
    assert len(read_rows(tmp_path / "out.csv")) == 3


def test_a_users_rows_are_their_own(papers, tmp_path, monkeypatch, capsys):
    """Shipped rows do not count as done; the user's lie under runs/; only a maintainer's option writes to the assets."""
    monkeypatch.chdir(tmp_path)
    shipped = tmp_path / "assets" / "results" / "count.csv"
    assert command_line.main(["reproduce", "count", "--record"]) == 0
    before = shipped.read_bytes()
    assert command_line.main(["reproduce", "count", "--record"]) == 0
    assert "3 trials, 3 done, 0 to run" in capsys.readouterr().out
    for path in (tmp_path / "runs").rglob("row.json"):
        path.unlink()
    assert command_line.main(["reproduce", "count"]) == 0
    assert "3 trials, 0 done, 3 to run" in capsys.readouterr().out
    mine = tmp_path / "runs" / "reproduce" / "count" / "results.csv"
    assert len(read_rows(mine)) == 3 and shipped.read_bytes() == before
    assert command_line.main(["reproduce", "--list"]) == 0
    assert "shipped 3 of 3 trials, yours 3" in capsys.readouterr().out
    assert command_line.main(["report", "count"]) == 0
    text = (tmp_path / "reports" / "count" / "report.md").read_text()
    assert "| shipped | 3 |" in text and "| yours | 3 |" in text
    assert command_line.main(["reproduce", "count", "--record", "--results", "x.csv"]) == 2


def test_fresh_runs_what_is_done(papers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["reproduce", "count", "--where", "seed=1"]) == 0
    capsys.readouterr()
    assert command_line.main(["reproduce", "count", "--where", "seed=1"]) == 0
    assert "1 trials, 1 done, 0 to run" in capsys.readouterr().out
    assert command_line.main(["reproduce", "count", "--where", "seed=1", "--fresh"]) == 0
    assert "1 trials, 0 done, 1 to run" in capsys.readouterr().out
    assert len(read_rows(tmp_path / "runs" / "reproduce" / "count" / "results.csv")) == 1


def test_another_budget_leaves_the_shipped_table_alone(papers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["reproduce", "count", "--budget", "4", "--seeds", "5"]) == 0
    with (tmp_path / "runs" / "reproduce" / "count" / "results.csv").open() as file:
        assert [(row["steps"], row["seed"]) for row in csv.DictReader(file)] == [("4", "5")]


def test_a_table_of_the_users(papers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(tomli_w.dumps({"reproduce": {"mine": papers}}))
    assert command_line.main(["reproduce", "mine.toml"]) == 0
    assert len(read_rows(tmp_path / "runs" / "reproduce" / "mine" / "results.csv")) == 3
    assert command_line.main(["reproduce", "nowhere.toml"]) == 2


def test_unknown_keys_are_named_with_the_nearest(capsys):
    assert command_line.main(["reproduce", "ppo-table-1"]) == 2
    assert "unknown reproduction 'ppo-table-1'. Did you mean ppo-table1" in capsys.readouterr().err
    assert command_line.main(["reproduce", "ppo-table1", "--budget", "-3"]) == 2
    assert command_line.main(["reproduce", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == sorted(reproductions())  # a space after each


def test_a_budget_below_one_update_is_one_clear_message(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["reproduce", "ppo-table1", "--budget", "100", "--seeds", "0"]) == 2
    error = capsys.readouterr().err
    assert "a budget of 100 steps is below one update: the first one comes after 2048 steps" in error
    assert "77 of 77 trials have no result" in error
    assert "Traceback" not in error and not list(tmp_path.rglob("*.csv"))


def test_an_interrupt_stops_the_workers_and_says_how_to_go_on(papers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def interrupt(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("papergym.agents.cli.reproduce.append_row", interrupt)
    assert command_line.main(["reproduce", "count", "--results", "out.csv"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.undo()
    assert list(tmp_path.glob("runs/reproduce/count/*/row.json")), "the finished trial is taken over by the next call"


@pytest.mark.slow
def test_kill_9_and_resume_give_the_uninterrupted_row(tmp_path):
    """A PPO trial killed after its checkpoint ends with the same score and curve as one that was not."""
    where = ["--budget", "122880", "--seeds", "0", "--where", "setting=adaptive KL 0.01", "env_id=Hopper-v4"]
    base = [sys.executable, "-m", "papergym.agents.run", "reproduce", "ppo-table1", *where]

    def start(name):
        return subprocess.Popen([*base, "--folder", name, "--results", f"{name}.csv"], cwd=tmp_path, start_new_session=True)

    assert start("whole").wait(300) == 0
    cut = start("cut")
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("cut/*/run/checkpoints/*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(cut.pid, signal.SIGKILL)
    cut.wait()
    assert not (tmp_path / "cut.csv").exists() and list(tmp_path.glob("cut/*/run/checkpoints/*.safetensors"))
    assert start("cut").wait(300) == 0
    whole, resumed = (read_rows(tmp_path / f"{name}.csv")[0] for name in ("whole", "cut"))
    for column in ("score", "eval_return", "curve", "episodes", "steps_done", "beta_end"):
        assert whole[column] == resumed[column], column
