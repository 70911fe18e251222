"""The ray caster: sends a ray through every pixel and handles each cell on its way."""

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.crosses import decode, draw_plants
from papergym.envs.mine.voxel.first import LEFT, show
from papergym.envs.mine.voxel.kernel import entry_point, kernel
from papergym.envs.mine.voxel.march import (
    BATCH,
    ENTERED,
    EYE,
    FAR,
    KIND,
    LENGTH,
    PIXEL,
    PLACE,
    RED,
    SIDE_X,
    SIDE_Y,
    SIDE_Z,
    STATE,
    TAN,
    VIEW,
    WAY_X,
    WAY_Y,
    WAY_Z,
    WET_AT,
    WET_LENGTH,
    cell_of,
    keep,
    march,
    row_of,
    set_out,
    step,
)
from papergym.envs.mine.voxel.raycast import SURFACE, entry, face, leave, level_of, texel
from papergym.envs.mine.voxel.room import END, FALLING, IN_WATER, OPEN, X_SHIFT, Z_SHIFT
from papergym.envs.mine.voxel.shade import BOTTOM, HORIZON, PLANT, fog_share, heaven, surface
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

_AIR, _CUTOUT, _CROSS = blocks.SHAPE_AIR, blocks.SHAPE_CUTOUT, blocks.SHAPE_CROSS
_SHAPE, _FACES, _WATER, _NOTHING = blocks.SHAPE, textures.FACES, blocks.WATER, np.uint8(0)
_WATER_TEXTURE = int(textures.FACES[blocks.WATER, 0])
_FAR = np.float32(FAR)


@kernel
def _enter(rays, marks, i, t, axis, cell, sides, eye, camera, world, paints):
    """Let a ray into the water of its cell, or over its surface on to the next cell."""
    x, y, z = cell
    grid, _, light, _ = world
    _, atlas, lum, lod, sky = paints
    start = t
    if y + 1 >= HEIGHT or grid[x & WRAP, z & WRAP, y + 1] != _WATER:
        way = rays[WAY_Y + i] * sides[1]
        if camera[EYE + 1] + way * t > y + SURFACE:
            start = np.float32((y + SURFACE - camera[EYE + 1]) / way) if way < 0.0 else _FAR
    if start > leave(rays, i):
        step(rays, marks, i, eye)
        return
    marks[KIND + i], rays[ENTERED + i] = IN_WATER, start
    if rays[WET_AT + i] < _FAR:
        return
    rays[WET_AT + i] = start
    if start == 0.0:  # the eye is in the water
        shade, spot, fog = lum[15] * 0.45, 0, 0.0
    else:
        u = camera[EYE] + rays[WAY_X + i] * sides[0] * start
        v = camera[EYE + 2] + rays[WAY_Z + i] * sides[2] * start
        if start > t or axis == 1:
            y = min(y + 1, HEIGHT - 1)
        else:  # by a side
            up = camera[EYE + 1] + rays[WAY_Y + i] * sides[1] * start
            u, v = (v if axis == 0 else u), up
            x, z = (x - sides[0] if axis == 0 else x), (z if axis == 0 else z - sides[2])
        spot = texel(_WATER_TEXTURE, level_of(start, lod), u - np.floor(u), v - np.floor(v))
        shade, fog = lum[light[x & WRAP, z & WRAP, y]], fog_share(start * rays[LENGTH + i], camera[VIEW])
    for c in range(3):
        value = atlas[_WATER_TEXTURE, spot, c] * shade
        rays[RED + np.uint64(BATCH * c) + i] = value + (sky[HORIZON + c] - value) * fog


@kernel
def _meet(rays, marks, i, eye, camera, world, paints, image):
    """Handle a ray that enters a cell of another kind than the last; returns whether it goes on."""
    grid, _, light, _ = world
    _, atlas, _, lod, _ = paints
    x, y, z = cell_of(rays, marks, i, eye)
    block = grid[x & WRAP, z & WRAP, np.uint64(y)] if y < HEIGHT else _NOTHING
    sx, sy, sz = 1 + 2 * marks[SIDE_X + i], 1 + 2 * marks[SIDE_Y + i], 1 + 2 * marks[SIDE_Z + i]
    t, axis = entry(grid, rays, i, x, y, z, sx, sy, sz)
    if block == _WATER:
        _enter(rays, marks, i, t, axis, (x, y, z), (sx, sy, sz), eye, camera, world, paints)
        return True
    if marks[KIND + i]:
        rays[WET_LENGTH + i] += t - rays[ENTERED + i]
        marks[KIND + i] = 0
    shape = _SHAPE[block]
    if shape in (_AIR, _CROSS):
        return True
    dx, dy, dz = rays[WAY_X + i] * sx, rays[WAY_Y + i] * sy, rays[WAY_Z + i] * sz
    px, py, pz = camera[EYE] - x, camera[EYE + 1] - y, camera[EYE + 2] - z
    up = sy > 0 if axis == 1 else sz > 0
    texture, u, v = face(block, axis, up, px + dx * t, py + dy * t, pz + dz * t)
    spot = texel(texture, level_of(t, lod), u, v)
    through = shape == _CUTOUT and (atlas[texture, spot, 3] == 0 or t <= 0.0)
    way = BOTTOM if axis == 1 and up else axis
    fx, fy, fz = (x - sx if axis == 0 else x), (y - sy if axis == 1 else y), (z - sz if axis == 2 else z)
    if through:
        step(rays, marks, i, eye)
    else:
        byte = 240 if fy < 0 else (15 if fy >= HEIGHT else light[fx & WRAP, fz & WRAP, fy])
        surface(rays, marks, i, t, way, texture, spot, x, z, byte, block, world, paints, camera[VIEW], image)
    return through


@kernel
def _end(rays, marks, i, camera, world, paints, plants, image):
    """Finish a ray that hit no block: at the plant of its pixel, or in the sky."""
    at, code = plants
    pixel = np.uint64(marks[PIXEL + i])
    if at[pixel] == _FAR:
        heaven(rays, marks, i, paints, image)
        return
    x, z, y, spot = decode(code[pixel])
    block = world[0][x, z, y]
    surface(rays, marks, i, at[pixel], PLANT, _FACES[block, 1], spot, x, z, world[2][x, z, y], block, world, paints,
            camera[VIEW], image)  # fmt: skip


@kernel
def _finish(rays, marks, count, eye, camera, world, flat, paints, bits, plants, image):
    """Walk a batch until each of its rays has found its colour."""
    fresh = True
    while count > 0:
        march(world[1], rays, marks, count, eye)
        if fresh and show(rays, marks, count, eye, camera, flat, bits, plants, image) == 0:
            return
        left = np.uint64(0)
        for k in range(count):
            i = np.uint64(k)
            if fresh and marks[STATE + i] != LEFT:
                continue
            if marks[PLACE + i] == END:
                _end(rays, marks, i, camera, world, paints, plants, image)
            elif _meet(rays, marks, i, eye, camera, world, paints, image):
                keep(rays, marks, i, left)
                left += np.uint64(1)
        count, fresh = np.int64(left), False


@entry_point
def draw_blocks(world, ceiling, paints, camera, width, rays, marks, index, plants, image):  # noqa: D417
    """Cast every pixel.

    Args:
        world: blocks, room, light and biome of :class:`.grid.Grid`; ceiling: its highest cell that is not air.
        paints: (256, 3) float32 tint per biome; (textures, TEXELS, 4) uint8 atlas; (256,) float32 brightness of a light byte
            now; (4,) float64, see level_of; (SKY,) float64 sky.
        camera: (CAMERA,) float64.
        width: pixels of a row.
        rays, marks: room for a batch, see :mod:`.march`.
        index: where the plants are, see :class:`.crosses.Index`.
        plants: (N,) float32 and (N,) uint32 to work in, see :func:`.crosses.draw_plants`.
        image: written, for N pixels row by row: (3, N) uint8 colours; (N,) float32 depth, in blocks along the view axis,
            FAR for the sky; (N,) uint8 block of this world, water where the ray meets it first, air for the sky; (N,) float32
            distance to the water; and for pixels with water (N, 4) float32 blocks of water and its colour.
    """
    height = image[1].shape[0] // width
    eye = np.int32(np.floor(camera[EYE])), np.int32(np.floor(camera[EYE + 1])), np.int32(np.floor(camera[EYE + 2]))
    here = np.int32(((eye[0] & WRAP) << X_SHIFT) | ((eye[2] & WRAP) << Z_SHIFT) | eye[1])
    place = here, here | np.int32(FALLING)
    if not 0 <= eye[1] < HEIGHT:
        place = (np.int32(END), np.int32(END)) if eye[1] < 0 else (np.int32(OPEN), np.int32(OPEN))
    draw_plants(world[0], index, paints, camera, eye, width, *plants)
    # The same arrays with one index, and four bytes of a texel in one.
    flat = world[0].reshape(-1), world[1], world[2].reshape(-1), world[3].reshape(-1)
    bits = paints[0], paints[1].reshape(-1).view(np.uint32), paints[2], paints[3], paints[4]
    wide = 2.0 * camera[TAN] / width
    full = 0
    for row in range(height):
        view = row_of(row, height, camera)
        for left in range(0, width, BATCH):
            count = min(width - left, BATCH)
            if full + count > BATCH:
                _finish(rays, marks, full, eye, camera, world, flat, paints, bits, plants, image)
                full = 0
            h, pixel = np.float32((left + 0.5) * wide - camera[TAN]), np.int32(row * width + left)
            set_out(rays, marks, np.uint64(full), np.uint64(count), pixel, camera, view, h, np.float32(wide), eye,
                    np.int32(ceiling + 1), place, plants[0])  # fmt: skip
            full += count
    _finish(rays, marks, full, eye, camera, world, flat, paints, bits, plants, image)
