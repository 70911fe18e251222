"""Prototypes and the clustering loss of Proto-RL (arXiv 2102.11271 section 4.1)."""

import torch
import torch.nn.functional as F
from torch import nn

from papergym.agents.protorl.losses import clustering_loss
from papergym.agents.protorl.sinkhorn import sinkhorn


class Prototypes(nn.Module):
    """Predictor and unit prototypes of the clustering loss (arXiv 2102.11271 section 4.1).

    Args:
        count: number of prototypes.
        dim: length of an embedding.
        hidden: width of the predictor.
        temperature: of the student's softmax and of the teacher's Sinkhorn.
        iterations: Sinkhorn iterations; the official code runs 3 whatever its config says.
    """

    def __init__(
        self, count: int = 512, dim: int = 128, hidden: int = 512, temperature: float = 0.1, iterations: int = 3
    ) -> None:
        super().__init__()
        self.predictor = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        self.weight = nn.Parameter(torch.empty(count, dim))
        self.temperature, self.iterations = temperature, iterations

    @torch.no_grad()
    def normalize(self) -> None:
        """Put the prototypes back on the unit sphere, in place, as the official code does before each use."""
        self.weight.copy_(F.normalize(self.weight, dim=1))

    def similarity(self, z: torch.Tensor) -> torch.Tensor:
        """(batch, count) cosines of unit rows ``z`` and the prototypes."""
        return F.linear(z, self.weight)

    def loss(self, projected: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy between the assignment of the next observation and the prediction from the present one.

        Args:
            projected: (batch, dim) projections of o_t; the predictor is applied here.
            target: (batch, dim) projections of o_t+1 by the slow encoder, without predictor.
        """
        student = F.normalize(self.predictor(projected), dim=1)
        teacher = F.normalize(target, dim=1)
        with torch.no_grad():
            assignment = sinkhorn(self.similarity(teacher), self.temperature, self.iterations)
        return clustering_loss(self.similarity(student), assignment, self.temperature)
