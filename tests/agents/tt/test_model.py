"""The network: an independent forward pass in float64, and what each token can see."""

import math

import numpy as np
import pytest
import torch

from papergym.agents.tt.model import TrajectoryTransformer


def numbers(parameter):
    return parameter.detach().double().numpy()


def normalized(x, module):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * numbers(module.weight) + numbers(
        module.bias
    )


def linear(x, module):
    return x @ numbers(module.weight).T + numbers(module.bias)


def forward_by_hand(model, tokens, goal=()):
    """Logits of one sequence, in float64, from the paper's description and the weights alone."""
    size, bins, goals = model.size, model.bins, len(goal)
    x = np.zeros((goals + len(tokens), model.token.weight.shape[1]))
    seen = np.ones(len(x), bool)  # which tokens are attended to
    for place, token in enumerate(goal):
        x[place] = numbers(model.goal.weight)[place * bins + token]
    for place, token in enumerate(tokens):
        dimension = place % size
        row = size * bins if token == bins else dimension * bins + token
        x[goals + place] = numbers(model.token.weight)[row] + numbers(model.position)[place]
        seen[goals + place] = dimension != size - 1
    for block in model.gpt.blocks:
        heads = block.attention.heads
        query, key, value = (
            part.reshape(len(x), heads, -1)
            for part in np.split(linear(normalized(x, block.norm1), block.attention.qkv), 3, axis=1)
        )
        scores = np.einsum("ihd,jhd->hij", query, key) / math.sqrt(query.shape[2])
        scores = np.where(np.tril(np.ones((len(x), len(x)), bool)) & seen, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        x = x + linear(np.einsum("hij,jhd->ihd", weights, value).reshape(len(x), -1), block.attention.out)
        hidden = linear(normalized(x, block.norm2), block.mlp[0])
        x = x + linear(hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))), block.mlp[2])
    x = normalized(x, model.gpt.norm)[goals:]
    return np.stack([numbers(model.head)[place % size] @ row for place, row in enumerate(x)])


@pytest.mark.parametrize("goal", [False, True])
@pytest.mark.parametrize("length", [1, 3, 7, 20, 34])
def test_forward_by_numpy(tt, goal, length):
    make_model, _, _ = tt
    model = make_model(goal=goal, window=5)
    generator = np.random.default_rng(length)
    tokens, goals = generator.integers(0, model.bins + 1, (2, length)), generator.integers(0, model.bins, (2, 3))
    found = model(torch.tensor(tokens), torch.tensor(goals) if goal else None).detach().numpy()
    for row in range(2):
        expected = forward_by_hand(model, tokens[row], goals[row] if goal else ())
        np.testing.assert_allclose(found[row], expected, atol=2e-5)


@pytest.mark.parametrize("goal", [False, True])
def test_causality(tt, goal):
    """A token changes no earlier logits; those at its own position it does change."""
    make_model, _, _ = tt
    model = make_model(goal=goal, window=4)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, model.bins, (1, 4 * model.size - 1), generator=generator)
    goals = torch.randint(0, model.bins, (1, 3), generator=generator) if goal else None
    before = model(tokens, goals)
    for place in range(tokens.shape[1]):
        changed = tokens.clone()
        changed[0, place] = (changed[0, place] + 1) % model.bins
        after = (model(changed, goals) - before).abs().amax(-1)[0]
        assert (after[:place] < 1e-6).all()
        assert after[place] > 1e-3


@pytest.mark.parametrize("goal", [False, True])
def test_value_tokens_are_seen_at_their_own_position_only(tt, goal):
    make_model, _, _ = tt
    model = make_model(goal=goal, window=4)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, model.bins, (2, 4 * model.size - 1), generator=generator)
    goals = torch.randint(0, model.bins, (2, 3), generator=generator) if goal else None
    before = model(tokens, goals)
    values = list(range(model.size - 1, tokens.shape[1], model.size))
    changed = tokens.clone()
    changed[:, values] = (tokens[:, values] + 5) % model.bins
    after = (model(changed, goals) - before).abs().amax((0, 2))
    others = [place for place in range(tokens.shape[1]) if place not in values]
    assert after[others].max() < 1e-6 and after[values].min() > 1e-3


def test_the_goal_is_seen_by_all(tt):
    model = tt[0](goal=True, window=3)
    tokens = torch.zeros(1, 3 * model.size - 1, dtype=torch.int64)
    goals = torch.tensor([[1, 2, 3]])
    for place in range(3):
        changed = goals.clone()
        changed[0, place] += 1
        assert (model(tokens, changed) - model(tokens, goals)).abs().amax(-1).min() > 1e-4


def test_initial_weights_and_wrong_use():
    torch.manual_seed(0)
    model = TrajectoryTransformer(11, 3)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_225_472
    assert model.position.abs().max() == 0 and model.token.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert model.head.abs().max() <= 1 / math.sqrt(128)
    with pytest.raises(ValueError, match="at most 159 tokens, 10 transitions less one, got 160"):
        model(torch.zeros(1, 160, dtype=torch.int64))
    with pytest.raises(ValueError, match="expected no goal"):
        model(torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, 11, dtype=torch.int64))
    with pytest.raises(ValueError, match="goal=True"):
        model.embed_goal(torch.zeros(1, 11, dtype=torch.int64))
