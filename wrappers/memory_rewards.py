"""Intrinsic rewards without trained networks, each in one call: distances to states seen before, and visit counts.

Long because every argument is written out, so that editors and type checkers know it.
"""

from typing import Any

from gymnasium.vector import AutoresetMode

from papergym.wrappers.intrinsic.base import Order, Scaling
from papergym.wrappers.intrinsic.count import Hash
from papergym.wrappers.intrinsic.features import Embedding
from papergym.wrappers.intrinsic.knn import Aggregate, Memory, Transform
from papergym.wrappers.intrinsic.mixing import Mix
from papergym.wrappers.intrinsic_reward import add_intrinsic_reward, for_any_env


@for_any_env
def NoveltyReward(
    env: Any,
    *,
    k: int = 3,
    memory: Memory = "ring",
    size: int = 2048,
    aggregate: Aggregate = "kth",
    transform: Transform = "none",
    clip: float = 0.0,
    embed: Embedding = "auto",
    dim: int = 128,
    unit: bool = False,
    exclude_self: bool = True,
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
    """k-nearest-neighbour novelty: the distance to the k-th nearest of the latest states. ``NoveltyReward(env, k=3)``.

    By default the bonus has no unit: a step pays about 0.05 to 0.2, the order of a dm_control task's reward. With
    ``normalize=False`` it is the distance itself, in the unit of the observations. See
    :class:`~papergym.wrappers.intrinsic.knn.KNNNovelty` and :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        k: number of neighbours.
        memory: ``"ring"`` (the latest ``size`` states), ``"batch"`` (the states of this step) or ``"episodic"`` (the running
            episode).
        size: rows of the memory.
        aggregate: ``"kth"`` distance, or the ``"mean"`` of the k.
        transform: ``"none"`` or ``"log1p"``, after scaling and clipping.
        clip: subtracted from every scaled distance, floored at 0.
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"``, or a function from a
            batch of observations to (n, d).
        dim: output length of the random encoder.
        unit: scale embeddings to unit length.
        exclude_self: leave out the state itself where it is in the memory already.
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
    return add_intrinsic_reward(bonus="KNNNovelty", **locals())


@for_any_env
def PrototypeReward(
    env: Any,
    *,
    k: int = 3,
    memory: Memory = "ring",
    size: int = 2048,
    aggregate: Aggregate = "kth",
    transform: Transform = "none",
    clip: float = 0.0,
    embed: Embedding = "random",
    dim: int = 128,
    unit: bool = True,
    exclude_self: bool = True,
    prototypes: int = 512,
    temperature: float = 1.0,
    batch_size: int = 512,
    zeros: bool = False,
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
    """Proto-RL's novelty against a queue of prototype candidates.

    See :class:`~papergym.wrappers.intrinsic.prototype.PrototypeNovelty`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        k: number of neighbours.
        memory: ``"ring"``: the queue.
        size: rows of the queue, a multiple of ``prototypes``.
        aggregate: ``"kth"`` distance, or the ``"mean"`` of the k.
        transform: ``"none"`` or ``"log1p"``, after scaling and clipping.
        clip: subtracted from every scaled distance, floored at 0.
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"``, or a function from a
            batch of observations to (n, d).
        dim: output length of the random encoder.
        unit: scale embeddings to unit length.
        exclude_self: leave out the state itself where it is in the memory already.
        prototypes: how many.
        temperature: of the draw of candidates; 1 as in the reference code.
        batch_size: states observed between two draws, and candidates for them.
        zeros: start with a queue of zero rows, as the reference code does.
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
    return add_intrinsic_reward(bonus="PrototypeNovelty", **locals())


@for_any_env
def RE3Reward(
    env: Any,
    *,
    k: int = 3,
    memory: Memory = "ring",
    size: int = 10_000,
    aggregate: Aggregate = "kth",
    transform: Transform = "log1p",
    clip: float = 0.0,
    embed: Embedding = "random",
    dim: int = 50,
    unit: bool = False,
    exclude_self: bool = True,
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
    """RE3: k-nearest-neighbour entropy in a random encoder's space.

    See :class:`~papergym.wrappers.intrinsic.re3.RE3`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        k: number of neighbours.
        memory: ``"ring"`` (the latest ``size`` states), ``"batch"`` (the states of this step) or ``"episodic"`` (the running
            episode).
        size: rows of the memory.
        aggregate: ``"kth"`` distance, or the ``"mean"`` of the k.
        transform: ``"none"`` or ``"log1p"``, after scaling and clipping.
        clip: subtracted from every scaled distance, floored at 0.
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"``, or a function from a
            batch of observations to (n, d).
        dim: output length of the random encoder.
        unit: scale embeddings to unit length.
        exclude_self: leave out the state itself where it is in the memory already.
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
    return add_intrinsic_reward(bonus="RE3", **locals())


@for_any_env
def EpisodicReward(
    env: Any,
    *,
    k: int = 10,
    size: int = 2048,
    epsilon: float = 1e-4,
    cluster: float = 0.008,
    c: float = 1e-3,
    max_similarity: float = 8.0,
    embed: Embedding = "auto",
    dim: int = 32,
    unit: bool = False,
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
    """NGU's episodic novelty alone.

    See :class:`~papergym.wrappers.intrinsic.episodic.EpisodicNovelty`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        k: number of neighbours.
        size: states kept per episode.
        epsilon: added to both parts of the kernel's fraction.
        cluster: normalized squared distance below which states count as the same.
        c: added to the root of the kernel's sum.
        max_similarity: root of the kernel's sum above which a state is paid 0.
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"``, or a function from a
            batch of observations to (n, d).
        dim: output length of the random encoder.
        unit: scale embeddings to unit length.
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
    return add_intrinsic_reward(bonus="EpisodicNovelty", **locals())


@for_any_env
def CountReward(
    env: Any,
    *,
    hash: Hash = "auto",
    bits: int = 32,
    width: float | tuple[float, ...] = 0.1,
    embed: Embedding = "auto",
    dim: int = 128,
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
    """One over the root of the visit count.

    See :class:`~papergym.wrappers.intrinsic.count.CountBonus`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        hash: ``"exact"``, ``"simhash"``, ``"grid"``, or ``"auto"``: exact for ids and whole numbers, simhash for the rest.
        bits: length of the SimHash; more bits, finer states.
        width: edge of a grid cell, one for all elements or one each.
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"``, or a function from a
            batch of observations to (n, d).
        dim: output length of the random encoder.
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
    return add_intrinsic_reward(bonus="CountBonus", **locals())


@for_any_env
def PseudoCountReward(
    env: Any,
    *,
    width: float = 0.1,
    prior: float = 0.5,
    c: float = 0.01,
    embed: Embedding = "auto",
    dim: int = 128,
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
    """One over the root of a pseudo-count, from a density model of the states seen.

    See :class:`~papergym.wrappers.intrinsic.pseudo_counts.PseudoCounts`.

    Args:
        env: a Gymnasium environment, a Gymnasium vector environment or a stable-baselines3 ``VecEnv``.
        width: edge of the cells that numbers which are not whole are counted in.
        prior: visits that every value has before the first one.
        c: added to the pseudo-count.
        embed: ``"auto"`` (ids and whole numbers as they are, images through a fixed random encoder, all else flat), ``"flat"``,
            ``"random"``, or a function from a batch of observations to (n, d).
        dim: output length of the random encoder.
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
    return add_intrinsic_reward(bonus="PseudoCounts", **locals())
