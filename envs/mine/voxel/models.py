"""The bodies of animals, items and the hand as boxes, posed for drawing."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import mobs as animals
from papergym.envs.mine.voxel import skins
from papergym.envs.mine.voxel.boxes import AXES, BOX, CENTRE, FLASH, GLOW, HALF, SKIN, WHO
from papergym.envs.mine.voxel.drops import ITEM, LIFE
from papergym.envs.mine.voxel.march import off_image
from papergym.envs.mine.voxel.mobs import COLOUR, HURT, KIND, PHASE, SHORN
from papergym.envs.mine.voxel.paints import WOOL_OF_META
from papergym.envs.mine.voxel.physics import VX, VZ, YAW, X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

PARTS, PART = 9, 14
_LEG = 13  # column: 0 rigid, +1 or -1 swings about its upper end
_FLEECE = 12  # column: 1 where the fleece's colour shows
_PAIR = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def _part(centre: tuple, half: tuple, skin: str, front: str = "", fleece: int = 0, leg: int = 0) -> list[float]:
    side = skins.INDEX[skin]
    return [*centre, *half, side, side, side, side, skins.INDEX[front or skin], side, fleece, leg]


def _legs(skin: str, x: float, z: float, half: tuple[float, float, float]) -> list[list[float]]:
    return [_part((sx * x, half[1], sz * z), half, skin, leg=sx * sz) for sx, sz in _PAIR]


_MODELS: dict[str, list[list[float]]] = {
    "sheep": [
        _part((0, 0.98, 0), (0.37, 0.34, 0.58), "wool_white", fleece=1),
        _part((0, 1.22, 0.72), (0.19, 0.20, 0.24), "sheep_skin", "sheep_face"),
        _part((0, 1.28, 0.62), (0.23, 0.23, 0.20), "wool_white", fleece=1),
        *_legs("sheep_leg", 0.19, 0.36, (0.125, 0.375, 0.125)),
    ],
    "cow": [
        _part((0, 1.03, 0), (0.375, 0.33, 0.58), "cow_hide"),
        _part((0, 1.28, 0.72), (0.25, 0.25, 0.2), "cow_hide", "cow_face"),
        _part((0.29, 1.52, 0.72), (0.04, 0.1, 0.04), "cow_horn"),
        _part((-0.29, 1.52, 0.72), (0.04, 0.1, 0.04), "cow_horn"),
        *_legs("cow_hide", 0.25, 0.4, (0.125, 0.375, 0.125)),
    ],
    "pig": [
        _part((0, 0.62, 0), (0.31, 0.27, 0.5), "pig_skin"),
        _part((0, 0.74, 0.62), (0.25, 0.25, 0.22), "pig_skin", "pig_face"),
        _part((0, 0.66, 0.87), (0.125, 0.09, 0.04), "pig_skin", "pig_snout"),
        *_legs("pig_skin", 0.19, 0.31, (0.125, 0.19, 0.125)),
    ],
    "chicken": [
        _part((0, 0.48, 0), (0.19, 0.19, 0.25), "feathers"),
        _part((0, 0.8, 0.25), (0.125, 0.19, 0.1), "feathers", "chicken_face"),
        _part((0, 0.8, 0.4), (0.11, 0.05, 0.06), "beak"),
        _part((0, 0.7, 0.37), (0.05, 0.06, 0.04), "wattle"),
        _part((0.1, 0.15, 0.02), (0.04, 0.16, 0.06), "beak", leg=1),
        _part((-0.1, 0.15, 0.02), (0.04, 0.16, 0.06), "beak", leg=-1),
    ],
    "zombie": [
        _part((0, 1.125, 0), (0.25, 0.375, 0.125), "zombie_shirt"),
        _part((0, 1.75, 0), (0.25, 0.25, 0.25), "zombie_skin", "zombie_face"),
        _part((0.37, 1.36, 0.33), (0.12, 0.12, 0.37), "zombie_skin"),
        _part((-0.37, 1.36, 0.33), (0.12, 0.12, 0.37), "zombie_skin"),
        _part((0.125, 0.375, 0), (0.12, 0.375, 0.12), "zombie_trousers", leg=1),
        _part((-0.125, 0.375, 0), (0.12, 0.375, 0.12), "zombie_trousers", leg=-1),
    ],
}
_BODY = np.zeros((len(animals.KINDS), PARTS, PART))
_COUNT = np.array([len(_MODELS[kind]) for kind in animals.KINDS])
for _index, _kind in enumerate(animals.KINDS):
    _BODY[_index, : _COUNT[_index]] = _MODELS[_kind]
_REACH = (np.linalg.norm(_BODY[:, :, :3], axis=-1) + 2 * np.linalg.norm(_BODY[:, :, 3:6], axis=-1)).max(axis=1)
"""No part of an animal is farther from its feet, with legs that swing."""
_WOOL = np.zeros(16, np.int64)
for _meta, _name in WOOL_OF_META.items():
    _WOOL[_meta] = skins.INDEX[f"wool_{_name}"]
_SHORN = skins.INDEX["sheep_shorn"]


@njit(cache=True, nogil=True)
def _brightness(light, lum, x, y, z):
    cy = min(max(np.int64(np.floor(y)), 0), HEIGHT - 1)
    return lum[light[np.int64(np.floor(x)) & WRAP, np.int64(np.floor(z)) & WRAP, cy]]


@njit(cache=True, nogil=True)
def _place(box, part, x, y, z, sin, cos, swing):
    """Turn a part about the mob's axis, and about its own upper end by ``swing`` radians."""
    lift, ahead = part[1], part[2]
    s, c = np.sin(swing), np.cos(swing)
    if swing != 0.0:
        lift, ahead = part[1] + part[4] - part[4] * c, part[2] - part[4] * s
    box[CENTRE], box[CENTRE + 1], box[CENTRE + 2] = x + part[0] * cos - ahead * sin, y + lift, z + part[0] * sin + ahead * cos
    box[HALF : HALF + 3] = part[3:6]
    box[AXES], box[AXES + 1], box[AXES + 2] = cos, 0.0, sin
    box[AXES + 3], box[AXES + 4], box[AXES + 5] = -sin * s, c, cos * s
    box[AXES + 6], box[AXES + 7], box[AXES + 8] = -sin * c, -s, cos * c
    box[SKIN : SKIN + 6] = part[6:12]


@njit(cache=True, nogil=True)
def pose_mobs(mobs, count, light, lum, camera, view, boxes):
    """Boxes of every mob in the image and within ``view`` of the eye; returns their number."""
    used = 0
    for i in range(count):
        row = mobs[i]
        dx, dz = row[X] - camera[0], row[Z] - camera[2]
        if dx * dx + dz * dz > view * view:
            continue
        kind = np.int64(row[KIND])
        if off_image(camera, row[X], row[Y], row[Z], _REACH[kind]):
            continue
        a = np.deg2rad(row[YAW])
        sin, cos = np.sin(a), np.cos(a)
        pace = min(np.sqrt(row[VX] ** 2 + row[VZ] ** 2) * 10.0, 1.0)
        glow = _brightness(light, lum, row[X], row[Y] + 0.5, row[Z])
        for p in range(_COUNT[kind]):
            if used == boxes.shape[0]:
                return used
            part, box = _BODY[kind, p], boxes[used]
            _place(box, part, row[X], row[Y], row[Z], sin, cos, part[_LEG] * np.sin(row[PHASE] * 3.0) * 0.7 * pace)
            if part[_FLEECE] > 0:
                box[SKIN : SKIN + 6] = _SHORN if row[SHORN] > 0 else _WOOL[np.int64(row[COLOUR])]
                if row[SHORN] > 0:
                    box[HALF : HALF + 3] *= 0.8
            box[GLOW], box[FLASH], box[WHO] = glow, row[HURT], kind + 1
            used += 1
    return used


@njit(cache=True, nogil=True)
def pose_drops(rows, count, faces, flat, light, lum, boxes, used):
    """Add boxes of items on the ground, which turn slowly; ``faces`` (n, 6) and ``flat`` (n,) say how each looks."""
    for i in range(count):
        if used == boxes.shape[0]:
            break
        row, box = rows[i], boxes[used]
        a = row[LIFE] * 0.05
        sin, cos = np.sin(a), np.cos(a)
        half = 0.2 if flat[i] else 0.125
        box[CENTRE], box[CENTRE + 1], box[CENTRE + 2] = row[X], row[Y] + 0.25 + 0.06 * np.sin(row[LIFE] * 0.1), row[Z]
        box[HALF], box[HALF + 1], box[HALF + 2] = half, half, 0.015 if flat[i] else half
        box[AXES], box[AXES + 1], box[AXES + 2] = cos, 0.0, sin
        box[AXES + 3], box[AXES + 4], box[AXES + 5] = 0.0, 1.0, 0.0
        box[AXES + 6], box[AXES + 7], box[AXES + 8] = -sin, 0.0, cos
        box[SKIN : SKIN + 6] = faces[i]
        box[GLOW], box[FLASH], box[WHO] = _brightness(light, lum, row[X], row[Y] + 0.25, row[Z]), 0.0, 100.0
        used += 1
    return used


def pose_hand(camera: np.ndarray, item: int, variant: int, glow: float, swing: float, box: np.ndarray) -> None:
    """Fill one box with what the right hand holds (or the arm), in front of a camera array of :mod:`.raycast`."""
    from papergym.envs.mine import vocabulary as vocab

    forward, right, up = camera[3:6], camera[6:9], camera[9:12]
    at = camera[0:3] + forward * (0.9 - 0.15 * swing) + right * (0.62 - 0.2 * swing) - up * (0.52 + 0.1 * swing)
    turn = np.array([right * 0.92 - forward * 0.4, up, forward * 0.92 + right * 0.4])
    axes, _ = np.linalg.qr(turn.T)
    axes = axes.T * np.sign(np.sum(axes.T * turn, axis=1))[:, None]
    if item == vocab.AIR:
        faces, half = np.full(6, skins.INDEX["arm"]), (0.1, 0.1, 0.5)
        axes = np.array([right, up, forward])
    else:
        faces, flat = skins.item_skins(item, variant)
        half = (0.28, 0.28, 0.02) if flat else (0.2, 0.2, 0.2)
    box[:BOX] = 0.0
    box[CENTRE : CENTRE + 3], box[HALF : HALF + 3], box[AXES : AXES + 9] = at, half, axes.reshape(-1)
    box[SKIN : SKIN + 6], box[GLOW] = faces, glow


def drop_looks(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 6) skins and (n,) flat flags of items on the ground."""
    faces, flat = np.zeros((max(count, 1), 6), np.int64), np.zeros(max(count, 1), bool)
    for i in range(count):
        faces[i], flat[i] = skins.item_skins(int(rows[i, ITEM]), int(rows[i, ITEM + 2]))
    return faces, flat
