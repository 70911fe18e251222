"""Observations to vectors: flat numbers, one-hot ids, a fixed random encoder for images, or the caller's own embedding."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, NoReturn

import numpy as np
from gymnasium import Space, spaces

from papergym.wrappers.intrinsic.transitions import Observations, batch_length, leaves, mapped

Embedding = str | Callable[[Observations], np.ndarray]


def is_image(example: np.ndarray) -> bool:
    """Whether one observation is an image: uint8 with two to four axes, (H, W), (H, W, C), (C, H, W) or a stack of these."""
    return example.dtype == np.uint8 and example.ndim in (2, 3, 4)


def flatten(observations: Observations, space: Space | None = None) -> np.ndarray:
    """(n, d) float32: numbers as they are, ids as one-hot vectors, Dict parts side by side in the order of the keys.

    Raises:
        ValueError: ids without a space to say how many there are, a part of the space that is missing, or tuples.
    """
    if isinstance(observations, dict):
        parts = space.spaces if isinstance(space, spaces.Dict) else dict.fromkeys(sorted(observations))
        require_keys(observations, parts)
        return np.concatenate([flatten(observations[key], part) for key, part in parts.items()], axis=1)
    if type(observations) is not np.ndarray:
        if isinstance(observations, tuple):
            raise ValueError("Tuple observations are not supported; use a Dict space.")
        observations = np.asarray(observations)
    if isinstance(space, spaces.Discrete):
        return _one_hot(observations.reshape(-1, 1) - space.start, np.array([space.n]))
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot(observations.reshape(len(observations), -1) - space.start.reshape(-1), space.nvec.reshape(-1))
    if observations.ndim == 1 and (space is None or space.shape != ()):
        if space is not None and not isinstance(space, (spaces.Box, spaces.MultiBinary)):
            raise ValueError(f"observations of {space} are no numbers; pass embed= a function to vectors, or use a Box.")
        if space is not None:
            raise ValueError(f"expected a batch of observations, the batch first, of {space}; got shape {observations.shape}.")
        raise ValueError("a batch of numbers needs its space: call bonus.bind(observation_space) or pass shape (n, 1).")
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)


def require_keys(observations: Mapping[str, Any], keys: Any) -> None:
    """Raise ValueError where a Dict observation lacks a part."""
    missing = [key for key in keys if key not in observations]
    if missing:
        raise ValueError(f"the observation lacks {missing}; it has {sorted(observations)}. Every one must have the same parts.")


def require_spaces(owner: str, observation: Space | None, action: Space | None) -> None:
    """Raise ValueError for Tuple observations, or for actions that do not flatten to numbers (None where none are read)."""
    parts = [observation]
    for part in parts:
        if isinstance(part, spaces.Tuple):
            raise ValueError(f"{owner}: Tuple observations are not supported; use a Dict space.")
        parts += part.spaces.values() if isinstance(part, spaces.Dict) else ()
    if action is not None and not isinstance(action, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        raise ValueError(f"{owner} reads actions of Box, Discrete, MultiDiscrete or MultiBinary spaces, got {action}.")


def _one_hot(ids: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    if (ids < 0).any() or (ids >= sizes).any():
        raise ValueError(
            f"a discrete observation lies outside its space: got {ids.min()}..{ids.max()}, sizes {sizes.tolist()}."
        )
    out = np.zeros((len(ids), int(sizes.sum())), np.float32)
    np.put_along_axis(out, (ids + np.cumsum(sizes) - sizes).astype(np.int64), 1.0, axis=1)
    return out


def first(observations: Observations) -> Any:
    """The first observation of a batch."""
    return mapped(lambda part: np.asarray(part)[0], observations)


Sizes = Mapping[str, Sequence[int]]
"""Shape of one element of every input, by name."""


def require_sizes(owner: str, here: Sizes, saved: Sizes) -> None:
    """Raise ValueError where the inputs of a bonus and of a state are known and differ."""
    expected, given = ({name: tuple(size) for name, size in sizes.items()} for sizes in (here, saved))
    if expected and given and expected != given:
        raise ValueError(
            f"{owner} takes inputs of sizes {expected}, but the state was saved with {given}. Load it where observations and "
            "actions have the sizes that it was saved with, or go on with a fresh bonus."
        )


class Features:
    """Maps a batch of observations to (n, d) float32 and checks what comes out.

    Args:
        embed: ``"auto"`` (images through a fixed random encoder, all else flat), ``"flat"``, ``"random"`` (a fixed random
            encoder for everything), or a function from a batch of observations to (n, d).
        dim: output length of the random encoder.
        unit: scale rows to unit Euclidean length.
        seed: seed of the random encoder.
        device: torch device of the random encoder.
        owner: name of the bonus, for messages.
    """

    def __init__(
        self,
        embed: Embedding = "auto",
        *,
        owner: str,
        dim: int = 128,
        unit: bool = False,
        seed: int = 0,
        device: str = "cpu",
    ):
        if not callable(embed) and embed not in ("auto", "flat", "random"):
            raise ValueError(f"embed is 'auto', 'flat', 'random' or a function to vectors, got {embed!r}.")
        self.embed, self.unit, self.space, self.owner = embed, unit, None, owner
        self.dim: int | None = None
        self._random = (dim, seed, device)
        self._encoder: Any = None
        self._weights: dict[str, Any] | None = None  # loaded before the first observation built the encoder,
        self._inputs: Sizes = {}  # which takes these
        self._choice: Callable | None = None

    def __call__(self, observations: Observations) -> np.ndarray:
        """Vectors of a batch.

        Raises:
            ValueError: not finite, too large for float32, or of another length than before.
        """
        if self._choice is None:
            self._choice = self._choose(observations)
        vectors = self._choice(observations)
        if self.dim is None and vectors.ndim == 2:
            self.dim = vectors.shape[1]
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            length = f"(n, {self.dim})" if self.dim else "(n, d)"
            raise ValueError(f"the embedding returned shape {vectors.shape}, expected {length}: its size must never change.")
        require_finite(vectors)
        if self.unit:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _choose(self, observations: Observations) -> Callable:
        if callable(self.embed):
            return partial(_embedded, self.embed)
        example = first(observations)
        images = any(is_image(part) for part in leaves(example).values())
        if self.embed == "flat" or (self.embed == "auto" and not images):
            return self._flat
        from papergym.wrappers.intrinsic.networks import RandomEncoder  # torch only where networks are used

        encoder = RandomEncoder(example, self.space, *self._random)
        require_sizes(self.owner, encoder.sizes, self._inputs)
        if self._weights is not None:
            encoder.load_state_dict(self._weights)
        self._encoder, self._inputs = encoder, encoder.sizes
        return encoder

    def _flat(self, observations: Observations) -> np.ndarray:
        return flatten(observations, self.space)

    def state_dict(self) -> dict[str, Any]:
        """Length of the vectors, the encoder's weights and the sizes of its inputs."""
        weights = self._weights or {} if self._encoder is None else self._encoder.state_dict()
        inputs = {name: list(size) for name, size in self._inputs.items()}
        return {"dim": self.dim, "inputs": inputs, **({"encoder": weights} if weights else {})}

    def check(self, state: dict[str, Any]) -> None:
        """Raise ValueError for a state of other vectors, or of an encoder for other inputs, than those seen here."""
        if self.dim is not None and state["dim"] is not None:
            saved = {**state["inputs"], "embedding": (state["dim"],)}
            require_sizes(self.owner, {**self._inputs, "embedding": (self.dim,)}, saved)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.dim, self._inputs = state["dim"], state["inputs"]
        self._weights = state.get("encoder")
        if self._encoder is not None and self._weights is not None:
            self._encoder.load_state_dict(self._weights)


def _embedded(embed: Callable[[Observations], Any], observations: Observations) -> np.ndarray:
    vectors, n = embed(observations), batch_length(observations)
    if hasattr(vectors, "detach"):
        vectors = vectors.detach().cpu().numpy()
    vectors = np.ascontiguousarray(vectors, np.float32)
    if len(vectors) != n:
        raise ValueError(f"the embedding returned {len(vectors)} vectors for {n} observations; it must keep the batch axis.")
    return vectors


def require_finite(vectors: np.ndarray, what: str = "observation or embedding") -> None:
    """Raise ValueError unless all elements and the sum of their squares are finite; one product, cheap at every step."""
    if not isfinite(np.vdot(vectors, vectors)):
        explain(vectors, what)


def explain(vectors: np.ndarray, what: str = "observation or embedding") -> NoReturn:
    """Raise ValueError that says which element is not finite, or that squares overflow."""
    bad = ~np.isfinite(vectors)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"non-finite {what}: row {row}, element {column} is {vectors[row, column]}. Nothing was stored; fix what made it."
        )
    raise ValueError(f"{what} up to {np.abs(vectors).max():.3g} overflow squared float32 distances; rescale them first.")
