"""One list of checks, held against every row of every family; a row may excuse itself from a check with a reason.

The default run holds *every* row to the cheap checks and one row per kind of world to all of them; the marker ``slow`` runs
the rest. The number of checks and the reasons of excused rows are printed at the end (conftest.py).

Long because the whole list stands in one place.
"""

import ctypes
import gc
import importlib.util
import os
import pickle
import re
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as same
from gymnasium.vector import AutoresetMode

import papergym  # noqa: F401
from papergym.wrappers.rows import rows

ROWS = {row.id: row for row in rows()}
STEPS = 40
QUIET = (r".*(infinity|symmetric|normalized).*", r".*settotalmass.*")
"""Warnings of check_env that say how a world is, not that it is wrong: unbounded states, action ranges."""


def arguments(row):
    """What makes a row cheap and its episodes short, without changing what is checked."""
    short = {"limit_frames": 24} if "limit_frames" in row.kwargs else {"max_episode_steps": 12}
    if row.family == "football":
        short["walker"] = "boxhead"  # compiles in a tenth of a humanoid's time
    return {**short, "quality": "fast", "size_px": 36} if "size_px" in row.kwargs else short


def make(row, **kwargs):
    return gym.make(row.id, **{**arguments(row), **kwargs})


def arrays(observation):
    return observation.values() if isinstance(observation, dict) else [observation]


def rollout(env, seed=0, steps=STEPS, reset=True):
    """[(observation, reward, terminated, truncated)], with resets where episodes end."""
    env.action_space.seed(seed)
    trace = [(env.reset(seed=seed)[0], 0.0, False, False)] if reset else []
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        trace.append((observation, reward, terminated, truncated))
        if terminated or truncated:
            trace.append((env.reset()[0], 0.0, False, False))
    return trace


def told(env):
    """Infos of a reset and of a whole episode of at most 14 steps."""
    infos, over = [env.reset(seed=1)[1]], False
    while not over and len(infos) < 15:
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        infos.append(info)
        over = terminated or truncated
    return infos


def unavailable_or_described(row):
    """A sentence, a source, a version note; ids that cannot run say what to use."""
    assert re.fullmatch(r"[A-Za-z0-9-]+-v\d+", row.id)
    assert row.summary[0].isupper() and row.summary.endswith(".") and len(row.summary.split()) >= 4
    assert row.source and row.version_note.startswith("v")
    if row.unavailable:
        with pytest.raises(ImportError, match=r"[Uu]se"):
            gym.make(row.id)


def gymnasium_check(row):
    """Gymnasium's check_env on the world; only the warnings of QUIET."""
    env = make(row)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for message in QUIET:
            warnings.filterwarnings("ignore", message=message)
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def spaces_and_types(row):
    """Observations in their space with its dtype, finite; rewards floats; ends Python bools; an end within the rollout.

    Infos have the same keys after a reset and in every step, and Python's scalars under them: TorchRL and Minari ask for it.
    """
    env = make(row)
    trace, infos = rollout(env), told(env)
    for info in infos:
        assert {key: type(value) for key, value in info.items()} == {key: type(value) for key, value in infos[0].items()}
        assert {type(value) for value in info.values()} <= {bool, int, float, str}
    for observation, reward, terminated, truncated in trace:
        assert observation in env.observation_space
        assert isinstance(reward, float | int | np.floating) and np.isfinite(reward)
        assert type(terminated) is bool and type(truncated) is bool
        for array in arrays(observation):
            assert not isinstance(array, np.ndarray) or array.dtype.kind != "f" or np.isfinite(array).all()
    assert any(terminated or truncated for _, _, terminated, truncated in trace)
    env.close()


def same_seed(row):
    """Two instances, one seed: equal rollouts, images included, through an episode's end."""
    one, two = make(row), make(row)
    assert same(rollout(one, seed=3), rollout(two, seed=3))
    assert same(rollout(one, seed=3), rollout(two, seed=3)), "and again, after use"
    one.close()
    two.close()


def other_seed(row):
    """Another seed begins elsewhere."""
    env = make(row)
    starts = [env.reset(seed=seed)[0] for seed in (1, 2, 3)]
    assert not all(same(starts[0], start) for start in starts[1:])
    env.close()


def own_memory(row):
    """Observations that were returned do not change later."""
    env = make(row)
    trace = rollout(env, steps=10)
    kept = pickle.loads(pickle.dumps(trace))
    env.step(env.action_space.sample())
    assert same(trace, kept)
    env.close()


def moving_entries(row):
    """No entry of a state vector stays the same for ever."""
    env = gym.make(row.id)
    space = env.observation_space
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and space.dtype.kind == "f":
        seen = np.stack([step[0] for seed in range(4) for step in rollout(env, seed=seed, steps=90)])
        assert (seen.min(0) < seen.max(0)).all(), f"constant: {np.flatnonzero(seen.min(0) == seen.max(0))}"
    env.close()


def rebuilt_from_json(row):
    """The spec survives JSON and makes an environment with the same rollout."""
    env = make(row)
    copy = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert same(rollout(env, steps=15), rollout(copy, steps=15))
    assert pickle.loads(pickle.dumps(env.spec)) == env.spec
    env.close()
    copy.close()


def pickled_in_mid_episode(row):
    """A pickled copy continues like the original."""
    env = make(row)
    rollout(env, steps=5)
    copy = pickle.loads(pickle.dumps(env))
    assert same(rollout(env, seed=1, steps=10, reset=False), rollout(copy, seed=1, steps=10, reset=False))
    env.close()
    copy.close()


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


def check_vector(row, how, vector_kwargs):
    kwargs = {"num_envs": 2, "vectorization_mode": how, "vector_kwargs": vector_kwargs}
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


def first_of(batch):
    return {key: first_of(value) for key, value in batch.items()} if isinstance(batch, dict) else batch[0]


def alike(one, two):
    """Equal up to numpy's own number types, which a batch of numbers has."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(alike(one[key], two[key]) for key in one)
    return np.array_equal(one, two)


def rendered(row):
    """Every render mode gives what Gymnasium asks; two images of one state are equal."""
    for mode in make(row).metadata.get("render_modes", []):
        if mode == "human":
            continue
        env = make(row, render_mode=mode)
        env.reset(seed=0)
        one, two = env.render(), env.render()
        assert same(one, two)
        if mode == "rgb_array":
            assert one.dtype == np.uint8 and one.ndim == 3 and one.shape[-1] == 3 and one.flags.c_contiguous
            assert one.min() < one.max()
        else:
            assert isinstance(one, str | np.ndarray | list)
        assert env.metadata["render_fps"] > 0
        env.close()


def closed_twice(row):
    """close() may be called twice, and before a reset."""
    env = make(row)
    env.close()
    env.close()
    env = make(row)
    env.reset()
    env.close()
    env.close()


def rss_mb():
    """Resident memory, without what the C library keeps of freed memory."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth_mb(row, closes, resets=200):
    """MB by which ``resets`` resets and ``closes`` closes between them grow this process, as it stands after closes.

    What was freed is not given back at once (drivers and the C library keep some), so single readings scatter by a model's
    size; compared are the least readings of the first and of the second half, and scaled to all of the resets.
    """
    readings = []
    for part in range(closes + 4):
        env = make(row)
        for count in range(resets // closes):
            env.reset(seed=part * resets + count)
            env.step(env.action_space.sample())
        env.close()
        del env
        if part >= 4 and part % (closes // 20) == 0:  # before, things that are allocated once
            readings.append(rss_mb())
    return 2 * (min(readings[10:]) - min(readings[:10]))


def flat_memory(row):
    """200 resets, and a close after each tenth, leave memory as it was; the growth in MB."""
    growth = growth_mb(row, closes=20)
    assert growth < 10
    return growth


def sb3_check(row):
    """Stable-Baselines3's check_env on the wrapped environment; its warnings are advice."""
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    env = make(row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sb3_check_env(env.unwrapped if hasattr(env.unwrapped, "compute_reward") else env, skip_render_check=True)
    env.close()


CHEAP = (unavailable_or_described, spaces_and_types)
FULL = (
    gymnasium_check, same_seed, other_seed, own_memory, moving_entries, rebuilt_from_json, pickled_in_mid_episode,
    state_of_the_world, vector_sync, rendered, closed_twice, sb3_check,
)  # fmt: skip
HEAVY = (vector_spawn, vector_fork, flat_memory)
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
            cheap = check is CHEAP[0] or (check in CHEAP and (row.family not in SLOW_WORLDS or row.id in kinds))
            chosen = cheap or (check in FULL and row.id in kinds) or (check in HEAVY and row.id in families)
            chosen = chosen and not (check is flat_memory and row.family in SLOW_WORLDS)
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
    growth = growth_mb(ROWS[env_id], closes=200)
    record_property("memory", (f"{ROWS[env_id].family}, 200 closes", env_id, growth))
    assert growth < 10


def test_exceptions_name_checks_and_reasons():
    names = {check.__name__ for check in CHECKS}
    for row in ROWS.values():
        for name, reason in row.exceptions.items():
            assert name in names, f"{row.id}: {name} is no check; checks are {sorted(names)}"
            assert len(reason.split()) >= 5, f"{row.id}: {name}: a reason is a sentence"
