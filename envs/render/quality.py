"""Quality of images: three settings of MuJoCo's renderer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from papergym.envs.checks import one_of


@dataclass(frozen=True)
class Quality:
    """Settings that replace those of the model while its OpenGL context is made; None keeps the model's.

    Attributes:
        shadow_px: side of the square shadow map, in pixels.
        samples: multisampling of the offscreen buffer.
        slices: facets around round geoms.
        stacks: facets along round geoms.
        cells: most cells into which a finite plane is cut; the corners of each are lit. MuJoCo cuts each side into at most 200.
        flags: names of ``mujoco.mjtRndFlag`` that are switched off.
    """

    shadow_px: int | None = None
    samples: int | None = None
    slices: int | None = None
    stacks: int | None = None
    cells: int | None = None
    flags: tuple[str, ...] = ()

    @contextmanager
    def applied(self, model: Any) -> Iterator[None]:
        """The settings stand in the model within the block; what was there comes back after it."""
        wanted = {"shadowsize": self.shadow_px, "offsamples": self.samples, "numslices": self.slices, "numstacks": self.stacks}
        before = {name: getattr(model.vis.quality, name) for name in wanted}
        sizes = model.geom_size.copy()
        for name, value in wanted.items():
            if value is not None:
                setattr(model.vis.quality, name, value)
        if self.cells is not None:
            model.geom_size[:] = _coarser(model, self.cells)
        try:
            yield
        finally:
            model.geom_size[:] = sizes
            for name, value in before.items():
                setattr(model.vis.quality, name, value)


def _coarser(model: Any, most: int) -> np.ndarray:
    """Sizes of the geoms, (n, 3), with a wider grid (the third number) for planes of more than ``most`` cells."""
    sizes = model.geom_size.copy()
    for geom in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        half, spacing = sizes[geom, :2], sizes[geom, 2]
        cells = np.minimum(np.ceil(2 * half / spacing), MOST_CELLS_A_SIDE)  # zeros for an infinite plane
        if cells.prod() > most:
            sizes[geom, 2] = np.sqrt((2 * half).prod() / most)
    return sizes


MOST_CELLS_A_SIDE = 200  # mjMAXPLANEGRID
QUALITIES = {
    "paper": Quality(),
    "near": Quality(shadow_px=512),
    "fast": Quality(shadow_px=0, samples=0, slices=12, stacks=6, cells=6400, flags=("mjRND_SHADOW", "mjRND_REFLECTION")),
}
"""``paper`` equals dm_control's ``physics.render`` bit for bit; ``near`` shrinks the shadow map; ``fast`` drops multisampling,
shadow and reflection and coarsens round geoms and the largest floors (about 25 times faster without a GPU)."""


def quality(name: str) -> Quality:
    """The setting called ``name``.

    Raises:
        ValueError: no such setting.
    """
    return QUALITIES[one_of("quality", name, QUALITIES)]
