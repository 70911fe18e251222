"""Kind A: every argument that is a count, a size, a seed, a number or a flag is checked by its type, not by its truth value.

Each case is built through ``gym.make``, ``make_vec`` or a constructor, with values drawn by hypothesis: what is accepted
survives JSON, what is refused says so in a ValueError.
"""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import SyncVectorEnv
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import papergym  # noqa: F401
from papergym.envs import checks
from papergym.wrappers.intrinsic import make_bonus
from papergym.wrappers.intrinsic.mixing import RewardMixer
from papergym.wrappers.vector.pixel_batch import PixelBatch

FEW = settings(max_examples=25, deadline=None)
NO_WHOLE = st.sampled_from([True, False, np.True_, 2.0, 1.5, np.float64(3), float("nan"), "3", b"3", (3,), np.array([3]), 3j])
WHOLES = st.integers(1, 9).flatmap(
    lambda n: st.sampled_from([n, np.int64(n), np.uint8(n), np.array(n), np.int32(n)]).map(lambda given: (n, given))
)
NO_NUMBER = st.sampled_from(
    [True, np.False_, float("nan"), float("inf"), -np.inf, "1", 1j, [1.0], np.array([1.0]), None, 10**400]
)
NO_FLAG = st.sampled_from([0, 1, None, "yes", 1.0, np.int64(1), np.array(True), []])

COUNTS = [
    ("PER-BlindCliffwalk-v0", "n"), ("DT-KeyToDoor-v0", "size"), ("DT-KeyToDoor-v0", "phase_steps"),
    ("DT-ShortestPath-v0", "nodes"), ("DT-ShortestPath-v0", "horizon"), ("DT-ShortestPath-v0", "graph_seed"),
    ("DMC-PendulumSwingup-v0", "limit_frames"), ("DMC-PendulumSwingup-v0", "size_px"),
    ("ProtoRL-Pendulum-v0", "frame_stack"), ("ProtoRL-Pendulum-v0", "action_repeat"), ("ProtoRL-Pendulum-v0", "size_px"),
    ("Pixel-Hopper-v4", "limit_frames"), ("Pixel-Hopper-v4", "render_size_px"),
]  # fmt: skip
NUMBERS = [
    ("SQL-MultiGoal-v0", "action_cost"), ("SQL-MultiGoal-v0", "goal_reward"), ("SQL-MultiGoal-v0", "distance_cost"),
    ("SQL-MultiGoal-v0", "start_std"), ("TT-FourRooms-v0", "step_size"), ("TT-FourRooms-v0", "goal_radius"),
    ("DT-ShortestPath-v0", "edge_probability"), ("Mine-OpenEnded-v0", "reward_scale"), ("Mine-OpenEnded-v0", "view_distance"),
]  # fmt: skip
FLAGS = [
    ("PER-BlindCliffwalk-v0", "alternate"), ("DT-KeyToDoor-v0", "observe_key"), ("TT-FourRooms-v0", "continuing"),
    ("Mine-OpenEnded-v0", "hud"), ("Mine-OpenEnded-v0", "success_ends"), ("Football-1v1-v0", "terminate_on_goal"),
]  # fmt: skip


@seed(1)
@FEW
@given(case=st.sampled_from(COUNTS), wrong=NO_WHOLE)
def test_no_count_takes_what_is_no_whole_number(case, wrong):
    env_id, name = case
    if name.endswith("size_px") and isinstance(wrong, tuple | np.ndarray):
        wrong = (True, 3)
    with pytest.raises(ValueError, match=r"whole number|at least|must be"):
        gym.make(env_id, **{name: wrong})


@seed(1)
@FEW
@given(case=st.sampled_from(COUNTS[:-2]), pair=WHOLES)
def test_counts_take_every_kind_of_integer_and_survive_json(case, pair):
    env_id, name = case
    plain, given_as = pair
    more = 10 if name in ("nodes", "size", "size_px", "n", "horizon", "phase_steps") else 0
    env = gym.make(env_id, **{name: given_as + more})
    kept = EnvSpec.from_json(env.spec.to_json())
    assert kept.kwargs[name] == plain + more and type(kept.kwargs[name]) is int
    copy = gym.make(kept)
    assert copy.observation_space == env.observation_space
    env.close()
    copy.close()


@seed(1)
@FEW
@given(case=st.sampled_from(NUMBERS), wrong=NO_NUMBER)
def test_no_number_takes_nan_bools_or_text(case, wrong):
    with pytest.raises(ValueError, match="finite number"):
        gym.make(case[0], **{case[1]: wrong})


@seed(1)
@settings(max_examples=12, deadline=None)
@given(case=st.sampled_from(FLAGS), wrong=NO_FLAG)
def test_flags_are_true_or_false(case, wrong):
    with pytest.raises(ValueError, match="True or False"):
        gym.make(case[0], **{case[1]: wrong})


@pytest.mark.parametrize("pose", [{"distance": np.nan}, {"azimuth": "x"}, {"lookat": [0, 0]}, {"lookat": [0, np.inf, 0]}])
@pytest.mark.parametrize("env_id", ["ProtoRL-Pendulum-v0", "Pixel-Hopper-v4"])
def test_a_pose_is_finite_numbers(env_id, pose):
    with pytest.raises(ValueError, match="camera"):
        gym.make(env_id, camera=pose)


SEEDED = ["PER-BlindCliffwalk-v0", "SQL-MultiGoal-v0", "DMC-PendulumSwingup-v0", "ProtoRL-Pendulum-v0"]


@pytest.mark.parametrize("env_id", SEEDED)
def test_a_seed_is_used_or_refused(env_id):
    env = gym.make(env_id, disable_env_checker=True).unwrapped
    env.reset(seed=7)
    state = env.get_state()
    for wrong in (True, -1, 1.0, np.float64(2), "1", [1], np.array([1])):
        with pytest.raises(ValueError, match="seed"):
            env.reset(seed=wrong)
        assert repr(env.get_state()) == repr(state), wrong
    for same in (np.int64(7), np.uint8(7), np.array(7)):
        env.reset(seed=same)
        assert repr(env.get_state()["rng" if "rng" in state else "random"]) == repr(
            state["rng" if "rng" in state else "random"]
        )
    env.close()


SEEDS = st.one_of(
    st.none(), st.integers(-1, 5), st.booleans(), st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3).map(list)
)


@seed(1)
@FEW
@given(given_seed=SEEDS)
def test_a_batch_takes_the_seeds_that_gymnasiums_takes(given_seed):
    theirs = SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2)
    try:
        theirs.reset(seed=given_seed)
        accepted = not isinstance(given_seed, bool)  # Gymnasium takes True for 1: here it is refused
    except Exception:
        accepted = False
    try:
        shared = checks.seeds_of(given_seed, 2)
    except ValueError:
        assert not accepted
        return
    assert accepted
    assert [env.np_random_seed for env, one in zip(theirs.envs, shared) if one is not None] == [
        s for s in shared if s is not None
    ]


def test_pixel_batches_share_out_seeds_by_that_rule():
    batch = gym.make_vec("ProtoRL-Pendulum-v0", num_envs=2, quality="fast", size_px=16)
    assert isinstance(batch, PixelBatch)
    batch.reset(seed=np.int64(3))
    assert [world.np_random_seed for world in batch.envs] == [3, 4]
    for wrong in ([], [1], True, -1, 1.5):
        with pytest.raises(ValueError, match="seed"):
            batch.reset(seed=wrong)
        assert [world.np_random_seed for world in batch.envs] == [3, 4]
    batch.close()


FIELDS = [
    (name, field, kind)
    for name, arguments in {
        "KNNNovelty": {"k": int, "size": int, "clip": float, "unit": bool, "seed": int},
        "RND": {"every": int, "updates": int, "lr": float, "background": bool, "dim": int, "warmup": int},
        "NGU": {"k": int, "limit": float}, "EpisodicNovelty": {"epsilon": float}, "CountBonus": {"bits": int, "width": float},
        "PrototypeNovelty": {"temperature": float, "zeros": bool}, "Disagreement": {"models": int}, "ICM": {"beta": float},
        "E3B": {"ridge": float, "dim": int}, "RIDE": {"forward_weight": float, "bits": int, "width": float},
        "PseudoCounts": {"prior": float, "c": float, "width": float},
    }.items()
    for field, kind in arguments.items()
]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "kind"), FIELDS)
def test_fields_of_bonuses(name, field, kind):
    wrongs = {int: [True, 1.5, "3", None], float: [True, np.nan, "1", None, np.inf], bool: [0, 1, None, "no"]}[kind]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=field):
            make_bonus(name, **{field: wrong})


def test_fields_of_the_mixer_and_plain_configurations():
    for wrong in ({"weight": np.nan}, {"weight": True}, {"normalize": 1}, {"decay": "0"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RewardMixer(**wrong)
    bonus = make_bonus("KNNNovelty", k=np.int64(3), clip=np.float32(0.5))
    assert type(bonus.k) is int and type(bonus.clip) is float
