"""Keys of a keyboard for MineDojo's actions, by Gymnasium's convention ``get_keys_to_action``."""

import numpy as np

KEYS = {
    **{"w": (0, 1), "s": (0, 2), "a": (1, 1), "d": (1, 2), " ": (2, 1), "c": (2, 2), "r": (2, 3)},
    **{"i": (3, -1), "k": (3, 1), "j": (4, -1), "l": (4, 1), "e": (5, 1), "x": (5, 2), "f": (5, 3)},
}
"""Key -> part of the action and what it adds to doing nothing: forward, back, left, right, jump, sneak, sprint, look up, down,
left, right, use, drop, attack."""


def keys_to_action(no_op: np.ndarray) -> dict[tuple[str, ...], np.ndarray]:
    """Keys held together, sorted -> (8,) action: each key alone and with w (forward); () does nothing.

    Args:
        no_op: (8,) action that does nothing.
    """
    found: dict[tuple[str, ...], np.ndarray] = {(): no_op.copy()}
    for held in ((), ("w",)):
        for key, (part, _) in KEYS.items():
            if held and part == KEYS["w"][0]:
                continue
            action = no_op.copy()
            for one in (*held, key):
                action[KEYS[one][0]] += KEYS[one][1]
            found[tuple(sorted((*held, key)))] = action
    return found
