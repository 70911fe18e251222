"""Intrinsic rewards from trained networks, each in one call; every argument is written out for editors and type checkers."""

from typing import TYPE_CHECKING, Any

from gymnasium.vector import AutoresetMode

from papergym.wrappers.intrinsic.base import Order, Scaling
from papergym.wrappers.intrinsic.knn import Transform
from papergym.wrappers.intrinsic.mixing import Mix
from papergym.wrappers.intrinsic_reward import add_intrinsic_reward, for_any_env

if TYPE_CHECKING:
    from papergym.wrappers.intrinsic.icm import Error  # loads torch


@for_any_env
def RNDReward(
    env: Any,
    *,
    warmup: int = 128,
    dim: int = 64,
    clip_obs: float = 5.0,
    lr: float = 1e-3,
    every: int = 128,
    updates: int = 4,
    batch_size: int = 128,
    buffer: int = 1024,
    background: bool = False,
    hidden: int = 256,
    scaling: Scaling = "std",
    order: Order = "score_first",
    seed: int = 0,
    device: str = "cpu",
    weight: float = 1.0,
    mix: Mix = "add",
    decay: float = 0.0,
    normalize: bool = True,
    autoreset_mode: AutoresetMode | None = None,
) -> Any:
    """Random network distillation.

    See :class:`~papergym.wrappers.intrinsic.rnd.RND`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        warmup: transitions observed before anything is paid.
        dim: output length of both networks.
        clip_obs: bound of the standardized observations; 0 leaves them raw.
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps.
        hidden: width of the hidden layers.
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"``, or ``"none"``.
        order: ``"score_first"``, or ``"observe_first"``: a state may then meet itself.
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide by the running standard deviation of the discounted sum; False for the bonus's own unit.
        autoreset_mode: for vector environments whose metadata declares none.
    """
    return add_intrinsic_reward(bonus="RND", **locals())


@for_any_env
def ICMReward(
    env: Any,
    *,
    dim: int = 64,
    beta: float = 0.2,
    error: "Error" = "half_squared",
    transform: Transform = "none",
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
    """Curiosity: error of a forward model in the space of an inverse model.

    See :class:`~papergym.wrappers.intrinsic.icm.ICM`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        dim: length of the features.
        beta: weight of the forward loss in ``(1 - beta) * inverse + beta * forward``.
        error: ``"half_squared"``, half the squared Euclidean error, or ``"norm"``, the Euclidean error.
        transform: ``"none"`` or ``"log1p"``, after scaling.
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps.
        hidden: width of the hidden layers.
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"``, or ``"none"``.
        order: ``"score_first"``, or ``"observe_first"``: a state may then meet itself.
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide by the running standard deviation of the discounted sum; False for the bonus's own unit.
        autoreset_mode: for vector environments whose metadata declares none.
    """
    return add_intrinsic_reward(bonus="ICM", **locals())


@for_any_env
def DisagreementReward(
    env: Any,
    *,
    models: int = 5,
    dim: int = 64,
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
    """Variance of an ensemble of forward models.

    See :class:`~papergym.wrappers.intrinsic.disagreement.Disagreement`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        models: size of the ensemble.
        dim: output length of the random encoder.
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps.
        hidden: width of the hidden layers.
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"``, or ``"none"``.
        order: ``"score_first"``, or ``"observe_first"``: a state may then meet itself.
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide by the running standard deviation of the discounted sum; False for the bonus's own unit.
        autoreset_mode: for vector environments whose metadata declares none.
    """
    return add_intrinsic_reward(bonus="Disagreement", **locals())


@for_any_env
def NGUReward(
    env: Any,
    *,
    k: int = 10,
    size: int = 2048,
    dim: int = 32,
    limit: float = 5.0,
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
    """Never Give Up: episodic novelty times lifelong novelty.

    See :class:`~papergym.wrappers.intrinsic.ngu.NGU`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        k: number of neighbours.
        size: states kept per episode.
        dim: length of the controllable features.
        limit: largest factor of the lifelong part (L in the paper).
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
    return add_intrinsic_reward(bonus="NGU", **locals())
