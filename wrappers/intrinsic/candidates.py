"""Candidate queue and novelty reward of Proto-RL (arXiv 2102.11271 section 4.2): distance to the k-th nearest candidate."""

import torch
from torch import nn

_MARGIN = 5  # neighbours kept beyond k by the matrix product, whose rounding may swap near-equal ones


class CandidateQueue(nn.Module):
    """Ring of embeddings that stands for what has been seen, and the novelty bonus measured against it.

    ``observe(z)`` draws one batch element per prototype into the ring, ``score(z)`` returns distances to it, and
    :meth:`reward` does both in the order of the official code. The Proto-RL agent holds one in its policy, on its device;
    :class:`~papergym.wrappers.intrinsic.prototype.PrototypeNovelty` holds one behind the wrappers.

    Args:
        prototypes: number of candidates drawn per batch.
        dim: length of an embedding.
        size: rows of the ring, a multiple of ``prototypes``.
        k: neighbour whose distance is the reward.
        temperature: of the softmax over the batch that draws a prototype's candidate. 1 in the official code, at which the
            draw is nearly uniform (cosines lie in [-1, 1]); 0.1, as in the clustering loss, gives each prototype its own.
        enqueue_before_score: the official order. A batch element drawn k or more times finds itself k times, and its
            reward is 0 (1 - 2.5 / e = 8.0% of a batch of 512).
        mask_self: ignore the copies of an element that the same batch put into the ring.
        mask_empty: ignore rows never written. The official code does not: they are zeros, at distance 1 of everything.
        advance: False reproduces the URLB code before 2021-12-21, which wrote every batch over the same rows.

    Raises:
        ValueError: ``size`` is no multiple of ``prototypes``, or smaller than ``k``.
    """

    rows: torch.Tensor
    owners: torch.Tensor
    written: torch.Tensor

    def __init__(
        self,
        prototypes: int,
        dim: int,
        *,
        size: int = 2048,
        k: int = 3,
        temperature: float = 1.0,
        enqueue_before_score: bool = True,
        mask_self: bool = False,
        mask_empty: bool = False,
        advance: bool = True,
    ) -> None:
        super().__init__()
        if size % prototypes or size < k:
            raise ValueError(f"queue size {size} must be a multiple of the {prototypes} prototypes and at least k={k}.")
        self.prototypes, self.size, self.k, self.temperature = prototypes, size, k, temperature
        self.enqueue_before_score, self.mask_self, self.mask_empty, self.advance = (
            enqueue_before_score,
            mask_self,
            mask_empty,
            advance,
        )
        self.register_buffer("rows", torch.zeros(size, dim))
        self.register_buffer("owners", torch.full((size,), -1))  # batch index of rows written by the present batch, else -1
        self.register_buffer("written", torch.zeros((), dtype=torch.long))  # batches enqueued; on the device: no host sync

    @torch.no_grad()
    def reward(self, z: torch.Tensor, similarity: torch.Tensor, gumbel: torch.Tensor) -> torch.Tensor:
        """Novelty of a batch of unit embeddings; the ring takes in its candidates.

        Args:
            z: (batch, dim) unit rows.
            similarity: (batch, prototypes) cosines of ``z`` and the prototypes.
            gumbel: (prototypes, batch) standard Gumbel noise.

        Returns:
            (batch, 1) distances in [0, 2].
        """
        if self.enqueue_before_score:
            self.observe(z, similarity, gumbel)
            return self.score(z, own=True)
        reward = self.score(z)
        self.observe(z, similarity, gumbel)
        return reward

    @torch.no_grad()
    def observe(self, z: torch.Tensor, similarity: torch.Tensor, gumbel: torch.Tensor) -> None:
        """Put one element of the batch per prototype into the ring, drawn by the Gumbel-max trick from softmax(cos / T)."""
        chosen = (similarity.T / self.temperature + gumbel).argmax(dim=1)
        start = self.written * self.prototypes % self.size if self.advance else torch.zeros_like(self.written)
        place = start + torch.arange(self.prototypes, device=z.device)
        self.rows[place] = z[chosen]
        self.owners.fill_(-1)
        self.owners[place] = chosen
        self.written += 1

    @torch.no_grad()
    def score(self, z: torch.Tensor, *, own: bool = False) -> torch.Tensor:
        """(batch, 1) distance of each row of ``z`` to its k-th nearest row of the ring.

        The matrix product only ranks; the distances of the best ranked rows are then computed exactly, since a product
        loses near-duplicates (sqrt(2 - 2 cos): error 2.5e-4 where the distance is 1e-3).

        Args:
            z: (batch, dim).
            own: ``z`` is the batch last observed, so that ``mask_self`` applies.
        """
        centre = z.mean(dim=0)  # keeps the product's digits when embeddings crowd together
        rows = self.rows - centre
        squared = rows.square().sum(dim=1) - 2 * (z - centre) @ rows.T  # up to |z|^2, the same along a row
        if self.mask_self and own:
            squared = squared.masked_fill(self.owners == torch.arange(len(z), device=z.device)[:, None], torch.inf)
        if self.mask_empty:
            filled = self.written.clamp(max=self.size // self.prototypes) * self.prototypes
            empty = torch.arange(self.size, device=z.device) >= (filled if self.advance else filled.clamp(max=self.prototypes))
            squared = squared.masked_fill(empty, torch.inf)
        best, nearest = squared.topk(min(self.k + _MARGIN, self.size), dim=1, largest=False)
        exact = torch.linalg.vector_norm(z[:, None] - self.rows[nearest], dim=2)
        exact = exact.masked_fill(best.isinf(), 2.0)  # fewer than k candidates left: as far as unit vectors can be
        return exact.kthvalue(self.k, dim=1, keepdim=True).values
