"""Intrinsic rewards from trained features and the running episode, each in one call, every argument written out."""

from typing import Any

from gymnasium.vector import AutoresetMode

from papergym.wrappers.intrinsic.base import Order, Scaling
from papergym.wrappers.intrinsic.count import Hash
from papergym.wrappers.intrinsic.mixing import Mix
from papergym.wrappers.intrinsic_reward import add_intrinsic_reward, for_any_env


@for_any_env
def E3BReward(
    env: Any,
    *,
    dim: int = 64,
    ridge: float = 0.1,
    lr: float = 1e-3,
    every: int = 128,
    updates: int = 4,
    batch_size: int = 128,
    buffer: int = 1024,
    background: bool = False,
    hidden: int = 256,
    scaling: Scaling = "none",
    order: Order = "score_first",
    seed: int = 0,
    device: str = "cpu",
    weight: float = 1.0,
    mix: Mix = "add",
    decay: float = 0.0,
    normalize: bool = True,
    autoreset_mode: AutoresetMode | None = None,
) -> Any:
    """Elliptical episodic bonus: how far a state lies outside what the episode's states span.

    See :class:`~papergym.wrappers.intrinsic.e3b.E3B`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        dim: length of the features.
        ridge: weight of the identity in the matrix of the episode (lambda in the paper).
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps.
        hidden: width of the hidden layers.
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"``, or ``"none"``.
        order: ``"score_first"``; a state must not meet itself.
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide by the running standard deviation of the discounted sum; False for the bonus's own unit.
        autoreset_mode: for vector environments whose metadata declares none.
    """
    return add_intrinsic_reward(bonus="E3B", **locals())


@for_any_env
def RIDEReward(
    env: Any,
    *,
    dim: int = 64,
    forward_weight: float = 10.0,
    inverse_weight: float = 0.1,
    hash: Hash = "auto",
    bits: int = 32,
    width: float | tuple[float, ...] = 0.1,
    lr: float = 1e-3,
    every: int = 128,
    updates: int = 4,
    batch_size: int = 128,
    buffer: int = 1024,
    background: bool = False,
    hidden: int = 256,
    scaling: Scaling = "none",
    order: Order = "score_first",
    seed: int = 0,
    device: str = "cpu",
    weight: float = 1.0,
    mix: Mix = "add",
    decay: float = 0.0,
    normalize: bool = True,
    autoreset_mode: AutoresetMode | None = None,
) -> Any:
    """Impact-driven exploration: change of the features over the root of the visits in the episode.

    See :class:`~papergym.wrappers.intrinsic.ride.RIDE`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        dim: length of the features.
        forward_weight: weight of the forward model's loss.
        inverse_weight: weight of the inverse model's loss.
        hash: ``"exact"``, ``"simhash"``, ``"grid"``, or ``"auto"``: exact for ids and whole numbers, simhash for the rest.
        bits: length of the SimHash; more bits, finer states.
        width: edge of a grid cell, one for all elements or one each.
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps.
        hidden: width of the hidden layers.
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"``, or ``"none"``.
        order: ``"score_first"``; a visit counts once.
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide by the running standard deviation of the discounted sum; False for the bonus's own unit.
        autoreset_mode: for vector environments whose metadata declares none.
    """
    return add_intrinsic_reward(bonus="RIDE", **locals())
