"""Keys and values of tokens that a GPT has seen: exact, and shared by the rows of a batch that begin alike."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from papergym.agents.fast.precision import default_matmul

ROOM = 16
"""Tokens that a segment has room for beyond those it begins with."""


@dataclass
class Segment:
    """Keys and values of some tokens in a row, for one layer.

    Attributes:
        keys, values: (groups, H, room, W / H); neighbouring rows of the batch, equally many, are one group.
        used: tokens that are filled in.
    """

    keys: torch.Tensor
    values: torch.Tensor
    used: int

    @property
    def groups(self) -> int:
        """Rows of the segment."""
        return len(self.keys)

    def filled(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, (groups, H, used, W / H) each."""
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]

    def append(self, key: torch.Tensor, value: torch.Tensor) -> None:
        """Add tokens, (groups, H, T, W / H) each."""
        needed = self.used + key.shape[2]
        if needed > self.keys.shape[2]:
            shape = (*key.shape[:2], needed + ROOM, key.shape[3])
            larger = key.new_empty(shape), key.new_empty(shape)
            for new, old in zip(larger, self.filled()):
                new[:, :, : self.used] = old
            self.keys, self.values = larger
        self.keys[:, :, self.used : needed] = key
        self.values[:, :, self.used : needed] = value
        self.used = needed

    def select(self, rows: torch.Tensor) -> "Segment":
        """The named rows, copied."""
        keys, values = (part.index_select(0, rows) for part in self.filled())
        return Segment(keys, values, self.used)


def _grouped(x: torch.Tensor, groups: int) -> torch.Tensor:
    """(rows, H, T, S) -> (groups, H, rows / groups * T, S): what stands for one group, one row after the other."""
    rows, heads, steps, size = x.shape
    if rows == groups:
        return x
    return x.view(groups, rows // groups, heads, steps, size).transpose(1, 2).reshape(groups, heads, -1, size)


def _apart(x: torch.Tensor, rows: int) -> torch.Tensor:
    """Inverse of :func:`_grouped`."""
    groups, heads, steps, size = x.shape
    if rows == groups:
        return x
    each = rows // groups
    return x.view(groups, heads, each, steps // each, size).transpose(1, 2).reshape(rows, heads, steps // each, size)


def _mixed(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """(groups, H, T, n) @ (groups, H, n, S) -> (groups, H, T, S).

    On a CPU torch computes products of fewer than 400 numbers by plain loops, at a third of the speed for one query.
    """
    if weights.shape[2] == 1 and values.shape[2] * values.shape[3] < 400:
        return (weights.transpose(2, 3) * values).sum(2, keepdim=True)
    return weights @ values


class LayerCache:
    """Keys and values of one layer: segments that follow each other, the later ones with as many groups or more."""

    def __init__(self, rows: int = 0, segments: list[Segment] | None = None) -> None:
        self.rows = rows
        self.segments = [] if segments is None else segments

    def append(self, key: torch.Tensor, value: torch.Tensor) -> None:
        """Add (rows, H, T, W / H) each."""
        self.rows = self.rows or len(key)
        if len(key) != self.rows:
            raise ValueError(f"expected {self.rows} rows, got {len(key)}. Fork or select the cache first.")
        if not key.shape[2]:
            return
        if self.segments and self.segments[-1].groups == self.rows:
            self.segments[-1].append(key, value)
        else:
            rows, heads, steps, size = key.shape
            room = key.new_empty(rows, heads, steps + ROOM, size), key.new_empty(rows, heads, steps + ROOM, size)
            self.segments.append(Segment(*room, used=0))
            self.segments[-1].append(key, value)

    def attend(self, query: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Attention of new tokens to all tokens.

        Args:
            query: (rows, H, T, W / H), of the last tokens that were appended, or of some of them.
            mask: (T, n) float, added to the scores of the last n tokens; None where each query sees all.

        Returns:
            (rows, H, T, W / H).
        """
        with default_matmul(query.device):
            return self._attend(query * query.shape[-1] ** -0.5, mask)

    def _attend(self, query: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        rows = len(query)
        parts = [segment.filled() for segment in self.segments]
        scores = [_apart(_grouped(query, len(keys)) @ keys.transpose(2, 3), rows) for keys, _ in parts]
        weights = torch.cat(scores, -1) if len(scores) > 1 else scores[0]
        if mask is not None:
            weights[..., weights.shape[-1] - mask.shape[1] :] += mask
        weights = weights.softmax(-1)
        result, first = None, 0
        for keys, values in parts:
            part = weights[..., first : first + keys.shape[2]]
            first += keys.shape[2]
            seen = _apart(_mixed(_grouped(part, len(keys)), values), rows)
            result = seen if result is None else result + seen
        assert result is not None
        return result

    def select(self, rows: torch.Tensor, kept: list[bool]) -> None:
        """See :meth:`Cache.select`; ``kept`` segments stay as they are."""
        self.segments = [
            part if keep else part.select(rows // (self.rows // part.groups)) for part, keep in zip(self.segments, kept)
        ]
        self.rows = len(rows)


class Cache:
    """Keys and values of all layers of a :class:`papergym.agents.sequence.gpt.GPT`, filled by its ``extend``.

    Args:
        layers: number of blocks.
    """

    def __init__(self, layers: int) -> None:
        self.layers = [LayerCache() for _ in range(layers)]

    @property
    def rows(self) -> int:
        """Rows of the batch; 0 before the first tokens."""
        return self.layers[0].rows

    @property
    def length(self) -> int:
        """Tokens of each row that are attended to."""
        return sum(segment.used for segment in self.layers[0].segments)

    def fork(self, times: int) -> None:
        """Make ``times`` rows of each row, one after the other. They share what is cached; nothing is copied."""
        for layer in self.layers:
            layer.rows *= times

    def select(self, rows: torch.Tensor) -> None:
        """Take the named rows, (n,) int64, in their order; rows may repeat.

        What is shared since a fork is copied only if a row leaves its group, or if the groups are no longer equally large.
        """
        kept = [self._unmoved(rows, part.groups) for part in self.layers[0].segments]
        for layer in self.layers:
            layer.select(rows, kept)

    def _unmoved(self, rows: torch.Tensor, groups: int) -> bool:
        wanted = torch.arange(len(rows), device=rows.device) * groups // len(rows)
        return len(rows) % groups == 0 and torch.equal(rows // (self.rows // groups), wanted)


@dataclass(frozen=True)
class Extension:
    """What is the same in all layers when tokens are added.

    Attributes:
        outputs: how many of the last tokens attend.
        columns: (n,) int64, the new tokens that are attended to; None: all.
        mask: (outputs, n) float, 0 where the token sees the column and minus infinity where not; None where each sees all.
    """

    outputs: int
    columns: torch.Tensor | None
    mask: torch.Tensor | None

    @classmethod
    def of(cls, steps: int, visible: torch.Tensor | None, outputs: int, device: torch.device) -> "Extension":
        """For ``steps`` new tokens, of which the ``visible`` ones, (steps,) bool, are attended to; None: all."""
        if steps == 1 and visible is None:
            return cls(outputs, None, None)
        visible = torch.ones(steps, dtype=torch.bool, device=device) if visible is None else visible
        places = torch.arange(steps, device=visible.device)
        seen = places[visible][None] <= places[steps - outputs :, None]
        columns = None if bool(visible.all()) else places[visible]
        if bool(seen.all()):
            return cls(outputs, columns, None)
        return cls(outputs, columns, torch.zeros(seen.shape, device=visible.device).masked_fill(~seen, float("-inf")))


def project(x: torch.Tensor, linear: torch.nn.Linear, heads: int, first: int, last: int) -> torch.Tensor:
    """Parts ``first`` to ``last`` of a joint projection to query, key and value: (parts, B, H, T, W / H)."""
    batch, steps, width = x.shape
    rows = slice(first * width, last * width)
    made = F.linear(x, linear.weight[rows], linear.bias[rows])
    return made.view(batch, steps, last - first, heads, width // heads).permute(2, 0, 3, 1, 4)
