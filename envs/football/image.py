"""Images of a match whose model is compiled anew in each episode."""

from typing import Any

import numpy as np

from papergym.envs.render import Renderer, check_size
from papergym.envs.render import quality as quality_named

DEFAULT_CAMERA = "soccer_ball/ball_cam"
"""Follows the ball from 7 m away and 7 m above; ``top_down`` shows the whole pitch."""


class MatchImage:
    """Draws whatever model the physics holds at the moment.

    Args:
        camera: name or number of a camera of the model.
        size_px: (height, width).
        quality: see :class:`papergym.envs.render.Renderer`.
    """

    def __init__(self, camera: str | int, size_px: tuple[int, int], quality: str):
        quality_named(quality)
        self._settings = {"camera": camera, "size_px": check_size(size_px), "quality": quality}
        self._model: Any = None
        self._renderer: Renderer | None = None

    def draw(self, physics: Any) -> np.ndarray:
        """uint8 ``(H, W, 3)``."""
        model = physics.model.ptr
        if self._renderer is None or model is not self._model:
            previous = self._renderer
            self._renderer, self._model = Renderer(model, **self._settings), model
            image = self._renderer.render(physics.data.ptr)
            if previous is not None:  # after the new one shares its context, which would otherwise be made again
                previous.close()
            return image
        return self._renderer.render(physics.data.ptr)

    def close(self) -> None:
        """Give the OpenGL context back."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = self._model = None
