"""From rays to pixels: texture, tint, light, water and fog of the blocks, and the sky."""

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.raycast import (
    DISC,
    EYE,
    FACE_LIGHT,
    FAR,
    FORWARD,
    HORIZON,
    RIGHT,
    SUN,
    TAN,
    UP,
    VIEW,
    ZENITH,
    trace,
)
from papergym.envs.mine.voxel.terrain import WRAP

_WATER = blocks.WATER
_WATER_TEXTURE = int(textures.FACES[blocks.WATER, 0])
_FACE = FACE_LIGHT.astype(np.float32)
# Columns of the wet array, kept per pixel for what is drawn later: begin and length of the water, its colour.
WET_AT, WET_LENGTH, WET_RED, WET = 0, 1, 2, 5


@kernel
def water_share(length, inside):
    """How much of a pixel is water after ``length`` blocks of it; ``inside`` says that the eye is in the water."""
    if inside:
        return length / (length + 11.0)
    return min(0.5 + 0.07 * length, 0.94)


@kernel
def fog_share(distance, view):
    """How much of a pixel is fog: none up to three quarters of the view distance, all at its end."""
    return min(max((distance - 0.75 * view) / (0.25 * view), 0.0), 1.0)


@kernel
def _sky(sky, dx, dy, dz, out):
    """Colour of the sky in a unit direction."""
    share = min(max(dy * 2.4, 0.0), 1.0)
    for c in range(3):
        out[c] = sky[HORIZON + c] + (sky[ZENITH + c] - sky[HORIZON + c]) * share
    along, across = dx * sky[SUN] + dy * sky[SUN + 1], dy * sky[SUN] - dx * sky[SUN + 1]
    if abs(across) < 0.075 and abs(dz) < 0.075 and dy > -0.1:
        if along > 0.0:
            out[0], out[1], out[2] = max(out[0], 255.0), max(out[1], 248.0), max(out[2], 200.0)
        elif sky[DISC] > 0.0:
            for c in range(3):
                out[c] = max(out[c], 190.0 * sky[DISC])


@kernel
def draw_blocks(grid, tops, light, biome, tints, atlas, lum, camera, sky, lod, scratch, rgb, depth, seen, wet_map):  # noqa: D417
    """Cast every pixel.

    Args:
        grid, tops, light, biome: arrays of :class:`.grid.Grid`.
        tints: (256, 3) float32 tint per biome.
        atlas: (textures, TEXELS, 4) uint8.
        lum: (256,) float32 brightness of a light byte now.
        camera: (CAMERA,) float64, sky: (SKY,) float64, lod: (4,) float64.
        scratch: room for trace's ``hit`` and ``wet`` and for one colour: (10,) int64, (4,) and (3,) float64.
        rgb: (3, H, W) uint8, written.
        depth: (H, W) float32, written: blocks along the view axis, FAR for the sky.
        seen: (H, W) uint8, written: block of this world, water where the ray meets it first, air for the sky.
        wet_map: (H, W, WET) float32, written.
    """
    height, width = depth.shape
    hit, wet, colour = scratch
    ceiling = 0
    for i in range(tops.shape[0]):
        for k in range(tops.shape[1]):
            ceiling = max(ceiling, np.int64(tops[i, k] & 255))
    ox, oy, oz, view = camera[EYE], camera[EYE + 1], camera[EYE + 2], camera[VIEW]
    for row in range(height):
        v = (1.0 - 2.0 * (row + 0.5) / height) * camera[TAN + 1]
        for column in range(width):
            h = (2.0 * (column + 0.5) / width - 1.0) * camera[TAN]
            dx = camera[FORWARD] + h * camera[RIGHT] + v * camera[UP]
            dy = camera[FORWARD + 1] + h * camera[RIGHT + 1] + v * camera[UP + 1]
            dz = camera[FORWARD + 2] + h * camera[RIGHT + 2] + v * camera[UP + 2]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            t = trace(grid, tops, ceiling, atlas, ox, oy, oz, dx, dy, dz, view / length, lod, hit, wet)
            if t < FAR:
                texture, spot = hit[5], hit[6]
                byte = 240 if hit[8] < 0 else (15 if hit[8] >= grid.shape[2] else light[hit[7] & WRAP, hit[9] & WRAP, hit[8]])
                shade = lum[byte]
                if hit[4] != 3:
                    shade *= _FACE[3 if hit[4] == 4 else hit[4]]
                tint = np.float32(atlas[texture, spot, 3] - 1) / np.float32(254.0)
                here = biome[hit[0] & WRAP, hit[2] & WRAP]
                fog = fog_share(t * length, view)
                for c in range(3):
                    value = atlas[texture, spot, c] * shade
                    value *= 1.0 + tint * (tints[here, c] - 1.0)
                    colour[c] = value + (sky[HORIZON + c] - value) * fog
                depth[row, column], seen[row, column] = t, hit[3]
            else:
                _sky(sky, dx / length, dy / length, dz / length, colour)
                depth[row, column], seen[row, column] = FAR, 0
            wet_map[row, column, WET_AT] = wet[0]
            if wet[0] < FAR:
                _drown(wet, sky, atlas, lum, light, view, length, colour, wet_map[row, column])
                if wet[0] > 0.0:
                    seen[row, column] = _WATER
            for c in range(3):
                rgb[c, row, column] = np.uint8(min(max(colour[c], 0.0), 255.0))


@kernel
def _drown(wet, sky, atlas, lum, light, view, length, colour, keep):
    """Blend a pixel with the water in front of it and keep the water's colour for what is drawn later."""
    inside = wet[2] < 0.0
    if inside:
        shade, fog = lum[15], 0.0
    else:
        code = np.int64(wet[2])
        shade, fog = lum[light[code >> 15, (code >> 7) & 255, code & 127]], fog_share(wet[0] * length, view)
    share = water_share(wet[1] * length, inside)
    keep[WET_LENGTH] = wet[1] * length
    for c in range(3):
        value = atlas[_WATER_TEXTURE, np.int64(wet[3]), c] * shade * (0.45 if inside else 1.0)
        value += (sky[HORIZON + c] - value) * fog
        keep[WET_RED + c] = value
        colour[c] += (value - colour[c]) * (share if fog < 1.0 else 1.0)
