"""Weights of the official code and of Hugging Face's model, there and back."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym.agents.dt.convert import huggingface_weights, load_weights, save_huggingface
from papergym.agents.errors import UsageError

BOX = gym.spaces.Box(-8, 8, (3,), np.float32)
ACTIONS = {"box": gym.spaces.Box(np.float32([-2, 0]), np.float32([2, 5])), "discrete": gym.spaces.Discrete(4, start=1)}
SHAPES = {
    "ln_1.weight": (8,),
    "ln_1.bias": (8,),
    "attn.bias": (1, 1, 16, 16),
    "attn.masked_bias": (),
    "attn.c_attn.weight": (8, 24),
    "attn.c_attn.bias": (24,),
    "attn.c_proj.weight": (8, 8),
    "attn.c_proj.bias": (8,),
    "ln_2.weight": (8,),
    "ln_2.bias": (8,),
    "mlp.c_fc.weight": (8, 32),
    "mlp.c_fc.bias": (32,),
    "mlp.c_proj.weight": (32, 8),
    "mlp.c_proj.bias": (8,),
}
"""Of a block of the official network, width 8; the attention's two entries are its mask."""


def official(states=3, actions=2, layers=2, rows=30):
    """A state_dict with the official names and shapes, in which every tensor holds random numbers."""
    generator = torch.Generator().manual_seed(0)
    shapes = {f"transformer.h.{i}.{name}": shape for i in range(layers) for name, shape in SHAPES.items()}
    shapes |= {"transformer.wte.weight": (1, 8), "transformer.ln_f.weight": (8,), "transformer.ln_f.bias": (8,)}
    shapes |= {"embed_timestep.weight": (rows, 8), "embed_ln.weight": (8,), "embed_ln.bias": (8,)}
    for name, size in (("return", 1), ("state", states), ("action", actions)):
        shapes |= {f"embed_{name}.weight": (8, size), f"embed_{name}.bias": (8,)}
    for name, size in (("predict_state", states), ("predict_action.0", actions), ("predict_return", 1)):
        shapes |= {f"{name}.weight": (size, 8), f"{name}.bias": (size,)}
    return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


def conv1d_block(weights, name, x):
    """One block of the official network as its code writes it: x @ W + b with W (in, out); relu; one head."""
    norm = torch.nn.functional.layer_norm
    inner = norm(x, (8,), weights[f"{name}.ln_1.weight"], weights[f"{name}.ln_1.bias"])
    query, key, value = (inner @ weights[f"{name}.attn.c_attn.weight"] + weights[f"{name}.attn.c_attn.bias"]).split(8, -1)
    scores = (query @ key.transpose(-1, -2) / 8**0.5).masked_fill(torch.ones(len(x), len(x)).triu(1).bool(), -1e4)
    x = x + scores.softmax(-1) @ value @ weights[f"{name}.attn.c_proj.weight"] + weights[f"{name}.attn.c_proj.bias"]
    inner = norm(x, (8,), weights[f"{name}.ln_2.weight"], weights[f"{name}.ln_2.bias"])
    hidden = (inner @ weights[f"{name}.mlp.c_fc.weight"] + weights[f"{name}.mlp.c_fc.bias"]).relu()
    return x + hidden @ weights[f"{name}.mlp.c_proj.weight"] + weights[f"{name}.mlp.c_proj.bias"]


def test_official_weights():
    """Actions equal those of a forward pass written from the official names."""
    weights, rng = official(), np.random.default_rng(0)
    mean, std = rng.normal(size=3), rng.uniform(1, 2, 3)
    box = gym.spaces.Box(-1, 1, (2,))
    policy = load_weights(weights, BOX, box, context=5, target=3600.0, state_mean=mean, state_std=std)
    assert policy.max_timestep == 30 and policy.settings["layers"] == 2 and policy.return_scale.item() == 1000
    states, acted, left, state = [], [], [], None
    for step in range(4):
        states.append(rng.normal(size=3).astype(np.float32))
        left.append(3600.0 - 100 * step)
        action, state = policy.act(states[-1][None], np.array([step == 0]), np.array([100.0]), None, state)
        acted.append(action[0])
    tokens = []
    for step in range(4):
        parts = (
            ("return", torch.tensor([left[step] / 1000])),
            ("state", torch.tensor((states[step] - mean) / (std + 1e-6), dtype=torch.float32)),
            ("action", torch.as_tensor(acted[step])),
        )
        for name, value in parts:
            token = weights[f"embed_{name}.weight"] @ value + weights[f"embed_{name}.bias"]
            tokens.append(token + weights["embed_timestep.weight"][step])
    norm = torch.nn.functional.layer_norm
    x = norm(torch.stack(tokens), (8,), weights["embed_ln.weight"], weights["embed_ln.bias"])
    for i in range(2):
        x = conv1d_block(weights, f"transformer.h.{i}", x)
    x = norm(x, (8,), weights["transformer.ln_f.weight"], weights["transformer.ln_f.bias"])
    expected = (x[1::3] @ weights["predict_action.0.weight"].T + weights["predict_action.0.bias"]).tanh()
    np.testing.assert_allclose(np.stack(acted), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["box", "discrete"])
def test_there_and_back(make_policy, kind):
    """Every parameter that takes part returns bit-equal."""
    policy = make_policy(kind)
    config, weights = huggingface_weights(policy)
    more = {"heads": config["n_head"], "activation": config["activation_function"], "context": 4, "target": 20.0}
    back = load_weights(weights, BOX, ACTIONS[kind], return_scale=7.0, **more)
    for name, value in policy.named_parameters():
        assert torch.equal(value, back.get_parameter(name)), name
    assert back.settings == policy.settings and config["action_tanh"] == (kind == "box")


def test_errors(make_policy):
    with pytest.raises(UsageError, match="expected the state_dict of the official DecisionTransformer"):
        load_weights({"a": torch.zeros(1)}, BOX, ACTIONS["box"])
    with pytest.raises(UsageError, match=r"embed_state.weight: \(8, 3\) here, \(8, 4\) there"):
        load_weights(official(states=4), BOX, ACTIONS["box"])
    with pytest.raises(UsageError, match="told returns"):
        huggingface_weights(make_policy(return_values=(0.0, 1.0)))


@pytest.mark.parametrize("kind", ["box", "discrete"])
@pytest.mark.parametrize("activation", ["relu", "gelu_tanh"])
def test_huggingface_model(make_policy, tmp_path, kind, activation):
    """Same weights, same actions as the model that reads our files; and its own weights, position table included, read back."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    policy = make_policy(kind, activation=activation).eval()
    save_huggingface(policy, tmp_path)
    model = transformers.DecisionTransformerModel.from_pretrained(tmp_path).eval()
    generator = torch.Generator().manual_seed(0)
    states, returns = torch.randn(2, 4, 3, generator=generator), torch.randn(2, 4, generator=generator)
    times = torch.arange(4).expand(2, 4)
    actions = torch.randint(1, 5, (2, 4), generator=generator)
    if kind == "box":
        actions = torch.rand(2, 4, 2, generator=generator) * torch.tensor([4.0, 5.0]) - torch.tensor([2.0, 0.0])

    def difference(ours):
        seen = (states - ours.state_mean) / (ours.state_std + 1e-6)
        with torch.no_grad():
            mine = ours(states, actions, returns, times)[0]
            scaled = (returns / ours.return_scale)[..., None]
            theirs = model(seen, ours.encode_actions(actions), None, scaled, times, torch.ones(2, 4)).action_preds
        return (mine - theirs).abs().max().item()

    assert difference(policy) <= 1e-6
    model.encoder.wpe.weight.data.normal_()
    settings = {"heads": 2, "activation": activation, "context": 4}
    assert difference(load_weights(model.state_dict(), BOX, ACTIONS[kind], **settings).eval()) <= 1e-6
