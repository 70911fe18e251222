"""Small models with weights large enough that every token matters, and their bins."""

import numpy as np
import pytest
import torch

from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.model import TrajectoryTransformer


def make_model(seed=0, observation_dim=3, action_dim=2, scale=0.3, **kwargs):
    torch.manual_seed(seed)
    settings = {"bins": 11, "window": 10, "width": 24, "layers": 2, "heads": 3, **kwargs}
    model = TrajectoryTransformer(observation_dim, action_dim, **settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=scale)
    return model.eval()


def make_discretizer(model, seed=0):
    return Discretizer(np.sort(np.random.default_rng(seed).normal(size=(model.bins + 1, model.size)), axis=0))


def make_past(model, count, transitions, seed=0):
    """Tokens of transitions and present observations; the value is the official placeholder, the highest bin."""
    generator = torch.Generator().manual_seed(seed)
    past = torch.randint(0, model.bins, (count, transitions, model.size), generator=generator)
    past[..., -1] = model.bins - 1
    return past, torch.randint(0, model.bins, (count, model.observation_dim), generator=generator)


@pytest.fixture
def tt():
    """Makers of a model, its bins and a past."""
    return make_model, make_discretizer, make_past
