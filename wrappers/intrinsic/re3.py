"""RE3: entropy of states in the space of a fixed random encoder."""

from dataclasses import dataclass

from papergym.wrappers.intrinsic.features import Embedding
from papergym.wrappers.intrinsic.knn import KNNNovelty, Transform


@dataclass(kw_only=True, eq=False)
class RE3(KNNNovelty):
    """:class:`~papergym.wrappers.intrinsic.knn.KNNNovelty` as RE3 sets it: a fixed random encoder and ``log(1 + d)``.

    The official code for RAD pays the distance over a running standard deviation, without a logarithm (``scaling="std",
    transform="none"`` here), and lets the weight decay. For its values in the RAD experiments give the wrapper
    ``weight=0.05, decay=1e-5, normalize=False``.

    Source: Seo et al. 2021, arXiv 2102.09430, section 4.
    """

    k: int = 3
    size: int = 10_000
    transform: Transform = "log1p"
    embed: Embedding = "random"
    dim: int = 50
