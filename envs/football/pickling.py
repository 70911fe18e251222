"""Envs that hold a compiled simulation pickle as their arguments and their exact state."""

from typing import Any, ClassVar

SPACES = ("action_space", "observation_space", "action_spaces", "observation_spaces", "_spec")
"""Attributes that are kept as they are: spaces carry generators of their own."""


class PicklesByState:
    """Base of worlds that copy as ``_arguments``, which the constructor was given, and their state.

    The copy of a world that was never reset is as new, with random numbers of its own; that of a closed one is closed.
    """

    _arguments: dict[str, Any]
    state_when_fresh: ClassVar[bool] = False
    _fresh: bool
    _closed: bool

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: vars(self)[name] for name in SPACES if name in vars(self)}
        running = not (self._fresh or self._closed)
        state = self.get_state() if running else None  # pyright: ignore[reportAttributeAccessIssue]
        return _rebuild, (type(self), self._arguments, state, kept, self._closed)


def _rebuild(kind: Any, arguments: dict[str, Any], state: dict[str, Any] | None, kept: dict[str, Any], closed: bool) -> Any:
    env = kind(**arguments)
    if state is not None:
        env.set_state(state)
    vars(env).update(kept)
    if closed:
        env.close()
    return env
