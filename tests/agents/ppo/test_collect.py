"""The numpy rollout against SB3's own classes, fed with what the environments gave."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.running_mean_std import RunningMeanStd

from papergym.agents.errors import BadNumbersError
from papergym.agents.ppo.advantage import gae
from papergym.agents.ppo.collect import update_moments


class Log(gym.Wrapper):
    """Records every number that goes into the environment or comes out of it."""

    def __init__(self, env):
        super().__init__(env)
        self.events = []

    def reset(self, **kwargs):
        observation, info = self.env.reset(**kwargs)
        self.events.append({"reset": True, "observation": observation})
        return observation, info

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.events.append(
            {"reset": False, "observation": observation, "action": action, "reward": reward, "ends": (terminated, truncated)}
        )
        return observation, reward, terminated, truncated, info


def replay(events, norm_reward):
    """Observations, rewards and final observations as SB3's VecNormalize would show them, one environment, from the log."""
    obs_rms, ret_rms, ret = RunningMeanStd(shape=(3,)), RunningMeanStd(shape=()), np.zeros(1)

    def shown(observation):
        return np.clip((observation - obs_rms.mean) / np.sqrt(obs_rms.var + 1e-8), -10, 10).astype(np.float32)

    observations, rewards, finals, ends = [], [], [], []
    obs_rms.update(events[0]["observation"][None])
    observations.append(shown(events[0]["observation"]))
    for index, event in enumerate(events):
        if event["reset"]:
            continue
        done = any(event["ends"])
        following = events[index + 1]["observation"] if done else event["observation"]
        obs_rms.update(following[None])
        observations.append(shown(following))
        ret = ret * 0.99 + event["reward"]
        ret_rms.update(ret)
        rewards.append(np.clip(event["reward"] / np.sqrt(ret_rms.var + 1e-8), -10, 10) if norm_reward else event["reward"])
        finals.append(shown(event["observation"]))
        ends.append(event["ends"])
        if done:
            ret[:] = 0
    return np.array(observations), np.array(rewards), np.array(finals), np.array(ends)


@pytest.mark.parametrize("norm_reward", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
def test_rollout_equals_sb3s_definitions(make_ppo, discrete, norm_reward):
    """Observations, rewards, log-probabilities, values, bootstrapping and advantages from the raw log, by torch."""
    model = make_ppo(discrete=discrete, n_steps=200, batch_size=50, wrap=Log)
    model.env.norm_reward = norm_reward
    before = copy.deepcopy(model.policy)
    callback = model._setup_learn(200, None)[1]
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, 200)
    buffer = model.rollout_buffer
    observations, rewards, finals, ends = replay(model.env.unwrapped.envs[0].get_wrapper_attr("events"), norm_reward)
    np.testing.assert_allclose(buffer.observations[:, 0], observations[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model._last_obs[0], observations[-1], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        states = torch.as_tensor(observations)
        values = before.predict_values(states).flatten().numpy()
        at_end = before.predict_values(torch.as_tensor(finals)).flatten().numpy()
        actions = torch.as_tensor(buffer.actions[:, 0])
        log_probs = before.evaluate_actions(states[:-1], actions.flatten() if discrete else actions)[1].numpy()
    np.testing.assert_allclose(buffer.values[:, 0], values[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(buffer.log_probs[:, 0], log_probs, rtol=1e-4, atol=1e-5)
    terminated, truncated = ends[:, 0], ends[:, 1] & ~ends[:, 0]
    assert terminated.any() and truncated.any()
    rewards = rewards + 0.99 * at_end * truncated
    np.testing.assert_allclose(buffer.rewards[:, 0], rewards, rtol=1e-4, atol=1e-5)
    expected = brute_force(rewards, values, terminated | truncated, 0.99, 0.95)
    np.testing.assert_allclose(buffer.advantages[:, 0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(buffer.returns[:, 0], expected + values[:-1], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(buffer.episode_starts[:, 0], [1, *(terminated | truncated)[:-1]])
    assert len(model.ep_info_buffer) == (terminated | truncated).sum()


def test_actions_are_clipped_on_their_way_only(make_ppo):
    model = make_ppo(n_steps=100, batch_size=50, wrap=Log)
    model.collect_rollouts(model.env, model._setup_learn(100, None)[1], model.rollout_buffer, 100)
    sent = np.array([event["action"] for event in model.env.unwrapped.envs[0].get_wrapper_attr("events") if not event["reset"]])
    kept = model.rollout_buffer.actions[:, 0]
    assert np.abs(kept).max() > 1
    np.testing.assert_array_equal(sent, np.clip(kept, -1, 1))


def test_actions_follow_the_policys_distribution(make_ppo):
    """Mean and spread of standardised Gaussian actions; frequencies of categorical ones."""
    gaussian = make_ppo(n_steps=4000, batch_size=500)
    gaussian.collect_rollouts(gaussian.env, gaussian._setup_learn(4000, None)[1], gaussian.rollout_buffer, 4000)
    states = torch.as_tensor(gaussian.rollout_buffer.observations[:, 0])
    with torch.no_grad():
        distribution = gaussian.policy.get_distribution(states).distribution
    noise = (gaussian.rollout_buffer.actions[:, 0] - distribution.mean.numpy()) / distribution.stddev.numpy()
    assert np.abs(noise.mean(axis=0)).max() < 4 / np.sqrt(4000)
    assert np.abs(noise.std(axis=0) - 1).max() < 4 / np.sqrt(8000)
    discrete = make_ppo(n_steps=4000, batch_size=500, discrete=True)
    discrete.fast_policy.network.parameters.action_bias[:] = [1.0, 0.0, -1.0]
    discrete.collect_rollouts(discrete.env, discrete._setup_learn(4000, None)[1], discrete.rollout_buffer, 4000)
    with torch.no_grad():
        expected = discrete.policy.get_distribution(
            torch.as_tensor(discrete.rollout_buffer.observations[:, 0])
        ).distribution.probs
    seen = np.eye(3)[discrete.rollout_buffer.actions[:, 0, 0]].mean(axis=0)
    np.testing.assert_allclose(seen, expected.mean(dim=0).numpy(), atol=4 * 0.5 / np.sqrt(4000))


def test_several_environments_keep_their_columns(make_ppo):
    """With three environments each column is that environment's own episode stream."""
    model = make_ppo(n_envs=3, normalize=False, n_steps=60, batch_size=30, wrap=Log)
    model.collect_rollouts(model.env, model._setup_learn(180, None)[1], model.rollout_buffer, 60)
    for index, env in enumerate(model.env.unwrapped.envs):
        events = env.get_wrapper_attr("events")
        rewards = [event["reward"] for event in events if not event["reset"]]
        ends = [any(event["ends"]) for event in events if not event["reset"]]
        clean = ~np.array(ends)
        np.testing.assert_allclose(model.rollout_buffer.rewards[clean, index], np.array(rewards)[clean], rtol=1e-5)
        np.testing.assert_array_equal(model.rollout_buffer.episode_starts[1:, index], ends[:-1])
    assert model.num_timesteps == 180


def brute_force(rewards, values, ends, gamma, lam):
    """Eq. 11 as a double sum, cut at episode ends."""
    following = np.where(ends, 0.0, values[1:])
    deltas = rewards + gamma * following - values[:-1]
    result = np.zeros(len(rewards))
    for start in range(len(rewards)):
        weight = 1.0
        for t in range(start, len(rewards)):
            result[start] += weight * deltas[t]
            if ends[t]:
                break
            weight *= gamma * lam
    return result


@pytest.mark.parametrize("lam", [0.0, 0.7, 0.95])
def test_gae_equals_the_double_sum(lam):
    generator = np.random.default_rng(1)
    rewards, values, ends = generator.normal(size=50), generator.normal(size=51), generator.random(50) < 0.1
    ours = gae(rewards, values[:-1], values[-1], ends, 0.97, lam)
    np.testing.assert_allclose(ours, brute_force(rewards, values, ends, 0.97, lam), rtol=1e-10)


def test_lambda_one_is_the_truncated_estimator():
    """Eq. 10: discounted rewards to the segment's end, plus the discounted last value, minus V(s_t)."""
    generator = np.random.default_rng(2)
    rewards, values = generator.normal(size=9), generator.normal(size=10)
    ours = gae(rewards, values[:-1], values[-1], np.zeros(9, bool), 0.9, 1.0)
    direct = [sum(0.9 ** (k - t) * rewards[k] for k in range(t, 9)) + 0.9 ** (9 - t) * values[9] - values[t] for t in range(9)]
    np.testing.assert_allclose(ours, direct, rtol=1e-10)


def test_moments_of_single_rows_equal_sb3s():
    generator = np.random.default_rng(3)
    ours, theirs = RunningMeanStd(shape=(4,)), RunningMeanStd(shape=(4,))
    for row in generator.normal(5, 3, size=(200, 1, 4)):
        update_moments(ours, row)
        theirs.update(row)
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-12)
    np.testing.assert_allclose(ours.var, theirs.var, rtol=1e-10)
    assert ours.count == theirs.count


class Spoiled(gym.Wrapper):
    """Gives a bad number at its 30th step."""

    def __init__(self, env, what):
        super().__init__(env)
        self.what, self.count = what, 0

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.count += 1
        if self.count == 30 and self.what == "reward":
            reward = float("nan")
        if self.count == 30 and self.what == "observation":
            observation = np.full_like(observation, np.inf)
        return observation, reward, terminated, truncated, info


@pytest.mark.parametrize("use_fast", [True, False])
@pytest.mark.parametrize("what", ["reward", "observation"])
def test_bad_numbers_are_named_and_change_nothing(make_ppo, what, use_fast):
    model = make_ppo(n_envs=2, use_fast=use_fast, wrap=lambda env: Spoiled(env, what), normalize=what == "reward")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    with pytest.raises(BadNumbersError, match=rf"environment 0\).* a {what} that is not finite at step (58|60)"):
        model.learn(128)
    for old, new in zip(before, model.policy.parameters()):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


class SpoiledEnd(gym.Wrapper):
    """Ends its first episode after the 30th step with NaN, which is seen nowhere but in that last observation."""

    steps: list[int] = []

    def __init__(self, env):
        super().__init__(env)
        self.count = 0

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.count += 1
        if self.count >= 30 and (terminated or truncated):
            observation = np.full_like(observation, np.nan)
            self.steps.append(self.count)
        return observation, reward, terminated, truncated, info


def test_a_bad_last_observation_is_named(make_ppo):
    SpoiledEnd.steps.clear()
    model = make_ppo(n_envs=2, wrap=SpoiledEnd)
    before = [parameter.clone() for parameter in model.policy.parameters()]
    with pytest.raises(BadNumbersError, match=r"environment [01]\).* a last observation that is not finite") as caught:
        model.learn(128)
    assert f"at step {2 * min(SpoiledEnd.steps)}." in str(caught.value)
    for old, new in zip(before, model.policy.parameters()):
        torch.testing.assert_close(old, new, rtol=0, atol=0)
