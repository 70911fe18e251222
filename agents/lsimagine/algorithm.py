"""LS-Imagine on top of DreamerV3: what it stores of a step, and what it adds to a batch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.policies import BasePolicy

from papergym.agents.checkpoint.state import State
from papergym.agents.dreamerv3.algorithm import DreamerV3
from papergym.agents.errors import UsageError
from papergym.agents.lsimagine.config import Config
from papergym.agents.lsimagine.policy import VIEWS, ImagePolicy, LSImaginePolicy
from papergym.agents.lsimagine.replay import LongReplay
from papergym.agents.replay.packed import FieldSpec

SIGNALS = ("intrinsic", "score", "view_score", "view_intrinsic")
"""What the environment has to say of every step in ``info``, see ``papergym.wrappers.vision.signals.LongTermSignals``."""
_SHOWN = ("jump_threshold", "jump_probability")


def _check_signals(info: Mapping[str, Any], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in info]
    if missing:
        raise UsageError(
            f"expected info with {', '.join(names)} at every step, got one without {', '.join(missing)}. "
            "Make an LSImagine id with affordance=True."
        )


class LSImagine(DreamerV3):
    """DreamerV3 whose world model also learns jumps, and whose imagination takes them (arXiv 2410.03618).

    Args:
        policy, env, config and others: of :class:`DreamerV3`; ``policy`` is ``"LSImaginePolicy"``.

    Attributes:
        replay_buffer: besides, closer views and the jumps to them.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"LSImaginePolicy": LSImaginePolicy}
    config: Config
    policy: LSImaginePolicy
    replay_buffer: LongReplay

    def make_memory(self) -> LongReplay:
        """See :class:`DreamerV3`."""
        config, policy = self.config, self.policy
        return LongReplay(
            config.buffer_size,
            self.record_fields(),
            {part.key: part.field for part in policy.parts if part.key in VIEWS} if config.long_branch_weight else {},
            discount=policy.world.discount,
            gathered=config.gathered,
            same_step=config.same_step,
            length=config.batch_length + 1,  # one step of context before
            n_envs=self.n_envs,
            online=config.online,
            seed=self.seed,
        )

    def record_fields(self) -> dict[str, FieldSpec]:
        """See :class:`DreamerV3`; besides, flag and intrinsic rewards."""
        numbers = dict.fromkeys(("intrinsic", "view_intrinsic"), ((), np.dtype(np.float32)))
        return {**super().record_fields(), "jump": ((), np.dtype(np.bool_)), **numbers}

    def store(self, env: int, record: dict[str, Any], observation: Any, info: Mapping[str, Any]) -> None:
        """See :class:`DreamerV3`.

        Raises:
            UsageError: an ``info`` without the signals.
        """
        _check_signals(info, SIGNALS)
        intrinsic = 0.0 if record["first"] else float(info["intrinsic"])
        more = {"jump": bool(observation["jump"]), "intrinsic": intrinsic, "view_intrinsic": info["view_intrinsic"]}
        zoomed = bool(observation["is_zoomed"]) and bool(self.config.long_branch_weight)
        before = dict(self.replay_buffer.counts)
        self.replay_buffer.add_step(
            env,
            {**record, **more},
            paid=float(record["reward"]) + intrinsic,
            score=float(info["score"]),
            view={key: observation[name] for key, name in VIEWS.items()} if zoomed else None,
            view_score=float(info["view_score"]),
        )
        self._show(observation, info, before)

    def _show(self, observation: Any, info: Mapping[str, Any], before: Mapping[str, int]) -> None:
        """Log how often the flag is set, and what has become of jumps since ``before``."""
        log = self.logger.record_mean
        log("rollout/jump_rate", float(observation["jump"]))
        log("rollout/view_rate", float(observation["is_zoomed"]))
        for name in _SHOWN:
            if name in info:
                log(f"rollout/{name}", float(info[name]))
        gone = {name: count - before.get(name, 0) for name, count in self.replay_buffer.counts.items()}
        for outcome in ("completed", "dropped"):
            for _ in range(gone.get(outcome, 0)):
                log("rollout/jumps_completed", float(outcome == "completed"))
        if gone.get("completed"):
            log("rollout/jump_steps", gone["steps"] / gone["completed"])

    def complete_batch(self, batch: dict[str, torch.Tensor]) -> None:
        """See :class:`DreamerV3`; adds the closer views."""
        slots = batch.pop("view").cpu().numpy()
        time, env = np.nonzero(slots >= 0)
        views = self.replay_buffer.views.get(slots[time, env])
        places = {"view_time": time, "view_env": env, **{f"view/{key}": value for key, value in views.items()}}
        batch.update(self.policy.tensors(places))
        batch["view_intrinsic"] = batch["view_intrinsic"][batch["view_time"], batch["view_env"]]

    def _extra_state(self) -> State:
        signals = [{name: float(info[name]) for name in (*SIGNALS, *_SHOWN) if name in info} for info in self._last_infos]
        return {**super()._extra_state(), "signals": {str(env): said for env, said in enumerate(signals)}}

    def _set_extra_state(self, state: State) -> None:
        super()._set_extra_state(state)
        self._last_infos = [dict(state["signals"][str(env)]) for env in range(self.n_envs)]


class Baseline(DreamerV3):
    """DreamerV3 on the image alone, paid the intrinsic rewards too; for comparison."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"ImagePolicy": ImagePolicy}

    def store(self, env: int, record: dict[str, Any], observation: Any, info: Mapping[str, Any]) -> None:
        """See :class:`DreamerV3`.

        Raises:
            UsageError: an ``info`` without the intrinsic reward.
        """
        _check_signals(info, ("intrinsic",))
        intrinsic = 0.0 if record["first"] else float(info["intrinsic"])
        self.replay_buffer.add(env, {**record, "reward": record["reward"] + np.float32(intrinsic)})

    def _extra_state(self) -> State:
        return {**super()._extra_state(), "intrinsic": np.array([info.get("intrinsic", 0.0) for info in self._last_infos])}

    def _set_extra_state(self, state: State) -> None:
        super()._set_extra_state(state)
        self._last_infos = [{"intrinsic": value} for value in state["intrinsic"].tolist()]
