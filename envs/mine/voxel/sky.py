"""Time of day: angle of the sun, brightness of the world, and colours of the sky."""

import math
from functools import lru_cache

import numpy as np

from papergym.envs.mine.voxel.shade import DISC, HORIZON, SKY, SUN, ZENITH

DAY = 24000
"""Ticks of a day; 0 is sunrise, 6000 noon, 18000 midnight."""
_DAY_ZENITH, _DAY_HORIZON = np.array([110.0, 158.0, 255.0]), np.array([184.0, 209.0, 255.0])
_NIGHT_ZENITH, _NIGHT_HORIZON = np.array([3.0, 4.0, 10.0]), np.array([10.0, 12.0, 24.0])
_RAIN, _DUSK = np.array([112.0, 118.0, 130.0]), np.array([214.0, 132.0, 78.0])


_GAMMA = 2.0  # the brightness setting of MineDojo's client: nights and caves stay readable


def sun_angle(time: int) -> float:
    """Turns of the sun past noon, in 0..1; slower near noon, as in the game."""
    turn = ((time % DAY) / DAY - 0.25) % 1.0
    eased = 1.0 - (math.cos(turn * math.pi) + 1.0) / 2.0
    return turn + (eased - turn) / 3.0


@lru_cache(maxsize=256)
def brightness(time: int, rain: bool = False) -> float:
    """Share of daylight, 0 at night to 1 at day."""
    share = min(max(math.cos(sun_angle(time) * 2 * math.pi) * 2.0 + 0.5, 0.0), 1.0)
    return share * (0.7 if rain else 1.0)


def sun_brightness(time: int, rain: bool = False) -> float:
    """What ``location_stats/sun_brightness`` reports: 0.2 at night to 1 at day."""
    return 0.2 + 0.8 * brightness(time, rain)


def sky_dimming(time: int, rain: bool = False) -> int:
    """Levels that the sky light loses now: 0 at day, 11 at night."""
    return int((1.0 - brightness(time, rain)) * 11.0)


@lru_cache(maxsize=256)
def luminance(day: float) -> np.ndarray:
    """(256,) float32 brightness in 0..1 of a light byte (sky light low, torch light high), at a share ``day`` of daylight."""
    level = np.arange(256)
    light = np.maximum((level & 15) * (4.0 + 11.0 * day) / 15.0, level >> 4) / 15.0
    base = 0.96 * light / (3.0 * (1.0 - light) + 1.0) + 0.03
    lifted = (1.0 - _GAMMA) * base + _GAMMA * (1.0 - (1.0 - base) ** 4)
    return np.clip(0.96 * lifted + 0.03, 0.0, 1.0).astype(np.float32)


@lru_cache(maxsize=256)
def sky_colours(time: int, rain: bool) -> np.ndarray:
    """(SKY,) float64 array of :mod:`.raycast`, for a time in ticks."""
    day, angle = brightness(time), sun_angle(time) * 2 * math.pi
    zenith, horizon = (night + (light - night) * day for night, light in
                       ((_NIGHT_ZENITH, _DAY_ZENITH), (_NIGHT_HORIZON, _DAY_HORIZON)))  # fmt: skip
    glow = max(0.0, 1.0 - abs(math.cos(angle)) / 0.35) * 0.6
    horizon = horizon + (_DUSK - horizon) * glow
    if rain:
        zenith, horizon = zenith + (_RAIN * day - zenith) * 0.8, horizon + (_RAIN * day - horizon) * 0.8
    sky = np.zeros(SKY)
    sky[ZENITH : ZENITH + 3], sky[HORIZON : HORIZON + 3] = zenith, horizon
    sky[SUN : SUN + 2] = -math.sin(angle), math.cos(angle)
    sky[DISC] = 0.0 if rain else 1.0 - day
    return sky
