"""APT: particle entropy of a batch."""

from dataclasses import dataclass

from papergym.wrappers.intrinsic.base import Order, Scaling
from papergym.wrappers.intrinsic.knn import Aggregate, KNNNovelty, Memory, Transform


@dataclass(kw_only=True, eq=False)
class APT(KNNNovelty):
    """:class:`~papergym.wrappers.intrinsic.knn.KNNNovelty` as APT sets it, for batches of more than k states.

    Mean distance to the 12 nearest states of the batch over its running mean, this batch included, less 1e-4, floored at 0,
    then ``log(1 + d)``.
    The code's 12 neighbours count the state itself, at distance 0; here it is left out.
    APT's own embedding is trained by contrast (paper) or by ICM (the URLB code): pass it as ``embed``.

    Source: Liu and Abbeel 2021, arXiv 2103.04551, section 4; constants from the URLB code of October 2021.
    """

    k: int = 12
    memory: Memory = "batch"
    aggregate: Aggregate = "mean"
    transform: Transform = "log1p"
    clip: float = 1e-4
    order: Order = "observe_first"
    scaling: Scaling = "mean"
