"""The network and its losses against an independent forward pass in float64."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from scipy.special import erf, log_softmax, softmax

from papergym.agents.dt.attention import attention_map, step_attention
from papergym.agents.dt.losses import action_loss, return_loss
from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.agents.dt.windows import Windows

CASES = [
    {"kind": "box"},
    {"kind": "discrete"},
    {"kind": "box", "heads": 1, "activation": "gelu", "timesteps": False},
    {"kind": "discrete", "return_values": (-3.0, -1.0, 2.0)},
    {"kind": "box", "hide_returns": True, "return_values": (0.0, 1.0)},
]


def forward(policy, observations, actions, returns, timesteps, lengths):
    """The network once more, in float64, token by token: heads (B, T, action_dim), and the logits of the returns or None.

    Args:
        policy: its parameters, buffers and settings are used, none of its methods.
        observations: (B, T, obs_dim).
        actions: (B, T, action_dim) in [-1, 1], or one-hot.
        returns, timesteps: (B, T).
        lengths: (B,); what stands after so many steps is not read.
    """
    p = {name: value.detach().double().numpy() for name, value in policy.state_dict().items()}
    generates = "return_head.weight" in p
    heads, values = np.zeros((*actions.shape,)), np.zeros((*returns.shape, len(p.get("return_head.bias", []))))
    for b, length in enumerate(lengths):
        tokens = []
        for t in range(length):
            time = p["embed_timestep.weight"][timesteps[b, t]] if policy.settings["timesteps"] else 0.0
            scaled = 0.0 if policy.settings["hide_returns"] else returns[b, t] / p["return_scale"]
            state = (observations[b, t] - p["state_mean"]) / (p["state_std"] + 1e-6)
            told, seen = linear(p, "embed_return", np.array([scaled])), linear(p, "embed_state", state)
            order = [seen, told] if generates else [told, seen]
            tokens += [layer_norm(p, "norm", part + time) for part in [*order, linear(p, "embed_action", actions[b, t])]]
        hidden = transformer(p, np.array(tokens), policy.settings)
        out = linear(p, "action_head", hidden[1::3])
        heads[b, :length] = out if policy.discrete else np.tanh(out)
        if generates:
            values[b, :length] = linear(p, "return_head", hidden[0::3])
    return heads, values if generates else None


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def layer_norm(p, name, x):
    centered = x - x.mean(-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def transformer(p, x, settings):
    activation = {"relu": lambda z: np.maximum(z, 0), "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2}
    for block in range(settings["layers"]):
        name = f"gpt.blocks.{block}"
        x = x + attention(p, f"{name}.attention", layer_norm(p, f"{name}.norm1", x), settings["heads"])
        inner = activation[settings["activation"]](linear(p, f"{name}.mlp.0", layer_norm(p, f"{name}.norm2", x)))
        x = x + linear(p, f"{name}.mlp.2", inner)
    return layer_norm(p, "gpt.norm", x)


def attention(p, name, x, heads):
    query, key, value = np.split(linear(p, f"{name}.qkv", x), 3, axis=1)
    size, found = x.shape[1] // heads, np.zeros_like(x)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for t in range(len(x)):
            weights = softmax(key[: t + 1, part] @ query[t, part] / np.sqrt(size))
            found[t, part] = weights @ value[: t + 1, part]
    return linear(p, f"{name}.out", found)


def batch_of(policy, lengths=(4, 1, 3), steps=4, seed=0):
    """Random windows; what stands in the padding is random too. And the actions as the network sees them."""
    rng, n = np.random.default_rng(seed), len(lengths)
    observations, returns = rng.normal(size=(n, steps, 3)), rng.normal(size=(n, steps)) * 5
    timesteps = rng.integers(20, size=(n, 1)) + np.arange(steps)
    if policy.discrete:
        actions = rng.integers(1, 5, size=(n, steps))
        encoded = np.eye(4)[actions - 1]
    else:
        encoded = rng.uniform(-1, 1, size=(n, steps, 2))
        actions = encoded * [2, 2.5] + [0, 2.5]
    valid = np.arange(steps) < np.array(lengths)[:, None]
    kinds = (np.float32, np.int64 if policy.discrete else np.float32, np.float32, np.int64, bool)
    arrays = (observations, actions, returns, timesteps, valid)
    return Windows(*(torch.as_tensor(array.astype(kind)) for array, kind in zip(arrays, kinds))), encoded


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_losses(case, make_policy):
    lengths = (4, 1, 3)
    policy = make_policy(**case).eval()
    batch, encoded = batch_of(policy, lengths)
    heads, values = policy(*batch[:4])
    observations, _, returns, timesteps, valid = (part.numpy().astype(np.float64) for part in batch)
    expected, expected_values = forward(policy, observations, encoded, returns, timesteps.astype(int), lengths)
    valid = valid.astype(bool)
    np.testing.assert_allclose(heads.detach().numpy()[valid], expected[valid], atol=2e-5)
    if policy.discrete:
        loss = -(encoded * log_softmax(expected, -1)).sum(-1)[valid].mean()
    else:
        loss = ((expected - encoded)[valid] ** 2).mean()
    assert action_loss(policy, heads, batch).item() == pytest.approx(loss, rel=1e-5)
    assert (values is None) == (expected_values is None)
    if values is not None:
        np.testing.assert_allclose(values.detach().numpy()[valid], expected_values[valid], atol=2e-5)
        nearest = np.abs(returns[valid][:, None] - case["return_values"]).argmin(1)
        logs = log_softmax(expected_values[valid], -1)[np.arange(len(nearest)), nearest]
        assert return_loss(policy, values, batch).item() == pytest.approx(-logs.mean(), rel=1e-5)


@pytest.mark.parametrize("case", CASES[:2], ids=str)
def test_no_padding_and_no_future_is_seen(case, make_policy):
    """Bit-equal losses whatever stands in the padding, and equal heads before a step that changes."""
    policy = make_policy(**case).eval()
    batch, _ = batch_of(policy)
    other, _ = batch_of(policy, seed=1)
    mixed = Windows(
        *(
            torch.where(batch.valid.reshape(batch.valid.shape + (1,) * (one.ndim - 2)), one, two)
            for one, two in zip(batch[:4], other)
        ),
        batch.valid,
    )
    assert torch.equal(policy(*batch[:4])[0][batch.valid], policy(*mixed[:4])[0][batch.valid])
    changed = [part.clone() for part in batch[:4]]
    for part, new in zip(changed, other):
        part[:, 2:] = new[:, 2:]
    before, after = policy(*batch[:4])[0], policy(*changed)[0]
    np.testing.assert_allclose(after[:, :2].detach(), before[:, :2].detach(), atol=1e-6)
    assert not torch.allclose(after[:, 2:], before[:, 2:])
    own = [part.clone() for part in batch[:4]]
    own[1][:, 2] = other.actions[:, 2]
    np.testing.assert_allclose(policy(*own)[0][:, :3].detach(), before[:, :3].detach(), atol=1e-6)


def test_as_many_parameters_as_the_official_network():
    """Hopper: 727,695, of which 1,548 are the heads of states and returns and 128 a table of words, none of which is used."""
    box = gym.spaces.Box(-1, 1, (3,))
    policy = DecisionTransformerPolicy(gym.spaces.Box(-np.inf, np.inf, (11,)), box, max_timestep=1000)
    unused = (128 + 1) * 11 + (128 + 1) + 128
    assert sum(value.numel() for value in policy.parameters()) == 727_695 - unused


def test_attention_maps(make_policy):
    """Against the softmax of the numpy forward's first block, and rows that sum to one over the past."""
    policy, rng = make_policy(), np.random.default_rng(0)
    state = None
    for step in range(3):
        _, state = policy.act(rng.normal(size=(2, 3)).astype(np.float32), np.full(2, step == 0), np.ones(2), 9.0, state)
    maps = attention_map(policy, state)
    assert maps.shape == (2, 2, 2, 9, 9)
    np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-5)
    assert (np.triu(maps, 1) == 0).all()
    x = policy.tokens(*policy.inputs(state))[1]
    block = policy.gpt.blocks[0]
    with torch.no_grad():
        query, key, _ = block.attention.qkv(block.norm1(x)).chunk(3, -1)
        expected = (query[5, 4:] @ key[:6, 4:].T / 2).softmax(-1)  # second head, of width 4
    np.testing.assert_allclose(maps[1, 0, 1, 5, :6], expected, atol=1e-6)
    steps = step_attention(maps)
    assert steps.shape == (2, 3, 3)
    np.testing.assert_allclose(steps.sum(-1), 1, atol=1e-5)
    assert steps[0, 1, 0] == pytest.approx(maps[0, :, :, 3:6, :3].sum(-1).mean(), rel=1e-5)
