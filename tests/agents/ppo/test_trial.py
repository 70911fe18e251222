"""One trial: its row, its resume, policies that do not learn, other observation spaces."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from papergym.agents.errors import UsageError
from papergym.agents.ppo import trial as trial_module
from papergym.agents.ppo.build import build
from papergym.agents.ppo.config import Config
from papergym.agents.ppo.trial import run

TRIAL = {"setting": "clip", "env_id": "InvertedPendulum-v4", "seed": 1, "steps": 8192, "objective": "clip", "hidden": [8, 8]}


def test_row_of_a_trial(tmp_path):
    row = run(TRIAL, tmp_path, resume=False)
    steps = [int(point.split(":")[0]) for point in row["curve"].split()]
    scores = [float(point.split(":")[1]) for point in row["curve"].split()]
    assert row["steps_done"] == 8192 and steps == [2048, 4096, 6144, 8192]
    assert scores[-1] == pytest.approx(row["score"], rel=1e-4) and scores[-1] > scores[0]
    assert row["episodes"] > 100 and 0 < row["eval_return"] <= 1000
    assert not list(tmp_path.iterdir()), "the checkpoint of a finished trial is removed"


def test_cut_and_resumed_row_is_the_same(tmp_path, monkeypatch):
    """The process dies at the third checkpoint; the resumed trial gives the row of the uncut one."""
    whole = run(TRIAL, tmp_path, resume=False)
    kept, saves = trial_module.save_state, []

    def dies(path, state, *, kind):
        kept(path, state, kind=kind)
        saves.append(path)
        if len(saves) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(trial_module, "save_state", dies)
    with pytest.raises(KeyboardInterrupt):
        run(TRIAL, tmp_path, resume=False)
    monkeypatch.setattr(trial_module, "save_state", kept)
    resumed = run(TRIAL, tmp_path, resume=True)
    for name in ("score", "eval_return", "eval_std", "episodes", "steps_done", "curve"):
        assert resumed[name] == whole[name], name


def test_uniform_policy_by_hand(tmp_path):
    row = run({"policy": "uniform", "episodes": 3, "env_id": "InvertedPendulum-v4", "seed": 5}, tmp_path, resume=False)
    generator, env, returns = np.random.default_rng(5), gym.make("InvertedPendulum-v4"), []
    env.reset(seed=5)
    while len(returns) < 3:
        total, ended = 0.0, False
        while not ended:
            _, reward, terminated, truncated, _ = env.step(generator.uniform(-3, 3, 1).astype(np.float32))
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
        env.reset()
    assert row["score"] == pytest.approx(np.mean(returns))


def test_unknown_fields_are_refused(tmp_path):
    with pytest.raises(UsageError, match="the trial names clip_rage, which are no settings of PPO"):
        run({**TRIAL, "clip_rage": 0.3}, tmp_path, resume=False)


@pytest.mark.parametrize("implementation", ["papergym", "sb3", "trpo"])
def test_budget_below_one_update(tmp_path, implementation):
    with pytest.raises(UsageError, match="a budget of 2000 steps is below one update"):
        run({**TRIAL, "steps": 2000, "implementation": implementation}, tmp_path, resume=False)


class Shapes(gym.Env):
    """Random observations of any space."""

    def __init__(self, space):
        self.observation_space, self.action_space = space, spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 1.0, False, bool(self.np_random.random() < 0.1), {}


@pytest.mark.parametrize(
    ("space", "policy"),
    [
        (spaces.Box(0, 255, (3, 36, 36), np.uint8), "ActorCriticCnnPolicy"),
        (spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Discrete(3)}), "MultiInputActorCriticPolicy"),
        (spaces.Discrete(4), "ActorCriticPolicy"),
    ],
)
def test_images_dictionaries_and_indices_train_in_torch(space, policy):
    gym.register("PPOShapes-v0", entry_point=lambda: Shapes(space))
    try:
        model = build(
            Config(n_steps=32, batch_size=16, n_epochs=1, objective="adaptive_kl"), "PPOShapes-v0", seed=0, device="cpu"
        )
        model.learn(64)
    finally:
        gym.registry.pop("PPOShapes-v0")
    assert type(model.policy).__name__ == policy and model.num_timesteps == 64
    assert model.fast_policy is None  # pyright: ignore[reportAttributeAccessIssue]
