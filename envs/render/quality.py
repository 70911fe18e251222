"""Quality of images: three settings of MuJoCo's renderer."""

from dataclasses import dataclass
from typing import Any

from papergym.envs.checks import one_of


@dataclass(frozen=True)
class Quality:
    """Settings that replace those of the model while its OpenGL context is made; None keeps the model's.

    Attributes:
        shadow_px: side of the square shadow map, in pixels.
        samples: multisampling of the offscreen buffer.
        slices: facets around round geoms.
        stacks: facets along round geoms.
        flags: names of ``mujoco.mjtRndFlag`` that are switched off.
    """

    shadow_px: int | None = None
    samples: int | None = None
    slices: int | None = None
    stacks: int | None = None
    flags: tuple[str, ...] = ()

    def apply(self, model: Any) -> dict[str, int]:
        """Write the settings into ``model.vis.quality``; returns what was there, for :func:`restore`."""
        wanted = {"shadowsize": self.shadow_px, "offsamples": self.samples, "numslices": self.slices, "numstacks": self.stacks}
        before = {name: getattr(model.vis.quality, name) for name in wanted}
        for name, value in wanted.items():
            if value is not None:
                setattr(model.vis.quality, name, value)
        return before


QUALITIES = {
    "paper": Quality(),
    "near": Quality(shadow_px=512),
    "fast": Quality(shadow_px=0, samples=0, slices=12, stacks=6, flags=("mjRND_SHADOW", "mjRND_REFLECTION")),
}
"""``paper`` equals dm_control's ``physics.render`` bit for bit; ``near`` shrinks the shadow map; ``fast`` drops multisampling,
shadow and reflection and coarsens round geoms (about 25 times faster without a GPU)."""


def quality(name: str) -> Quality:
    """The setting called ``name``.

    Raises:
        ValueError: no such setting.
    """
    return QUALITIES[one_of("quality", name, QUALITIES)]
