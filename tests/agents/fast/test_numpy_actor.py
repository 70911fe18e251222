import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from papergym.agents.fast.numpy_actor import numpy_actor


def test_numpy_actor_equals_torch():
    model = SAC("MlpPolicy", "Pendulum-v1", learning_starts=20, batch_size=16, buffer_size=100, device="cpu", seed=0).learn(60)
    observations = np.random.default_rng(0).normal(size=(7, 3))
    actor = numpy_actor(model.actor)
    assert actor is not None
    noise = np.random.default_rng(5).standard_normal((7, 1), np.float32)
    mean, log_std, _ = model.actor.get_action_dist_params(torch.as_tensor(observations, dtype=torch.float32))
    expected = torch.tanh(mean + log_std.exp() * torch.as_tensor(noise)).detach()
    np.testing.assert_allclose(actor(observations, np.random.default_rng(5)), expected, rtol=1e-4, atol=1e-5)
    before = actor(observations, np.random.default_rng(5))
    model.train(3, 16)
    assert not np.allclose(before, actor(observations, np.random.default_rng(5))), "the memory is shared"


@pytest.mark.parametrize("kwargs", [{"use_sde": True}, {"activation_fn": torch.nn.Tanh}, {"net_arch": []}])
def test_actors_that_need_torch(sac_policy, kwargs):
    assert numpy_actor(sac_policy().actor) is not None
    assert numpy_actor(sac_policy(**kwargs).actor) is None
