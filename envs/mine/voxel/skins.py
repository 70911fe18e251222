"""Textures of animals and items, drawn here; blocks on the ground or in the hand show their own texture."""

import zlib
from functools import cache, lru_cache

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.paints import EDGE, SOLID_PAINT, paint, smooth

_Y, _X = np.mgrid[0:EDGE, 0:EDGE]
_MATERIALS = {
    "wooden": (140, 104, 58), "stone": (150, 150, 150), "iron": (226, 226, 226), "golden": (250, 216, 70),
    "diamond": (96, 230, 222), "leather": (158, 96, 60), "chainmail": (150, 150, 156),
}  # fmt: skip
_HANDLE = (104, 76, 40)


def _face(base: np.ndarray, eyes: int, gap: int, row: int, muzzle: tuple[int, int, int] | None = None) -> np.ndarray:
    """A face: two dark eyes with a white spark ``gap`` texels from the middle, and a muzzle."""
    for side in (-1, 1):
        column = 8 + side * gap - (1 if side < 0 else 0)
        base[row : row + eyes, min(column, column + side) : max(column, column + side) + 1, :3] = (16, 16, 18)
        base[row, column, :3] = (236, 236, 236)
    if muzzle:
        base[11:15, 5:11, :3] = muzzle
        base[12, 6, :3] = base[12, 9, :3] = (40, 30, 30)
    return base


def _hide(rgb: tuple[int, int, int], spots: tuple[int, int, int], name: str, share: float) -> np.ndarray:
    texture = paint(rgb, 8, name)
    texture[..., :3][smooth(name + "spots", 4) > share] = spots
    return texture


def _sheep_leg() -> np.ndarray:
    texture = paint((222, 190, 168), 6, "sheep leg")
    texture[:9, :, :3] = paint((228, 230, 230), 8, "leg wool")[:9, :, :3]
    texture[14:, :, :3] = (70, 58, 50)
    return texture


def _zombie_shirt() -> np.ndarray:
    texture = paint((0, 150, 150), 10, "shirt")
    texture[..., :3][smooth("rags", 8) > 0.8] = (60, 100, 60)
    return texture


_MOBS = {
    "sheep_skin": lambda: paint((226, 194, 172), 6, "sheep skin"),
    "sheep_shorn": lambda: paint((220, 190, 180), 5, "sheep shorn"),
    "sheep_face": lambda: _face(paint((226, 194, 172), 5, "sheep face"), 2, 5, 5, (214, 158, 150)),
    "sheep_leg": _sheep_leg,
    "cow_hide": lambda: _hide((74, 52, 38), (228, 226, 220), "cow", 0.62),
    "cow_face": lambda: _face(_hide((74, 52, 38), (228, 226, 220), "cow face", 0.75), 2, 5, 4, (206, 176, 170)),
    "cow_horn": lambda: paint((220, 216, 204), 6, "horn"),
    "pig_skin": lambda: paint((240, 166, 164), 7, "pig"),
    "pig_face": lambda: _face(paint((240, 166, 164), 6, "pig face"), 2, 5, 5),
    "pig_snout": lambda: _face(paint((226, 140, 138), 4, "snout"), 3, 3, 7),
    "feathers": lambda: paint((238, 238, 236), 9, "feathers"),
    "chicken_face": lambda: _face(paint((240, 240, 238), 5, "chicken face"), 3, 5, 4),
    "beak": lambda: paint((228, 176, 60), 6, "beak"),
    "wattle": lambda: paint((206, 32, 28), 6, "wattle"),
    "zombie_skin": lambda: _hide((86, 128, 70), (68, 108, 56), "zombie", 0.6),
    "zombie_face": lambda: _face(_hide((86, 128, 70), (68, 108, 56), "zombie face", 0.7), 3, 4, 6),
    "zombie_shirt": _zombie_shirt,
    "zombie_trousers": lambda: paint((58, 52, 140), 8, "trousers"),
    "arm": lambda: paint((196, 150, 122), 5, "arm"),
}


def _blank() -> np.ndarray:
    return np.zeros((EDGE, EDGE, 4), np.uint8)


def _fill(texture: np.ndarray, where: np.ndarray, rgb: tuple[int, ...]) -> np.ndarray:
    texture[where] = (*(int(min(max(c, 0), 255)) for c in rgb), SOLID_PAINT)
    return texture


def _outline(texture: np.ndarray) -> np.ndarray:
    """Darken the texels of a sprite that touch a hole."""
    there = np.pad(texture[..., 3] > 0, 1)
    inner = there[:-2, 1:-1] & there[2:, 1:-1] & there[1:-1, :-2] & there[1:-1, 2:]
    rim = (texture[..., 3] > 0) & ~inner
    texture[..., :3][rim] = (texture[..., :3][rim] * 0.55).astype(np.uint8)
    return texture


def _tool(kind: str, rgb: tuple[int, int, int]) -> np.ndarray:
    texture, d = _blank(), _X + _Y
    handle = (abs(d - 15) <= 0.5) & (_X < 11)
    head = {
        "pickaxe": (abs(np.hypot(_X - 3, _Y - 12) - 10.5) < 1.3) & (_X > 4) & (_Y < 11),
        "axe": (abs(_X - 10) + abs(_Y - 4) < 4.6) & (d < 18),
        "shovel": np.hypot(_X - 12, _Y - 3) < 3.0,
        "hoe": (abs(d - 12) < 1.6) & (_X > 6) & (_Y < 8),
    }.get(kind)
    if kind == "sword":
        handle, head = (abs(d - 15) <= 0.5) & (_X < 6), (abs(d - 15) <= 1.2) & (_X > 5)
        _fill(texture, (abs(_X - _Y + 6) <= 0.5) & (abs(d - 15) <= 4), (90, 74, 50))
    _fill(texture, handle, _HANDLE)
    assert head is not None
    return _outline(_fill(texture, head, rgb))


def _armor(piece: str, rgb: tuple[int, int, int]) -> np.ndarray:
    shape = {
        "helmet": (_Y > 3) & (_Y < 11) & (_X > 2) & (_X < 13) & ~((_Y > 7) & (_X > 5) & (_X < 10)),
        "chestplate": (_X > 1)
        & (_X < 14)
        & (_Y > 2)
        & (_Y < 14)
        & ~((_Y > 7) & ((_X < 4) | (_X > 11)))
        & ~((_Y < 4) & (abs(_X - 7.5) < 2)),
        "leggings": (_X > 3) & (_X < 12) & (_Y > 2) & (_Y < 14) & ~((_Y > 5) & (abs(_X - 7.5) < 1.2)),
        "boots": (_Y > 5) & (_Y < 14) & (((_X > 1) & (_X < 6)) | ((_X > 9) & (_X < 14))),
    }[piece]
    return _outline(_fill(_blank(), shape, rgb))


def _bucket(content: tuple[int, int, int] | None) -> np.ndarray:
    wide = 6 - (_Y - 3) * 0.28
    texture = _fill(_blank(), (abs(_X - 7.5) < wide) & (_Y > 2) & (_Y < 14), (214, 214, 218))
    return _outline(_fill(texture, (abs(_X - 7.5) < 4.8) & (_Y > 2) & (_Y < 6), content or (120, 120, 124)))


def _shears() -> np.ndarray:
    blades = (abs(_X - _Y) <= 1) & (_X > 5) | (abs(_X + _Y - 15) <= 1) & (_Y < 10)
    rings = (abs(np.hypot(_X - 3.5, _Y - 11.5) - 2.4) < 1) | (abs(np.hypot(_X - 4, _Y - 4) - 2.4) < 1)
    return _outline(_fill(_fill(_blank(), blades, (220, 220, 224)), rings, (150, 110, 80)))


def _blob(rgb: tuple[int, int, int], wide: float = 6.0, tall: float = 4.6, tilt: float = 0.5) -> np.ndarray:
    u, v = (_X - 7.5) + tilt * (_Y - 7.5), (_Y - 7.5) - tilt * (_X - 7.5)
    texture = _fill(_blank(), (u / wide) ** 2 + (v / tall) ** 2 < 1, rgb)
    bright = (u / wide + 0.3) ** 2 + (v / tall + 0.35) ** 2 < 0.16
    return _outline(_fill(texture, bright, tuple(c + 36 for c in rgb)))


def _ingot(rgb: tuple[int, int, int]) -> np.ndarray:
    return _outline(_fill(_blank(), (abs(_Y - 8 + (_X - 8) * 0.35) < 3.2) & (_X > 1) & (_X < 14), rgb))


_SHAPES = {  # item -> colour, width, height and slant of a lump
    "coal": ((36, 36, 36), 6.0, 4.6, 0.5),
    "diamond": ((110, 236, 230), 5, 5, 0),
    "redstone": ((200, 16, 8), 5, 4, 0.5),
    "flint": ((70, 66, 66), 4, 6, 0.5),
    "apple": ((214, 32, 36), 5, 5.4, 0),
    "bread": ((190, 134, 54), 7, 4, 0.5),
    "beef": ((198, 52, 44), 6.0, 4.6, 0.5),
    "cooked_beef": ((134, 78, 46), 6.0, 4.6, 0.5),
    "porkchop": ((240, 140, 140), 6.0, 4.6, 0.5),
    "cooked_porkchop": ((196, 142, 90), 6.0, 4.6, 0.5),
    "mutton": ((214, 70, 62), 6.0, 4.6, 0.5),
    "cooked_mutton": ((150, 90, 56), 6.0, 4.6, 0.5),
    "chicken": ((240, 190, 170), 6.0, 4.6, 0.5),
    "cooked_chicken": ((206, 140, 80), 6.0, 4.6, 0.5),
    "rotten_flesh": ((150, 84, 44), 6.0, 4.6, 0.5),
    "leather": ((190, 104, 60), 6.5, 6, 0),
    "feather": ((236, 236, 236), 8, 2, 0.5),
    "wheat_seeds": ((86, 150, 60), 3, 4, 0.5),
    "clay_ball": ((164, 170, 184), 5, 5, 0.5),
    "snowball": ((244, 252, 252), 5, 5, 0.5),
    "sapling": ((66, 140, 46), 5, 6, 0),
    "string": ((224, 224, 224), 7, 1.6, 0.5),
    "bone": ((228, 226, 206), 7, 2, 0.5),
    "paper": ((240, 240, 236), 6, 6, 0.2),
}
_DRAWN = {
    "bucket": lambda: _bucket(None),
    "water_bucket": lambda: _bucket((52, 96, 214)),
    "milk_bucket": lambda: _bucket((250, 250, 250)),
    "shears": _shears,
    "stick": lambda: _outline(_fill(_blank(), abs(_X + _Y - 15) <= 1, (132, 98, 54))),
    "iron_ingot": lambda: _ingot((222, 222, 222)),
    "gold_ingot": lambda: _ingot((250, 220, 70)),
    "brick": lambda: _ingot((168, 92, 72)),
    **{name: (lambda look=look: _blob(*look)) for name, look in _SHAPES.items()},
}


def _icon(name: str) -> np.ndarray:
    material, _, kind = name.rpartition("_")
    if name in _DRAWN:
        return _DRAWN[name]()
    if material in _MATERIALS and kind in ("pickaxe", "axe", "shovel", "hoe", "sword"):
        return _tool(kind, _MATERIALS[material])
    if material in _MATERIALS and kind in ("helmet", "chestplate", "leggings", "boots"):
        return _armor(kind, _MATERIALS[material])
    hue = np.random.default_rng(zlib.crc32(name.encode())).integers(70, 230, 3).tolist()
    return _blob((hue[0], hue[1], hue[2]), 5, 5)


_ICONS = tuple(
    name for name in vocab.ITEMS if name in _DRAWN or (name.rpartition("_")[0] in _MATERIALS and name not in blocks.NAME)
)
NAMES: tuple[str, ...] = (*textures.NAMES, *_MOBS, *(f"item:{name}" for name in _ICONS), "item:other")
INDEX = {name: index for index, name in enumerate(NAMES)}


@cache
def atlas() -> np.ndarray:
    """(skins, TEXELS, 4) uint8: block textures first, then animals, then items."""
    own = [textures.levels(draw()) for draw in _MOBS.values()]
    icons = [textures.levels(_icon(name)) for name in (*_ICONS, "other")]
    tinted = textures.atlas().copy()
    share = np.maximum(tinted[..., 3:].astype(np.float32) - 1, 0) / 254  # no biome here: tint as in the plains
    tinted[..., :3] = (tinted[..., :3] * (1 + share * (np.array([0.57, 0.74, 0.35]) - 1))).astype(np.uint8)
    return np.concatenate([tinted, np.stack([*own, *icons])])


@lru_cache(maxsize=1024)
def item_skins(item: int, variant: int = 0) -> tuple[np.ndarray, bool]:
    """(6,) skin indices (right, left, top, bottom, front, back) of an item, and whether it is a flat sprite."""
    name = vocab.ITEMS[item]
    if name in blocks.NAME and blocks.NAME.index(name):
        block = blocks.block_of(name, variant)
        top, side, bottom, front = textures.FACES[block]
        if blocks.SHAPE[block] == blocks.SHAPE_CROSS:
            return np.full(6, side), True
        return np.array([side, side, top, bottom, front, side]), False
    return np.full(6, INDEX.get(f"item:{name}", INDEX["item:other"])), True
