"""SAC on a prioritised replay buffer."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.sac.prioritized import PrioritizedSAC

SMALL = {"buffer_size": 300, "learning_starts": 40, "batch_size": 16, "seed": 1, "device": "cpu"}


def parameters(model) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters())


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_interrupted_equals_uninterrupted(variant, tmp_path):
    def make(steps=0, seed=1):
        small = {**SMALL, "seed": seed, "policy_kwargs": {"net_arch": [16, 16]}}
        model = PrioritizedSAC("MlpPolicy", gym.make("Pendulum-v1"), variant=variant, **small)
        return model.learn(steps) if steps else model

    whole = make(60).learn(30, reset_num_timesteps=False)
    save_state(tmp_path / "state", make(60).get_state(), kind="per")
    second = make(seed=9)
    second.set_state(load_state(tmp_path / "state", kind="per"))
    second.learn_until(90)
    assert torch.equal(parameters(whole), parameters(second))
    assert isinstance(whole, PrioritizedSAC)
    assert len(np.unique(np.round(whole.replay_buffer.priorities.get_state()["max"], 6))) == 1


def test_files_need_nothing_of_papergym(tmp_path, without_papergym):
    PrioritizedSAC("MlpPolicy", "Pendulum-v1", n_steps=2, **SMALL).learn(60).save(tmp_path / "model.zip")
    said = without_papergym(
        "import gymnasium, stable_baselines3 as sb3\n"
        f"model = sb3.SAC.load({str(tmp_path / 'model.zip')!r}, env=gymnasium.make('Pendulum-v1'), device='cpu')\n"
        "print(model.learn(60).num_timesteps, model.replay_buffer.n_steps)\n"
    )
    assert said.split() == ["60", "2"]
