"""Windows to steer an environment in: OpenCV's, or pygame's through Gymnasium where pygame is installed."""

import logging
import time
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from papergym.agents.cli.keys import Keys

log = logging.getLogger(__name__)

CLOSE = ("q", "\x1b")
"""Keys that close the window: q and Escape."""


class Screen(Protocol):
    """What :func:`steer` needs of a window."""

    def show(self, frame: np.ndarray, seconds: float) -> str | None:
        """Show a picture; the key pressed within ``seconds`` (0: wait for one), "" for none, None once it is closed."""
        ...


class Window:
    """An OpenCV window.

    Args:
        title: text of its bar.
        height_px: smaller pictures are enlarged by a whole factor to about this height.
    """

    def __init__(self, title: str, height_px: int):
        import cv2

        self._cv2, self._title, self._height = cv2, title, height_px
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)

    def show(self, frame: np.ndarray, seconds: float) -> str | None:
        """See :class:`Screen`."""
        factor = max(1, round(self._height / frame.shape[0]))
        enlarged = np.repeat(np.repeat(frame, factor, axis=0), factor, axis=1)
        self._cv2.imshow(self._title, enlarged[..., ::-1])
        until = time.monotonic() + seconds
        while True:
            wait_s = until - time.monotonic() if seconds else 0.1  # short, to notice that the window was closed
            code = self._cv2.waitKey(max(1, round(1000 * wait_s)))
            if self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) < 1:
                return None
            if code != -1 or seconds:
                return "" if code == -1 else chr(code & 0xFF)

    def close(self) -> None:
        """Close it."""
        if self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) >= 1:
            self._cv2.destroyWindow(self._title)


def steer(env: gym.Env, keys: Keys, screen: Screen, *, seed: int, fps: float, turn_based: bool) -> list[float]:
    """Play episodes by keyboard until the screen is closed; the returns of those that ended.

    Args:
        env: renders ``rgb_array``.
        keys: key -> action.
        screen: shows pictures and reads keys.
        seed: of the first start.
        fps: steps per second, unless the world waits for keys.
        turn_based: step only when a key of an action is pressed.
    """
    returns: list[float] = []
    env.reset(seed=seed)
    total = 0.0
    while True:
        frame: Any = env.render()
        key = screen.show(frame, 0.0 if turn_based else 1 / fps)
        if key is None or key in CLOSE:
            return returns
        if turn_based and (key,) not in keys.actions:
            continue
        _, reward, terminated, truncated, _ = env.step(keys.action(key))
        total += float(reward)
        if terminated or truncated:
            returns.append(total)
            log.info("episode %d: return %.2f", len(returns) - 1, total)
            total = 0.0
            env.reset()


def steer_with_pygame(env: gym.Env, keys: Keys, *, seed: int, fps: float, turn_based: bool) -> None:
    """Play by keyboard in Gymnasium's pygame window, which reads several keys held at once."""
    from gymnasium.utils.play import play

    total = 0.0

    def count(_before: Any, _after: Any, _action: Any, reward: Any, terminated: bool, truncated: bool, _info: Any) -> None:
        nonlocal total
        total += float(reward)
        if terminated or truncated:
            log.info("episode: return %.2f", total)
            total = 0.0

    mapping: dict[Any, Any] = dict(keys.actions)
    play(env, fps=round(fps), callback=count, keys_to_action=mapping, seed=seed, noop=keys.idle, wait_on_player=turn_based)
