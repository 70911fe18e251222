"""Weights of other implementations: the official repository's and Hugging Face's ``DecisionTransformerModel``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from safetensors.torch import save_file

from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.agents.errors import UsageError

Weights = Mapping[str, torch.Tensor]

BLOCK = {
    "norm1": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "norm2": "ln_2",
    "mlp.0": "mlp.c_fc",
    "mlp.2": "mlp.c_proj",
}
"""Our name of a part of a block -> theirs. Theirs hold linear weights as (in, out)."""

OUTSIDE = {
    "embed_timestep": "embed_timestep",
    "embed_return": "embed_return",
    "embed_state": "embed_state",
    "embed_action": "embed_action",
    "norm": "embed_ln",
    "action_head": "predict_action.0",
}
"""Our name of a part outside of the transformer -> theirs."""

OFFICIAL, HUGGING_FACE = "transformer", "encoder"
"""Prefixes under which the two keep the transformer."""


def load_weights(
    weights: Weights,
    observation_space: spaces.Space,
    action_space: spaces.Space,
    *,
    heads: int = 1,
    activation: str = "relu",
    context: int = 20,
    target: float = 0.0,
    return_scale: float = 1000.0,
    state_mean: np.ndarray | None = None,
    state_std: np.ndarray | None = None,
    delayed: bool = False,
) -> DecisionTransformerPolicy:
    """A policy with the weights of the official code or of Hugging Face's model.

    Target, scale and state statistics are not part of the weights: the official code takes them from its data, Hugging Face's
    model cards print them.

    Args:
        weights: ``state_dict()`` of the official ``DecisionTransformer`` (MuJoCo) or of ``DecisionTransformerModel``; use
            ``torch.load(path, weights_only=True)`` or ``safetensors.torch.load_file``.
        observation_space: Box, or Discrete for a model that is given one-hot states.
        action_space: Box, whose bounds are the model's -1 and 1, or Discrete for a model of one-hot actions without tanh.
        heads: ``n_head`` of the model's configuration.
        activation: its ``activation_function``.
        context: steps that the model is to see, ``K`` or ``max_length``.
        target: return to aim at.
        return_scale: officially 1000, for Reacher 10.
        state_mean: of the flat observations, None for 0.
        state_std: None for 1.
        delayed: the target is not lowered by the rewards.

    Raises:
        UsageError: weights of another model, or of other spaces.
    """
    prefix = OFFICIAL if f"{OFFICIAL}.ln_f.weight" in weights else HUGGING_FACE
    if f"{prefix}.ln_f.weight" not in weights or "embed_timestep.weight" not in weights:
        raise UsageError(
            "expected the state_dict of the official DecisionTransformer (gym) or of Hugging Face's "
            f"DecisionTransformerModel, got the keys {', '.join(sorted(weights)[:5])} ..."
        )
    rows, width = weights["embed_timestep.weight"].shape
    layers = len({key.split(".")[2] for key in weights if key.startswith(f"{prefix}.h.")})
    policy = DecisionTransformerPolicy(
        observation_space,
        action_space,
        context=context,
        width=width,
        layers=layers,
        heads=heads,
        activation=activation,
        max_timestep=rows,
        delayed=delayed,
    )
    ours = _ours(weights, prefix, layers)
    own = policy.state_dict()
    wrong = [
        f"{key}: {tuple(own[key].shape)} here, {tuple(value.shape)} there"
        for key, value in ours.items()
        if own[key].shape != value.shape
    ]
    if wrong:
        raise UsageError(f"the weights are of other spaces: {'; '.join(wrong)}.")
    policy.load_state_dict({**own, **ours})
    policy.target.fill_(target)
    policy.return_scale.fill_(return_scale)
    for buffer, given in ((policy.state_mean, state_mean), (policy.state_std, state_std)):
        if given is not None:
            buffer.copy_(torch.as_tensor(np.asarray(given, np.float32)).flatten())
    return policy


def _ours(weights: Weights, prefix: str, layers: int) -> dict[str, torch.Tensor]:
    """Their tensors under our names."""
    names = dict(OUTSIDE) | {"gpt.norm": f"{prefix}.ln_f"}
    names |= {f"gpt.blocks.{i}.{ours}": f"{prefix}.h.{i}.{theirs}" for i in range(layers) for ours, theirs in BLOCK.items()}
    found = {}
    for ours, theirs in names.items():
        for kind in ("weight", "bias"):
            if f"{theirs}.{kind}" in weights:
                value = weights[f"{theirs}.{kind}"].float()
                found[f"{ours}.{kind}"] = value.T if _transposed(theirs, kind) else value
    # Hugging Face's model adds row 0 of an otherwise unused table of positions to every token after the layer norm.
    if f"{prefix}.wpe.weight" in weights:
        found["norm.bias"] = found["norm.bias"] + weights[f"{prefix}.wpe.weight"][0].float()
    return found


def _transposed(name: str, kind: str) -> bool:
    return kind == "weight" and name.endswith(("c_attn", "c_proj", "c_fc"))


def huggingface_weights(policy: DecisionTransformerPolicy) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Configuration and ``state_dict()`` of a ``DecisionTransformerModel`` that predicts the same actions.

    It is given states and actions as the policy normalizes them and returns divided by the scale. Its heads for states and
    returns, which the paper does not train either, are zero.

    Raises:
        UsageError: a policy that chooses its returns, does not see them or the time steps, or sees images: that model has no
            such form.
    """
    told = policy.return_head is None and not policy.hide_returns and policy.embed_timestep is not None
    if not told or policy.embed_state.in_features != _flat(policy):
        raise UsageError(
            "expected a policy that is told returns and time steps and sees flat states: Hugging Face's model is one."
        )
    ours, settings = policy.state_dict(), policy.settings
    width, layers = settings["width"], settings["layers"]
    names = dict(OUTSIDE) | {"gpt.norm": f"{HUGGING_FACE}.ln_f"}
    names |= {f"gpt.blocks.{i}.{name}": f"{HUGGING_FACE}.h.{i}.{BLOCK[name]}" for i in range(layers) for name in BLOCK}
    theirs = {}
    for name, other in names.items():
        for kind in ("weight", "bias"):
            if f"{name}.{kind}" in ours:
                value = ours[f"{name}.{kind}"]
                theirs[f"{other}.{kind}"] = (value.T if _transposed(other, kind) else value).contiguous().clone()
    states, positions = policy.embed_state.in_features, max(3 * settings["context"], 1024)
    theirs[f"{HUGGING_FACE}.wpe.weight"] = torch.zeros(positions, width)
    theirs[f"{HUGGING_FACE}.wte.weight"] = torch.zeros(1, width)
    for head, size in (("predict_state", states), ("predict_return", 1)):
        theirs |= {f"{head}.weight": torch.zeros(size, width), f"{head}.bias": torch.zeros(size)}
    return _huggingface_config(policy, states, positions), theirs


def _flat(policy: DecisionTransformerPolicy) -> int:
    return int(spaces.flatdim(policy.observation_space))


def _huggingface_config(policy: DecisionTransformerPolicy, states: int, positions: int) -> dict[str, Any]:
    settings = policy.settings
    activation = {"gelu_tanh": "gelu_new"}.get(settings["activation"], settings["activation"])
    return {
        "model_type": "decision_transformer",
        "architectures": ["DecisionTransformerModel"],
        "state_dim": states,
        "act_dim": policy.embed_action.in_features,
        "hidden_size": settings["width"],
        "max_ep_len": settings["max_timestep"],
        "action_tanh": not policy.discrete,
        "vocab_size": 1,
        "n_positions": positions,
        "n_layer": settings["layers"],
        "n_head": settings["heads"],
        "activation_function": activation,
        **{f"{part}_pdrop": settings["dropout"] for part in ("resid", "embd", "attn")},
    }


def save_huggingface(policy: DecisionTransformerPolicy, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``: ``DecisionTransformerModel.from_pretrained(folder)`` reads them.

    Raises:
        UsageError: see :func:`huggingface_weights`.
    """
    config, weights = huggingface_weights(policy)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_file({name: value.cpu() for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
