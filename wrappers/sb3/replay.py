"""A stable-baselines3 replay buffer whose samples carry fresh intrinsic rewards."""

from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from papergym.wrappers.intrinsic.base import Bonus
from papergym.wrappers.intrinsic.relabelling import relabel
from papergym.wrappers.intrinsic.transitions import Transitions
from papergym.wrappers.intrinsic_reward import resolve


class RelabelledReplayBuffer(ReplayBuffer):
    """Stores extrinsic rewards and adds the intrinsic ones of *now* to every sample: they never go stale.

    Pass it as ``replay_buffer_class=RelabelledReplayBuffer, replay_buffer_kwargs={"bonus": "RND"}``.

    Args:
        *arguments: those of ``ReplayBuffer``.
        bonus: a bonus that is not episodic, or the name of one.
        weight, mix: see :func:`~papergym.wrappers.intrinsic.relabelling.relabel`.
        observe: ``"stored"``, the bonus learns from every transition once, when it is stored; ``"sampled"``, from every
            batch, as the URLB agents do; ``"never"``, something else teaches it.
        bonus_arguments: arguments of a bonus given by name.
        **options: those of ``ReplayBuffer``.
    """

    def __init__(
        self,
        *arguments: Any,
        bonus: Bonus | str,
        weight: float = 1.0,
        mix: str = "add",
        observe: str = "stored",
        bonus_arguments: dict[str, Any] | None = None,
        **options: Any,
    ):
        super().__init__(*arguments, **options)
        if observe not in ("stored", "sampled", "never"):
            raise ValueError(f"observe is 'stored', 'sampled' or 'never', got {observe!r}.")
        self.bonus, _ = resolve(bonus, bonus_arguments)
        self.bonus.bind(self.observation_space, self.action_space)
        self.weight, self.mix, self.observe = weight, mix, observe

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: list[dict[str, Any]]) -> None:
        """Store one step of all environments."""
        super().add(obs, next_obs, action, reward, done, infos)
        if self.observe == "stored":
            self.bonus.observe(Transitions(next_obs=np.array(next_obs), obs=np.array(obs), action=np.array(action)))

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """A batch with fresh rewards, (batch_size, 1)."""
        samples = super().sample(batch_size, env)
        return relabel(samples, self.bonus, weight=self.weight, mix=self.mix, observe=self.observe == "sampled")
