"""Weights of the official code (jannerm/trajectory-transformer) to ours and back.

The official checkpoints ``state_<epoch>.pt`` are state dicts of ``GPT`` or ``ConditionalGPT``
(trajectory/models/transformers.py). They hold no bins: those are in a pickle beside them, or follow from the data.
"""

from collections.abc import Mapping

import torch

from papergym.agents.errors import UsageError
from papergym.agents.tt.model import TrajectoryTransformer

State = Mapping[str, torch.Tensor]
_PROJECTIONS = ("query", "key", "value")  # in the order of our joint projection
_LAYERS = {"ln1": "norm1", "ln2": "norm2", "attn.proj": "attention.out", "mlp.0": "mlp.0", "mlp.2": "mlp.2"}


def _names(layers: int, goal: bool) -> dict[str, str]:
    """Official name -> ours, for all that has the same shape in both."""
    names = {
        "tok_emb.weight": "token.weight",
        "head.weight": "head",
        "ln_f.weight": "gpt.norm.weight",
        "ln_f.bias": "gpt.norm.bias",
    }
    if goal:
        names["goal_emb.weight"] = "goal.weight"
    for layer in range(layers):
        for theirs, ours in _LAYERS.items():
            for kind in ("weight", "bias"):
                names[f"blocks.{layer}.{theirs}.{kind}"] = f"gpt.blocks.{layer}.{ours}.{kind}"
    return names


def from_official(state: State, observation_dim: int, action_dim: int, *, heads: int = 4) -> TrajectoryTransformer:
    """A model with the official weights, in evaluation mode.

    Args:
        state: the official state dict.
        observation_dim: N.
        action_dim: M; the official code's reward and value are the last two of a transition's tokens.
        heads: attention heads; they leave no trace in the weights.

    Raises:
        UsageError: another layout; the message names the tensor and both shapes.
    """
    size = observation_dim + action_dim + 2
    for name in ("tok_emb.weight", "pos_emb", "head.weight"):
        if name not in state:
            raise UsageError(f"expected a state dict of the official GPT, with {name}; got {', '.join(list(state)[:4])}, ...")
    vocabulary, width = state["tok_emb.weight"].shape
    if (vocabulary - 1) % size or len(state["head.weight"]) != size:
        raise UsageError(
            f"expected {size} tokens of a transition (observation {observation_dim}, action {action_dim}, reward, value), "
            f"got embeddings {tuple(state['tok_emb.weight'].shape)} and heads {tuple(state['head.weight'].shape)}."
        )
    goal = "goal_emb.weight" in state
    positions = state["pos_emb"].shape[1] - observation_dim * goal  # those of the goal are never read
    if (positions + 1) % size:
        raise UsageError(f"expected positions of whole transitions less one token, got {positions} for {size} tokens each.")
    model = TrajectoryTransformer(
        observation_dim,
        action_dim,
        bins=(vocabulary - 1) // size,
        window=(positions + 1) // size,
        width=width,
        layers=1 + max((int(name.split(".")[1]) for name in state if name.startswith("blocks.")), default=-1),
        heads=heads,
        goal=goal,
    )
    ours = _to_ours(state, model)
    for name, wanted in model.state_dict().items():
        if name not in ours or ours[name].shape != wanted.shape:
            got = tuple(ours[name].shape) if name in ours else "nothing"
            raise UsageError(f"{name}: expected shape {tuple(wanted.shape)}, got {got}. Is it the official GPT's state dict?")
    model.load_state_dict(ours)
    return model.eval()


def _to_ours(state: State, model: TrajectoryTransformer) -> dict[str, torch.Tensor]:
    layers, goal = len(model.gpt.blocks), model.goal is not None
    ours = {mine: state[theirs] for theirs, mine in _names(layers, goal).items() if theirs in state}
    ours["position"] = state["pos_emb"][0, : len(model.position)]
    for layer in range(layers):
        for kind in ("weight", "bias"):
            parts = [state.get(f"blocks.{layer}.attn.{name}.{kind}") for name in _PROJECTIONS]
            if all(part is not None for part in parts):
                ours[f"gpt.blocks.{layer}.attention.qkv.{kind}"] = torch.cat([part for part in parts if part is not None])
    return ours


def to_official(model: TrajectoryTransformer) -> dict[str, torch.Tensor]:
    """The official state dict of a model, its attention masks included; ``GPT.load_state_dict`` takes it.

    With a goal the positions that the official code never reads are zero. Its mask is not shifted by the goal, as ours is,
    so the two models then differ; see ``[differences]`` in ``assets/papers/tt.toml``.
    """
    ours, layers, goal = model.state_dict(), len(model.gpt.blocks), model.goal is not None
    state = {theirs: ours[mine].clone() for theirs, mine in _names(layers, goal).items()}
    length, extra = len(model.position), model.observation_dim if goal else 0
    state["pos_emb"] = torch.cat((ours["position"], ours["position"].new_zeros(extra, ours["position"].shape[1])))[None]
    mask = torch.tril(torch.ones(length + extra, length + extra))
    mask[:, model.size - 1 :: model.size] = 0
    for layer in range(layers):
        state[f"blocks.{layer}.attn.mask"] = mask[None, None].clone()
        for kind in ("weight", "bias"):
            parts = ours[f"gpt.blocks.{layer}.attention.qkv.{kind}"].chunk(3)
            for name, part in zip(_PROJECTIONS, parts):
                state[f"blocks.{layer}.attn.{name}.{kind}"] = part.clone()
    return state
