"""Rollouts of a small network without torch: the environments of a DummyVecEnv are stepped directly.

VecNormalize's running statistics are updated in place with its own formulas, so its state is the same as if it had been
stepped. Only the policy network runs at each step; values and log-probabilities are computed once a rollout.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from papergym.agents.ppo.advantage import gae
from papergym.agents.ppo.fast import FastPolicy
from papergym.agents.ppo.finite import check_rollout


def refusal(venv: VecEnv) -> str:
    """Why rollouts cannot be collected without torch from ``venv``; "" if they can."""
    inner = venv.venv if type(venv) is VecNormalize else venv
    if type(inner) is not DummyVecEnv:
        return f"the environments are in a {type(inner).__name__}"
    if type(venv) is VecNormalize and not venv.training:
        return "VecNormalize is frozen"
    return ""


def update_moments(rms: RunningMeanStd, batch: np.ndarray) -> None:
    """``rms.update(batch)``, faster for a batch of one."""
    if len(batch) > 1:
        rms.update(batch)
        return
    total = rms.count + 1
    delta = batch[0] - rms.mean
    rms.mean = rms.mean + delta / total
    rms.var = (rms.var * rms.count + delta * delta * (rms.count / total)) / total
    rms.count = total


class Collector:
    """Fills SB3's rollout buffer from a vector environment without torch.

    Args:
        model: the SB3 algorithm whose counters, last observation and episode statistics are kept up to date.
        fast: its policy.
        generator: source of the action noise.
    """

    def __init__(self, model: Any, fast: FastPolicy, generator: np.random.Generator) -> None:
        self.model, self.fast, self.generator = model, fast, generator
        self.norm: VecNormalize | None = model.env if type(model.env) is VecNormalize else None
        inner: Any = model.env.venv if self.norm else model.env
        self.inner: DummyVecEnv = inner
        space = model.action_space
        self.discrete = isinstance(space, gym.spaces.Discrete)
        self.bounds: Any = None if self.discrete else (space.low, space.high)

    def collect(self, callback: BaseCallback, buffer: RolloutBuffer) -> bool:
        """One rollout of ``buffer.buffer_size`` steps per environment; False if the callback stopped it.

        Raises:
            BadNumbersError: a reward or observation that is NaN or infinite; environment and step are named.
        """
        buffer.reset()
        callback.on_rollout_start()
        self._allocate(buffer)
        model, shared = self.model, {"self": self.model, "n_rollout_steps": buffer.buffer_size, "rollout_buffer": buffer}
        for t in range(buffer.buffer_size):
            infos = self._step(t)
            model.num_timesteps += self.inner.num_envs
            shared.update(infos=infos, dones=self.ends[t], rewards=self.rewards[t], new_obs=self.seen[t + 1])
            callback.update_locals(shared)
            if not callback.on_step():
                return False
            if self.ends[t].any():
                model._update_info_buffer(infos, self.ends[t])
        first = model.num_timesteps - self.rewards.size
        check_rollout(model, first, {"observation": self.seen[1:], "reward": self.rewards}, self.last)
        self._fill(buffer)
        callback.update_locals(shared)
        callback.on_rollout_end()
        return True

    def _allocate(self, buffer: RolloutBuffer) -> None:
        steps, count = buffer.buffer_size, self.inner.num_envs
        width, dtype = self.fast.network.parameters.action_bias.size, self.fast.network.parameters.flat.dtype
        self.noise = self.fast.head.noise(self.generator, (steps, count, width))
        self.seen = np.empty((steps + 1, count, *buffer.obs_shape), dtype)
        self.seen[0] = self.model._last_obs
        self.outputs = np.empty((steps, count, width), dtype)
        self.actions = np.empty((steps, count, buffer.action_dim), np.int64 if self.discrete else dtype)
        self.rewards, self.ends = np.empty((steps, count)), np.zeros((steps, count), bool)
        self.limits: list[tuple[int, int, np.ndarray]] = []
        self.last: list[tuple[int, int, np.ndarray]] = []  # observations that end an episode: step, environment, raw
        self.raw = np.empty((count, *buffer.obs_shape))

    def _step(self, t: int) -> list[dict[str, Any]]:
        outputs = self.outputs[t] = self.fast.network.act(self.seen[t])
        actions = self.actions[t] = self.fast.head.sample(outputs, self.noise[t])
        sent = actions[:, 0] if self.discrete else np.minimum(np.maximum(actions, self.bounds[0]), self.bounds[1])
        infos, ended = [], len(self.last)
        for index, env in enumerate(self.inner.envs):
            observation, reward, terminated, truncated, info = env.step(sent[index])
            self.rewards[t, index] = reward
            if terminated or truncated:
                self.ends[t, index] = True
                info["TimeLimit.truncated"], info["terminal_observation"] = truncated and not terminated, observation
                self.last.append((t, index, np.array(observation)))
                observation, self.inner.reset_infos[index] = env.reset()
            self.raw[index] = observation
            infos.append(info)
        self._normalize(t)
        last = self.last[ended:]
        self.limits += [(t, index, self._seen(end)) for t, index, end in last if infos[index]["TimeLimit.truncated"]]
        return infos

    def _normalize(self, t: int) -> None:
        """What VecNormalize.step_wait does, in its order."""
        norm = self.norm
        if norm is None:
            self.seen[t + 1] = self.raw
            return
        if norm.norm_obs:
            update_moments(norm.obs_rms, self.raw)  # pyright: ignore[reportArgumentType]
        norm.old_reward = self.rewards[t].copy()
        norm.returns = norm.returns * norm.gamma + self.rewards[t]
        update_moments(norm.ret_rms, norm.returns)
        if norm.norm_reward:
            scaled = self.rewards[t] / np.sqrt(norm.ret_rms.var + norm.epsilon)
            self.rewards[t] = np.minimum(np.maximum(scaled, -norm.clip_reward), norm.clip_reward)
        norm.returns[self.ends[t]] = 0
        self.seen[t + 1] = self._seen(self.raw)

    def _seen(self, raw: np.ndarray) -> np.ndarray:
        """Observations as the policy sees them."""
        norm = self.norm
        if norm is None or not norm.norm_obs:
            return raw
        rms: Any = norm.obs_rms
        scaled = (raw - rms.mean) / np.sqrt(rms.var + norm.epsilon)
        return np.minimum(np.maximum(scaled, -norm.clip_obs), norm.clip_obs)

    def _fill(self, buffer: RolloutBuffer) -> None:
        """Values, log-probabilities and advantages of the rollout, into SB3's buffer; the model's last observation."""
        net, head, model = self.fast.network, self.fast.head, self.model
        steps, count = self.rewards.shape
        rows = steps * count
        values = net.values(self.seen[:-1].reshape(rows, -1)).reshape(steps, count)
        log_probs = head.log_prob(self.outputs.reshape(rows, -1), self.actions.reshape(rows, -1))
        if self.limits:
            bootstrap = net.values(np.array([end for _, _, end in self.limits], values.dtype))
            for (t, index, _), value in zip(self.limits, bootstrap):
                self.rewards[t, index] += buffer.gamma * value
        following = net.values(self.seen[-1])
        for index in range(count):
            columns = self.rewards[:, index], values[:, index], following[index], self.ends[:, index]
            buffer.advantages[:, index] = gae(*columns, buffer.gamma, buffer.gae_lambda)
        buffer.observations[...], buffer.actions[...], buffer.rewards[...] = self.seen[:-1], self.actions, self.rewards
        buffer.values[...], buffer.log_probs[...] = values, log_probs.reshape(steps, count)
        buffer.returns[...] = buffer.advantages + buffer.values
        buffer.episode_starts[0], buffer.episode_starts[1:] = model._last_episode_starts, self.ends[:-1]
        buffer.pos, buffer.full = steps, True
        model._last_obs, model._last_episode_starts = self.seen[-1].copy(), self.ends[-1].copy()
        if self.norm is not None:
            self.norm.old_obs = self.raw.copy()
