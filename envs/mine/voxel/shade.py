"""From rays to pixels: texture, tint, light, water and fog of the blocks, and the sky."""

import numpy as np

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.march import (
    BLUE,
    ENTERED,
    FAR,
    GREEN,
    KIND,
    LENGTH,
    PIXEL,
    REACH,
    RED,
    SIDE_X,
    SIDE_Y,
    WAY_X,
    WAY_Y,
    WAY_Z,
    WET_AT,
    WET_LENGTH,
)
from papergym.envs.mine.voxel.terrain import WRAP

ZENITH, HORIZON, SUN, DISC, SKY = 0, 3, 6, 8, 10
"""Columns of the sky array: zenith and horizon colour, sun direction in the x-y plane, brightness of the discs."""
_WATER = blocks.WATER
FACE_LIGHT = np.array([0.62, 1.0, 0.8, 0.5, 1.0], np.float32)
"""Brightness of sides along x, tops, sides along z, bottoms, and plants."""
BOTTOM, PLANT = 3, 4
_FAR = np.float32(FAR)


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
def sky_colour(rays, marks, i, sky):
    """Colour of a ray that hits nothing, by the first columns of the sky array."""
    length = rays[LENGTH + i]
    dx = (rays[WAY_X + i] if marks[SIDE_X + i] == 0 else -rays[WAY_X + i]) / length
    dy = (rays[WAY_Y + i] if marks[SIDE_Y + i] == 0 else -rays[WAY_Y + i]) / length
    share = min(max(dy * 2.4, 0.0), 1.0)
    red = sky[HORIZON] + (sky[ZENITH] - sky[HORIZON]) * share
    green = sky[HORIZON + 1] + (sky[ZENITH + 1] - sky[HORIZON + 1]) * share
    blue = sky[HORIZON + 2] + (sky[ZENITH + 2] - sky[HORIZON + 2]) * share
    near = (abs(dx * sky[SUN + 1] - dy * sky[SUN]) < 0.075) & (rays[WAY_Z + i] < 0.075 * length) & (dy > -0.1)
    sun = near & (dx * sky[SUN] + dy * sky[SUN + 1] > 0.0)
    moon = 190.0 * sky[DISC] if near else 0.0
    return max(red, 255.0 if sun else moon), max(green, 248.0 if sun else moon), max(blue, 200.0 if sun else moon)


@kernel
def heaven(rays, marks, i, paints, image):
    """Finish a ray that hit nothing."""
    red, green, blue = sky_colour(rays, marks, i, paints[4])
    put(rays, marks, i, rays[REACH + i], _FAR, 0, red, green, blue, image)


@kernel
def put(rays, marks, i, t, depth, block, red, green, blue, image):
    """Write a pixel whose ray ends at distance t with this colour, behind what water there is before it."""
    rgb, depths, seen, wet_at, wet = image
    pixel = np.uint64(marks[PIXEL + i])
    wet_at[pixel] = rays[WET_AT + i]
    if rays[WET_AT + i] < _FAR:
        length = rays[WET_LENGTH + i]
        if marks[KIND + i]:
            length += t - rays[ENTERED + i]
        length *= rays[LENGTH + i]
        wet[pixel, 0], wet[pixel, 1], wet[pixel, 2], wet[pixel, 3] = length, rays[RED + i], rays[GREEN + i], rays[BLUE + i]
        share = water_share(length, rays[WET_AT + i] == 0.0)
        red += (rays[RED + i] - red) * share
        green += (rays[GREEN + i] - green) * share
        blue += (rays[BLUE + i] - blue) * share
        if rays[WET_AT + i] > 0.0:
            block = _WATER
    depths[pixel], seen[pixel] = depth, block
    rgb[0, pixel] = np.uint8(min(max(red, 0.0), 255.0))
    rgb[1, pixel] = np.uint8(min(max(green, 0.0), 255.0))
    rgb[2, pixel] = np.uint8(min(max(blue, 0.0), 255.0))


@kernel
def surface(rays, marks, i, t, way, texture, spot, x, z, byte, block, world, paints, view, image):
    """Finish a ray that hit a texel of a block with the light ``byte``."""
    tints, atlas, lum, _, sky = paints
    shade = lum[byte] * FACE_LIGHT[way]
    red, green, blue = atlas[texture, spot, 0] * shade, atlas[texture, spot, 1] * shade, atlas[texture, spot, 2] * shade
    alpha = atlas[texture, spot, 3]
    if alpha > 1:
        here, tint = world[3][x & WRAP, z & WRAP], np.float32(alpha - 1) * np.float32(1.0 / 254.0)
        red *= 1.0 + tint * (tints[here, 0] - 1.0)
        green *= 1.0 + tint * (tints[here, 1] - 1.0)
        blue *= 1.0 + tint * (tints[here, 2] - 1.0)
    distance = t * rays[LENGTH + i]
    if distance > 0.75 * view:
        fog = fog_share(distance, view)
        red += (sky[HORIZON] - red) * fog
        green += (sky[HORIZON + 1] - green) * fog
        blue += (sky[HORIZON + 2] - blue) * fog
    put(rays, marks, i, t, t, block, red, green, blue, image)
