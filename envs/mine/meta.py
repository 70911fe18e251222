"""MineDojo's meta tasks and the other arguments of its ``make``, as far as the embedded world has them."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from papergym.envs.checks import flag, number, texts, whole
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.programmatic import TOOLS
from papergym.envs.mine.task import Task

META = ("harvest", "combat", "techtree", "survival")
_REAL = 'pass backend="minedojo" for it'
_FIXED: dict[str, tuple[tuple[Any, ...], str]] = {
    "generate_world_type": (("default", "specified_biome"), f"this world makes its own land; {_REAL}"),
    "world_file_path": ((None,), f"this world makes its own land; {_REAL}"),
    "flat_world_seed_string": ((None,), f"this world makes its own land; {_REAL}"),
    "spawn_in_village": ((False,), f"this world has no villages; {_REAL}"),
    "drawing_str": ((None, ""), f'draw with env.unwrapped.command("set_block", ...), or {_REAL}'),
    "regenerate_world_after_reset": ((True,), "a reset makes a new world; fast_reset=True keeps it"),
    "event_level_control": ((True,), "the actions are the eight-part ones of minedojo.make"),
    "raise_error_on_invalid_cmds": ((True,), "an invalid command always raises"),
    "spawn_rate": ((None,), f'spawn with env.unwrapped.command("spawn_mobs", ...), or {_REAL}'),
    "spawn_range_low": ((None,), f'spawn with env.unwrapped.command("spawn_mobs", ...), or {_REAL}'),
    "spawn_range_high": ((None,), f'spawn with env.unwrapped.command("spawn_mobs", ...), or {_REAL}'),
    "fast_reset_random_teleport_range": ((None, 200), f"a fast reset moves the player by up to 200 blocks; {_REAL}"),
}
"""Argument of ``minedojo.make`` -> values that this world can honour, and what to do instead of others."""


def without_minedojos(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``arguments`` without those of ``minedojo.make`` that mean nothing here.

    Raises:
        ValueError: one of them has a value that this world cannot honour.
    """
    for name, (values, remedy) in _FIXED.items():
        if name in arguments and arguments[name] not in values:
            raise ValueError(
                f"{name}={arguments[name]!r}: the embedded world takes {' or '.join(map(repr, values))} only; {remedy}"
            )
    if arguments.get("generate_world_type") == "specified_biome" and arguments.get("specified_biome") is None:
        raise ValueError('generate_world_type="specified_biome" needs specified_biome, for example "plains"')
    return {name: value for name, value in arguments.items() if name not in _FIXED and name != "sim_name"}


def meta_task(family: str, arguments: dict[str, Any]) -> Task:
    """The meta task of a family; takes what belongs to the task out of ``arguments``.

    Raises:
        ValueError: a target is missing or unknown, or names and quantities or weights do not fit together.
    """
    if family == "survival":
        return _survival(arguments)
    mobs = arguments.pop("initial_mobs", None) or ()
    where: dict[str, Any] = {"mobs": tuple(texts("initial_mobs", [mobs] if isinstance(mobs, str) else mobs))}
    low, high = (arguments.pop(f"initial_mob_spawn_range_{end}", None) for end in ("low", "high"))
    where["mob_low"] = Task.mob_low if low is None else _corner("low", low)
    where["mob_high"] = Task.mob_high if high is None else _corner("high", high)
    if any(one > other for one, other in zip(where["mob_low"], where["mob_high"])):
        raise ValueError(
            f"initial_mob_spawn_range_low is nowhere above initial_mob_spawn_range_high; got {where['mob_low']} and "
            f"{where['mob_high']}"
        )
    return (_techtree if family == "techtree" else _counted)(family, arguments, where)


def _counted(family: str, arguments: dict[str, Any], where: dict[str, Any]) -> Task:
    """Harvest and combat: so many of these."""
    if "target_names" not in arguments:
        example = "log" if family == "harvest" else "zombie"
        raise ValueError(f'the meta task "{family}" needs target_names, for example target_names="{example}"')
    names = arguments.pop("target_names")
    names = texts("target_names", [names] if isinstance(names, str) else names)
    if not names:
        raise ValueError("target_names holds at least one name")
    quantities = _each(names, arguments.pop("target_quantities", 1), "target_quantities", whole)
    weights = _each(names, arguments.pop("reward_weights", 1.0), "reward_weights")
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in quantities.items())
    read = (lambda name: vocab.ITEMS[vocab.item_id(name)]) if family == "harvest" else str.lower
    night = flag("start_at_night", arguments.pop("start_at_night", family == "combat"))
    always = flag("always_night", arguments.pop("always_night", False)) if family == "combat" else False
    return Task(
        id=family,
        family=family,
        prompt=f"{'Harvest' if family == 'harvest' else 'Hunt'} {words}.",
        targets={read(name): count for name, count in quantities.items()},
        weights={read(name): weight for name, weight in weights.items()},
        start_time=18000 if always or (night and family == "harvest") else 13000 if night else None,
        always_night=always,
        **where,
    )


def _techtree(family: str, arguments: dict[str, Any], where: dict[str, Any]) -> Task:
    item = arguments.pop("tech_item", None)
    if not isinstance(item, str) or not item.endswith(TOOLS):
        raise ValueError(
            f'the meta task "techtree" needs tech_item, a {", ".join(TOOLS)}, for example "stone_pickaxe"; {_REAL}'
        )
    name = vocab.ITEMS[vocab.item_id(item)]
    gain = _each([name], arguments.pop("obtain_items_reward_weights", 1.0), "obtain_items_reward_weights")
    use = _each([name], arguments.pop("use_items_reward_weights", 10.0), "use_items_reward_weights")[name]
    prompt = f"Unlock {name.replace('_', ' ')} technology."
    return Task(id=family, family=family, prompt=prompt, targets={name: 1}, weights=gain, use_weight=use, **where)


def _survival(arguments: dict[str, Any]) -> Task:
    days = whole("target_days", arguments.pop("target_days", None), unit="days")
    each = number("per_day_reward", arguments.pop("per_day_reward", 1.0))
    success = arguments.pop("success_reward", None) or days * each
    goal = {"days": days, "day_weight": each, "days_weight": number("success_reward", success)}
    return Task(id="survival", family="survival", prompt=f"Survive for {days} days.", targets={}, **goal)


def _corner(end: str, corner: Any) -> tuple[int, ...]:
    name = f"initial_mob_spawn_range_{end}"
    if not isinstance(corner, Sequence | np.ndarray) or len(corner) != 3:
        raise ValueError(f"{name} is (x, y, z) in blocks from the player; got {corner!r}")
    return tuple(whole(name, side, -inf, unit="blocks") for side in corner)


def _each(names: list[str], values: Any, what: str, check: Callable[[str, Any], Any] = number) -> dict[str, Any]:
    """One value per name, from one number, a list in the order of the names, or a mapping."""
    if isinstance(values, Mapping):
        if set(values) != set(names):
            raise ValueError(f"{what} has the keys {sorted(values)}, the targets are {sorted(names)}")
        return {name: check(what, values[name]) for name in names}
    many = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else [values] * len(names)
    if len(many) != len(names):
        raise ValueError(f"expected one of {what} per target, got {len(names)} targets and {len(many)}")
    return {name: check(what, value) for name, value in zip(names, many)}
