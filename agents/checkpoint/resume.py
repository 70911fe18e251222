"""Exact resume for SB3 algorithms: everything that decides the next number, as a state that can be saved.

Example:
    >>> class ResumableSAC(ExactResume, SAC): ...
    >>> save_state(path, model.get_state(), kind="sac")  # between updates: SB3's callback event on_rollout_start
    >>> model.set_state(load_state(path, kind="sac"))
    >>> model.learn_until(1_000_000)  # the numbers of the run that was never interrupted
"""

import logging
from collections import deque
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.save_util import recursive_getattr

from papergym.agents.checkpoint.envstate import env_state, set_env_state
from papergym.agents.checkpoint.pack import pack, unpack
from papergym.agents.checkpoint.sb3state import (
    module_state,
    noise_state,
    plain,
    replay_state,
    set_module_state,
    set_noise_state,
    set_replay_state,
)
from papergym.agents.checkpoint.state import (
    CheckpointError,
    State,
    generator_state,
    global_rng_state,
    set_generator_state,
    set_global_rng_state,
)

log = logging.getLogger(__name__)

COUNTERS = ("num_timesteps", "_episode_num", "_n_updates", "_n_calls", "exploration_rate", "_current_progress_remaining")
"""Numbers of SB3's algorithms that change while learning; an algorithm may lack some."""


class ExactResume(BaseAlgorithm):
    """Mixin, first in the bases: ``class MySAC(ExactResume, SAC)``.

    Subclasses with state of their own override :meth:`_extra_state` and :meth:`_set_extra_state`. A replay buffer may
    offer ``get_state()/set_state()``; SB3's own buffers are known here.
    """

    _resume_pending: State | None = None

    def get_state(self, *, replay: bool = True) -> State:
        """State between two updates: call it from the callback event ``on_rollout_start`` or outside ``learn``.

        Parameters and the replay's rows are views: save the state, or copy it, before training goes on.

        Args:
            replay: include the replay buffer; without it the state is enough to evaluate, not to go on.

        Raises:
            CheckpointError: gSDE, whose noise matrices SB3 draws before that event, or HER, whose buffer keeps infos.
        """
        if self.use_sde:
            raise CheckpointError("exact resume does not cover gSDE noise matrices. Train with use_sde=False.")
        assert self.env is not None, "the algorithm has no environment"
        names, variables = self._get_torch_save_params()
        return {
            "modules": {name: module_state(recursive_getattr(self, name)) for name in names},
            "variables": {name: recursive_getattr(self, name) for name in variables},
            "counters": {name: getattr(self, name) for name in COUNTERS if hasattr(self, name)},
            "episodes": {"info": plain(list(self.ep_info_buffer or [])), "success": plain(list(self.ep_success_buffer or []))},
            "last": {name: pack(getattr(self, name)) for name in ("_last_obs", "_last_episode_starts", "_last_original_obs")},
            "noise": noise_state(self.action_noise),
            "log": self._log_state(),
            "replay": replay_state(getattr(self, "replay_buffer", None)) if replay else {},
            "env": env_state(self.env),
            "extra": self._extra_state(),
            "rng": {"global": global_rng_state(), "actions": generator_state(self.action_space.np_random)},
        }

    def set_state(self, state: State) -> None:
        """Put an algorithm of the same class and configuration into ``state``; then call :meth:`learn_until`.

        Raises:
            CheckpointError: shapes, optimisers, buffer or environment differ from those of the checkpoint.
        """
        assert self.env is not None, "the algorithm has no environment"
        try:
            for name, saved in state["modules"].items():
                set_module_state(recursive_getattr(self, name), saved)
            for name, value in state["variables"].items():
                recursive_getattr(self, name).data.copy_(value)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"the checkpoint does not fit this {type(self).__name__}: {error}. Use the run's own config.toml."
            ) from error
        for name, value in state["counters"].items():
            setattr(self, name, value)
        self._set_buffers(state)
        for name, value in state["last"].items():
            setattr(self, name, unpack(value, None))
        self._set_extra_state(state["extra"])
        if not set_env_state(self.env, state["env"]):
            self._start_fresh()  # last: what an agent remembers of the episode goes with it
        self._resume_pending = {"log": state["log"], "noise": state["noise"]}
        self._apply_pending()
        set_generator_state(self.action_space.np_random, state["rng"]["actions"])
        set_global_rng_state(state["rng"]["global"])

    def learn_until(self, total_timesteps: int, **kwargs: Any) -> "ExactResume":
        """``learn`` from the present step to ``total_timesteps`` of the whole run, keeping every counter."""
        if self._last_obs is None:
            return self.learn(total_timesteps, **kwargs)
        return self.learn(total_timesteps - self.num_timesteps, reset_num_timesteps=False, **kwargs)

    def _extra_state(self) -> State:
        """State of a subclass beyond SB3's."""
        return {}

    def _set_extra_state(self, state: State) -> None:
        """Inverse of :meth:`_extra_state`."""

    def _cut_episodes(self) -> None:
        """Called when the environments restart; a buffer that stores episodes as sequences marks the cut here."""

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        silent = not self._custom_logger and self.verbose == 0 and self.tensorboard_log is None
        if silent:
            self.set_logger(Logger(None, []))  # SB3's own, which writes nothing either, leaves an empty folder in /tmp
        result = super()._setup_learn(*args, **kwargs)  # resets the action noise and, without a custom logger, the logger
        self._custom_logger = self._custom_logger and not silent
        self._apply_pending()
        self._resume_pending = None
        return result

    def _apply_pending(self) -> None:
        if self._resume_pending is not None:
            set_noise_state(self.action_noise, self._resume_pending["noise"])
            if hasattr(self, "_logger"):
                self.logger.name_to_value.update(dict(self._resume_pending["log"]["values"]))
                self.logger.name_to_count.update(dict(self._resume_pending["log"]["counts"]))

    def _log_state(self) -> State:
        """Values recorded since the last dump of the logger."""
        if not hasattr(self, "_logger"):
            return {"values": [], "counts": []}
        values = [[key, plain(value)] for key, value in self.logger.name_to_value.items() if np.ndim(value) == 0]
        return {"values": values, "counts": [list(item) for item in self.logger.name_to_count.items()]}

    def _set_buffers(self, state: State) -> None:
        self.ep_info_buffer = deque(state["episodes"]["info"], maxlen=self._stats_window_size)
        self.ep_success_buffer = deque(state["episodes"]["success"], maxlen=self._stats_window_size)
        set_replay_state(getattr(self, "replay_buffer", None), state["replay"])

    def _start_fresh(self) -> None:
        """Reset the environments, seeded by the run's seed and the step reached."""
        assert self.env is not None
        log.warning("step %d: the environments offer no state, new episodes start", self.num_timesteps)
        self.env.seed(int(np.random.SeedSequence([self.seed or 0, self.num_timesteps]).generate_state(1)[0] >> 1))
        self._last_obs = self.env.reset()  # pyright: ignore[reportAttributeAccessIssue]
        self._last_episode_starts = np.ones(self.env.num_envs, dtype=bool)
        if self._vec_normalize_env is not None:
            self._last_original_obs = self._vec_normalize_env.get_original_obs()
        self._cut_episodes()
