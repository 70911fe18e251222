"""Algorithms that bring a replay buffer of papergym's, in files that plain stable-baselines3 loads."""

from typing import Any

from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm


def with_settings(kwargs: dict[str, Any], **own: Any) -> dict[str, Any]:
    """``kwargs`` of an algorithm with ``own`` among its ``replay_buffer_kwargs``; those that are in ``kwargs`` win."""
    return {**kwargs, "replay_buffer_kwargs": {**own, **(kwargs.get("replay_buffer_kwargs") or {})}}


class OwnReplay(OffPolicyAlgorithm):
    """Mixin, before SB3's class in the bases: the buffer's arguments survive ``save`` and ``load``, its class stays out.

    The buffer gets the discount and ``n_steps`` of the algorithm. A ``replay_buffer_class`` that the user gives is handled as
    in stable-baselines3.

    Attributes:
        own_replay: class of the buffer.
        replay_settings: its arguments beyond SB3's, JSON values.
    """

    own_replay: type[ReplayBuffer]
    replay_settings: dict[str, Any]

    def _setup_model(self) -> None:
        if self.replay_buffer_class is not self.own_replay:
            super()._setup_model()
            return
        steps, self.n_steps = self.n_steps, 1  # SB3 warns that it leaves n-step returns to a buffer like ours
        self.replay_buffer_kwargs = {"n_steps": steps, "gamma": self.gamma, **self.replay_settings}
        super()._setup_model()
        self.n_steps = self.replay_buffer_kwargs["n_steps"]

    def _excluded_save_params(self) -> list[str]:
        own = self.replay_buffer_class is self.own_replay
        return [*super()._excluded_save_params(), *(["replay_buffer_class", "replay_buffer_kwargs"] if own else [])]
