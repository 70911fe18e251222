"""Arguments that all bonuses have in common: types, bounds, and devices that are there."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from papergym.envs.checks import flag, number, whole

MOST_SEED, MOST_COUNT, MOST_WIDTH = 2**63 - 1, 2**31 - 1, 2**16
"""Largest seed that torch takes; largest count; largest width or number of networks, above which no machine can build them."""
WIDTHS = ("bits", "dim", "hidden", "models", "prototypes")


def plain_fields(owner: Any) -> None:
    """Check a dataclass's fields of type int, float and bool, and turn NumPy's numbers into Python's.

    Raises:
        ValueError: a value of another type, NaN, infinity, or a count that no machine could hold.
    """
    checks: dict[Any, Callable[[str, Any], Any]] = {int: _count, float: number, bool: flag}
    for field in fields(owner):
        if field.type in checks:
            setattr(owner, field.name, checks[field.type](field.name, getattr(owner, field.name)))


def _count(name: str, value: Any) -> int:
    if name in WIDTHS:
        return whole(name, value, 1, MOST_WIDTH)
    return whole(name, value, 0, MOST_SEED if name == "seed" else MOST_COUNT)


def device_of(device: Any) -> str:
    """The name of a torch device that this machine has.

    Raises:
        ValueError: another value, or a device that is not there.
    """
    if isinstance(device, str) and device == "cpu":  # without torch
        return device
    import torch

    there = ["cpu", *(f"cuda:{gpu}" for gpu in range(torch.cuda.device_count()))]
    there += ["mps"] if torch.backends.mps.is_available() else []
    try:
        kind = torch.device(device) if isinstance(device, str | torch.device) else None
    except RuntimeError:
        kind = None
    present = kind is not None and (str(kind) in there or any(name.startswith(f"{kind}:") for name in there))
    if not present:
        raise ValueError(f"device is one of {', '.join(there)}, got {device!r}.")
    return str(kind)
