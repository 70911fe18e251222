"""What LS-Imagine's agent learns from: rewards and scores in info, small images and maps as bytes."""

import cv2
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import papergym  # noqa: F401
from papergym.envs.mine import make
from papergym.wrappers import LSImagineActions
from papergym.wrappers.vision import AffordanceReward, AgentView, LongTermSignals, MineCLIPReward, agent_view
from papergym.wrappers.vision.observation import AffordanceObservation

TASK, ID, PROMPT = "shear_sheep", "LSImagine-ShearSheep-v0", "Obtain wool"
ACTIONS = (6, 5, 6, 3, 10, 6, 4, 0, 6, 6, 5, 5)


@pytest.fixture(scope="module")
def mapped():
    """The world with maps and flags."""
    world = LSImagineActions(make(TASK, cam_interval=10))
    return AffordanceObservation(world, "AffordanceUNet", PROMPT, "JumpFlag")


def played(env, seed=0):
    """(observation, reward, info) of the reset and of every action; the flag's statistics begin anew."""
    parts = env.get_wrapper_attr("parts")
    parts.flag.probabilities.__init__()
    parts.flag.scores.__init__()
    observation, info = env.reset(seed=seed)
    steps = [(observation, 0.0, info)]
    for action in ACTIONS:
        observation, reward, _, _, info = env.step(action)
        steps.append((observation, reward, info))
    return steps


@pytest.mark.parametrize(("scorer", "affordance"), [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_intrinsic_rewards_are_those_of_the_reward_wrappers(mapped, scorer, affordance):
    env = LongTermSignals(mapped, PROMPT, scorer_weight=scorer, affordance_weight=affordance)
    expected: gym.Env = MineCLIPReward(mapped, PROMPT, "SmallScorer", "record") if scorer else mapped
    expected = AffordanceReward(expected, "record") if affordance else expected
    ours, theirs = played(env), played(expected)
    np.testing.assert_allclose([info["intrinsic"] for *_, info in ours], [reward for _, reward, _ in theirs], atol=1e-6)
    assert [reward for _, reward, _ in ours] == [0.0] * len(ours) and sum(info["intrinsic"] for *_, info in ours) > 0


def test_scores_of_frames_and_views(mapped):
    """A frame: the scorer's value and the map's; a view: the map's mean in the box and its own map's, paid if new."""
    steps = played(LongTermSignals(mapped, PROMPT))
    only = [
        [info["score"] for *_, info in played(LongTermSignals(mapped, PROMPT, **{name: 0.0}))]
        for name in ("scorer_weight", "affordance_weight")
    ]
    np.testing.assert_allclose([info["score"] for *_, info in steps], np.sum(only, 0), atol=1e-9)
    np.testing.assert_allclose(only[0][1:], [info["jump_score"] for *_, info in steps[1:]])
    best, views = np.zeros(2), np.zeros(2)
    for number, (observation, _, info) in enumerate(steps):
        if number:
            best = np.maximum(best, [only[1][number], only[0][number]])
        values = np.array([info["jump_view_value"], info["jump_view_score"]])
        new = values > np.maximum(best, views)
        shown = bool(observation["is_zoomed"])
        assert info["view_score"] == pytest.approx(values.sum() if shown else 0.0)
        assert info["view_intrinsic"] == pytest.approx(0.01 * (values * new).sum() if shown else 0.0)
        views = np.maximum(views, values) if shown else views
    assert sum(bool(observation["is_zoomed"]) for observation, *_ in steps) >= 1


def test_state_in_the_middle_of_an_episode(mapped):
    env = LongTermSignals(mapped, PROMPT)
    env.reset(seed=1)
    for action in ACTIONS[:4]:
        env.step(action)
    state, world = env.state_dict(), env.unwrapped.get_state()
    flag = env.get_wrapper_attr("parts").state_dict()
    after = [env.step(action)[4] for action in ACTIONS[4:]]
    other = LongTermSignals(mapped, PROMPT)
    other.load_state_dict(state)
    other.unwrapped.set_state(world)
    other.get_wrapper_attr("parts").load_state_dict(flag)
    again = [other.step(action)[4] for action in ACTIONS[4:]]
    for one, two in zip(after, again):
        assert all(one[key] == two[key] for key in ("intrinsic", "score", "view_score", "view_intrinsic"))


def test_the_agents_view_is_small_and_in_bytes(mapped):
    env = AgentView(mapped, (32, 48))
    observation, _ = env.reset(seed=2)
    assert env.observation_space.contains(observation)
    assert set(observation) == {"image", "affordance", "zoomed", "zoomed_affordance", "is_zoomed", "jump"}
    whole, _ = mapped.reset(seed=2)
    expected = cv2.resize(np.ascontiguousarray(whole["rgb"].transpose(1, 2, 0)), (48, 32)).transpose(2, 0, 1)
    np.testing.assert_array_equal(observation["image"], expected)
    heat = cv2.resize(whole["affordance"][0], (48, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(observation["affordance"][0] / 255, heat, atol=0.5 / 255 + 1e-6)


def test_ids_take_it_with_repeated_actions():
    """The limit stays one of frames, the reward may be paid twice and observed, and the spec builds it again."""
    given = {"affordance": {"observe_reward": True}, "repeat": 400, "reward_scale": 2.0, "image_size": (40, 64)}
    env = gym.make(ID, disable_env_checker=True, **given)
    assert env.observation_space["image"].shape == (3, 64, 64) and env.observation_space["previous_reward"].shape == (1,)
    env.reset(seed=0)
    ends = [env.step(0)[3] for _ in range(3)]
    assert ends == [False, False, True]
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space


def test_what_it_cannot_be_combined_with():
    with pytest.raises(ValueError, match="affordance without keep and wrappers"):
        gym.make(ID, affordance=True, keep=("jump",))
    with pytest.raises(ValueError, match="True, False or a dict of arguments, got 'yes'"):
        gym.make(ID, affordance="yes")
    with pytest.raises(ValueError, match="or a prompt, got 'open-ended'; give prompt="):
        agent_view(make("open-ended", cam_interval=10), "open-ended")
    with pytest.raises(ValueError, match="closer view"):
        LongTermSignals(make(TASK), PROMPT)
    with pytest.raises(ValueError, match="is_zoomed"):
        AgentView(make(TASK))
