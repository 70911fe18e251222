"""What every world has in common: its spec, when it may be reset and stepped, and how a state is put back."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from papergym.envs.checks import ResetNeeded, options_of, seed_of


class Episodes:
    """When an environment may be reset and stepped: the checks that every world makes first.

    It can be stepped between a reset and the end of an episode, and neither reset nor stepped after ``close``. A call that is
    refused changes nothing.
    """

    _ended, _closed, _fresh = True, False, True

    def check_reset(self, seed: Any, options: Any, known: Collection[str] = ()) -> tuple[int | None, dict[str, Any]]:
        """Seed and options of a reset, checked before anything changes.

        Raises:
            ValueError: no seed, or an option that this world does not know.
            RuntimeError: the world was closed.
        """
        self.check_open()
        return seed_of(seed), options_of(options, known)

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """What a reset changes stands in this block; a reset that is interrupted leaves no episode running."""
        self._ended = True
        yield
        self._ended = self._fresh = False

    def check_open(self) -> None:
        """Raise RuntimeError after ``close``."""
        if self._closed:
            raise RuntimeError(f"this {type(self).__name__} is closed; make a new one")

    def check_running(self) -> None:
        """Raise ResetNeeded unless an episode is running, RuntimeError after ``close``."""
        self.check_open()
        if self._ended:
            raise ResetNeeded("no episode is running, it has ended or not begun: call reset() before step()")

    def nothing_drawn(self) -> None:
        """Say why ``render()`` returns None without a render mode."""
        gym.logger.warn("render() needs render_mode='rgb_array' in gym.make; nothing is drawn")


class World(Episodes):
    """Base of every world, named before ``gymnasium.Env`` or ``pettingzoo.ParallelEnv`` among the bases.

    Subclasses write :meth:`get_state` and :meth:`_restore`.
    """

    _spec: EnvSpec | None = None
    state_when_fresh: ClassVar[bool] = True
    """Whether :meth:`get_state` works before the first reset."""

    @property
    def spec_limit(self) -> int | None:
        """Steps after which this world truncates by itself; None where it does not."""
        return None

    @property
    def spec(self) -> EnvSpec | None:
        """The spec that builds this environment again; None unless it was made by ``gym.make``.

        What ``gym.make`` writes here becomes plain values, which JSON can hold, and ``max_episode_steps`` is filled in for
        worlds that count their own limit, because other libraries read it there.
        """
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None:
            limit = self.spec_limit if spec.max_episode_steps is None else spec.max_episode_steps
            spec = dataclasses.replace(spec, kwargs=plain(spec.kwargs), max_episode_steps=limit)
        self._spec = spec

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future, as arrays and JSON values."""
        raise NotImplementedError

    def _restore(self, state: Any) -> None:
        """Continue from a state; may stop half-way."""
        raise NotImplementedError

    def set_state(self, state: Any) -> None:
        """Continue exactly from what :meth:`get_state` of an environment with the same arguments returned.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        self.check_open()
        flags = (self._ended, self._fresh)
        before = None if self._fresh and not self.state_when_fresh else self.get_state()
        try:
            self._restore(state)
            self._fresh = False
        except BaseException as error:
            if before is not None:
                self._restore(before)
            self._ended, self._fresh = flags
            if isinstance(error, AttributeError | IndexError | KeyError | TypeError):
                found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
                name = type(self).__name__
                raise ValueError(f"expected what get_state() of {name} returned, got {found} ({error!r})") from error
            raise


def plain(value: Any) -> Any:
    """``value`` with NumPy's scalars and arrays turned into Python's, in nested containers too."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value
