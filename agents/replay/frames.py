"""Replay buffer that stores single frames once and builds stacks when sampling."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.replay.checks import check_generator, entries, exactly, flags, flat, stored, whole
from papergym.agents.replay.nstep import returns


class FrameReplay(ReplayBuffer):
    """Ring of frames; transition t is a window of ``frame_stack`` + 1 of them.

    An observation of shape (frame_stack * c, ...) is stored as its newest (c, ...) frame. At the start of an episode the
    repeated first frame is stored once, and windows do not reach behind it; an episode whose first observation holds
    different frames (a run that starts in mid-episode) stores those too, so that every stack comes back exactly.
    100,000 transitions of 9x84x84 bytes take 2.2 GB; as two stacks each they take 12.7 GB.

    Sampling is uniform over the newest ``buffer_size`` transitions, from the buffer's own generator. An episode of T steps
    needs T + 1 frames, so episodes shorter than 1 / ``spare`` steps leave room for fewer transitions; see :meth:`size`.

    Args:
        buffer_size: transitions, over all environments.
        observation_space: Box; the first axis is divisible by ``frame_stack``. float64 is stored as float32.
        action_space: Box.
        device: where batches are wanted.
        n_envs: each environment has a ring of its own.
        optimize_memory_usage: part of SB3's signature; this buffer always stores frames once.
        frame_stack: frames in an observation; 1 for states.
        spare: additional frames as a fraction of ``buffer_size``.
        storage: where frames lie: "device" (2.2 GB of GPU memory, no copies at sampling) or "cpu".
        seed: of the generator.
        n_steps: rewards in a return. A sample's ``rewards`` are discounted sums, its ``next_observations`` what follows the
            last of them, and its ``discounts`` that of the value there. Sums are shorter where an episode ends, by
            termination or truncation, and at the newest transition. 1: plain transitions, without ``discounts``.
        gamma: discount of these sums.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        frame_stack: int = 1,
        spare: float = 0.02,
        storage: str = "device",
        seed: int | None = None,
        n_steps: int = 1,
        gamma: float = 0.99,
    ) -> None:
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs)
        if not isinstance(observation_space, spaces.Box) or observation_space.shape[0] % frame_stack:
            raise ValueError(
                f"{observation_space} cannot be cut into {frame_stack} frames along its first axis. Set frame_stack."
            )
        if storage not in ("device", "cpu"):
            raise ValueError(f"storage must be 'device' or 'cpu', got {storage!r}.")
        self.n_steps, self.gamma = whole("n_steps", n_steps, 1), gamma
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.frame_stack, self.optimize_memory_usage, self.handle_timeout_termination = frame_stack, optimize_memory_usage, True
        channels = observation_space.shape[0] // frame_stack
        self.frame_shape = (channels, *observation_space.shape[1:])
        self.slots = self.buffer_size + int(np.ceil(self.buffer_size * spare)) + 2 * frame_stack
        dtype = np.float32 if observation_space.dtype == np.float64 else observation_space.dtype
        self._dtype = np.dtype(dtype)
        shape, place = (n_envs, self.slots, *self.frame_shape), self.device if storage == "device" else torch.device("cpu")
        empty = torch.from_numpy(np.zeros(shape, dtype))  # numpy's zeros take no memory until they are written
        self.frames = empty if place.type == "cpu" else torch.zeros(shape, dtype=empty.dtype, device=place)
        self.action = np.zeros((n_envs, self.slots, self.action_dim), np.float32)
        self.reward = np.zeros((n_envs, self.slots), np.float32)
        self.terminated = np.zeros((n_envs, self.slots), bool)
        self.truncated = np.zeros((n_envs, self.slots), bool)
        self.age = np.zeros((n_envs, self.slots), np.int8)  # frames of its episode before this one, at most frame_stack
        self.valid = np.zeros((n_envs, self.slots), bool)  # a transition starts here
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Forget every transition; memory and generator stay."""
        self.valid[:] = False
        self.head = np.zeros(self.n_envs, np.int64)  # frames ever written
        self.oldest = np.zeros(self.n_envs, np.int64)  # no valid transition lies before this frame count
        self.count = np.zeros(self.n_envs, np.int64)
        self.open: list[np.ndarray | None] = [None] * self.n_envs  # last next_obs of an unfinished episode

    def size(self) -> int:
        """Transitions that can be sampled, over all environments."""
        return int(self.count.sum())

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one transition of each environment; arrays lead with n_envs, as SB3 hands them over.

        Raises:
            ValueError: ``next_obs`` is not ``obs`` moved on by one frame, or a field that is not finite or does not fit, by
                its name; the memory is as before.
        """
        shape, dtype = (self.n_envs, self.frame_stack * self.frame_shape[0], *self.frame_shape[1:]), self._dtype
        for name, value in (("observations", obs), ("next_observations", next_obs)):
            stored(name, value, shape, dtype)
        obs, next_obs = (np.reshape(value, shape) for value in (obs, next_obs))  # of the dtype in which they came
        action = flat(action, self.n_envs, self.action_space.shape or ())
        action = stored("actions", action, (self.n_envs, self.action_dim), np.dtype(np.float32))
        reward = stored("rewards", reward, (self.n_envs,), np.dtype(np.float32))
        done = flags("dones", done, self.n_envs)
        cut = [info.get("TimeLimit.truncated", False) for info in infos]
        flags("timeouts (TimeLimit.truncated)", cut, self.n_envs)
        for env in range(self.n_envs):
            self._check_stack(obs[env], next_obs[env])
        for env in range(self.n_envs):
            last = self.open[env]
            if last is None or not np.array_equal(last, obs[env]):
                self._start_episode(env, obs[env])
            start = int((self.head[env] - 1) % self.slots)
            self._write(env, self._split(next_obs[env])[-1], age=min(int(self.age[env, start]) + 1, self.frame_stack))
            self.action[env, start], self.reward[env, start] = action[env], reward[env]
            self.truncated[env, start] = truncated = bool(cut[env])
            self.terminated[env, start] = bool(done[env]) and not truncated
            self.valid[env, start] = True
            self.count[env] += 1
            self._forget_beyond_capacity(env)
            self.open[env] = None if done[env] else np.array(next_obs[env])

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Uniform batch with replacement; ``dones`` is 1 for terminated transitions only, never for truncated ones."""
        whole("batch_size", batch_size, 1)
        if env is not None:
            raise ValueError("FrameReplay stores frames as they come; remove VecNormalize from the environment.")
        if not self.size():
            raise ValueError("the replay buffer is empty: collect steps before sampling.")
        used = int(min(self.head.max(), self.slots))
        envs, slots = np.divmod(self.rng.integers(0, self.n_envs * used, batch_size), used)
        while not (valid := self.valid[envs, slots]).all():  # few: the last frames of episodes, and rows beyond capacity
            envs[~valid], slots[~valid] = np.divmod(self.rng.integers(0, self.n_envs * used, int((~valid).sum())), used)
        return self.at(envs, slots)

    def at(self, envs: np.ndarray, slots: np.ndarray) -> ReplayBufferSamples:
        """Transitions, or returns over ``n_steps``, that start at these slots."""
        last, reward, discounts, window = slots, self.reward[envs, slots], None, self._window(envs, slots)
        if self.n_steps > 1:
            reward, last, powers = returns(self.reward, self.valid, envs, slots, self.n_steps, self.gamma)
            discounts = torch.from_numpy(powers[:, None]).to(self.device)
            window = np.concatenate([window[:, :-1], self._window(envs, last)[:, 1:]], axis=1)
        index = torch.from_numpy(envs[:, None] * self.slots + window).to(self.frames.device, non_blocking=True)
        frames = self.frames.flatten(0, 1)[index].to(self.device, non_blocking=True)  # (batch, k + 1 or 2k, c, ...)
        done = self.terminated[envs, last].astype(np.float32)[:, None]
        rest = [torch.from_numpy(a).to(self.device) for a in (self.action[envs, slots], done, reward[:, None])]
        obs, next_obs = frames[:, : self.frame_stack].flatten(1, 2), frames[:, -self.frame_stack :].flatten(1, 2)
        return ReplayBufferSamples(obs, rest[0], next_obs, rest[1], rest[2], discounts)

    def _window(self, envs: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """Slots of the frames of these transitions (batch, k + 1): k - 1 ... 0 frames back, then the next one."""
        back = np.arange(self.frame_stack - 1, -2, -1)
        return (slots[:, None] - np.minimum(back, self.age[envs, slots][:, None])) % self.slots

    def get_state(self) -> State:
        """The filled part, as :func:`papergym.agents.checkpoint.state.save_state` takes it.

        ``frames`` is a view: save it before the next :meth:`add`. Everything else is a copy.
        """
        used = int(min(self.head.max(), self.slots))
        arrays = {
            name: getattr(self, name)[:, :used].copy()
            for name in ("action", "reward", "terminated", "truncated", "age", "valid")
        }
        open_ = {str(env): stack for env, stack in enumerate(self.open) if stack is not None}
        counts = {"head": self.head.copy(), "oldest": self.oldest.copy(), "count": self.count.copy()}
        shape = {"slots": self.slots, "n_envs": self.n_envs, "frame_shape": list(self.frame_shape)}
        return {
            "frames": self.frames[:, :used],
            **arrays,
            **counts,
            "open": open_,
            "shape": shape,
            "rng": generator_state(self.rng),
        }

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            ValueError: the state is that of a buffer of another shape, or holds numbers that :meth:`add` refuses, or
                positions outside the buffer. The memory is as before.
        """
        self._check_state(state)
        self.reset()
        used = state["frames"].shape[1]
        self.frames[:, :used] = torch.as_tensor(state["frames"], device=self.frames.device)
        for name in ("action", "reward", "terminated", "truncated", "age", "valid"):
            getattr(self, name)[:, :used] = state[name]
        self.head, self.oldest, self.count = (np.array(state[name]) for name in ("head", "oldest", "count"))
        self.open = [np.array(state["open"][str(env)]) if str(env) in state["open"] else None for env in range(self.n_envs)]
        set_generator_state(self.rng, state["rng"])

    def _check_state(self, state: State) -> None:
        shape, open_, generator = entries(state, ("shape", "open", "rng"))
        own = {"slots": self.slots, "n_envs": self.n_envs, "frame_shape": list(self.frame_shape)}
        if shape != own:
            raise ValueError(f"the saved replay buffer has {shape}, this one {own}. Use the run's own config.")
        check_generator(generator)
        self._check_rings(state, self._check_counts(state))
        for env, stack in open_.items():
            whole("open", int(env) if str(env).isdigit() else env, 0, self.n_envs - 1)
            kind = np.asarray(stack).dtype  # as the environment gave it
            size = (self.frame_stack * self.frame_shape[0], *self.frame_shape[1:])
            exactly(f"open/{env}", stack, size, kind if kind.kind == "f" else self._dtype)

    def _check_counts(self, state: State) -> int:
        """Slots in use, once the positions are known to lie in the rings."""
        names = ("head", "oldest", "count")
        head, oldest, count = (
            exactly(name, value, (self.n_envs,), np.dtype(np.int64)) for name, value in zip(names, entries(state, names))
        )
        if (oldest < 0).any() or (oldest > head).any():
            raise ValueError(f"oldest: expected 0 ... head, got {oldest} for the heads {head}.")
        if (count < 0).any() or (count > self.buffer_size).any():
            raise ValueError(f"count: expected 0 ... {self.buffer_size}, got {count}.")
        return int(min(head.max(), self.slots))

    def _check_rings(self, state: State, used: int) -> None:
        frames, action, reward = entries(state, ("frames", "action", "reward"))
        ring = (self.n_envs, used)
        frames = frames.cpu() if isinstance(frames, torch.Tensor) else frames
        exactly("frames", frames, (*ring, *self.frame_shape), self._dtype)
        exactly("action", action, (*ring, self.action_dim), np.dtype(np.float32))
        exactly("reward", reward, ring, np.dtype(np.float32))
        most = {"terminated": 1, "truncated": 1, "valid": 1, "age": self.frame_stack}
        for name, mark in zip(most, entries(state, tuple(most))):
            mark = exactly(name, mark, ring, np.dtype(np.int8))
            if used and (mark.min() < 0 or mark.max() > most[name]):
                raise ValueError(f"{name}: expected 0 ... {most[name]}, got {mark.min()} ... {mark.max()}.")
        starts = np.asarray(state["valid"]).astype(np.int64).sum(axis=1)
        if not np.array_equal(starts, state["count"]):
            raise ValueError(f"count: expected {starts}, one for each valid transition, got {state['count']}.")

    def _split(self, stack: np.ndarray) -> np.ndarray:
        return np.asarray(stack).reshape(self.frame_stack, *self.frame_shape)

    def _check_stack(self, obs: np.ndarray, next_obs: np.ndarray) -> None:
        if not np.array_equal(self._split(obs)[1:], self._split(next_obs)[:-1]):
            raise ValueError(
                f"next_obs is not obs moved on by one frame, for stacks of {self.frame_stack} frames along the first axis. "
                "Set frame_stack to that of the environment (1 if it does not stack)."
            )

    def _start_episode(self, env: int, obs: np.ndarray) -> None:
        frames = list(self._split(obs))
        while len(frames) > 1 and np.array_equal(frames[0], frames[1]):
            frames.pop(0)  # windows repeat the first frame by themselves
        for age, frame in enumerate(frames):
            self._write(env, frame, age)

    def _write(self, env: int, frame: np.ndarray, age: int) -> None:
        slot = int(self.head[env] % self.slots)
        for distance in range(self.frame_stack):  # transitions whose window would lose its first frame
            later = (slot + distance) % self.slots
            if self.valid[env, later] and min(int(self.age[env, later]), self.frame_stack - 1) >= distance:
                self.valid[env, later] = False
                self.count[env] -= 1
        self.frames[env, slot] = torch.as_tensor(frame, dtype=self.frames.dtype)
        self.age[env, slot] = age
        self.head[env] += 1

    def _forget_beyond_capacity(self, env: int) -> None:
        if self.count[env] <= self.buffer_size:
            return
        self.oldest[env] = max(self.oldest[env], self.head[env] - self.slots)
        while not self.valid[env, self.oldest[env] % self.slots]:
            self.oldest[env] += 1
        self.valid[env, self.oldest[env] % self.slots] = False
        self.count[env] -= 1
