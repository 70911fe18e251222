"""Draws things that are not blocks - animals, items, the hand - as textured boxes into a finished image of the blocks."""

import numpy as np

from papergym.envs.mine.voxel import textures
from papergym.envs.mine.voxel.kernel import entry_point, kernel
from papergym.envs.mine.voxel.march import EYE, FAR, FORWARD, RIGHT, TAN, UP, VIEW, off_image
from papergym.envs.mine.voxel.raycast import texel
from papergym.envs.mine.voxel.shade import HORIZON, fog_share, water_share

CENTRE, HALF, AXES, SKIN, GLOW, FLASH, WHO, BOX = 0, 3, 6, 15, 21, 22, 23, 24
"""Columns of a box: centre, half sizes, its three axes as rows, textures (right, left, top, bottom, front, back), brightness,
redness after a blow, and what to write into the image of entities."""
_FACE = np.array([0.62, 0.62, 1.0, 0.5, 0.8, 0.8], np.float32)
_START = textures.LEVEL_START


@kernel
def _bounds(box, camera, height, width):
    """Pixel rectangle (row0, row1, column0, column1) that holds a box; empty behind the camera."""
    low_u, high_u, low_v, high_v, behind, nearest = FAR, -FAR, FAR, -FAR, 0, FAR
    for corner in range(8):
        px, py, pz = box[CENTRE] - camera[EYE], box[CENTRE + 1] - camera[EYE + 1], box[CENTRE + 2] - camera[EYE + 2]
        for axis in range(3):
            way = box[HALF + axis] * (1.0 if corner >> axis & 1 else -1.0)
            px, py, pz = (
                px + way * box[AXES + 3 * axis],
                py + way * box[AXES + 3 * axis + 1],
                pz + way * box[AXES + 3 * axis + 2],
            )
        deep = px * camera[FORWARD] + py * camera[FORWARD + 1] + pz * camera[FORWARD + 2]
        nearest = min(nearest, deep)
        if deep < 0.05:
            behind += 1
            continue
        u = (px * camera[RIGHT] + py * camera[RIGHT + 1] + pz * camera[RIGHT + 2]) / deep / camera[TAN]
        v = (px * camera[UP] + py * camera[UP + 1] + pz * camera[UP + 2]) / deep / camera[TAN + 1]
        low_u, high_u, low_v, high_v = min(low_u, u), max(high_u, u), min(low_v, v), max(high_v, v)
    if behind == 8 or nearest > camera[VIEW]:
        return 0, 0, 0, 0
    if behind > 0:
        return 0, height, 0, width
    return (
        max(np.int64(np.floor((1.0 - high_v) * height / 2)), 0),
        min(np.int64(np.ceil((1.0 - low_v) * height / 2)), height),
        max(np.int64(np.floor((low_u + 1.0) * width / 2)), 0),
        min(np.int64(np.ceil((high_u + 1.0) * width / 2)), width),
    )


@kernel
def _meet(box, local, way, limit, out, p):
    """Nearest face of a box that a ray in the box's own frame meets: (t, face) and (u, v) in ``out``; t < 0 for none."""
    near, far, face = -FAR, FAR, -1
    for axis in range(3):
        d = way[axis] if abs(way[axis]) > 1e-12 else 1e-12
        a, b = (-box[HALF + axis] - local[axis]) / d, (box[HALF + axis] - local[axis]) / d
        first, last = min(a, b), max(a, b)
        if first > near:
            near, face = first, 2 * axis + (1 if d > 0 else 0)
        far = min(far, last)
    if near > far or near < 0.02 or near >= limit:
        return -1.0, 0
    for axis in range(3):
        p[axis] = (local[axis] + way[axis] * near) / (2.0 * box[HALF + axis]) + 0.5
    axis = face >> 1
    out[0] = p[2] if axis == 0 else p[0]
    out[1] = p[2] if axis == 1 else 1.0 - p[1]
    if face == 0 or face == 5:
        out[0] = 1.0 - out[0]
    return near, face


@entry_point
def draw_boxes(boxes, count, skins, camera, sky, lod, rgb, depth, entity, wet_at, wet, over, scratch):  # noqa: C901, D417  # one hot loop
    """Draw ``count`` boxes, with depth, fog and water.

    Args:
        boxes: (n, BOX) float64.
        count: rows in use.
        skins: (skins, TEXELS, 4) uint8.
        camera: camera array of :mod:`.raycast`.
        sky: sky array.
        lod: depths at which texture levels begin.
        rgb: (3, H, W) uint8, changed.
        depth: (H, W) float32, changed.
        entity: (H, W) uint8, changed.
        wet_at, wet: (H, W) and (H, W, 4) float32, see :func:`.cast.draw_blocks`.
        over: draw over everything, as for what is held in the hand.
        scratch: five (3,) float64 arrays to work in.
    """
    height, width = depth.shape
    local, way, out, step, p = scratch
    for index in range(count):
        box = boxes[index]
        radius = np.sqrt(box[HALF] * box[HALF] + box[HALF + 1] * box[HALF + 1] + box[HALF + 2] * box[HALF + 2])
        if off_image(camera, box[CENTRE], box[CENTRE + 1], box[CENTRE + 2], radius):
            continue
        top, bottom, left, right = _bounds(box, camera, height, width)
        for axis in range(3):
            local[axis] = 0.0
            for c in range(3):
                local[axis] += box[AXES + 3 * axis + c] * (camera[EYE + c] - box[CENTRE + c])
        for row in range(top, bottom):
            v = (1.0 - 2.0 * (row + 0.5) / height) * camera[TAN + 1]
            for column in range(left, right):
                h = (2.0 * (column + 0.5) / width - 1.0) * camera[TAN]
                for c in range(3):
                    step[c] = camera[FORWARD + c] + h * camera[RIGHT + c] + v * camera[UP + c]
                for axis in range(3):
                    way[axis] = (
                        box[AXES + 3 * axis] * step[0] + box[AXES + 3 * axis + 1] * step[1] + box[AXES + 3 * axis + 2] * step[2]
                    )
                t, face = _meet(box, local, way, FAR if over else depth[row, column], out, p)
                if t < 0:
                    continue
                skin = np.int64(box[SKIN + face])
                level = 0 if t < lod[0] else (1 if t < lod[1] else 2)
                spot = texel(skin, level, out[0], out[1])
                if skins[skin, spot, 3] == 0:
                    continue
                length = np.sqrt(1.0 + h * h + v * v)
                fog = fog_share(t * length, camera[VIEW])
                drowned = not over and t > wet_at[row, column]
                share = 0.0
                if drowned:
                    inside = wet_at[row, column] == 0.0
                    share = water_share(min((t - wet_at[row, column]) * length, wet[row, column, 0]), inside)
                for c in range(3):
                    value = skins[skin, spot, c] * box[GLOW] * _FACE[face]
                    if box[FLASH] > 0:
                        value = value * 0.6 + (90.0 if c == 0 else 0.0)
                    value += (sky[HORIZON + c] - value) * fog
                    if drowned:
                        value += (wet[row, column, 1 + c] - value) * share
                    rgb[c, row, column] = np.uint8(min(max(value, 0.0), 255.0))
                depth[row, column] = t
                if not over and (not drowned or share < 0.75):
                    entity[row, column] = np.uint8(box[WHO])
