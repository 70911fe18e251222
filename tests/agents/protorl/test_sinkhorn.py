import numpy as np
import pytest
import torch

from papergym.agents.protorl.sinkhorn import sinkhorn


def direct(scores, temperature, iterations):
    """Alternate scaling of exp(scores / T) to equal prototype masses and equal sample masses, float64, as SwAV states it."""
    mass = np.exp((scores - scores.max()) / temperature).T  # (prototypes, batch)
    mass /= mass.sum()
    prototypes, batch = mass.shape
    for _ in range(iterations):
        mass *= (1 / prototypes / mass.sum(axis=1))[:, None]
        mass *= (1 / batch / mass.sum(axis=0))[None]
    return (mass / mass.sum(axis=0)).T


@pytest.mark.parametrize(("batch", "prototypes", "temperature"), [(32, 8, 0.1), (8, 32, 0.1), (64, 64, 1.0), (1, 5, 0.1)])
@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_equals_direct_float64(batch, prototypes, temperature, iterations):
    scores = np.random.default_rng(batch).uniform(-1, 1, (batch, prototypes))
    found = sinkhorn(torch.tensor(scores, dtype=torch.float32), temperature, iterations)
    np.testing.assert_allclose(found, direct(scores, temperature, iterations), rtol=2e-4, atol=1e-7)


def test_many_iterations_use_prototypes_equally():
    scores = torch.rand(40, 10, generator=torch.Generator().manual_seed(0))
    assignment = sinkhorn(scores, 0.1, 200)
    torch.testing.assert_close(assignment.sum(dim=0), torch.full((10,), 4.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(assignment.sum(dim=1), torch.ones(40))


@pytest.mark.parametrize("temperature", [0.1, 0.01])
def test_collapsed_batch_is_uniform(temperature):
    """All embeddings equal: exp(-2 / T) of a far prototype underflows in the direct form."""
    scores = torch.linspace(-1, 1, 16).repeat(12, 1)
    torch.testing.assert_close(sinkhorn(scores, temperature, 3), torch.full((12, 16), 1 / 16))


def test_half_precision_scores_are_assigned_in_fp32():
    scores = torch.linspace(-1, 1, 16).repeat(12, 1)
    with torch.autocast("cpu", torch.bfloat16):
        found = sinkhorn(scores.bfloat16(), 0.1, 3)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full((12, 16), 1 / 16))
