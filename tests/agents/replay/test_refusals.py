"""Every memory refuses what is no number, by the field's name, and is then as it was; both kinds of priorities alike."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from papergym.agents.replay.frames import FrameReplay
from papergym.agents.replay.priorities import Proportional, Ranked
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.agents.replay.uniform import PackedReplayBuffer

BOX, ACTION, N = spaces.Box(-np.inf, np.inf, (3,), np.float64), spaces.Box(-1, 1, (2,)), 2
DICT = spaces.Dict({"speed": spaces.Box(-1, 1, (2,)), "level": spaces.Discrete(4)})
IMAGE = spaces.Box(0, 255, (2, 4, 4), np.uint8)
MIXED = spaces.Dict(  # half precision, and fields between those of float32
    {"a": spaces.Box(-1, 1, (2,)), "b": spaces.Box(0, 255, (3,), np.uint8), "c": spaces.Box(-1, 1, (1,), np.float16)}
)
FRAMES = spaces.Box(-np.inf, np.inf, (2,), np.float32)


def make(name: str) -> Any:
    return {
        "uniform": lambda: PackedReplayBuffer(8, BOX, ACTION, "cpu", N, seed=0),
        "three_steps": lambda: PackedReplayBuffer(8, BOX, ACTION, "cpu", N, n_steps=3, seed=0),
        "dict": lambda: PackedReplayBuffer(8, DICT, ACTION, "cpu", N, seed=0),
        "image": lambda: PackedReplayBuffer(8, IMAGE, ACTION, "cpu", N, seed=0),
        "mixed": lambda: PackedReplayBuffer(8, MIXED, ACTION, "cpu", N, seed=0),
        "pickled": lambda: pickle.loads(pickle.dumps(make("uniform"))),
        "proportional": lambda: PrioritizedReplayBuffer(8, BOX, ACTION, "cpu", N, variant="proportional", seed=0),
        "rank": lambda: PrioritizedReplayBuffer(8, BOX, ACTION, "cpu", N, variant="rank", seed=0),
        "frames": lambda: FrameReplay(8, FRAMES, ACTION, "cpu", N, frame_stack=2, seed=0),
    }[name]()


MEMORIES = ("uniform", "three_steps", "dict", "image", "mixed", "pickled", "proportional", "rank", "frames")


def transition(name: str, step: int) -> dict[str, Any]:
    """Arguments of ``add``, with fresh arrays."""

    def observation(number: int) -> Any:
        if name == "dict":
            return {"speed": np.full((N, 2), 0.1 * number), "level": np.full(N, number % 4)}
        if name == "mixed":
            return {key: np.full((N, *space.shape), number % 4, space.dtype) for key, space in MIXED.spaces.items()}  # type: ignore[misc]
        if name == "image":
            return np.full((N, 2, 4, 4), number, np.uint8)
        if name == "frames":
            return np.tile(np.array([number, number + 1], np.float32), (N, 1))
        return np.full((N, 3), float(number))

    ends = np.full(N, step % 4 == 3)
    infos = [{"TimeLimit.truncated": bool(end)} for end in ends]
    numbers = {"action": np.full((N, 2), 0.5), "reward": np.full(N, float(step)), "done": ends, "infos": infos}
    return {"obs": observation(step), "next_obs": observation(step + 1), **numbers}


def filled(name: str, steps: int = 6) -> Any:
    memory = make(name)
    for step in range(steps):
        memory.add(**transition(name, step))
    return memory


def snapshot(memory: Any) -> dict[str, Any]:
    return copy.deepcopy(memory.get_state())


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


BAD = [np.nan, np.inf, -np.inf]
NO_NUMBER = ["text", None, 1j, object()]
FIELDS = {"obs": "observations", "next_obs": "next_observations", "action": "actions", "reward": "rewards", "done": "dones"}


def spoiled(value: Any, bad: Any, place: int) -> Any:
    """``value`` with one entry replaced, of a dtype that can hold it."""
    if isinstance(value, dict):
        key = list(value)[place % len(value)]
        return {**value, key: spoiled(value[key], bad, place)}
    array = np.array(value, dtype=object if bad in NO_NUMBER else np.float64)
    array.flat[place % array.size] = bad
    return array


@pytest.mark.parametrize("name", MEMORIES)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    field=st.sampled_from(sorted(FIELDS)),
    bad=st.one_of(st.sampled_from(BAD), st.sampled_from(["text", None, 1j])),
    place=st.integers(0, 63),
    steps=st.integers(0, 12),
)
def test_nothing_but_numbers_comes_in(name, field, bad, place, steps):
    memory = filled(name, steps)
    before = snapshot(memory)
    arguments = transition(name, steps)
    arguments[field] = spoiled(arguments[field], bad, place)
    with pytest.raises(ValueError, match=FIELDS[field]):
        memory.add(**arguments)
    assert_same(before, memory.get_state())
    memory.add(**transition(name, steps))  # and it goes on
    assert memory.sample(4).rewards.isfinite().all()


@pytest.mark.parametrize("name", MEMORIES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("done", np.array([0.0, 0.5])),
        ("done", np.array([2, 0])),
        ("reward", np.zeros(3)),
        ("action", np.zeros((2, 3))),
        ("reward", np.array([1e300, 0.0])),  # infinite as float32
    ],
)
def test_what_does_not_fit_is_refused(name, field, value):
    memory = filled(name)
    before = snapshot(memory)
    with pytest.raises(ValueError, match=FIELDS[field]):
        memory.add(**{**transition(name, 6), field: value})
    assert_same(before, memory.get_state())


@pytest.mark.parametrize("value", [np.full((N, 2, 4, 4), 256), np.full((N, 2, 4, 4), -1), np.full((N, 2, 4, 4), 0.5)])
def test_images_are_not_wrapped_around(value):
    memory = filled("image")
    with pytest.raises(ValueError, match="observations: expected numbers that uint8 holds exactly"):
        memory.add(**{**transition("image", 6), "obs": value})


@pytest.mark.parametrize("name", MEMORIES)
@pytest.mark.parametrize("batch_size", [0, -1, 2.5, None, True, "4", np.nan])
def test_batches_have_a_size(name, batch_size):
    with pytest.raises(ValueError, match="batch_size: expected a whole number of at least 1"):
        filled(name).sample(batch_size)


def leaves(state: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(state, dict) and path[-1:] not in (("generator",), ("rng",), ("shape",)):
        return [found for key in state for found in leaves(state[key], (*path, key))]
    return [path]


def replaced(state: Any, path: tuple[str, ...], value: Any) -> Any:
    return value if not path else {**state, path[0]: replaced(state[path[0]], path[1:], value)}


def value_at(state: Any, path: tuple[str, ...]) -> Any:
    return state if not path else value_at(state[path[0]], path[1:])


@pytest.mark.parametrize("steps", [0, 6, 11])
@pytest.mark.parametrize("name", MEMORIES)
def test_states_that_are_none_are_refused(name, steps):
    """Every entry of a saved state, with values in its place that no memory has written."""
    source = filled(name, steps)
    if name in ("proportional", "rank") and steps:
        source.sample(4)
        source.update_priorities(np.arange(4), np.linspace(0.1, 2, 4))
    state = snapshot(source)
    target = filled(name, 3)
    before = snapshot(target)
    tried = 0
    for path in leaves(state):
        value = value_at(state, path)
        if path in (("full",), ("rows",), ("open",)) and not np.size(value):
            continue
        wrong: list[Any] = ["text", None, -1, np.nan, np.zeros(1000), {}, []]
        wrong += [] if isinstance(value, float) else [10**9, 0.5]
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
            wrong = [np.full_like(value, np.nan), np.full_like(value, np.inf), value[:-1], "text", None]
        if isinstance(value, torch.Tensor):
            wrong = [value[:, :-1], "text", None, *([torch.full_like(value, torch.nan)] if value.numel() else [])]
        for bad in wrong:
            if np.shape(bad) == np.shape(value) and np.array_equal(np.asarray(bad), np.asarray(value)):
                continue
            if path == ("open",) and bad == {}:  # no episode is open: that may be
                continue
            try:
                target.set_state(replaced(state, path, bad))
            except ValueError as error:
                assert len(str(error)) > 20
            else:
                pytest.fail(f"{path} was {bad!r}")
            assert_same(before, target.get_state())
            tried += 1
    for key in state:
        with pytest.raises(ValueError):
            target.set_state({name: value for name, value in state.items() if name != key})
        assert_same(before, target.get_state())
    assert tried > 20
    target.set_state(state)
    assert_same(state, target.get_state())


LAWS = {"proportional": Proportional, "rank": Ranked}


def law(name: str, slots: int = 6, capacity: int = 8, alpha: float = 0.6, epsilon: float = 1e-6) -> Any:
    made = LAWS[name](capacity, alpha, epsilon)
    for start in range(0, slots, 2):
        made.add(start, 2)
    return made


def what_happens(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


TD_ERRORS = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1e308, -1e308, 1e-320]))
SLOTS = st.one_of(st.integers(0, 5), st.integers(-2, 10))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(pairs=st.lists(st.tuples(SLOTS, TD_ERRORS), max_size=5), alpha=st.sampled_from([0.0, 0.6, 1.0, 5.0, 100.0]))
def test_both_laws_take_and_refuse_the_same_updates(pairs, alpha):
    slots, errors = np.array([slot for slot, _ in pairs], np.int64), np.array([error for _, error in pairs], np.float64)
    answers = []
    for name in LAWS:
        made = law(name, alpha=alpha)
        before = copy.deepcopy(made.get_state())
        answers.append(what_happens(made.update, slots, errors))
        if answers[-1] != "accepted":
            assert_same(before, made.get_state())
        made.add(6, 2)
        drawn, probabilities = made.draw(8, np.random.default_rng(0))
        assert np.isfinite(probabilities).all() and (probabilities >= 0).all() and drawn.max() < 8
    assert answers[0] == answers[1], answers


@pytest.mark.parametrize(
    "call",
    [
        lambda made: made.draw(0, np.random.default_rng(0)),
        lambda made: made.draw(-1, np.random.default_rng(0)),
        lambda made: made.draw(2.5, np.random.default_rng(0)),
        lambda made: made.add(-1, 1),
        lambda made: made.add(7, 2),
        lambda made: made.add(0, 0),
        lambda made: made.update(np.array([0.5]), np.ones(1)),
        lambda made: made.update(np.array([6]), np.ones(1)),  # not in use yet
        lambda made: made.update(np.array([], np.int64), np.array([])),
    ],
)
def test_both_laws_answer_alike(call):
    answers = [what_happens(call, law(name)) for name in LAWS]
    assert answers[0] == answers[1], answers


def test_both_laws_say_alike_that_they_are_empty():
    answers = [what_happens(law(name, slots=0).draw, 1, np.random.default_rng(0)) for name in LAWS]
    assert answers == ["ValueError: no priorities yet: add transitions before sampling"] * 2


@pytest.mark.parametrize("name", sorted(LAWS))
@pytest.mark.parametrize("extreme", [0.0, 1e308])
def test_priorities_come_back_from_extremes(name, extreme):
    """All at one end, where sums would vanish or overflow; then one is raised, and the law follows it."""
    made = law(name, epsilon=0.0, alpha=1.0)
    made.update(np.arange(6), np.full(6, extreme))
    slots, probabilities = made.draw(600, np.random.default_rng(0))
    assert np.isfinite(probabilities).all() and len(set(slots)) == 6
    made.update(np.arange(6), np.array([1.0, 0.1, 0.1, 0.1, 0.1, 0.1]))
    slots, probabilities = made.draw(600, np.random.default_rng(0))
    assert np.bincount(slots, minlength=6).argmax() == 0


def test_td_errors_and_indices_are_numbers():
    memory = filled("proportional")
    for errors in (["a"] * 2, [None, None], [1j, 1j]):
        with pytest.raises(ValueError, match="td_errors: expected numbers"):
            memory.update_priorities(np.array([0, 1]), np.array(errors))
    with pytest.raises(ValueError, match="indices must be whole numbers"):
        memory.update_priorities(np.array([0.0, 1.0]), np.ones(2))
    with pytest.raises(ValueError, match="fraction"):
        memory.anneal(float("nan"))
