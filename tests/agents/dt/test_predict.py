"""History and return-to-go in SB3's ``predict``, for environments at different steps of their episodes."""

import logging

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.wrappers import PreviousReward
from papergym.wrappers.sb3 import PreviousReward as SB3PreviousReward

BOX = gym.spaces.Box(-8, 8, (3,), np.float32)
ACTIONS = {"box": gym.spaces.Box(np.float32([-2, 0]), np.float32([2, 5])), "discrete": gym.spaces.Discrete(4, start=1)}


def reference(policy, observations, actions, returns):
    """The network's action for the last step of one episode, given all that came before it, cut to K steps by hand."""
    steps = len(observations)
    begin = max(steps - policy.context, 0)
    padded = [*actions, policy.action_space.sample()][begin:steps]  # the last one is still to be chosen and is not seen
    times = torch.arange(begin, steps)[None]
    arrays = (np.stack(observations[begin:]), np.stack(padded), np.float32(returns[begin:]))
    with torch.no_grad():
        head = policy.eval()(*(torch.as_tensor(array)[None] for array in arrays), times)[0][0, -1].numpy()
    if policy.discrete:
        return head.argmax() + 1
    low, high = policy.action_space.low, policy.action_space.high
    return low + (head + 1) / 2 * (high - low)


@pytest.mark.parametrize("kind", ["box", "discrete"])
@pytest.mark.parametrize("delayed", [False, True])
def test_environments_of_different_ages(make_policy, kind, delayed):
    """Three environments whose episodes end at different steps, against each episode by itself."""
    policy, rng = make_policy(kind, delayed=delayed), np.random.default_rng(0)
    lengths, targets = (3, 7, 11), np.array([5.0, -4.0, 20.0])
    episodes = [{"observations": [], "actions": [], "returns": []} for _ in lengths]
    state, reward = None, np.zeros(3)
    for step in range(12):
        first = np.array([step % length == 0 for length in lengths])
        observation, before = rng.normal(size=(3, 3)).astype(np.float32), state
        frozen = None if state is None else [part.copy() for part in state]
        actions, state = policy.act(observation, first, reward, targets, state)
        if frozen is not None:
            assert all(np.array_equal(part, copy) for part, copy in zip(before, frozen)), "the old state is left alone"
        for i in range(3):
            if first[i]:
                episodes[i] = {"observations": [], "actions": [], "returns": []}
            told = targets[i] if first[i] else episodes[i]["returns"][-1] - (0 if delayed else reward[i])
            episodes[i]["observations"].append(observation[i])
            episodes[i]["returns"].append(told)
            np.testing.assert_allclose(actions[i], reference(policy, **episodes[i]), atol=1e-5)
            episodes[i]["actions"].append(actions[i])
        assert actions.shape == (3, *policy.action_space.shape) and actions.dtype == policy.action_space.dtype
        reward = rng.normal(size=3)


def test_one_step_of_context(make_policy):
    """With K = 1 the return-to-go is still lowered by every reward."""
    policy = make_policy(context=1)
    state = None
    for step, left in enumerate((20.0, 19.0, 17.0)):
        _, state = policy.act(np.zeros((1, 3), np.float32), np.array([step == 0]), np.array([float(step)]), None, state)
        assert state.returns[0, 0] == left and state.timesteps[0, 0] == step


@pytest.mark.parametrize("kind", ["box", "discrete"])
def test_evaluate_policy_of_sb3(make_policy, spaces_env, kind, tmp_path):
    """A saved policy under SB3's own evaluation acts as the loop that tells it rewards; the wrapper inside and outside."""
    policy = make_policy(kind)
    policy.save(str(tmp_path / "policy.zip"))
    loaded = DecisionTransformerPolicy.load(tmp_path / "policy.zip", device="cpu")
    assert loaded.target.item() == 20 and loaded.return_scale.item() == 7 and loaded.settings == policy.settings
    told = []
    act = loaded.act

    def record(*arguments, **more):
        actions, state = act(*arguments, **more)
        told.append((state.wanted.copy(), state.age.copy()))
        return actions, state

    loaded.act = record

    def plain():
        return spaces_env(action_space=ACTIONS[kind])

    for env in (
        DummyVecEnv([lambda: PreviousReward(plain())] * 3),
        SB3PreviousReward(DummyVecEnv([plain] * 3)),
    ):
        told.clear()
        returns, lengths = evaluate_policy(loaded, env, 6, return_episode_rewards=True, warn=False)
        assert returns == lengths and sorted(lengths) == [5, 5, 5, 6, 6, 6]
        for wanted, age in told:
            np.testing.assert_array_equal(wanted, 20 - age)


def test_without_rewards_the_target_stays_and_it_is_said_once(make_policy, caplog):
    policy, state = make_policy(), None
    with caplog.at_level(logging.WARNING):
        for step in range(3):
            action, state = policy.predict(np.zeros(3, np.float32), state, np.array([step == 0]))
    assert action.shape == (2,) and state.wanted == [20.0] and state.age == [2]
    assert caplog.text.count("Wrap the environment in PreviousReward") == 1
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        make_policy(delayed=True).predict(np.zeros((4, 3), np.float32))
    assert not caplog.text


def test_bad_input(make_policy, caplog):
    policy = make_policy(max_timestep=2)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            policy.act(np.zeros((1, 3), np.float32), np.ones(1, bool), None, 3000.0)
    assert caplog.text.count("the target 3000 lies outside the returns of the data, -30 to 30") == 1
    with caplog.at_level(logging.WARNING):
        blind = make_policy(hide_returns=True)
        blind.act(np.zeros((1, 3), np.float32), np.ones(1, bool), None, 3001.0)
        policy.returns_range.fill_(30.0)  # every episode has the same return
        policy.act(np.zeros((1, 3), np.float32), np.ones(1, bool), None, 3002.0)
    assert "3001" not in caplog.text and "the target has no effect" in caplog.text
    assert "the target 3002 lies outside the returns of the data, 30 to 30" in caplog.text
    _, state = policy.act(np.zeros((1, 3), np.float32), np.ones(1, bool), None, 3.0)
    _, state = policy.act(np.zeros((1, 3), np.float32), np.zeros(1, bool), None, 3.0, state)
    with pytest.raises(ValueError, match="expected episodes of at most 2 steps"):
        policy.act(np.zeros((1, 3), np.float32), np.zeros(1, bool), None, 3.0, state)
    with pytest.raises(ValueError, match="expected observations of 1 environments, as in state, got 2"):
        policy.act(np.zeros((2, 3), np.float32), np.zeros(2, bool), None, 3.0, state)
    with pytest.raises(ValueError, match="previous_reward"):
        policy.predict({"observation": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="bounded Box"):
        DecisionTransformerPolicy(BOX, gym.spaces.Box(-np.inf, np.inf, (2,)))
    with pytest.raises(ValueError, match="expected observations"):
        DecisionTransformerPolicy(gym.spaces.Dict({"a": BOX}), ACTIONS["box"])


def test_it_chooses_the_likeliest_return_under_the_prior(make_policy):
    """By hand from the logits of the first step; later returns are lowered by the rewards, and never above the highest."""
    values = np.array([-11.0, -3.0, -2.0, -1.0])
    policy = make_policy("discrete", return_values=tuple(values), prior_power=2.0)
    observation = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    arguments = (torch.as_tensor(observation)[:, None], torch.ones(20, 1, dtype=torch.int64), torch.zeros(20, 1))
    with torch.no_grad():
        arguments = (*arguments, torch.zeros(20, 1, dtype=torch.int64))
        logits = policy.eval()(*arguments)[1][:, 0]
        policy.return_head.bias -= logits.mean(0) + torch.as_tensor(
            [0.0, *np.log((values[1:] + 11) ** 2)]
        )  # no value wins always
        shares = policy(*arguments)[1][:, 0].softmax(-1).numpy()
    scores = shares * (values + 11) ** 2
    _, state = policy.act(observation, np.ones(20, bool), np.zeros(20), None)
    np.testing.assert_array_equal(state.wanted, values[scores.argmax(1)])
    assert len(set(state.wanted)) > 1 and -11 not in state.wanted
    _, after = policy.act(observation, np.zeros(20, bool), -np.ones(20), None, state)
    np.testing.assert_array_equal(after.wanted, np.minimum(state.wanted + 1, -1))
    np.testing.assert_array_equal(after.returns[:, 1], after.wanted)
    _, told = policy.act(observation, np.ones(20, bool), np.zeros(20), -2.0)
    assert set(told.wanted) == {-2.0}


def test_images_and_discrete_observations():
    image = gym.spaces.Box(0, 255, (1, 36, 36), np.uint8)
    for space in (image, gym.spaces.Discrete(5, start=2)):
        policy = DecisionTransformerPolicy(space, ACTIONS["discrete"], context=3, width=8, layers=1, max_timestep=9)
        state = None
        for step in range(5):
            seen = np.stack([space.sample() for _ in range(2)])
            actions, state = policy.act(seen, np.full(2, step == 0), np.zeros(2), 1.0, state, deterministic=False)
            assert all(ACTIONS["discrete"].contains(action) for action in actions)


def test_an_sb3_algorithm_takes_its_kind_of_observation(make_policy):
    """One observation or a batch, with and without the reward."""
    policy, one = make_policy(), np.zeros(3, np.float32)
    rewards = {"previous_reward": np.zeros(1, np.float32)}
    single, _ = policy.predict({"observation": one, **rewards})
    batch, _ = policy.predict({"observation": one[None], "previous_reward": np.zeros((1, 1), np.float32)})
    np.testing.assert_array_equal(single, batch[0])
    env = make_vec_env("Pendulum-v1", 2, wrapper_class=PreviousReward)
    pendulum = DecisionTransformerPolicy(gym.make("Pendulum-v1").observation_space, env.action_space, max_timestep=200)
    mean, _ = evaluate_policy(pendulum, env, 2, warn=False)
    assert isinstance(mean, float) and mean < 0
