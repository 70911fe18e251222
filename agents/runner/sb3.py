"""Stable-baselines3 algorithms as learners."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tree
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from papergym.agents.checkpoint.pack import unpack
from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.sb3state import set_module_state
from papergym.agents.checkpoint.state import State
from papergym.agents.runner.finite import check_numbers
from papergym.agents.runner.learner import Hooks


class SB3Learner:
    """An SB3 algorithm behind :class:`papergym.agents.runner.learner.Learner`; it keeps its own API whole.

    Safe points are SB3's ``on_rollout_start``. An algorithm that is not :class:`ExactResume` (one of SB3's or
    sb3-contrib's own) gets that mixin.

    Args:
        model: algorithm with its environment.
        env_id: named in errors.

    Attributes:
        model: the algorithm.
    """

    def __init__(self, model: BaseAlgorithm, env_id: str) -> None:
        if not isinstance(model, ExactResume):
            model.__class__ = type(f"Resumable{type(model).__name__}", (ExactResume, type(model)), {})
        self.model: Any = model
        self.env_id = env_id
        self._recorded = _Recorded()
        self.model.set_logger(Logger(None, [self._recorded]))

    @property
    def done(self) -> int:
        """Agent steps, all environments together."""
        return self.model.num_timesteps

    def least_budget(self) -> tuple[int, str]:
        """Steps up to the first update."""
        if isinstance(self.model, OnPolicyAlgorithm):
            return self.model.n_steps * self.model.n_envs, "n_steps or the number of environments"
        return int(getattr(self.model, "learning_starts", 0)) + 1, "learning_starts"

    def learn(self, budget: int, hooks: Hooks) -> None:
        """See :class:`Learner`."""
        self.model.learn_until(budget, callback=_Callback(hooks, self.env_id), log_interval=None)

    def act(
        self,
        observation: Any,
        first: np.ndarray,
        reward: np.ndarray,
        target: float | None,
        state: Any = None,
        *,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """SB3's ``predict`` on normalized observations; ``reward`` and ``target`` are not used."""
        statistics = self.model.get_vec_normalize_env()
        seen = observation if statistics is None else statistics.normalize_obs(observation)
        return self.model.predict(seen, state=state, episode_start=first, deterministic=deterministic)

    def generators(self) -> Iterable[torch.Generator | np.random.Generator]:
        """Those that the algorithm holds, and that of its action space."""
        own = [value for value in vars(self.model).values() if isinstance(value, (torch.Generator, np.random.Generator))]
        return [*own, self.model.action_space.np_random]

    def get_state(self, *, memory: bool = True) -> State:
        """See :meth:`ExactResume.get_state`."""
        return self.model.get_state(replay=memory)

    def set_state(self, state: State) -> None:
        """See :meth:`ExactResume.set_state`."""
        self.model.set_state(state)

    def start_from(self, state: State) -> None:
        """Take the policy's networks, and the statistics of a normalizer, from another run's state."""
        set_module_state(self.model.policy, state["modules"]["policy"])
        statistics = self.model.get_vec_normalize_env()
        if statistics is not None:
            _set_normalizer(statistics, state["env"])

    def metrics(self) -> dict[str, float]:
        """What SB3's logger has recorded, and the mean return and length of the last training episodes."""
        episodes = list(self.model.ep_info_buffer or [])
        if episodes:
            self.model.logger.record("rollout/return", float(np.mean([episode["r"] for episode in episodes])))
            self.model.logger.record("rollout/length", float(np.mean([episode["l"] for episode in episodes])))
        self.model.logger.dump(self.model.num_timesteps)
        return self._recorded.numbers

    def parameters(self) -> Iterable[tuple[str, torch.Tensor]]:
        """Of the policy, and a learned temperature."""
        yield from self.model.policy.named_parameters()
        if isinstance(getattr(self.model, "log_ent_coef", None), torch.Tensor):
            yield "temperature (its logarithm)", self.model.log_ent_coef

    def save(self, folder: Path) -> None:
        """``model.zip``, and ``vecnormalize.pkl`` where observations or rewards are normalized."""
        self.model.save(folder / "model.zip")
        statistics = self.model.get_vec_normalize_env()
        if statistics is not None:
            statistics.save(str(folder / "vecnormalize.pkl"))

    def close(self) -> None:
        """Close the environments."""
        self.model.env.close()


def _set_normalizer(layer: VecNormalize, state: State) -> None:
    """Give a normalizer another run's statistics of observations, if it has any; those of rewards are its task's.

    Raises:
        ValueError: the other run did not normalize, or observations of another shape.
    """
    if not layer.norm_obs:
        return
    held = [wrapper["obs_rms"] for wrapper in state["wrappers"].values() if "obs_rms" in wrapper]
    if not held:
        raise ValueError("the other run does not normalize observations, this one does")
    present: Any = layer.obs_rms
    statistics = unpack(held[0], present)
    shapes = [tree.map_structure(lambda part: np.shape(part.mean), found) for found in (statistics, present)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"observations of shape {shapes[0]}, expected {shapes[1]}")
    layer.obs_rms = statistics


class _Callback(BaseCallback):
    """Passes SB3's events on to the runner."""

    def __init__(self, hooks: Hooks, env_id: str) -> None:
        super().__init__()
        self.hooks, self.env_id = hooks, env_id

    def _on_rollout_start(self) -> None:
        self.hooks.safe_point()

    def _on_step(self) -> bool:
        check_numbers(self.locals, self.num_timesteps, self.env_id)
        for info in self.locals.get("infos", ()):
            if "episode" in info:
                self.hooks.episode(float(info["episode"]["r"]), int(info["episode"]["l"]))
        self.hooks.progress()
        return True


class _Recorded(KVWriter):
    """Keeps the numbers of the last dump of SB3's logger; ``time/`` values depend on the machine and are left out."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Take the numbers of one dump."""
        pairs = sorted((key, value) for key, value in key_values.items() if not key.startswith("time/"))
        self.numbers = {key: float(value) for key, value in pairs if hasattr(value, "__float__")}

    def close(self) -> None:
        """Nothing to close."""
