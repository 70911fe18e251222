"""Kind G: every bonus pays the same numbers whether the caller has switched autograd off or not, in all three wrappers."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.wrappers import intrinsic

SMALL = {"every": 8, "updates": 1, "batch_size": 8, "buffer": 16, "hidden": 8}


def bonuses():
    """Every bonus that can score the steps of one environment, with arguments that make it small and have it learn."""
    for name in sorted(set(intrinsic.BONUSES) - {"APT"}):
        known = getattr(intrinsic, name).__dataclass_fields__
        yield name, {key: value for key, value in SMALL.items() if "lr" in known}


def rewards(name, arguments, kind, mode):
    one = lambda: gym.make("Pendulum-v1")  # noqa: E731
    make = {
        "single": one,
        "vector": lambda: SyncVectorEnv([one, one], autoreset_mode=AutoresetMode.NEXT_STEP),
        "sb3": lambda: DummyVecEnv([one, one]),
    }[kind]
    inner = make()
    inner.action_space.seed(0)
    actions = [inner.action_space.sample() for _ in range(20)]
    if kind == "sb3":
        inner.seed(0)
        actions = [np.stack([action, action]) for action in actions]
    with mode():
        env = wrappers.add_intrinsic_reward(inner, name, **arguments)
        env.reset() if kind == "sb3" else env.reset(seed=0)
        paid = [np.array(env.step(action)[1]) for action in actions]
    paid += [np.array(env.step(action)[1]) for action in actions]  # and on with autograd
    return np.stack(paid)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("kind", ["single", "vector", "sb3"])
@pytest.mark.parametrize(("name", "arguments"), list(bonuses()), ids=lambda value: value if isinstance(value, str) else "")
def test_rewards_do_not_depend_on_the_grad_mode(name, arguments, kind, mode):
    np.testing.assert_array_equal(rewards(name, arguments, kind, torch.enable_grad), rewards(name, arguments, kind, mode))
