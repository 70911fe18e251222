"""Where a bonus may be given by name: the bonus, and the arguments that build it again."""

from collections.abc import Mapping
from typing import Any

from papergym.envs.base import plain
from papergym.wrappers.intrinsic import make_bonus
from papergym.wrappers.intrinsic.base import Bonus


def resolve(bonus: Bonus | str, arguments: Mapping[str, Any] | None) -> tuple[Bonus, dict[str, Any]]:
    """A bonus, and the plain arguments ``bonus`` and ``bonus_arguments`` that build it again.

    Raises:
        TypeError: neither a bonus nor a name, or arguments beside a ready bonus.
    """
    if arguments is not None and not (isinstance(arguments, Mapping) and all(isinstance(name, str) for name in arguments)):
        raise TypeError(f"bonus_arguments is a mapping from name to value, got {arguments!r}.")
    if isinstance(bonus, str):
        made = make_bonus(bonus, **dict(arguments or {}))
        return made, {"bonus": bonus, "bonus_arguments": {name: plain(getattr(made, name)) for name in arguments or {}}}
    if not isinstance(bonus, Bonus):
        raise TypeError(f"bonus is a Bonus or the name of one, got {type(bonus).__name__}.")
    if arguments:
        raise TypeError("bonus_arguments go with a bonus given by name; this one is built already.")
    return bonus, {"bonus": type(bonus).__name__, "bonus_arguments": bonus.config()}
