"""Kind C: a state that is refused half-way leaves a bonus as it was, to the bit."""

import copy

import numpy as np
import pytest

from papergym.wrappers import intrinsic
from papergym.wrappers.intrinsic import Transitions, make_bonus

RNG = np.random.default_rng(0)


def batch():
    rows = RNG.normal(size=(16, 4)).astype(np.float32)
    return Transitions(next_obs=rows, obs=rows + 1, action=rows[:, :2], done=np.zeros(16, bool))


def listed(state):
    """A state in Python's own values, which compare exactly."""
    if isinstance(state, dict):
        return {name: listed(value) for name, value in state.items()}
    return state if isinstance(state, str) else np.asarray(state).tolist()


def damaged(state):
    """Copies of a state, in each of which one entry, however deep, is of another type, empty, or not finite."""
    for number, (name, value) in enumerate(state.items()):
        if name == "device":
            continue
        without = {key: part for key, part in state.items() if key != name}
        for odd in ("?", ([], np.full(3, np.nan), {"odd": 1})[number % 3]):  # `make fuzz` has them all
            if listed(value) != listed(odd):
                yield f"{name}={odd!r}", {**without, name: odd}
        if isinstance(value, dict) and name != "config":
            for inner, part in damaged(value):
                yield f"{name}.{inner}", {**without, name: part}


@pytest.mark.parametrize("name", sorted(intrinsic.BONUSES))
def test_a_damaged_state_changes_nothing(name):
    bonus, other = make_bonus(name), make_bonus(name)
    for _ in range(2):
        bonus.reward(batch())
        other.reward(batch())
    before = repr(listed(bonus.state_dict()))
    for path, state in damaged(copy.deepcopy(other.state_dict())):
        with pytest.raises(ValueError):
            bonus.load_state_dict(state)
            pytest.fail(f"{name} loaded a state with a damaged {path}")
        assert repr(listed(bonus.state_dict())) == before, path
