"""The GPT: an independent forward pass in float64, causality, padding, and the exact cache."""

import math

import numpy as np
import pytest
import torch

from papergym.agents.sequence.gpt import GPT


def network(width=24, layers=3, heads=3, seed=0, **kwargs):
    """With weights large enough that every part matters."""
    torch.manual_seed(seed)
    gpt = GPT(width, layers, heads, **kwargs)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.normal_(std=0.3)
    return gpt.eval()


def weights(module):
    return [part.detach().double().numpy() for part in (module.weight, module.bias)]


def layer_norm(x, module):
    scale, shift = weights(module)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + shift


def linear(x, module):
    matrix, bias = weights(module)
    return x @ matrix.T + bias


ACTIVATE = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
}


def forward_by_hand(gpt, x, mask, activation):
    """One row (T, W) in float64, head by head and token by token."""
    for block in gpt.blocks:
        query, key, value = np.split(linear(layer_norm(x, block.norm1), block.attention.qkv), 3, axis=1)
        size = x.shape[1] // block.attention.heads
        attended = np.zeros_like(x)
        for head in range(block.attention.heads):
            part = slice(head * size, (head + 1) * size)
            for step in range(len(x)):
                seen = np.flatnonzero(mask[step])
                scores = np.exp(key[seen, part] @ query[step, part] / math.sqrt(size))
                attended[step, part] = scores / scores.sum() @ value[seen, part]
        x = x + linear(attended, block.attention.out)
        x = x + linear(ACTIVATE[activation](linear(layer_norm(x, block.norm2), block.mlp[0])), block.mlp[2])
    return layer_norm(x, gpt.norm)


@pytest.mark.parametrize("activation", list(ACTIVATE))
@pytest.mark.parametrize("masked", [False, True])
def test_forward_by_numpy(activation, masked):
    gpt = network(activation=activation)
    x = np.random.default_rng(1).normal(size=(2, 9, 24))
    mask = np.tril(np.ones((9, 9), bool))
    if masked:
        mask[:, 3::4] = False
    given = torch.tensor(mask) if masked else None
    found = gpt(torch.tensor(x, dtype=torch.float32), given).detach().numpy()
    for row, expected in zip(x, found):
        np.testing.assert_allclose(forward_by_hand(gpt, row, mask, activation), expected, atol=5e-6)


def test_causality_and_padding():
    """A later token, or padding on the right, changes no earlier one."""
    gpt, x = network(), torch.randn(2, 8, 24, generator=torch.Generator().manual_seed(0))
    whole = gpt(x)
    for step in range(8):
        changed = x.clone()
        changed[:, step:, 0] += 1  # all of them would be lost in the layer norms
        torch.testing.assert_close(gpt(changed)[:, :step], whole[:, :step], atol=1e-6, rtol=0)
        assert (gpt(changed)[:, step] - whole[:, step]).abs().max() > 1e-3
        torch.testing.assert_close(gpt(x[:, : step + 1]), whole[:, : step + 1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("layers", [1, 3])
def test_one_token_of_each_row(layers):
    """Equals the forward pass by hand at these tokens, with tokens behind them that must not be seen."""
    gpt, x = network(layers=layers, activation="relu"), torch.randn(4, 7, 24, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([0, 6, 3, 5])
    found = gpt.at(x, places)
    assert found.shape == (4, 24)
    for row, place in enumerate(places.tolist()):
        expected = forward_by_hand(gpt, x[row].double().numpy(), np.tril(np.ones((7, 7))), "relu")[place]
        np.testing.assert_allclose(found[row].detach().numpy(), expected, atol=2e-5)
    with pytest.raises(RuntimeError, match="evaluation mode"):
        gpt.train().at(x, places)


def test_cached_equals_recomputed():
    """For random chunks, hidden columns, forks, orders and selections; the reference keeps whole sequences."""
    generator = torch.Generator().manual_seed(0)
    for seed in range(30):
        gpt = network(width=16, layers=2, heads=2, seed=seed)
        cache, rows = gpt.cache(), 2
        x, visible = torch.empty(rows, 0, 16), torch.empty(0, dtype=torch.bool)
        for _ in range(6):
            steps = int(torch.randint(1, 5, (), generator=generator))
            new = torch.randn(len(x), steps, 16, generator=generator)
            shown = torch.rand(steps, generator=generator) > 0.3
            if not len(visible):
                shown[0] = True  # a token that sees nothing has no attention
            x, visible = torch.cat((x, new), 1), torch.cat((visible, shown))
            mask = torch.tril(torch.ones(len(visible), len(visible), dtype=torch.bool)) & visible
            outputs = int(torch.randint(0, steps + 1, (), generator=generator))
            found, expected = gpt.extend(new, cache, shown, outputs), gpt(x, mask)
            assert found.shape == (len(x), outputs, 16)
            torch.testing.assert_close(found, expected[:, x.shape[1] - outputs :], atol=2e-5, rtol=0)
            assert cache.length == visible.sum() and cache.rows == len(x)
            x, cache = _rearranged(x, cache, int(torch.randint(0, 4, (), generator=generator)), generator)


def _rearranged(x, cache, how, generator):
    if how == 0 and len(x) < 20:
        cache.fork(2)
        return x.repeat_interleave(2, 0), cache
    if how in (1, 2):
        rows = torch.randint(0, len(x), (4,), generator=generator)
        if how == 1:  # within the groups
            groups = cache.layers[0].segments[0].groups
            size = len(x) // groups
            rows = torch.randint(0, size, (groups, 3), generator=generator) + torch.arange(groups)[:, None] * size
        cache.select(rows.flatten())
        return x[rows.flatten()], cache
    return x, cache


def test_what_rows_share_is_not_copied():
    gpt = network(width=16, layers=2, heads=2)
    cache = gpt.cache()
    gpt.extend(torch.randn(2, 5, 16), cache)
    before = [part.keys.data_ptr() for layer in cache.layers for part in layer.segments]
    cache.fork(8)
    gpt.extend(torch.randn(16, 1, 16), cache)
    cache.select(torch.arange(16).view(2, 8).flip(1).flatten())
    assert [layer.segments[0].keys.data_ptr() for layer in cache.layers] == before
    assert [[part.groups for part in layer.segments] for layer in cache.layers] == [[2, 16]] * 2
    cache.select(torch.tensor([9, 0]))  # rows that change places
    assert [[part.groups for part in layer.segments] for layer in cache.layers] == [[2, 2]] * 2


def test_wrong_use_is_refused():
    gpt = network(width=16, layers=1, heads=2)
    cache = gpt.cache()
    gpt.extend(torch.randn(2, 3, 16), cache)
    with pytest.raises(ValueError, match="expected 2 rows, got 3"):
        gpt.extend(torch.randn(3, 1, 16), cache)
    with pytest.raises(RuntimeError, match="call eval"):
        gpt.train().extend(torch.randn(2, 1, 16), gpt.cache())
