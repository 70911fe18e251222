"""stable-baselines3 replay buffers whose samples carry fresh intrinsic rewards."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from papergym.wrappers.intrinsic.base import Bonus, require_one_of
from papergym.wrappers.intrinsic.mixing import Mix
from papergym.wrappers.intrinsic.relabelling import refuse_episodic, relabel
from papergym.wrappers.intrinsic.resolving import resolve
from papergym.wrappers.intrinsic.transitions import Transitions, copied, mapped

Observe = Literal["stored", "sampled", "never"]
_Buffer = ReplayBuffer if TYPE_CHECKING else object


class _Relabelled(_Buffer):
    """What both buffers add to their stable-baselines3 parent."""

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
        bonus: Bonus | str,
        weight: float = 1.0,
        mix: Mix = "add",
        observe: Observe = "stored",
        bonus_arguments: Mapping[str, Any] | None = None,
    ):
        if isinstance(observation_space, spaces.Dict) != isinstance(self, DictReplayBuffer):
            fitting = "RelabelledDictReplayBuffer" if isinstance(observation_space, spaces.Dict) else "RelabelledReplayBuffer"
            raise ValueError(f"observations of {observation_space} go into a {fitting}, this is a {type(self).__name__}.")
        options = {"optimize_memory_usage": optimize_memory_usage, "handle_timeout_termination": handle_timeout_termination}
        super().__init__(buffer_size, observation_space, action_space, device, n_envs, **options)
        require_one_of("mix", mix, Mix)
        require_one_of("observe", observe, Observe)
        self.bonus, _ = resolve(bonus, bonus_arguments)
        refuse_episodic(self.bonus)
        if observe == "stored":
            self.bonus.check_envs(self.n_envs)
        self.bonus.bind(self.observation_space, self.action_space)
        self.weight, self.mix, self.observe = weight, mix, observe

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: list[dict[str, Any]]) -> None:
        """Store one step of all environments."""
        super().add(obs, next_obs, action, reward, done, infos)
        if self.observe == "stored":
            self.bonus.observe(Transitions(next_obs=copied(next_obs), obs=copied(obs), action=np.array(action)))

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """A batch with fresh rewards, (batch_size, 1).

        The bonus scores observations as they were stored, which is what it observed; only the batch that the learner gets
        is normalized by ``env``, and its extrinsic rewards.
        """
        stored = super().sample(batch_size)
        fresh = relabel(stored, self.bonus, weight=self.weight, mix="replace", observe=self.observe == "sampled")
        samples = stored if env is None else self._normalized(stored, env)
        return samples._replace(rewards=fresh.rewards if self.mix == "replace" else samples.rewards + fresh.rewards)

    def _normalized(self, samples: Any, env: VecNormalize) -> Any:
        observations = {
            name: mapped(self.to_torch, self._normalize_obs(mapped(_array, getattr(samples, name)), env))
            for name in ("observations", "next_observations")
        }
        rewards = self.to_torch(self._normalize_reward(samples.rewards.cpu().numpy(), env))
        return samples._replace(rewards=rewards, **observations)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


class RelabelledReplayBuffer(_Relabelled, ReplayBuffer):
    """Stores extrinsic rewards and adds intrinsic ones, computed now, to every sample, so that they are never outdated.

    Pass it as ``replay_buffer_class=RelabelledReplayBuffer, replay_buffer_kwargs={"bonus": "RND"}``. Dict observations take
    :class:`RelabelledDictReplayBuffer`.

    Args:
        buffer_size: transitions kept.
        observation_space: space of one environment's observations.
        action_space: space of one environment's actions.
        device: torch device of the samples.
        n_envs: number of environments.
        optimize_memory_usage: see ``ReplayBuffer``.
        handle_timeout_termination: see ``ReplayBuffer``.
        bonus: a bonus that is not episodic, or the name of one.
        weight, mix: see :func:`~papergym.wrappers.intrinsic.relabelling.relabel`.
        observe: ``"stored"``, the bonus learns from every transition once, when it is stored; ``"sampled"``, from every
            batch, as the URLB agents do; ``"never"``, something else teaches it.
        bonus_arguments: arguments of a bonus given by name.
    """


class RelabelledDictReplayBuffer(_Relabelled, DictReplayBuffer):
    """:class:`RelabelledReplayBuffer` for Dict observations."""
