"""A whole image of the world: blocks, animals, items, and on request the hand and the display of hearts and slots."""

from functools import lru_cache

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import blocks, mobs, models, skins
from papergym.envs.mine.voxel import sky as skies
from papergym.envs.mine.voxel.boxes import BOX, draw_boxes
from papergym.envs.mine.voxel.camera import Camera
from papergym.envs.mine.voxel.paints import EDGE
from papergym.envs.mine.voxel.textures import LEVEL_START
from papergym.envs.mine.voxel.world import World

_BOXES = 512
_KIND_IDS = np.array([vocab.ENTITY_ID["null"], *(vocab.ENTITY_ID[kind] for kind in mobs.KINDS)], np.uint8)
_ITEM_MARK = 100  # what draw_boxes writes for items on the ground


class Painter:
    """Draws a world with one camera.

    Args:
        size: (H, W) in pixels.
        view: blocks that can be seen.
        aspect: width over height of the field of view, if not W / H.
        hand: draw what the hand holds.
        hud: draw hearts, food and the first nine slots.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        view: float = 64.0,
        aspect: float | None = None,
        hand: bool = False,
        hud: bool = False,
    ) -> None:
        self.camera = Camera(size, view, aspect)
        height, width = size
        if hud and (width < 40 or height < 2 * max(width // 16, 4) + 4):
            raise ValueError(
                f"hud needs an image_size of at least (12, 40), and a height of an eighth of the width; got {size}"
            )
        self.hand, self.hud = hand, hud
        self._boxes = np.zeros((_BOXES, BOX))
        self._entity = np.zeros(self.camera.size, np.uint8)
        self._scratch = tuple(np.zeros(3) for _ in range(5))

    def paint(self, world: World) -> np.ndarray:
        """Draw the world from the player's eye; returns the camera's own (3, H, W) uint8 array."""
        camera, grid = self.camera, world.grid
        camera.aim(world.pose())
        camera.draw(grid, world.time, world.rain)
        self._entity[:] = 0
        lum = skies.luminance(skies.brightness(world.time, world.rain))
        used = 0
        if world.mob_count:
            used = models.pose_mobs(world.mobs, world.mob_count, grid.light, lum, camera.array, camera.view, self._boxes)
        if world.drop_count:
            faces, flat = models.drop_looks(world.drops, world.drop_count)
            used = models.pose_drops(world.drops, world.drop_count, faces, flat, grid.light, lum, self._boxes, used)
        if used:
            self._draw(used, world, over=False)
        if self.hand:
            self._draw_hand(world, lum)
        if self.hud:
            self._draw_hud(world)
        return camera.rgb

    def _draw(self, used: int, world: World, *, over: bool) -> None:
        camera = self.camera
        sky = skies.sky_colours(world.time % skies.DAY, world.rain)
        kept = (camera.rgb, camera.depth, self._entity, camera.wet_at, camera.wet)
        draw_boxes(self._boxes, used, skins.atlas(), camera.array, sky, camera.lod, *kept, over, self._scratch)

    def _draw_hand(self, world: World, lum: np.ndarray) -> None:
        x, y, z = (int(np.floor(c)) for c in world.eye())
        light = world.grid.light[x & 255, z & 255, min(max(y, 0), world.grid.light.shape[2] - 1)]
        swing = max(0.0, 1.0 - world.arm / 6.0) if world.dig_cell is None else (world.age % 6) / 6.0
        models.pose_hand(
            self.camera.array,
            int(world.inventory.name[0]),
            int(world.inventory.variant[0]),
            float(lum[light]),
            swing,
            self._boxes[0],
        )
        depth = self.camera.depth.copy()
        self._draw(1, world, over=True)
        self.camera.depth[...] = depth  # depth and entities are the world's, not the hand's

    def segmentation(self) -> dict[str, np.ndarray]:
        """What each pixel of the last image shows.

        Returns:
            ``block``: (H, W) uint8 ids of ``vocabulary.BLOCKS`` (air is sky); ``entity``: (H, W) uint8 ids of
            ``vocabulary.ENTITIES`` (0 is none), which cover the block behind them.
        """
        entity = np.where(self._entity == _ITEM_MARK, 0, self._entity)
        labels = _KIND_IDS[entity]
        labels[self._entity == _ITEM_MARK] = vocab.ENTITY_ID["item"]
        return {"block": blocks.CONTRACT[self.camera.seen].astype(np.uint8), "entity": labels}

    def depth(self) -> np.ndarray:
        """(H, W) float32 blocks along the view axis of the last image; infinite for the sky."""
        return np.where(self.camera.depth > 1e6, np.float32(np.inf), self.camera.depth)

    def _draw_hud(self, world: World) -> None:
        rgb = self.camera.rgb
        _, height, width = rgb.shape
        cell = max(width // 16, 4)
        left, top = (width - 9 * cell) // 2, height - cell - 1
        for slot in range(9):
            x = left + slot * cell
            rgb[:, top : top + cell, x : x + cell] = rgb[:, top : top + cell, x : x + cell] // 2
            rgb[:, top : top + cell, x] = 160
            item = int(world.inventory.name[slot])
            if item != vocab.AIR:
                icon = _icon(item, int(world.inventory.variant[slot]), cell - 2)
                patch = rgb[:, top + 1 : top + cell - 1, x + 1 : x + cell - 1]
                np.copyto(patch, icon[:3], where=icon[3:] > 0)
        for value, x0, way, colour in (
            (world.vitals.life, left, 1, (216, 24, 24)),
            (world.vitals.food, left + 9 * cell, -1, (186, 128, 60)),
        ):
            pip = max(cell // 3, 2)
            for i in range(int(np.ceil(value / 2))):
                x = x0 + way * i * (pip + 1) - (pip if way < 0 else 0)
                rgb[:, top - pip - 2 : top - 2, x : x + pip] = np.array(colour, np.uint8)[:, None, None]
        mid = max(height // 80, 1)
        rgb[:, height // 2, width // 2 - 2 * mid : width // 2 + 2 * mid + 1] = 230
        rgb[:, height // 2 - 2 * mid : height // 2 + 2 * mid + 1, width // 2] = 230


@lru_cache(maxsize=512)
def _icon(item: int, variant: int, edge: int) -> np.ndarray:
    """(4, edge, edge) uint8 image of an item."""
    faces, _ = skins.item_skins(item, variant)
    full = skins.atlas()[faces[4], LEVEL_START[0] : LEVEL_START[0] + EDGE * EDGE].reshape(EDGE, EDGE, 4)
    at = np.arange(edge) * EDGE // edge
    return np.ascontiguousarray(full[at][:, at].transpose(2, 0, 1))
