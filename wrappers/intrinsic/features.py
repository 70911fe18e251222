"""Observations to vectors: flat numbers, one-hot ids, a fixed random encoder for images, or the caller's own embedding."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from papergym.wrappers.intrinsic.transitions import Observations, batch_length, leaves, mapped
from papergym.wrappers.intrinsic.vectors import flatten, is_image, require_finite

Embedding = str | Callable[[Observations], np.ndarray]


def require_spaces(owner: str, observation: Space | None, action: Space | None) -> None:
    """Raise ValueError for Tuple observations, or for actions that do not flatten to numbers (None where none are read)."""
    parts = [observation]
    for part in parts:
        if isinstance(part, spaces.Tuple):
            raise ValueError(f"{owner}: Tuple observations are not supported; use a Dict space.")
        parts += part.spaces.values() if isinstance(part, spaces.Dict) else ()
    if action is not None and not isinstance(action, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        raise ValueError(f"{owner} reads actions of Box, Discrete, MultiDiscrete or MultiBinary spaces, got {action}.")


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
        if not callable(embed) and not (isinstance(embed, str) and embed in ("auto", "flat", "random")):
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
