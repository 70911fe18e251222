"""Uniform replay for stable-baselines3: packed rows, a generator of its own, n-step returns, exact state."""

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.replay.checks import check_generator, entries, flags, flat, whole
from papergym.agents.replay.packed import PackedRows, StagedRows, flattened_fields, transition_fields

_AT_IMPORT = torch.default_generator.initial_seed()


class PackedReplayBuffer(ReplayBuffer):
    """SB3's ``ReplayBuffer`` on :class:`PackedRows`: ``SAC(..., replay_buffer_class=PackedReplayBuffer)``.

    Differences from SB3's: one gather per batch; float64 observations are kept as float32; Dict observations and n-step
    returns in the same class; indices come from ``self.generator`` and never from numpy's global state.

    Args:
        buffer_size: transitions over all environments; rounded down to a multiple of ``n_envs``.
        observation_space: Box, Discrete, MultiDiscrete, MultiBinary, or a flat Dict of these.
        action_space: Box, Discrete, MultiDiscrete or MultiBinary.
        device: where sampled tensors live.
        n_envs: environments that are added at once.
        optimize_memory_usage: not supported, ValueError when true.
        handle_timeout_termination: keep ``TimeLimit.truncated`` apart, so that a time limit does not cut the target.
        n_steps: rewards summed into one n-step return; windows end at an episode end or at the newest transition.
        gamma: discount inside the n-step return, unused for ``n_steps=1``.
        seed: seed of the generator; None takes the seed torch was given (SB3 does so from the algorithm's ``seed``),
            or fresh entropy where torch was not seeded.
    """

    generator: np.random.Generator

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
        seed: int | None = None,
    ) -> None:
        if optimize_memory_usage:
            raise ValueError("optimize_memory_usage is not supported: a packed row holds its next observation. Leave it False.")
        if n_steps < 1:
            raise ValueError(f"n_steps counts rewards in a return and must be at least 1, got {n_steps}")
        super(ReplayBuffer, self).__init__(buffer_size, observation_space, action_space, device, n_envs=n_envs)
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.optimize_memory_usage = False
        self.handle_timeout_termination = handle_timeout_termination
        self.n_steps, self.gamma = n_steps, gamma
        fields = transition_fields(observation_space, action_space)
        self._flattened = flattened_fields(observation_space, action_space)
        self.rows, self._staged = PackedRows(self.buffer_size * n_envs, fields), StagedRows(n_envs, fields)
        self._keys = list(observation_space.spaces) if isinstance(observation_space, spaces.Dict) else None
        self.seed(_seed_of_torch() if seed is None else seed)

    def seed(self, seed: int | None) -> None:
        """Restart the generator that draws the batches."""
        self.generator = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Transitions held, over all environments."""
        return self.size() * self.n_envs

    def add(
        self,
        obs: Any,
        next_obs: Any,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one transition of each environment; every argument has leading dimension ``n_envs``.

        Raises:
            ValueError: a field that is not finite or has another shape (up to axes of length 1), by its name; the memory is as
                before.
        """
        values = {**self._fields("observations", obs), **self._fields("next_observations", next_obs)}
        values |= {"actions": action, "rewards": reward, "dones": flags("dones", done, self.n_envs)}
        cut = [self.handle_timeout_termination and info.get("TimeLimit.truncated", False) for info in infos]
        values |= {name: flat(values[name], self.n_envs, shape) for name, shape in self._flattened.items()}
        values["timeouts"] = flags("timeouts (TimeLimit.truncated)", cut, self.n_envs)
        start = self.pos * self.n_envs
        self.rows.data[start : start + self.n_envs] = self._staged.write(values)
        self._added(start)
        self.pos += 1
        if self.pos == self.buffer_size:
            self.full, self.pos = True, 0

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Batch of ``batch_size`` transitions, drawn uniformly with replacement."""
        whole("batch_size", batch_size, 1)
        if not len(self):
            raise ValueError("the replay buffer is empty: add transitions before sampling (learning_starts)")
        return self._gather(self.generator.integers(0, len(self), batch_size), env)

    def _added(self, start: int) -> None:
        """Called when rows ``start ... start + n_envs - 1`` were written."""

    def _fields(self, prefix: str, value: Any) -> dict[str, Any]:
        if self._keys is None:
            return {prefix: value}
        missing = [key for key in self._keys if key not in value]
        if missing:
            raise ValueError(f"{prefix}: expected the keys {', '.join(self._keys)}, got none for {', '.join(missing)}.")
        return {f"{prefix}/{key}": value[key] for key in self._keys}

    def _gather(self, rows: np.ndarray, env: VecNormalize | None = None) -> ReplayBufferSamples:
        batch = self.rows.take(rows)
        discounts = None
        if self.n_steps > 1:
            batch, discounts = self._n_step(rows, batch, env)
        elif env is not None:
            batch["rewards"] = env.normalize_reward(batch["rewards"]).astype(np.float32)
        kind = ReplayBufferSamples if self._keys is None else DictReplayBufferSamples
        return cast(
            ReplayBufferSamples,
            kind(
                observations=self._observations(batch, "observations", env),
                actions=self._tensor(batch["actions"]),
                next_observations=self._observations(batch, "next_observations", env),
                dones=self._tensor((batch["dones"] * (1 - batch["timeouts"]))[:, None]),
                rewards=self._tensor(batch["rewards"][:, None]),
                discounts=None if discounts is None else self._tensor(discounts[:, None]),
            ),
        )

    def _n_step(self, rows: np.ndarray, batch: dict, env: VecNormalize | None) -> tuple[dict, np.ndarray]:
        """Sum up to ``n_steps`` rewards; a window ends with its episode and never passes the newest transition."""
        time, column = rows // self.n_envs, rows % self.n_envs
        newest = (self.pos - 1) % self.buffer_size
        steps = np.arange(self.n_steps)
        window = ((time[:, None] + steps) % self.buffer_size) * self.n_envs + column[:, None]
        ends = (self.rows["dones"][window] > 0) | (window // self.n_envs == newest)
        ends[:, -1] = True
        length = ends.argmax(axis=1)  # steps after the first one
        rewards = self.rows["rewards"][window]
        if env is not None:
            rewards = env.normalize_reward(rewards)
        kept = steps <= length[:, None]
        last = self.rows.take(window[np.arange(len(rows)), length])
        for name in last:
            if name.startswith("next_observations") or name in ("dones", "timeouts"):
                batch[name] = last[name]
        batch["rewards"] = (rewards * kept * self.gamma**steps).sum(axis=1).astype(np.float32)
        return batch, (self.gamma ** (length + 1)).astype(np.float32)

    def _observations(self, batch: dict, prefix: str, env: VecNormalize | None) -> Any:
        if self._keys is None:
            value = batch[prefix] if env is None else self._normalize_obs(batch[prefix], env)
            return self._tensor(cast(np.ndarray, value))
        values = self._normalize_obs({key: batch[f"{prefix}/{key}"] for key in self._keys}, env)
        return {key: self._tensor(value) for key, value in cast(dict, values).items()}

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def get_state(self) -> State:
        """Everything that later batches depend on; ``rows`` is a view of the filled part: save it before the next ``add``."""
        return {
            "rows": self.rows.data[: len(self)],
            "pos": self.pos,
            "full": self.full,
            "generator": generator_state(self.generator),
        }

    def set_state(self, state: State) -> None:
        """Restore :meth:`get_state`.

        Raises:
            ValueError: the saved rows do not fit this buffer's spaces or size, or hold what :meth:`add` refuses; or a
                position, or the generator's state, is none. The memory is as before.
        """
        self._check_state(state)
        self.rows.load(state["rows"])
        self.pos, self.full = int(state["pos"]), bool(state["full"])
        set_generator_state(self.generator, state["generator"])

    def _check_state(self, state: State) -> None:
        rows, pos, full, generator = entries(state, ("rows", "pos", "full", "generator"))
        self.rows.check(rows)
        whole("pos", pos, 0, self.buffer_size - 1)
        if np.shape(full):
            raise ValueError(f"full: expected True or False, got {full!r}.")
        flags("full", full, 1)
        held = (self.buffer_size if full else pos) * self.n_envs
        if len(rows) != held:
            raise ValueError(f"rows: expected {held} for pos={pos} and full={full}, got {len(rows)}.")
        check_generator(generator)


def _seed_of_torch() -> int | None:
    """The seed that torch was given, None for none: torch draws its first one at random from 64 bits."""
    seed = torch.default_generator.initial_seed()
    return None if seed == _AT_IMPORT and seed >= 2**32 else seed % 2**63


def _field(name: str) -> property:
    def read(buffer: PackedReplayBuffer) -> Any:
        shape = (buffer.buffer_size, buffer.n_envs)
        if buffer._keys is None or "observations" not in name:
            view = buffer.rows[name]
            return view.reshape(*shape, *view.shape[1:])
        views = {key: buffer.rows[f"{name}/{key}"] for key in buffer._keys}
        return {key: view.reshape(*shape, *view.shape[1:]) for key, view in views.items()}

    return property(read, doc=f"View of the stored {name}, shape (buffer_size, n_envs, ...), as SB3 lays it out.")


for _name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
    setattr(PackedReplayBuffer, _name, _field(_name))
