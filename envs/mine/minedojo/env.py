"""MineDojo as a Gymnasium environment: the contract of :mod:`papergym.envs.mine.spaces` over :class:`MineDojoProcess`."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.base import Episodes
from papergym.envs.checks import flag, number, one_of, whole
from papergym.envs.mine.actions import Actions, InvalidAction, check_slot, inventory_item
from papergym.envs.mine.keys import keys_to_action
from papergym.envs.mine.minedojo import answers
from papergym.envs.mine.minedojo.client import MineDojoCrash, MineDojoError, MineDojoProcess
from papergym.envs.mine.spaces import image_sides

COMMANDS = (
    *("spawn_mobs", "set_block", "clear_inventory", "set_inventory", "teleport_agent", "kill_agent"),
    *("set_time", "set_weather", "random_teleport", "execute_cmd"),
)
"""MineDojo's world edits that :meth:`MineDojoEnv.command` passes on."""


class MineDojoEnv(Episodes, gym.Env[dict[str, Any], np.ndarray]):
    """The real MineDojo 0.1 (Minecraft 1.11.2), one tick of 50 ms per step.

    ``terminated`` is death or success, ``truncated`` the limit. A game that dies or hangs ends the episode with
    ``truncated=True``, the last observation and ``info["error"]``, and so does one whose answers its protocol does not allow
    (a reward that is NaN, a missing field); the next ``reset`` starts it again.

    Args:
        task_id: a MineDojo task id, for example ``"harvest_milk"`` or ``"open-ended"``.
        image_size: (H, W) of ``rgb`` in pixels.
        cam_interval: degrees per camera bin.
        max_steps: limit in steps, None for none (MineDojo itself has none).
        prompt: the goal in words; default MineDojo's own.
        strict_actions: raise InvalidAction where the function names an empty slot, as MineDojo does; otherwise such an
            action moves and looks but its function is left out, and ``info["invalid_action"]`` is True.
        render_mode: ``"rgb_array"`` or None.
        python: interpreter with minedojo; default ``$PAPERGYM_MINEDOJO_PYTHON``.
        timeout_s: seconds a step may take.
        reset_timeout_s: seconds a reset may take; the first one starts the JVM.
        game_dir: a game built before (docs/minedojo.md).
        **task_kwargs: whatever ``minedojo.make`` takes for this task, as JSON values.

    Raises:
        ValueError: an argument that is not of its kind.
        FileNotFoundError: no interpreter with minedojo.
        MineDojoError: MineDojo refuses the task or an argument.

    Source: MineDojo (Fan et al., 2022), package minedojo 0.1.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(
        self,
        task_id: str = "open-ended",
        image_size: int | tuple[int, int] = (160, 256),
        *,
        cam_interval: float = 15,
        max_steps: int | None = None,
        prompt: str | None = None,
        strict_actions: bool = False,
        render_mode: str | None = None,
        python: str | None = None,
        timeout_s: float = 60.0,
        reset_timeout_s: float = 900.0,
        game_dir: str | None = None,
        **task_kwargs: Any,
    ) -> None:
        size = image_sides(image_size)
        if not isinstance(task_id, str) or not (prompt is None or isinstance(prompt, str)):
            raise ValueError(f"expected texts as task_id and prompt (or None), got {task_id!r} and {prompt!r}")
        self.render_mode = one_of("render_mode", render_mode, (None, "rgb_array"))
        self.strict_actions = flag("strict_actions", strict_actions)
        self.max_steps = None if max_steps is None else whole("max_steps", max_steps, unit="steps")
        self._prompt, self._actions = prompt, Actions(cam_interval)
        self.action_space = self._actions.space
        kwargs = {**task_kwargs, "image_size": list(size), "cam_interval": cam_interval}
        if "initial_inventory" in kwargs:
            kwargs["initial_inventory"] = _items(kwargs["initial_inventory"] or [])
        self._make = {"task_id": task_id, "kwargs": kwargs}
        self._size = size
        self._process_options: dict[str, Any] = {"python": python, "game_dir": game_dir}
        waits = {"timeout_s": timeout_s, "reset_timeout_s": reset_timeout_s}
        self._process_options |= {name: number(name, value, 0, above=True) for name, value in waits.items()}
        self._game: MineDojoProcess | None = None
        self.observation_space = self._space = self._start()
        self._observation: dict[str, Any] | None = None
        self._steps = 0

    def _start(self) -> spaces.Dict:
        """Start the interpreter and build the task; Minecraft starts at the first reset."""
        self._game = game = MineDojoProcess(self._size, **self._process_options)
        try:
            made = game.request("make", **self._make)
            space = answers.contract(self._size, made["observation_space"], self._make["kwargs"])
            answers.check_actions(self._actions.space, made["action_nvec"])
        except BaseException as error:
            if isinstance(error, answers.BadAnswer):
                raise game.crash(str(error)) from None
            game.kill()
            raise
        self.prompt: str = self._prompt or made["prompt"]
        return space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; a seed regenerates the world from it. A dead game is started again, once.

        Raises:
            MineDojoCrash: the game does not start.
            ValueError: no seed, or options, of which this backend has none; pass them to ``make``.
        """
        seed, _ = self.check_reset(seed, options)
        with self.beginning():
            super().reset(seed=seed)
            if self._game is None or not self._game.alive:
                self._start()
            try:
                observation = self._begin(seed)
            except MineDojoCrash:
                self._start()
                observation = self._begin(seed)
            self._observation, self._steps = observation, 0
        return self._copy(), self._info()

    def _begin(self, seed: int | None) -> dict[str, Any]:
        assert self._game is not None
        return self._read(self._game.request("reset", seed=seed)["observation"], {})

    def check_action(self, action: np.ndarray) -> None:
        """Raise what a step with this action would, unless the game itself refuses it."""
        self.check_running()
        self._valid(action)

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One tick. A step that is interrupted ends the episode.

        Raises:
            ValueError: the action is outside the space.
            InvalidAction: MineDojo refuses it, or (``strict_actions``) it equips, places or destroys an empty slot.
            gymnasium.error.ResetNeeded: the episode is over; a RuntimeError.
        """
        self.check_running()
        assert self._game is not None
        values, invalid = self._valid(action)
        self._ended = True
        try:
            reply = self._game.request("step", action=values)
            observation = self._read(reply["observation"], {})
        except MineDojoCrash as crash:
            return self._broken(str(crash))
        except MineDojoError as refusal:
            self._ended = False
            raise InvalidAction(f"MineDojo refuses {values}: {refusal}") from None
        if reply["failed"]:
            self._game.kill()
            return self._broken("the game did not answer a step; it was killed and starts again at reset()")
        self._steps, self._observation = self._steps + 1, observation
        terminated = reply["success"] or reply["dead"]
        truncated = not terminated and (reply["done"] or (self.max_steps is not None and self._steps >= self.max_steps))
        self._ended = terminated or truncated
        error = "the game ended the mission by itself" if reply["done"] and not terminated else ""
        return self._copy(), float(reply["reward"]), terminated, truncated, self._info(reply["success"], invalid, error)

    def _info(self, success: bool = False, invalid: bool = False, error: str = "") -> dict[str, Any]:
        """The same keys and types after a reset and in every step."""
        return {"success": success, "prompt": self.prompt, "invalid_action": invalid, "error": error}

    def _valid(self, action: np.ndarray) -> tuple[list[int], bool]:
        """The action as MineDojo takes it, and whether its function had to be left out."""
        decoded, values = self._actions.decode(action), np.asarray(action).tolist()
        assert self._observation is not None
        if decoded.function not in ("equip", "place", "destroy"):
            return values, False
        try:
            check_slot(decoded.slot, self._observation["inventory"]["name"], decoded.function)
        except InvalidAction:
            if self.strict_actions:
                raise
            values[5] = 0
            return values, True
        return values, False

    def _broken(self, error: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        return self._copy(), 0.0, False, True, self._info(error=error)

    def get_keys_to_action(self) -> dict[tuple[str, ...], np.ndarray]:
        """Keys held together -> action, for gymnasium.utils.play; see :mod:`papergym.envs.mine.keys`."""
        return keys_to_action(self._actions.no_op)

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """One of MineDojo's world edits (:data:`COMMANDS`); costs a tick. Returns the observation after it.

        Raises:
            ValueError: no such command.
            MineDojoError: MineDojo refuses the arguments, or the game is gone.
        """
        if name not in COMMANDS:
            raise ValueError(f"unknown command {name!r}; known: {', '.join(COMMANDS)}")
        self.check_running()
        assert self._game is not None
        if "inventory_list" in arguments:
            arguments["inventory_list"] = _items(arguments["inventory_list"])
        self._ended = True
        try:
            reply = self._game.request("command", name=name, arguments=arguments)
            if reply["failed"]:
                raise self._game.crash(f"the game did not answer the command {name!r}")
            # a world edit returns no masks and no delta_inv: they stay as they were
            self._observation = self._read(reply["observation"], self._copy())
        except MineDojoCrash:
            raise
        except (MineDojoError, ValueError):  # refused
            self._ended = False
            raise
        self._ended = False
        return self._copy()

    def render(self) -> np.ndarray | None:
        """(H, W, 3) uint8: the last ``rgb``, channels last."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        if self._observation is None:
            raise RuntimeError("nothing to render yet; call reset() first")
        return np.ascontiguousarray(self._observation["rgb"].transpose(1, 2, 0))

    def close(self) -> None:
        """End the game, its watchdog and its temporary files."""
        self._closed = self._ended = True
        if self._game is not None:
            self._game.close()
            self._game = None

    def _read(self, flat: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """The observation of an answer; what it lacks stays as it was ``before``."""
        assert self._game is not None
        try:
            return answers.observation(flat, self._space, {**before, "rgb": self._game.frame()})
        except answers.BadAnswer as error:
            raise self._game.crash(str(error)) from None

    def _copy(self) -> dict[str, Any]:
        """The last observation in new arrays."""
        return {
            key: {name: np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for name, leaf in value.items()}
            if isinstance(value, dict)
            else value.copy()
            for key, value in (self._observation or {}).items()
        }


def _items(items: Any) -> list[dict[str, Any]]:
    """A list of InventoryItems as JSON keeps their fields."""
    return [inventory_item(item)._asdict() for item in items]
