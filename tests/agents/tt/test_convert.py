"""The official code's state dict: names and shapes as in jannerm/trajectory-transformer, 8834a6e."""

import pytest
import torch

from papergym.agents.errors import UsageError
from papergym.agents.tt.convert import from_official, to_official


def official_shapes(observation_dim, action_dim, *, bins, window, width, layers, goal):
    """As its classes make them: transformers.py (GPT, ConditionalGPT, Block, CausalSelfAttention) and ein.py."""
    size = observation_dim + action_dim + 2
    block_size = window * size - 1 + (observation_dim if goal else 0)
    shapes = {"pos_emb": (1, block_size, width), "tok_emb.weight": (bins * size + 1, width)}
    if goal:
        shapes["goal_emb.weight"] = (bins * observation_dim, width)
    for layer in range(layers):
        block = f"blocks.{layer}"
        for norm in ("ln1", "ln2"):
            shapes |= {f"{block}.{norm}.weight": (width,), f"{block}.{norm}.bias": (width,)}
        for name in ("key", "query", "value", "proj"):
            shapes |= {f"{block}.attn.{name}.weight": (width, width), f"{block}.attn.{name}.bias": (width,)}
        shapes[f"{block}.attn.mask"] = (1, 1, block_size, block_size)
        shapes |= {f"{block}.mlp.0.weight": (4 * width, width), f"{block}.mlp.0.bias": (4 * width,)}
        shapes |= {f"{block}.mlp.2.weight": (width, 4 * width), f"{block}.mlp.2.bias": (width,)}
    shapes |= {"ln_f.weight": (width,), "ln_f.bias": (width,), "head.weight": (size, bins + 1, width)}
    return shapes


@pytest.mark.parametrize("goal", [False, True])
def test_round_trip(tt, goal):
    make_model, _, make_past = tt
    model = make_model(goal=goal, window=4, layers=3)
    state = to_official(model)
    expected = official_shapes(3, 2, bins=11, window=4, width=24, layers=3, goal=goal)
    assert {name: tuple(part.shape) for name, part in state.items()} == expected
    assert state["blocks.0.attn.mask"][0, 0, :, 6::7].abs().max() == 0 and state["blocks.0.attn.mask"][0, 0, 9, 8] == 1
    back = from_official(state, 3, 2, heads=3)
    assert all(torch.equal(part, back.state_dict()[name]) for name, part in model.state_dict().items())
    past, current = make_past(model, 2, 2)
    x = torch.cat((past.flatten(1), current), 1)
    goals = current if goal else None
    torch.testing.assert_close(model(x, goals), back(x, goals), rtol=0, atol=0)


def test_another_layout_is_refused(tt):
    model = tt[0](window=4)
    state = to_official(model)
    with pytest.raises(UsageError, match="expected a state dict of the official GPT, with tok_emb"):
        from_official(model.state_dict(), 3, 2)
    with pytest.raises(UsageError, match="expected 8 tokens of a transition"):
        from_official(state, 4, 2)
    with pytest.raises(UsageError, match="positions of whole transitions less one token, got 26"):
        from_official({**state, "pos_emb": state["pos_emb"][:, :-1]}, 3, 2)
    for name, part in (("blocks.1.mlp.0.weight", state["blocks.1.mlp.0.weight"][:8]), ("ln_f.bias", None)):
        changed = {key: value for key, value in state.items() if key != name}
        changed |= {} if part is None else {name: part}
        with pytest.raises(UsageError, match="expected shape"):
            from_official(changed, 3, 2)
