"""Runs of off-policy agents for tables: evaluations on the way, resumed where they were cut."""

import tempfile

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.per.trial import run as run_per
from papergym.agents.reproduction import offpolicy
from papergym.agents.reproduction.figures import parse_curve
from papergym.agents.reproduction.workers import answer
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
    on_step = offpolicy._Recorder._on_step

    def cut(recorder):
        if recorder.num_timesteps == 650:
            raise CutError
        return on_step(recorder)

    with monkeypatch.context() as patch:
        patch.setattr(offpolicy._Recorder, "_on_step", cut)
        with pytest.raises(CutError):
            run(trial, tmp_path / "cut", resume=True)
    assert list((tmp_path / "cut").glob("*.safetensors"))
    assert numbers(run(trial, tmp_path / "cut", resume=True)) == numbers(whole)
    assert not list((tmp_path / "cut").glob("*.safetensors"))


class Room(gym.Env):
    """Shows a dict, whose part ``place`` is NaN at the end of the third episode of five steps."""

    observation_space = gym.spaces.Dict({"place": gym.spaces.Box(-1, 1, (2,)), "door": gym.spaces.Discrete(2)})
    action_space = gym.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"place": np.zeros(2, np.float32), "door": 0}, {}

    def step(self, action):
        self.steps += 1
        place = np.full(2, np.nan if self.steps == 15 else 0.5, np.float32)
        return {"place": place, "door": 1}, 1.0, self.steps % 5 == 0, False, {}


def test_numbers_that_are_not_finite_end_the_trial(tmp_path, monkeypatch):
    monkeypatch.setitem(gym.registry, "NaNRoom-v0", gym.envs.registration.EnvSpec("NaNRoom-v0", entry_point=Room))
    trial = {**CARTPOLE, "env_id": "NaNRoom-v0", "steps": 200, "learning_starts": 5}
    expected = (
        r"step 15, environment 0 of NaNRoom-v0: last observation 'place' is not finite: \[nan nan\]; the checkpoint .* is kept"
    )
    with pytest.raises(BadNumbersError, match=expected):
        run_per(trial, tmp_path, resume=False)
    kind, row, message = answer("papergym.agents.per.trial", trial, tmp_path / "worker", True)
    assert kind == "failed" and not row and message.startswith("step 15") and "Traceback" not in message


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
