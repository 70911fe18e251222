"""Exact k nearest neighbours on a torch device: products select candidates, differences give their distances."""

from typing import Any

import numpy as np
import torch

from papergym.wrappers.intrinsic.memory import RingMemory

SPARE = 16
ROWS = 256
"""Queries scored at once: bounds the (ROWS, memory) matrix of products."""


@torch.no_grad()
def nearest_on(
    device: str, queries: np.ndarray, memory: np.ndarray, squares: np.ndarray, k: int, *, skip_self: bool = False
) -> np.ndarray:
    """:func:`papergym.wrappers.intrinsic.neighbours.nearest` on ``device``: (n, k) float32, ascending.

    ``k + 16`` candidates are selected by float64 products and scored again from their differences.
    """
    wide = _moved(device, memory).double()
    return _nearest(_moved(device, queries), wide, _norms(wide), k, skip_self)


class DeviceRing(RingMemory):
    """A ring whose rows lie on a torch device as well: a search moves queries and distances, ``add`` the new rows.

    Args:
        device: name of the torch device, which must have float64.
        size: capacity in rows.
        dim: length of a row.
        zeros: start full of zero rows.
    """

    def __init__(self, device: str, size: int, dim: int, *, zeros: bool = False):
        super().__init__(size, dim, zeros=zeros)
        self.device = device
        self._wide = torch.zeros(size, dim, dtype=torch.float64, device=device)
        self._norms = torch.zeros(size, dtype=torch.float64, device=device)

    def add(self, rows: np.ndarray) -> None:
        """Write rows, (n, dim), here and on the device."""
        size, n = len(self.rows), len(rows)
        places = (self._next + np.arange(max(0, n - size), n)) % size
        super().add(rows)
        self._copy(places)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        super().load_state_dict(state)
        self._copy(np.arange(self.filled))

    def nearest(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Distances of queries (n, dim) to the k nearest rows held, (n, k) float32, ascending."""
        held = slice(self.filled)
        return _nearest(_moved(self.device, queries), self._wide[held], self._norms[held], k, skip_self=False)

    @torch.no_grad()
    def _copy(self, places: np.ndarray) -> None:
        index, wide = _moved(self.device, places), _moved(self.device, self.rows[places]).double()
        self._wide[index], self._norms[index] = wide, _norms(wide)


@torch.no_grad()
def _nearest(x: torch.Tensor, wide: torch.Tensor, norms: torch.Tensor, k: int, skip_self: bool) -> np.ndarray:
    """(n, k) distances of x (n, d) float32 to the nearest of the rows ``wide`` (m, d) float64, whose squares are ``norms``."""
    chosen = min(k + SPARE, len(wide) - skip_self)
    out = []
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS]
        approximate = norms - 2 * rows.double() @ wide.T  # (rows, m), less |x|^2, which orders nothing
        if skip_self:
            index = torch.arange(len(rows), device=x.device)
            approximate[index, index + start] = torch.inf
        candidates = approximate.topk(chosen, largest=False, sorted=False).indices  # (rows, chosen)
        exact = (rows[:, None] - wide[candidates].float()).pow(2).sum(-1).sqrt()
        out.append(exact.topk(k, largest=False).values)
    return torch.cat(out).cpu().numpy()


def _moved(device: str, array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _norms(wide: torch.Tensor) -> torch.Tensor:
    return wide.pow(2).sum(1)  # float32 norms would not order rows that lie far from the origin
