"""The recurrent model and the decoder."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from papergym.agents.dreamerv3.rssm import RSSM, Latent
from papergym.agents.dreamerv3.spaces import Part
from papergym.agents.dreamerv3.world_model import Decoder, Size
from papergym.agents.nets.categorical import waiting_times

SIZE = Size(deter=16, hidden=8, classes=4, depth=4, units=8)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_first_steps_forget_state_and_action():
    """What follows a first step is what a sequence that begins there gives, whatever came before."""
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    tokens, actions = torch.randn(6, 2, 5), torch.randn(6, 2, 2) * 3
    first = torch.zeros(6, 2)
    first[3] = 1
    start = Latent(torch.rand(2, 16), torch.rand(2, 3, 4))
    waits = waiting_times((6, 2, 3, 4), tokens)
    rssm._waits = lambda *shape: waits[6 - shape[0] :]
    whole = rssm.observe(start, actions, tokens, first)
    other = actions.clone()
    other[3] = 100.0
    tail = rssm.observe(rssm.initial(2), other[3:], tokens[3:], first[3:])
    for one, two in zip((*whole.latent, whole.posterior, whole.prior), (*tail.latent, tail.posterior, tail.prior)):
        torch.testing.assert_close(one[3:], two)
    without = rssm.observe(start, actions, tokens, first * 0)
    assert not torch.allclose(without.latent.deter[3:], whole.latent.deter[3:])


def test_observing_step_by_step_is_the_sequence():
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    tokens, actions, first = torch.randn(4, 2, 5), torch.randn(4, 2, 2), torch.zeros(4, 2)
    waits = waiting_times((4, 2, 3, 4), tokens)
    rssm._waits = lambda *shape: waits
    whole = rssm.observe(rssm.initial(2), actions, tokens, first).latent
    latent = rssm.initial(2)
    for time in range(4):
        rssm._waits = lambda *shape, time=time: waits[time : time + 1]
        latent = rssm.observe_step(latent, actions[time], tokens[time], first[time])
        torch.testing.assert_close(latent.deter, whole.deter[time])
        torch.testing.assert_close(latent.stoch, whole.stoch[time])


def test_one_hot_targets_of_the_decoder():
    """Cross-entropy per group of classes, squared error of symlog numbers, squared error of pixels."""
    parts = (Part("a", "classes", (2,), (3, 2)), Part("b", "vector", (4,)), Part("c", "image", (1, 8, 8)))
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    decoder = Decoder(parts, rssm, SIZE)
    latent = Latent(torch.randn(5, 16), torch.rand(5, 3, 4))
    observation = {"a": torch.tensor([[0, 1]] * 5), "b": torch.randn(5, 4) * 9, "c": torch.randint(0, 256, (5, 1, 8, 8)).byte()}
    predicted, losses = decoder.predict(latent), decoder.losses(latent, observation)
    logits = predicted["a"]
    pair = F.cross_entropy(logits[:, :3], observation["a"][:, 0], reduction="none")
    pair = pair + F.cross_entropy(logits[:, 3:], observation["a"][:, 1], reduction="none")
    torch.testing.assert_close(losses["a"], pair)
    numbers = observation["b"].numpy()
    target = torch.from_numpy(np.sign(numbers) * np.log1p(np.abs(numbers)))
    torch.testing.assert_close(losses["b"], ((predicted["b"] - target) ** 2).sum(-1))
    torch.testing.assert_close(losses["c"], ((predicted["c"] - observation["c"] / 255) ** 2).sum((1, 2, 3)))
