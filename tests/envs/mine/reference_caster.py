"""A second ray caster, as plain as can be: one ray at a time, one cell at a time, in Python floats."""

import math

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel import sky as skies
from papergym.envs.mine.voxel.camera import TINTS, look

VIEW = 64.0
_SIDES, _TOP, _ENDS, _BOTTOM = 0.62, 1.0, 0.8, 0.5


def direction(row, column, size, yaw, pitch, tan, aspect):
    """Of a pixel's middle, reaching the plane one block ahead."""
    forward = np.array(look(yaw, pitch))
    right = -np.array([math.cos(math.radians(yaw)), 0.0, math.sin(math.radians(yaw))])
    up = np.cross(right, forward)
    return forward + (2 * (column + 0.5) / size[1] - 1) * tan * aspect * right + (1 - 2 * (row + 0.5) / size[0]) * tan * up


def pixel(grid, eye, way, time, lod):
    """(colour, depth, block first met) of one ray; depth is infinite for the sky."""
    length = float(np.linalg.norm(way))
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    cell, t, axis = [math.floor(c) for c in eye], 0.0, 1
    water: list[tuple[float, float]] = []  # (from, to) in water
    wet_from, surface = None, None
    lum, sky = skies.luminance(skies.brightness(time)), skies.sky_colours(time, False)
    while True:
        block = grid[tuple(cell)] if cell[1] >= 0 else blocks.AIR
        ends = [(cell[a] + (way[a] > 0) - eye[a]) / way[a] for a in range(3)]
        if block == blocks.WATER:
            start = t
            at = eye[1] + way[1] * t
            if grid[cell[0], cell[1] + 1, cell[2]] != blocks.WATER and at > cell[1] + 0.875 and wet_from is None:
                start = (cell[1] + 0.875 - eye[1]) / way[1] if way[1] < 0 else math.inf
            if wet_from is None and start <= min(ends):
                wet_from = start
                if surface is None:
                    surface = (start, *_water(grid, eye, way, cell, axis, t, start, length, lum, sky, lod))
        else:
            if wet_from is not None:
                water.append((wet_from, t))
                wet_from = None
            found = _solid(grid, block, eye, way, cell, axis, t, lum, lod)
            if found is not None:
                t, colour = found
                fog = min(max((t * length - 0.75 * VIEW) / (0.25 * VIEW), 0), 1)
                return _through(colour + (sky[3:6] - colour) * fog, water, surface, length), t, _first(block, surface)
        axis = int(np.argmin(ends))
        t = ends[axis]
        cell[axis] += 1 if way[axis] > 0 else -1
        if t * length > VIEW or cell[1] < 0 or (cell[1] >= 96 and way[1] > 0):
            if wet_from is not None:
                water.append((wet_from, VIEW / length))
            share = min(max(way[1] / length * 2.4, 0), 1)
            colour = sky[3:6] + (sky[0:3] - sky[3:6]) * share
            return _through(colour, water, surface, length), math.inf, _first(blocks.AIR, surface)


def _first(block, surface):
    return blocks.WATER if surface is not None and surface[0] > 0 else block


def _through(colour, water, surface, length):
    if surface is None:
        return colour
    blocks_of_it = sum(b - a for a, b in water) * length
    share = blocks_of_it / (blocks_of_it + 11) if surface[0] == 0 else min(0.5 + 0.07 * blocks_of_it, 0.94)
    return colour + (surface[1] - colour) * share


def _texel(texture, t, lod, u, v, coarsest=4):
    level = min(int(np.searchsorted(lod, t, side="right")), coarsest)
    n = 16 >> level
    return textures.atlas()[texture, textures.LEVEL_START[level] + min(int(v * n), n - 1) * n + min(int(u * n), n - 1)].astype(
        float
    )


def _byte(grid, x, y, z):
    return grid.light[x & 255, z & 255, y] if y < 96 else 15


def _water(grid, eye, way, cell, axis, t, start, length, lum, sky, lod):
    x, y, z = cell
    texture = textures.FACES[blocks.WATER, 0]
    if start == 0:
        texel, shade, fog = textures.atlas()[texture, 0].astype(float), lum[15] * 0.45, 0.0
    else:
        at = eye + way * start
        if start > t or axis == 1:
            y, u, v = y + 1, at[0], at[2]
        elif axis == 0:
            x, u, v = x - int(np.sign(way[0])), at[2], at[1]
        else:
            z, u, v = z - int(np.sign(way[2])), at[0], at[1]
        texel, shade = _texel(texture, start, lod, u % 1, v % 1), lum[_byte(grid, x, y, z)]
        fog = min(max((start * length - 0.75 * VIEW) / (0.25 * VIEW), 0), 1)
    colour = texel[:3] * shade
    return (colour + (sky[3:6] - colour) * fog,)


def _solid(grid, block, eye, way, cell, axis, t, lum, lod):
    """(distance, colour) where a ray meets what a cell holds, or None."""
    shape, at = blocks.SHAPES[blocks.SHAPE[block]], eye + way * t - cell
    if shape == "air":
        return None
    front = list(cell)
    if shape == "cross":
        best = None
        for sign in (1, -1):  # the planes z = x and z = 1 - x
            p = eye - cell
            gap, slope = (p[2] - p[0], way[0] - way[2]) if sign == 1 else (1 - p[0] - p[2], way[0] + way[2])
            x, y = p[0] + way[0] * gap / slope, p[1] + way[1] * gap / slope
            if gap / slope >= t and 0.08 < x < 0.92 and 0 <= y < 1 and (best is None or gap / slope < best[0]):
                texel = _texel(textures.FACES[block, 1], t, lod, (x - 0.08) / 0.84, 1 - y, 2)
                best = (gap / slope, texel) if texel[3] > 0 else best
        if best is None:
            return None
        t, texel = best
        light = 1.0
    else:
        up = way[1] > 0 if axis == 1 else way[2] > 0
        side = {0: 1, 1: 2 if up else 0, 2: 3 if up else 1}[axis]
        u, v = {0: (at[2], 1 - at[1]), 1: (at[0], at[2]), 2: (at[0], 1 - at[1])}[axis]
        texel = _texel(textures.FACES[block, side], t, lod, min(max(u, 0), 1), min(max(v, 0), 1))
        if shape == "cutout" and (texel[3] == 0 or t == 0):
            return None
        front[axis] -= 1 if way[axis] > 0 else -1
        light = {0: _SIDES, 1: _BOTTOM if up else _TOP, 2: _ENDS}[axis]
    colour = texel[:3] * lum[_byte(grid, *front)] * light
    tint = max(texel[3] - 1, 0) / 254
    return t, colour * (1 + tint * (TINTS[grid.biome[cell[0] & 255, cell[2] & 255]] - 1))
