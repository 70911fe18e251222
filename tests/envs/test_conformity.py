"""One list of checks, held against every row of every family; a row may excuse itself from a check with a reason.

The default run holds *every* row to the cheap checks and one row per kind of world to all of them; the marker ``slow`` runs
the rest. The number of checks and the reasons of excused rows are printed at the end (conftest.py).

Most checks are those of papergym.envs.conformity; here stand those that need a row, and vector environments by id.
"""

import importlib.util
import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence as same
from gymnasium.vector import AutoresetMode

import papergym  # noqa: F401
from papergym.envs.conformity import CHECKS as CONFORMITY
from papergym.envs.conformity import MEMORY_MB, alike, first_of, growth_mb, rollout
from papergym.wrappers.rows import rows

ROWS = {row.id: row for row in rows()}


def arguments(row):
    """What makes a row cheap and its episodes short, without changing what is checked."""
    short = {"limit_frames": 24} if "limit_frames" in row.kwargs else {"max_episode_steps": 12}
    if row.family == "football":
        short["walker"] = "boxhead"  # compiles in a tenth of a humanoid's time
    return {**short, "quality": "fast", "size_px": 36} if "size_px" in row.kwargs else short


def make(row, **kwargs):
    return gym.make(row.id, **{**arguments(row), **kwargs})


def unavailable_or_described(row):
    """A sentence, a source, a version note; ids that cannot run say what to use."""
    assert re.fullmatch(r"[A-Za-z0-9-]+-v\d+", row.id)
    assert row.summary[0].isupper() and row.summary.endswith(".") and len(row.summary.split()) >= 4
    assert row.source and row.version_note.startswith("v")
    if row.unavailable:
        with pytest.raises(ImportError, match=r"[Uu]se"):
            gym.make(row.id)


def moving_entries(row):
    """No entry of a state vector stays the same for ever."""
    env = gym.make(row.id)
    space = env.observation_space
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and space.dtype.kind == "f":
        seen = np.stack([step[0] for seed in range(4) for step in rollout(env, seed=seed, steps=90)])
        assert (seen.min(0) < seen.max(0)).all(), f"constant: {np.flatnonzero(seen.min(0) == seen.max(0))}"
    env.close()


def state_of_the_world(row):
    """A world that offers its state continues exactly from it in another instance, its random numbers included."""
    one, two = make(row), make(row)
    if hasattr(one.unwrapped, "get_state"):
        rollout(one, steps=5)
        rollout(two, seed=1, steps=3)
        one, two = one.unwrapped, two.unwrapped
        two.set_state(one.get_state())
        one.action_space.seed(0)
        for _ in range(4):
            action = one.action_space.sample()
            mine, theirs = one.step(action), two.step(action)
            assert same(mine[:4], theirs[:4])
            if mine[2] or mine[3]:
                break
        assert same(one.reset()[0], two.reset()[0])


def vector_sync(row):
    """make_vec in this process, in every autoreset mode."""
    for mode in AutoresetMode:
        check_vector(row, "sync", {"autoreset_mode": mode})


def vector_threads(row):
    """make_vec's own vector environment of the id on two threads, in every autoreset mode."""
    for mode in AutoresetMode:
        check_vector(row, "vector_entry_point", {}, autoreset_mode=mode, num_threads=2)


def vector_spawn(row):
    """Worker processes that begin from nothing; in every autoreset mode for the rows that stand for their kind.

    The other rows begin in Gymnasium's default mode: what a spawned worker adds is that it finds and builds the id, which
    takes seconds, while the modes' own code is that of :func:`vector_fork`.
    """
    for mode in AutoresetMode if row.id in leads()[0] else (AutoresetMode.NEXT_STEP,):
        check_vector(row, "async", {"context": "spawn", "autoreset_mode": mode})


def vector_fork(row):
    """Worker processes that inherit this one, in every autoreset mode."""
    for mode in AutoresetMode:
        check_vector(row, "async", {"context": "fork", "autoreset_mode": mode})


def check_vector(row, how, vector_kwargs, **kwargs):
    kwargs |= {"num_envs": 2, "vectorization_mode": how, "vector_kwargs": vector_kwargs}
    if "max_episode_steps" in arguments(row):  # make_vec hands it on to the world
        kwargs |= {"max_episode_steps": 12}
    venv = gym.make_vec(row.id, **{**arguments(row), **kwargs})
    env = make(row)
    batch, _ = venv.reset(seed=4)
    assert batch in venv.observation_space
    assert alike(first_of(batch), env.reset(seed=4)[0])
    venv.action_space.seed(0)
    ended = False
    for _ in range(30):
        actions = venv.action_space.sample()
        batch, _, terminated, truncated, _ = venv.step(actions)
        assert batch in venv.observation_space
        over = np.logical_or(terminated, truncated)
        if not ended:
            observation, *_ = env.step(first_of(actions))
            if not over[0]:
                assert alike(first_of(batch), observation)
        ended = ended or over[0]
        if over.any() and venv.metadata["autoreset_mode"] == AutoresetMode.DISABLED:
            venv.reset(options={"reset_mask": over})
    assert ended
    venv.close()
    env.close()


def public(name):
    """A check of papergym.envs.conformity, for a row."""

    def check(row):
        return CONFORMITY[name](lambda **kwargs: make(row, **kwargs))

    check.__name__ = name
    return check


CHEAP = (unavailable_or_described, public("spaces_and_types"))
QUICK = ("gymnasium_check", "infos", "same_seed", "other_seed", "own_memory", "rebuilt_from_json", "pickled_in_mid_episode")
QUICK += ("rendered", "closed_twice", "sb3_check")
FULL = (*map(public, QUICK), moving_entries, state_of_the_world, vector_sync, vector_threads)
HEAVY = (vector_spawn, vector_fork, public("flat_memory"))
CHECKS = CHEAP + FULL + HEAVY

SLOW_WORLDS = ("Mine", "LS-Imagine")
"""Families that generate a world at each reset: only the rows that stand for their kind are stepped in the default run."""
LEADERS = ("ProtoRL-Walker-v0", "ProtoRL-LqrLqr62-v0", "DMC-QuadrupedEscape-v0", "DMC-JacoReachTopLeft-v0", "Pixel-Ant-v4")
"""Rows held to FULL in the default run, beside the first row of each entry point; the first of each family to HEAVY."""


def leads():
    """Ids that stand for their kind, and those that stand for their family."""
    kinds, families = {}, {}
    for row in ROWS.values():
        if not row.unavailable:
            kinds.setdefault((row.family, row.entry_point), row.id)
            families.setdefault(row.family, row.id)
    return {*kinds.values(), *LEADERS}, set(families.values())


def cases():
    """Every (row, check), those that the default run leaves out marked slow."""
    kinds, families = leads()
    for row in ROWS.values():
        for check in CHECKS[:1] if row.unavailable else CHECKS:
            if check is vector_threads and not row.vector_entry_point:
                continue
            cheap = check is CHEAP[0] or (check in CHEAP and (row.family not in SLOW_WORLDS or row.id in kinds))
            chosen = cheap or (check in FULL and row.id in kinds) or (check in HEAVY and row.id in families)
            chosen = chosen and not (check.__name__ == "flat_memory" and row.family in SLOW_WORLDS)
            yield pytest.param(row.id, check, id=f"{row.id}-{check.__name__}", marks=() if chosen else pytest.mark.slow)


@pytest.mark.parametrize(("env_id", "check"), list(cases()))
def test_conformity(env_id, check, record_property):
    row = ROWS[env_id]
    if row.extra == "football" and importlib.util.find_spec("pettingzoo") is None:
        pytest.skip("needs the extra football")
    if check.__name__ in row.exceptions:
        record_property("excused", f"{check.__name__}: {row.exceptions[check.__name__]}")
        return
    record_property("conformity", check.__name__)
    growth = check(row)
    if growth is not None:
        record_property("memory", (row.family, env_id, growth))


@pytest.mark.slow
@pytest.mark.parametrize("env_id", sorted(leads()[1]))
def test_memory_of_a_family_after_200_closes(env_id, record_property):
    """200 times made, reset, stepped and closed."""
    row = ROWS[env_id]
    growth = growth_mb(lambda: make(row), closes=200)
    record_property("memory", (f"{ROWS[env_id].family}, 200 closes", env_id, growth))
    assert growth < MEMORY_MB


def test_exceptions_name_checks_and_reasons():
    names = {check.__name__ for check in CHECKS}
    for row in ROWS.values():
        for name, reason in row.exceptions.items():
            assert name in names, f"{row.id}: {name} is no check; checks are {sorted(names)}"
            assert len(reason.split()) >= 5, f"{row.id}: {name}: a reason is a sentence"
