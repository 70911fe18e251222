"""Runs of off-policy agents for tables: evaluations on the way, resumed where they were cut."""

import tempfile

import pytest

from papergym.agents.common import offpolicy_trial
from papergym.agents.common.errors import UsageError
from papergym.agents.common.figures import parse_curve
from papergym.agents.per.trial import run as run_per
from papergym.agents.sac.trial import run as run_sac

PENDULUM = {"env_id": "Pendulum-v1", "seed": 2, "steps": 800, "learning_starts": 100, "hidden_units": 16, "batch_size": 16}
CARTPOLE = {"study": "dqn", "env_id": "CartPole-v1", "seed": 2, "steps": 800, "learning_starts": 100, "batch_size": 16}


class CutError(Exception):
    pass


def numbers(row):
    return {name: value for name, value in row.items() if name != "cpu_s"}


@pytest.mark.parametrize(
    ("run", "trial"),
    [(run_sac, {**PENDULUM, "eval_every": 200}), (run_per, {**CARTPOLE, "replay": "rank"})],
    ids=["sac", "per"],
)
def test_cut_run_gives_the_same_row(run, trial, tmp_path, monkeypatch):
    whole = run(trial, tmp_path / "whole", resume=False)
    on_step = offpolicy_trial._Recorder._on_step

    def cut(recorder):
        if recorder.num_timesteps == 650:
            raise CutError
        return on_step(recorder)

    with monkeypatch.context() as patch:
        patch.setattr(offpolicy_trial._Recorder, "_on_step", cut)
        with pytest.raises(CutError):
            run(trial, tmp_path / "cut", resume=True)
    assert list((tmp_path / "cut").glob("*.safetensors"))
    assert numbers(run(trial, tmp_path / "cut", resume=True)) == numbers(whole)
    assert not list((tmp_path / "cut").glob("*.safetensors"))


@pytest.mark.parametrize("implementation", ["papergym", "sb3"])
def test_evaluations_do_not_disturb_training(implementation, tmp_path):
    trial = {**PENDULUM, "implementation": implementation}
    without = run_sac(trial, tmp_path, resume=False)
    with_them = run_sac({**trial, "eval_every": 250}, tmp_path, resume=False)
    points = parse_curve(with_them.pop("eval_curve"))
    assert points[:, 0].tolist() == [250, 500, 750, 800]
    assert points[-1, 1] == pytest.approx(with_them["eval_return"], rel=1e-4)
    assert numbers(with_them) == numbers(without)


@pytest.mark.parametrize("implementation", ["papergym", "sb3"])
def test_budget_below_one_update(implementation, tmp_path):
    with pytest.raises(UsageError, match="100 steps is below one update: the first one comes after 101 steps"):
        run_sac({**PENDULUM, "implementation": implementation, "steps": 100}, tmp_path, resume=False)


def test_no_folder_is_left_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run_sac({**PENDULUM, "implementation": "sb3", "steps": 150}, tmp_path / "run", resume=False)
    assert not list(tmp_path.glob("SB3-*"))
