"""Fresh intrinsic rewards for batches drawn from a replay buffer."""

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from papergym.wrappers.intrinsic.base import Bonus, require_one_of
from papergym.wrappers.intrinsic.mixing import Mix
from papergym.wrappers.intrinsic.transitions import Transitions, mapped

Batch = TypeVar("Batch")

_NAMES = {
    "obs": ("obs", "observations", "observation", "state"),
    "action": ("actions", "action", "act"),
    "next_obs": ("next_obs", "next_observations", "next_observation", "obs_next", "next_state"),
    "reward": ("rewards", "reward", "rew"),
    "done": ("dones", "done"),
}
"""What libraries call the fields of a batch."""


def relabel(batch: Batch, bonus: Bonus, *, weight: float = 1.0, mix: Mix = "add", observe: bool = True) -> Batch:
    """The batch with intrinsic rewards computed now, added to its rewards or in their place. The batch given is unchanged.

    Args:
        batch: samples of a stable-baselines3 buffer, a Tianshou ``Batch``, a TorchRL ``TensorDict``, or a dict; arrays or
            tensors, rewards (n,) or (n, 1). Rewards that are no floating-point numbers come back as float32.
        bonus: any bonus that is not episodic.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` or ``"replace"``.
        observe: also let the bonus learn from the batch. False where a wrapper has shown it these transitions already.

    Raises:
        ValueError: an episodic bonus, whose rewards do not exist outside their episode, or a batch without a needed field.
    """
    require_one_of("mix", mix, Mix)
    refuse_episodic(bonus)
    rewards: Any = _get(batch, "reward")
    rewards = _floating(rewards)
    actions = _numpy(_get(batch, "action")) if "action" in bonus.needs else None
    if actions is not None and actions.ndim == 2 and actions.shape[1] == 1 and np.issubdtype(actions.dtype, np.integer):
        actions = actions[:, 0]
    obs = _numpy(_get(batch, "obs")) if "obs" in bonus.needs else None
    transitions = Transitions(next_obs=_numpy(_get(batch, "next_obs")), obs=obs, action=actions, stored=True)
    intrinsic = weight * (bonus.reward(transitions) if observe else bonus.score(transitions))
    intrinsic = intrinsic.reshape(tuple(rewards.shape))
    if hasattr(rewards, "new_tensor"):
        intrinsic = rewards.new_tensor(intrinsic)
    return _set(batch, (rewards + intrinsic) if mix == "add" else intrinsic)


def refuse_episodic(bonus: Bonus) -> None:
    """Raise ValueError for a bonus whose rewards depend on the running episode."""
    if bonus.episodic:
        raise ValueError(f"{type(bonus).__name__} is episodic and cannot score replayed transitions: wrap the environment.")


def _floating(rewards: Any) -> Any:
    """An array or tensor of floating-point numbers, float32 where they were others."""
    if hasattr(rewards, "new_tensor"):
        return rewards if rewards.is_floating_point() else rewards.float()
    if hasattr(rewards, "dtype") and np.issubdtype(rewards.dtype, np.floating):
        return rewards
    return np.asarray(rewards, np.float32)


def _get(batch: Any, field: str) -> Any:
    if _nested(batch):
        path = {"next_obs": ("next", "observation"), "reward": ("next", "reward")}
        return batch[path.get(field, {"obs": "observation", "action": "action"}.get(field))]
    for name in _NAMES[field]:
        if isinstance(batch, Mapping):
            if name in batch:
                return batch[name]
        elif hasattr(batch, name):
            return getattr(batch, name)
    raise ValueError(f"the batch has no {field}: looked for {', '.join(_NAMES[field])} in a {type(batch).__name__}.")


def _nested(batch: Any) -> bool:
    """Whether this is a TensorDict, which keeps what follows a step under ``next``."""
    return hasattr(batch, "batch_size") and "next" in batch.keys()  # noqa: SIM118 (no dict)


def _set(batch: Any, rewards: Any) -> Any:
    if _nested(batch):
        out = batch.clone(False)
        out["next"] = out["next"].clone(False)
        out["next"]["reward"] = rewards
        return out
    if isinstance(batch, Mapping):
        name = next(name for name in _NAMES["reward"] if name in batch)
        return type(batch)({**batch, name: rewards})  # type: ignore[call-arg]
    name = next(name for name in _NAMES["reward"] if hasattr(batch, name))
    if hasattr(batch, "_replace"):
        return batch._replace(**{name: rewards})
    out = copy.copy(batch)
    setattr(out, name, rewards)
    return out


def _numpy(value: Any) -> Any:
    return mapped(lambda part: part.detach().cpu().numpy() if hasattr(part, "detach") else np.asarray(part), value)
