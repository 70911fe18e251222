"""How the textures of blocks are painted: 16 x 16 texels each, none taken from the game.

Texels are (r, g, b, a). a = 0 is a hole; otherwise (a - 1) / 254 is the share of the biome's tint in the texel.
"""

import zlib

import numpy as np

EDGE = 16
SOLID_PAINT, FULL_TINT, HOLE = 1, 255, 0
_Y, _X = np.mgrid[0:EDGE, 0:EDGE]


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def paint(rgb: tuple[int, int, int], spread: int = 0, name: str = "", tint: int = SOLID_PAINT, shades: int = 5) -> np.ndarray:
    """(16, 16, 4) uint8: one colour in ``shades`` random brightnesses, up to ``spread`` away."""
    steps = _rng(name).integers(0, shades, (EDGE, EDGE, 1)) / max(shades - 1, 1) * 2 - 1
    texture = np.empty((EDGE, EDGE, 4), np.uint8)
    texture[..., :3] = np.clip(np.array(rgb) + spread * steps, 0, 255)
    texture[..., 3] = tint
    return texture


def smooth(name: str, cells: int) -> np.ndarray:
    """(16, 16) float in 0..1: blotches, ``cells`` across, that repeat at the edge."""
    grid = _rng(name).random((cells, cells))
    at = np.arange(EDGE) * cells / EDGE
    low, share = at.astype(int), at % 1
    rows = grid[low] * (1 - share[:, None]) + grid[(low + 1) % cells] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, (low + 1) % cells] * share


def _shade(texture: np.ndarray, factor: np.ndarray | float, where: np.ndarray | None = None) -> np.ndarray:
    scaled = np.clip(texture[..., :3] * np.broadcast_to(np.asarray(factor)[..., None], (EDGE, EDGE, 1)), 0, 255)
    mask = np.ones((EDGE, EDGE), bool) if where is None else where
    texture[..., :3][mask] = scaled[mask].astype(np.uint8)
    return texture


def _stone(name: str = "stone") -> np.ndarray:
    streaks = smooth("streaks", 8) * 0.6 + smooth("more streaks", 4)[:, ::-1] * 0.4
    return _shade(paint((126, 126, 126), 7, name), 0.86 + 0.26 * streaks)


def _ore(rgb: tuple[int, int, int], dark: tuple[int, int, int], name: str) -> np.ndarray:
    texture, rng = _stone(), _rng(name)
    for cx, cy in ((3, 3), (10, 2), (6, 8), (12, 9), (3, 12), (10, 13)):
        cx, cy = cx + int(rng.integers(-1, 2)), cy + int(rng.integers(-1, 2))
        reach = np.abs(_X - cx) * 0.8 + np.abs(_Y - cy)
        texture[..., :3][(reach > 1.2) & (reach <= 2.4)] = dark
        texture[..., :3][reach <= 1.6] = rgb
        texture[min(max(cy, 0), 15), min(max(cx, 0), 15), :3] = np.minimum(np.array(rgb) + 40, 255)
    return texture


def _bricks(stone: np.ndarray, rows: int, width: int, mortar: float) -> np.ndarray:
    high = EDGE // rows
    shift = (_Y // high % 2) * (width // 2)
    joint = (_Y % high == high - 1) | ((_X + shift) % width == width - 1)
    return _shade(stone, mortar, joint)


def _cobble() -> np.ndarray:
    rng = _rng("cobbles")
    centres = [(x + rng.integers(-1, 2), y + rng.integers(-1, 2)) for x in (2, 7, 13) for y in (2, 7, 12)]
    far = np.array(
        [
            np.minimum(abs(_X - x), EDGE - abs(_X - x)) ** 2 + np.minimum(abs(_Y - y), EDGE - abs(_Y - y)) ** 2
            for x, y in centres
        ]
    )
    gap = np.sort(far, axis=0)
    tone = rng.uniform(0.85, 1.12, len(centres))[far.argmin(axis=0)]
    return _shade(_shade(paint((122, 122, 122), 9, "cobble"), tone), 0.6, gap[1] - gap[0] < 9)


def _planks(rgb: tuple[int, int, int] = (163, 130, 79)) -> np.ndarray:
    texture = _shade(paint(rgb, 6, "planks"), 0.93 + 0.12 * smooth("grain", 8)[:, :1])
    joint = (_Y % 4 == 3) | ((_X == (_Y // 4 * 7 + 3) % 16) & (_Y % 4 != 3))
    return _shade(texture, 0.68, joint)


def _bark(rgb: tuple[int, int, int], name: str) -> np.ndarray:
    texture = paint(rgb, 8, name)
    ridges = np.repeat(_rng(name + "ridges").uniform(0.72, 1.18, (1, EDGE)), EDGE, axis=0)
    return _shade(_shade(texture, ridges), 0.8, smooth(name + "knots", 8) > 0.72)


def _birch() -> np.ndarray:
    texture = paint((216, 215, 208), 6, "birch")
    marks = (smooth("birch marks", 8) > 0.66) & (_Y % 3 == 1)
    texture[..., :3][marks] = (48, 48, 44)
    return texture


def _log_top() -> np.ndarray:
    ring = np.maximum(abs(_X - 7.5), abs(_Y - 7.5)).astype(int)
    texture = _shade(paint((170, 139, 86), 5, "rings"), np.where(ring % 2 == 0, 1.0, 0.82))
    texture[..., :3][ring == 7] = (92, 72, 43)
    return texture


def _dirt() -> np.ndarray:
    return _shade(paint((134, 96, 67), 13, "dirt"), 0.9 + 0.2 * smooth("dirt", 8))


def _grass_top() -> np.ndarray:
    return _shade(paint((178, 178, 178), 20, "grass", FULL_TINT), 0.92 + 0.16 * smooth("grass", 8))


def _grass_side() -> np.ndarray:
    texture, grass = _dirt(), _grass_top()
    fringe = 2 + _rng("fringe").integers(0, 3, EDGE)
    mask = fringe[None, :] > _Y
    texture[mask] = grass[mask]
    return texture


def _leaves() -> np.ndarray:
    texture = paint((132, 132, 132), 46, "leaves", FULL_TINT)
    texture[..., 3][_rng("leaf holes").random((EDGE, EDGE)) < 0.24] = HOLE
    return texture


def _blank() -> np.ndarray:
    return np.zeros((EDGE, EDGE, 4), np.uint8)


def _blades() -> np.ndarray:
    texture, rng = _blank(), _rng("blades")
    for _ in range(11):
        x, tall = int(rng.integers(1, 15)), int(rng.integers(6, 15))
        lean = rng.uniform(-0.25, 0.25)
        for step in range(tall):
            column = int(np.clip(x + lean * step, 0, 15))
            texture[15 - step, column] = (*(np.array([118, 118, 118]) + 5 * step).tolist(), FULL_TINT)
    return texture


def _flower(petal: tuple[int, int, int], heart: tuple[int, int, int]) -> np.ndarray:
    texture = _blank()
    texture[8:16, 7] = (58, 118, 36, SOLID_PAINT)
    texture[12, 5:7], texture[11, 8:10] = (70, 136, 44, SOLID_PAINT), (70, 136, 44, SOLID_PAINT)
    bloom = np.abs(_X - 7) + np.abs(_Y - 6)
    texture[bloom <= 2] = (*petal, SOLID_PAINT)
    texture[bloom == 0] = (*heart, SOLID_PAINT)
    return texture


def _deadbush() -> np.ndarray:
    texture, rng = _blank(), _rng("deadbush")
    for _ in range(9):
        x, y, way = 7.5, 15.0, rng.uniform(-1.1, 1.1)
        for _ in range(int(rng.integers(7, 13))):
            texture[int(max(y, 0)), int(np.clip(x, 0, 15))] = (112, 78, 38, SOLID_PAINT)
            x, y, way = x + way * 0.7, y - 0.9, way + rng.uniform(-0.35, 0.35)
    return texture


def _reeds() -> np.ndarray:
    texture = _blank()
    for x, tone in ((2, 0), (3, -18), (7, 8), (8, -12), (12, 0), (13, -18)):
        texture[:, x] = (146 + tone, 190 + tone, 100 + tone, SOLID_PAINT)
        texture[(x * 5) % 16 :: 6, x, :3] = (110, 150, 74)
    return texture


def _cactus_side() -> np.ndarray:
    texture = _shade(paint((70, 132, 42), 7, "cactus"), np.where(_X % 4 == 0, 0.66, 1.0))
    texture[..., :3][(_X % 4 == 2) & (_Y % 4 == 1)] = (214, 222, 176)
    return texture


def _torch() -> np.ndarray:
    texture = _blank()
    texture[6:16, 7:9] = (124, 92, 52, SOLID_PAINT)
    texture[5:7, 7:9] = (255, 214, 92, SOLID_PAINT)
    texture[4, 7:9] = (255, 250, 200, SOLID_PAINT)
    return texture


def _glass() -> np.ndarray:
    texture = _blank()
    edge = (_X == 0) | (_Y == 0) | (_X == 15) | (_Y == 15) | ((_X + _Y == 9) & (_X > 2) & (_X < 7))
    texture[edge] = (206, 232, 238, SOLID_PAINT)
    return texture


def _framed(rgb: tuple[int, int, int], name: str, edge: float = 0.7, inner: float = 1.0) -> np.ndarray:
    texture = _shade(paint(rgb, 5, name), inner)
    return _shade(texture, edge, (_X == 0) | (_Y == 0) | (_X == 15) | (_Y == 15))


def _furnace(mouth: bool) -> np.ndarray:
    texture = _framed((112, 112, 112), "furnace", 0.75)
    if mouth:
        texture[..., :3][(_X > 3) & (_X < 12) & (_Y > 8) & (_Y < 14)] = (36, 34, 34)
        texture[..., :3][(_X > 3) & (_X < 12) & (_Y > 2) & (_Y < 6)] = (58, 58, 58)
        texture[..., :3][(_X > 4) & (_X < 11) & (_Y == 13)] = (196, 96, 28)
    return texture


def _table(top: bool) -> np.ndarray:
    texture = _planks((158, 112, 66))
    if top:
        lines = (_X % 5 == 0) | (_Y % 5 == 0)
        return _shade(_shade(texture, 0.55, lines), 1.12, ~lines)
    texture[..., :3][(_Y < 2)] = (96, 64, 36)
    saw = (_X > 2) & (_X < 7) & (_Y > 4) & (_Y < 12)
    texture[..., :3][saw] = (150, 150, 156)
    texture[..., :3][(_X > 9) & (_X < 12) & (_Y > 4) & (_Y < 13)] = (92, 62, 34)
    return texture


def _chest(top: bool) -> np.ndarray:
    texture = _framed((150, 104, 44), "chest", 0.55)
    if not top:
        texture[..., :3][_Y == 6] = (66, 44, 18)
        texture[5:9, 7:9, :3] = (190, 190, 190)
    return texture


def _pumpkin(top: bool) -> np.ndarray:
    ribs = np.where((np.maximum(abs(_X - 7.5), abs(_Y - 7.5)).astype(int) if top else _X) % 4 == 0, 0.78, 1.0)
    texture = _shade(paint((204, 120, 26), 8, "pumpkin"), ribs)
    if top:
        texture[6:10, 6:10, :3] = (92, 112, 44)
    return texture


def _sandstone(top: bool) -> np.ndarray:
    texture = paint((220, 208, 160), 6, "sandstone")
    return texture if top else _shade(texture, 0.88, (_Y % 6 == 5) | (smooth("sandstone", 8) > 0.75))


def _water() -> np.ndarray:
    return _shade(paint((46, 92, 196), 5, "water"), 0.84 + 0.34 * smooth("ripples", 8))


_WOOLS = {"white": (233, 236, 236), "pink": (238, 141, 172), "gray": (63, 68, 72), "silver": (142, 142, 135),
          "brown": (114, 72, 41), "black": (24, 25, 29)}  # fmt: skip
WOOL_OF_META = {0: "white", 6: "pink", 7: "gray", 8: "silver", 12: "brown", 15: "black"}

DRAW = {
    "stone": _stone,
    "dirt": _dirt,
    "grass_top": _grass_top,
    "grass_side": _grass_side,
    "cobblestone": _cobble,
    "planks": _planks,
    "bedrock": lambda: _shade(paint((90, 90, 90), 46, "bedrock", shades=3), 0.7 + 0.5 * smooth("bedrock", 8)),
    "water": _water,
    "sand": lambda: _shade(paint((219, 207, 163), 8, "sand"), 0.95 + 0.1 * smooth("sand", 8)),
    "gravel": lambda: _shade(paint((132, 126, 123), 24, "gravel", shades=4), 0.85 + 0.3 * smooth("gravel", 8)),
    "coal_ore": lambda: _ore((38, 38, 38), (62, 62, 62), "coal"),
    "iron_ore": lambda: _ore((222, 184, 152), (156, 124, 100), "iron"),
    "gold_ore": lambda: _ore((250, 226, 72), (196, 158, 40), "gold"),
    "redstone_ore": lambda: _ore((224, 22, 10), (130, 12, 10), "redstone"),
    "lapis_ore": lambda: _ore((36, 74, 178), (22, 44, 110), "lapis"),
    "diamond_ore": lambda: _ore((98, 232, 226), (44, 148, 152), "diamond"),
    "log_side": lambda: _bark((104, 82, 50), "oak"),
    "log_top": _log_top,
    "birch_side": _birch,
    "leaves": _leaves,
    "tallgrass": _blades,
    "dandelion": lambda: _flower((250, 224, 40), (226, 160, 20)),
    "poppy": lambda: _flower((214, 30, 28), (60, 12, 12)),
    "deadbush": _deadbush,
    "reeds": _reeds,
    "cactus_top": lambda: _framed((92, 158, 58), "cactus top", 0.7),
    "cactus_side": _cactus_side,
    "sandstone_top": lambda: _sandstone(True),
    "sandstone_side": lambda: _sandstone(False),
    "clay": lambda: _shade(paint((160, 166, 178), 5, "clay"), 0.93 + 0.12 * smooth("clay", 4)),
    "snow": lambda: paint((242, 250, 250), 4, "snow"),
    "glass": _glass,
    "table_top": lambda: _table(True),
    "table_side": lambda: _table(False),
    "furnace_top": lambda: _furnace(False),
    "furnace_side": lambda: _furnace(False),
    "furnace_front": lambda: _furnace(True),
    "torch": _torch,
    "chest_top": lambda: _chest(True),
    "chest_side": lambda: _chest(False),
    "pumpkin_top": lambda: _pumpkin(True),
    "pumpkin_side": lambda: _pumpkin(False),
    "stonebrick": lambda: _bricks(_stone("bricks"), 2, 16, 0.62),
    "brick": lambda: _bricks(paint((150, 92, 78), 8, "clay bricks"), 4, 8, 1.35),
    "coal_block": lambda: _framed((22, 22, 22), "coal block", 1.5),
    "iron_block": lambda: _framed((222, 222, 222), "iron block", 0.78),
    "gold_block": lambda: _framed((248, 214, 62), "gold block", 0.8),
    "diamond_block": lambda: _framed((110, 224, 220), "diamond block", 0.75),
    **{f"wool_{name}": (lambda rgb=rgb, name=name: _shade(paint(rgb, 7, name), 0.94 + 0.1 * smooth("wool", 8)))
       for name, rgb in _WOOLS.items()},
}  # fmt: skip
"""Texture name -> function that paints it, (16, 16, 4) uint8."""
