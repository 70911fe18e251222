"""Odd actions, seeds and options for environments, and damaged states for bonuses."""

import copy
import functools
import math
import random
from typing import Any

import gymnasium as gym
import numpy as np
from faults import ODD, Fault, refused, same
from gymnasium import spaces

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.checkpoint.envstate import single_env_state
from papergym.envs.checks import is_whole
from papergym.wrappers import ActionRepeat, IntrinsicReward
from papergym.wrappers.intrinsic import BONUSES, Transitions, make_bonus

IDS = ("PER-BlindCliffwalk-v0", "DT-KeyToDoor-v0", "DT-ShortestPath-v0", "TT-FourRooms-v0", "SQL-MultiGoal-v0")
IDS += ("DMC-PendulumSwingup-v0", "DMC-CheetahRun-v0", "DMC-LqrLqr21-v0")
KNOWN = (ValueError, TypeError, gym.error.Error)


@functools.cache
def world(env_id: str, wrapped: bool) -> gym.Env:
    """An environment in an episode, bare or in wrappers that have a state."""
    env = gym.make(env_id, disable_env_checker=True)
    env = IntrinsicReward(ActionRepeat(env, 2), "KNNNovelty", bonus_arguments={"size": 16}) if wrapped else env
    env.reset(seed=0)
    return env


def odd_action(space: gym.Space, rng: random.Random) -> Any:
    """An action that is none, or nearly one."""
    if rng.random() < 0.3:
        return rng.choice(ODD)
    action = np.array(space.sample())
    kinds = [np.int64, np.bool_, np.complex64, np.float16, np.float64, object]
    if rng.random() < 0.5:
        return action.astype(rng.choice(kinds))
    flat = action.astype(np.float64).reshape(-1)
    flat[rng.randrange(flat.size)] = rng.choice([math.nan, math.inf, -math.inf, 1e300, -7, 0.5])
    return rng.choice([flat.reshape(action.shape), flat, np.append(flat, 0.0), flat[:-1], flat[None], flat.tolist()])


def fits(space: gym.Space, action: Any) -> bool:
    """Whether a world may take ``action``: finite floats of the right number, or a whole number in range."""
    if isinstance(space, spaces.Discrete):
        whole = is_whole(action) or (np.size(action) == 1 and np.asarray(action).dtype.kind in "iu")
        return whole and space.start <= int(np.asarray(action).item()) < space.start + space.n
    array = np.asarray(action)
    return array.dtype.kind == "f" and array.size == math.prod(space.shape or ()) and bool(np.isfinite(array).all())


def environment(rng: random.Random) -> str:
    """A step or a reset with something odd: refused, and nothing has changed, or something that fits."""
    env = world(rng.choice(IDS), rng.random() < 0.3)
    env.action_space.seed(rng.randrange(2**31))
    if rng.random() < 0.6:
        action = odd_action(env.action_space, rng)
        what, act, fine = f"step({action!r})", lambda: env.step(action), functools.partial(fits, env.action_space, action)
    else:
        seed = rng.choice([None, 3, np.int64(3), *ODD])
        options = rng.choice([None, None, {}, {"nope": 1}, *ODD])
        what, act = f"reset(seed={seed!r}, options={options!r})", lambda: env.reset(seed=seed, options=options)
        fine = lambda: (seed is None or (is_whole(seed) and seed >= 0)) and not options  # noqa: E731
    what = f"{env}: {what}"
    if refused(lambda: single_env_state(env), act, what, KNOWN):
        return "refused"
    env.reset()
    if not fine():
        raise Fault("silent", what)
    return "accepted"


@functools.cache
def trained(name: str) -> Any:
    """A bonus that has seen two batches."""
    bonus, rng = make_bonus(name), np.random.default_rng(0)
    for _ in range(2):
        rows = rng.normal(size=(16, 4)).astype(np.float32)
        bonus.reward(Transitions(next_obs=rows, obs=rows + 1, action=rows[:, :2], done=np.zeros(16, bool)))
    return bonus


def bonus_state(rng: random.Random) -> str:
    """A saved state of a bonus with an odd value in the place of an entry."""
    name = rng.choice(sorted(BONUSES))
    bonus = trained(name)
    changed = copy.deepcopy(bonus.state_dict())
    place, path = changed, [rng.choice([key for key in changed if key != "device"])]
    while isinstance(place[path[-1]], dict) and place[path[-1]] and path[-1] != "config" and rng.random() < 0.8:
        place = place[path[-1]]
        path.append(rng.choice(list(place)))
    odd = rng.choice(["?", [], np.full(3, math.nan), {"b": 1}, object()])
    if same(place[path[-1]], odd):
        return "accepted"
    place[path[-1]] = odd
    what = f"{name} {path} {odd!r}"
    if refused(bonus.state_dict, lambda: bonus.load_state_dict(changed), what, (ValueError,)):
        return "refused"
    trained.cache_clear()
    raise Fault("silent", what)
