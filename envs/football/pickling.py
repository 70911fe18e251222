"""Envs that hold a compiled simulation pickle as their arguments and their exact state."""

from typing import Any

SPACES = ("action_space", "observation_space", "action_spaces", "observation_spaces", "spec")
"""Attributes that are kept as they are: spaces carry generators of their own."""


class PicklesByState:
    """Base of envs with ``get_state`` and ``set_state``; ``_arguments`` holds what the constructor was given."""

    _arguments: dict[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: vars(self)[name] for name in SPACES if name in vars(self)}
        return _rebuild, (type(self), self._arguments, self.get_state(), kept)  # pyright: ignore[reportAttributeAccessIssue]


def _rebuild(kind: Any, arguments: dict[str, Any], state: dict[str, Any], kept: dict[str, Any]) -> Any:
    env = kind(**arguments)
    env.set_state(state)
    vars(env).update(kept)
    return env
