"""Long tuples: completed as independent code completes them, and closer views kept once."""

import copy

import numpy as np
import pytest

from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.lsimagine.replay import LongReplay
from papergym.agents.lsimagine.views import CHUNK, ViewPool

FLAG = ((), np.dtype(np.bool_))
FIELDS = {"number": ((), np.dtype(np.int32)), "first": FLAG, "last": FLAG}
VIEWS = {"image": ((3, 4, 4), np.dtype(np.uint8)), "affordance": ((1, 4, 4), np.dtype(np.uint8))}
GAMMA = 0.98


def memory(capacity=6000, *, length=5, n_envs=1, **settings):
    return LongReplay(capacity, FIELDS, VIEWS, discount=GAMMA, length=length, n_envs=n_envs, seed=0, **settings)


def episode(draw):
    """Rewards of arriving, scores, and for some steps the score by which their closer view is reached."""
    length = int(draw.integers(1, 40))
    paid, score = draw.normal(size=(2, length))
    goal = np.where(draw.random(length) < 0.4, draw.normal(size=length) + 0.5, np.nan)
    return np.where(np.arange(length) > 0, paid, 0.0), score, goal


def view(number):
    return {name: np.full(shape, number % 251, dtype) for name, (shape, dtype) in VIEWS.items()}


def play(replay, env, episodes):
    """Hand episodes to the memory."""
    for paid, score, goal in episodes:
        for step in range(len(paid)):
            number = int(replay._added[env])
            record = {"number": number, "first": step == 0, "last": step == len(paid) - 1}
            shown = view(number) if np.isfinite(goal[step]) else None
            replay.add_step(env, record, paid=paid[step], score=score[step], view=shown, view_score=goal[step])


def expected_of(paid, score, goal, *, mean=False, same_step=False):
    """(view, complete, steps, gathered) of each step of an episode, one jump at a time."""
    rows = []
    for begin in range(len(paid)):
        if not np.isfinite(goal[begin]) or begin == len(paid) - 1:
            rows.append((False, False, 0, 0.0))
            continue
        candidates = range(begin if same_step else begin + 1, len(paid))
        end = next((step for step in candidates if score[step] > goal[begin]), None)
        if end is None:
            rows.append((True, False, 0, 0.0))
            continue
        rewards = [GAMMA**i * paid[begin + 1 + i] for i in range(end - begin)]
        weights = [GAMMA**i for i in range(end - begin)]
        gathered = (sum(rewards[:-1]) / sum(weights[:-1]) if len(rewards) > 1 else 0.0) if mean else sum(rewards)
        rows.append((True, True, end - begin, gathered))
    return rows


@pytest.mark.parametrize("settings", [{}, {"gathered": "mean"}, {"same_step": True}], ids=["sum", "mean", "same step"])
def test_long_tuples_of_200_episodes(settings):
    """Two environments; every step's view, mask, number of steps and gathered reward."""
    draw = np.random.default_rng(0)
    episodes = [[episode(draw) for _ in range(100)] for _ in range(2)]
    replay = memory(10_000, n_envs=2, **settings)
    for env in range(2):
        play(replay, env, episodes[env])
    zero_steps = 0
    for env in range(2):
        options = {"mean": settings.get("gathered") == "mean", "same_step": settings.get("same_step", False)}
        expected = [row for each in episodes[env] for row in expected_of(*each, **options)]
        rows = {name: part[env * replay.size :][: len(expected)] for name, part in replay._rows.items()}
        np.testing.assert_array_equal(rows["view"] >= 0, [row[0] for row in expected])
        np.testing.assert_array_equal(rows["complete"], [row[1] for row in expected])
        np.testing.assert_array_equal(rows["steps"], [row[2] for row in expected])
        np.testing.assert_allclose(rows["gathered"], [row[3] for row in expected], atol=1e-6)
        zero_steps += sum(row[1] and row[2] == 0 for row in expected)
    assert (zero_steps > 0) == settings.get("same_step", False)
    begun = [row for each in (*episodes[0], *episodes[1]) for row in expected_of(*each, **options) if row[0]]
    done = [row for row in begun if row[1]]
    assert replay.counts["begun"] == len(begun) and replay.counts["completed"] == len(done) > 100
    assert replay.counts["dropped"] == len(begun) - len(done) > 100
    assert replay.counts["steps"] == sum(row[2] for row in done)


def test_an_episode_that_is_cut_completes_nothing():
    """A first step drops what was pending, though no last step came."""
    replay = memory()
    nothing = {"paid": 0.0, "score": 0.0}
    replay.add_step(0, {"number": 0, "first": True, "last": False}, **nothing, view=view(0), view_score=0.5)
    replay.add_step(0, {"number": 1, "first": True, "last": False}, paid=0.0, score=9.0)
    assert replay.counts == {"begun": 1, "dropped": 1} and not replay._rows["complete"].any()


GOOD = {"record": {"number": 7, "first": False, "last": False}, "paid": 1.0, "score": 9.0, "view": view(7), "view_score": 0.5}
FIRST, LAST = ({**GOOD["record"], name: True} for name in ("first", "last"))
BAD = {
    "a field too few": {"record": {"number": 7, "first": True}},
    "a field too many": {"record": {**FIRST, "other": 1}},
    "a field of another shape": {"record": {**FIRST, "number": np.zeros(2)}},
    "a field of another kind": {"record": {**LAST, "number": "seven"}},
    "a view of another shape": {"record": FIRST, "view": {**view(7), "affordance": np.zeros((4, 4))}},
    "a view without a part": {"view": {"image": view(7)["image"]}},
    "a view of another kind": {"view": {**view(7), "image": np.full((3, 4, 4), "x")}},
    "a score that is no number": {"score": "high"},
    "a reward that is no number": {"record": FIRST, "paid": "much"},
    "a goal that is no number": {"view_score": "high"},
}


@pytest.mark.parametrize("name", BAD)
def test_a_refused_step_changes_nothing(name):
    """In a full memory with pending jumps, where the step would overwrite another that has a view."""
    replay = memory(40)
    replay.add_step(0, {"number": 0, "first": True, "last": False}, paid=0.0, score=0.0, view=view(0), view_score=99.0)
    for number in range(1, 40):
        replay.add_step(
            0, {"number": number, "first": False, "last": False}, paid=1.0, score=0.1, view=view(number), view_score=number
        )
    before = copy.deepcopy(replay.get_state())
    with pytest.raises((ValueError, TypeError)):
        replay.add_step(0, **{**GOOD, **BAD[name]})
    np.testing.assert_equal(replay.get_state(), before)
    replay.add_step(0, **GOOD)
    assert replay._rows["number"][0] == 7 and replay.counts["completed"] == 8  # goals 1 to 8 lie below 9


def test_views_are_kept_once_and_freed_with_their_step():
    """A memory that is written over many times holds the views of its steps and no others, in memory that stops growing."""
    draw = np.random.default_rng(0)
    replay = memory(300)
    grown = []
    for _ in range(12):
        play(replay, 0, [episode(draw) for _ in range(20)])
        held = replay._rows["view"][replay._rows["view"] >= 0]
        assert len(held) == len(set(held)) == len(replay.views)
        numbers = replay._rows["number"][replay._rows["view"] >= 0]
        np.testing.assert_array_equal(replay.views.get(held)["image"][:, 0, 0, 0], numbers % 251)
        grown.append(replay.views.nbytes)
    assert len(set(grown[2:])) == 1 and grown[-1] <= CHUNK * (48 + 16)


def test_jumps_that_were_overwritten_are_dropped():
    replay = memory(20, length=5)
    replay.add_step(0, {"number": 0, "first": True, "last": False}, paid=0.0, score=0.0, view=view(0), view_score=0.5)
    for number in range(1, 30):
        replay.add_step(0, {"number": number, "first": False, "last": False}, paid=0.0, score=float(number == 29))
    assert replay.counts == {"begun": 1, "dropped": 1} and not replay._pending[0].size
    assert not replay._rows["complete"].any() and not len(replay.views)


def test_state_goes_on_as_the_memory_does(tmp_path):
    """Views, pending jumps and free slots included; and another layout is refused."""
    draw = np.random.default_rng(2)
    first, rest = ([episode(draw) for _ in range(30)] for _ in range(2))
    one = memory(300)
    play(one, 0, first)
    number = int(one._added[0])
    pending = {"record": {"number": number, "first": True, "last": False}, "view": view(number), "view_score": 0.7}
    one.add_step(0, paid=0.0, score=0.0, **pending)
    save_state(tmp_path / "state.safetensors", one.get_state(), kind="test")
    two = memory(300)
    two.set_state(load_state(tmp_path / "state.safetensors", kind="test"))
    for replay in (one, two):
        for step in range(3):
            replay.add_step(0, {"number": 9, "first": False, "last": step == 2}, paid=1.0, score=float(step))
        play(replay, 0, rest)
    for name, rows in one._rows.items():
        np.testing.assert_array_equal(rows, two._rows[name], err_msg=name)
    slots = one._rows["view"][one._rows["view"] >= 0]
    for name, part in one.views.get(slots).items():
        np.testing.assert_array_equal(part, two.views.get(slots)[name])
    assert one.counts == two.counts and one.counts["completed"]
    other = LongReplay(300, FIELDS, {"image": VIEWS["image"]}, discount=GAMMA, length=5)
    with pytest.raises(CheckpointError, match="laid out as"):
        other.set_state(load_state(tmp_path / "state.safetensors", kind="test"))


@pytest.mark.parametrize("given", [{"image": np.zeros((3, 4, 4))}, {**view(0), "affordance": np.zeros((4, 4))}])
def test_a_view_of_another_shape_is_refused(given):
    pool = ViewPool(VIEWS)
    with pytest.raises(ValueError, match=r"expected the closer view's 'affordance' of shape \(1, 4, 4\)"):
        pool.add(given)
    assert not len(pool)
