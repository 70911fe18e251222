"""Numbers from environments that are not finite, found before an algorithm learns from them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from papergym.agents.errors import BadNumbersError


def check_numbers(found: Mapping[str, Any], step: int, env: str) -> None:
    """Look at what the environments returned in one step.

    Args:
        found: the locals that SB3 shows its callbacks: ``rewards``, ``new_obs``, ``infos``.
        step: count of steps, for the message.
        env: environment id.

    Raises:
        BadNumbersError: a reward or an observation that is NaN or infinite, with its step and environment.
    """
    for name, values in _numbers(found):
        index = _not_finite(values)
        if index is not None:
            where = f"step {step}, environment {index} of {env}"
            raise BadNumbersError(f"{where}: {name} is not finite: {np.asarray(values)[index]}")


def _numbers(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(n_envs, ...) each; the observations that end episodes stand in the infos."""
    yield "reward", found.get("rewards")
    yield from _parts("observation", found.get("new_obs"))
    infos = found.get("infos", ())
    for index, info in enumerate(infos):
        for name, last in _parts("last observation", info.get("terminal_observation")):
            values = np.zeros((len(infos), *np.shape(last)))
            values[index] = last
            yield name, values


def _parts(name: str, observation: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(observation, dict):
        yield from ((f"{name} {key!r}", part) for key, part in observation.items())
    elif observation is not None:
        yield name, observation


def _not_finite(values: Any) -> int | None:
    """Index of the first environment with a number that is not finite."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.dtype.kind != "f" or np.isfinite(array.sum()):  # one pass; an overflowing sum of finite numbers is checked below
        return None
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    return int(np.argmax(bad)) if bad.any() else None
