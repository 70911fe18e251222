"""Goal-conditioned models through the command line: data without goals, an environment with them."""

from typing import cast

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from papergym.agents.data.four_rooms import waypoint_walks, write_walks
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds
from papergym.agents.tt.policy import TTPolicy
from papergym.agents.tt.prepare import observations

WALKS = "papergym/tt-fourrooms-v0/walks-v0"
TINY = ["--width", "32", "--layers", "1", "--heads", "2", "--batch-size", "32", "--no-video", "--checkpoint-seconds", "0"]


@pytest.fixture
def walks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    write_walks(WALKS, 200, 3)
    return tmp_path


def test_walks_are_written_as_they_are(walks):
    data, expected = load_dataset(WALKS), waypoint_walks(200, 3)
    for name in ("observations", "actions", "rewards", "next_observations", "terminated", "starts"):
        np.testing.assert_array_equal(getattr(data, name), getattr(expected, name))
    assert data.spec.id == "TT-FourRooms-v0" and data.observation_space.shape == (2,)


def test_train_and_evaluate_with_the_environments_goals(walks, capsys):
    """The environment follows from the data, each episode has its own goal, and the model heads for it."""
    arguments = ["train", "tt", "--preset", "goal", "--dataset", WALKS, "--updates", "600", *TINY]
    assert main([*arguments, "--eval-episodes", "12", "--eval-envs", "12", "--run-folder", "run"]) == 0
    returns = eval_rounds(walks / "run")[600]
    assert (
        len(returns) == 12
        and set(returns) <= {0.0, 1.0}
        and 'env = "TT-FourRooms-v0"' in (walks / "run/config.toml").read_text()
    )
    assert main(["evaluate", "run", "--episodes", "12"]) == 0
    assert f"{np.mean(returns):.2f}" in capsys.readouterr().out
    policy = TTPolicy.load(walks / "run" / "policy.zip")
    reached, lengths = cast(
        tuple[list[float], list[int]],
        evaluate_policy(policy, make_vec_env("TT-FourRooms-v0", 2), 2, return_episode_rewards=True, warn=False),
    )
    assert set(reached) <= {0.0, 1.0} and all(0 < length <= 200 for length in lengths)
    rng = np.random.default_rng(0)
    at, goal = rng.uniform(0.1, 0.9, (2, 200, 2)).astype(np.float32)  # both in one room
    seen = {"observation": at, "achieved_goal": at, "desired_goal": goal}
    actions, _ = policy.predict(seen, episode_start=np.ones(200, bool))
    lengths = np.linalg.norm(actions, axis=1) * np.linalg.norm(goal - at, axis=1)
    assert ((actions * (goal - at)).sum(1) / np.maximum(lengths, 1e-6)).mean() > 0.3, "a random heading has 0 ± 0.05"


def test_what_does_not_go_with_a_goal(walks, capsys):
    assert main(["train", "tt", "--dataset", WALKS, "--updates", "5", *TINY]) == 2
    assert "the environment has goals, and the model would not be told them" in capsys.readouterr().err
    assert main(["train", "tt", "--dataset", WALKS, "--goal", "--updates", "5", *TINY]) == 2
    assert "expected planner likelihood, got reward" in capsys.readouterr().err
    plain = ["--preset", "goal", "--dataset", WALKS, "--env", "Pendulum-v1", "--updates", "5"]
    assert main(["train", "tt", *plain, *TINY]) == 2
    assert "--goal needs an environment with the entries observation and desired_goal" in capsys.readouterr().err
    assert not (walks / "runs").exists()


def test_a_goal_of_another_shape_is_refused():
    space = gym.spaces.Dict({name: gym.spaces.Box(-1, 1, (size,)) for name, size in (("observation", 4), ("desired_goal", 2))})
    env = type("Spaces", (gym.Env,), {"observation_space": space, "action_space": gym.spaces.Box(-1, 1, (2,))})()
    with pytest.raises(UsageError, match=r"Expected desired_goal of shape \(4,\), got \(2,\)"):
        observations(env)
