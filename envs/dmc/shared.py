"""Compiled models that several environments of one thread read: 13 MB less each, most of it textures."""

from typing import Any
from weakref import WeakValueDictionary

from papergym.envs.checks import flag

FIXED_MODELS = ("acrobot", "ball_in_cup", "cartpole", "cheetah", "hopper", "humanoid", "humanoid_CMU", "pendulum", "walker")
"""Domains whose tasks never write to their model, so that several environments may read one."""


class SharedModels:
    """The models that some environments read together, one for each task and lane.

    Only for environments that are stepped one after another within their lane: dm_control switches actuation off in the model
    during a reset. So each batch has its own; two batches may be stepped by two threads. A copy begins without models.
    """

    def __init__(self) -> None:
        self._models: WeakValueDictionary[tuple[str, str, int], Any] = WeakValueDictionary()

    @classmethod
    def given(cls, share_model: Any) -> "SharedModels | None":
        """What an argument ``share_model`` means: None for False, those of the process for True.

        Raises:
            ValueError: neither a bool nor SharedModels.
        """
        if isinstance(share_model, cls):
            return share_model
        return _PROCESS if flag("share_model", share_model) else None

    @classmethod
    def of_batch(cls, share_model: Any) -> "SharedModels | bool":
        """What the environments of a new batch get for its argument ``share_model``: models of their own for True."""
        return cls() if not isinstance(share_model, cls) and flag("share_model", share_model) else share_model

    def join(self, dm: Any, domain: str, task: str, lane: int) -> None:
        """Let a dm_control environment read the model of an earlier one of its task and lane."""
        if domain not in FIXED_MODELS:
            return
        model = self._models.setdefault((domain, task, lane), dm.physics.model)
        if model is not dm.physics.model:
            from dm_control.mujoco import wrapper

            dm.physics._reload_from_data(wrapper.MjData(model))

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()


_PROCESS = SharedModels()
