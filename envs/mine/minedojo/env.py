"""MineDojo as a Gymnasium environment: the contract of :mod:`papergym.envs.mine.spaces` over :class:`MineDojoProcess`."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import Actions, InvalidAction, check_slot
from papergym.envs.mine.keys import keys_to_action
from papergym.envs.mine.minedojo.client import MineDojoCrash, MineDojoError, MineDojoProcess
from papergym.envs.mine.spaces import LIDAR_RAYS, VOXEL_SIZE, image_sides, observation_space

COMMANDS = (
    *("spawn_mobs", "set_block", "clear_inventory", "set_inventory", "teleport_agent", "kill_agent"),
    *("set_time", "set_weather", "random_teleport", "execute_cmd"),
)
"""MineDojo's world edits that :meth:`MineDojoEnv.command` passes on."""
_NAME_TABLES = {"block_name": vocab.block_id, "entity_name": vocab.entity_id}


class MineDojoEnv(gym.Env[dict[str, Any], np.ndarray]):
    """The real MineDojo 0.1 (Minecraft 1.11.2), one tick of 50 ms per step.

    ``terminated`` is death or success, ``truncated`` the limit. A game that dies or hangs ends the episode with
    ``truncated=True``, the last observation and ``info["error"]``; the next ``reset`` starts it again.

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
        self.render_mode, self.max_steps, self.strict_actions = render_mode, max_steps, strict_actions
        self._prompt, self._actions = prompt, Actions(cam_interval)
        self.action_space = self._actions.space
        kwargs = {**task_kwargs, "image_size": list(size), "cam_interval": cam_interval}
        if "initial_inventory" in kwargs:
            kwargs["initial_inventory"] = [_item(item) for item in kwargs["initial_inventory"] or []]
        self._make = {"task_id": task_id, "kwargs": kwargs}
        self._size = size
        self._process_options: dict[str, Any] = {"python": python, "game_dir": game_dir}
        self._process_options.update(timeout_s=timeout_s, reset_timeout_s=reset_timeout_s)
        self._game: MineDojoProcess | None = None
        space = self._start()
        self.observation_space, self._groups = space, frozenset(space.spaces)
        self._observation: dict[str, Any] | None = None
        self._steps = 0
        self._over = True

    def _start(self) -> spaces.Dict:
        """Start the interpreter and build the task; Minecraft starts at the first reset."""
        self._game = MineDojoProcess(self._size, **self._process_options)
        try:
            made = self._game.request("make", **self._make)
        except MineDojoError:
            self._game.kill()
            raise
        self.prompt: str = self._prompt or made["prompt"]
        return _contract(self._size, made["observation_space"], self._make["kwargs"])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; a seed regenerates the world from it. A dead game is started again, once.

        Raises:
            MineDojoCrash: the game does not start.
            ValueError: options are given; this backend has none.
        """
        super().reset(seed=seed)
        if options:
            raise ValueError(f"the minedojo backend has no reset options, got {sorted(options)}; pass them to make() instead")
        if self._game is None or not self._game.alive:
            self._start()
        assert self._game is not None
        try:
            reply = self._game.request("reset", seed=seed)
        except MineDojoCrash:
            self._start()
            reply = self._game.request("reset", seed=seed)
        self._steps, self._over = 0, False
        self._observation = self._read(reply["observation"])
        return self._copy(), {"success": False, "prompt": self.prompt}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            ValueError: the action is outside the space.
            InvalidAction: MineDojo refuses it, or (``strict_actions``) it equips, places or destroys an empty slot.
            RuntimeError: the episode is over.
        """
        if self._over or self._observation is None or self._game is None:
            raise RuntimeError("the episode is over or has not begun; call reset()")
        values, invalid = self._valid(action)
        try:
            reply = self._game.request("step", action=values)
        except MineDojoCrash as crash:
            return self._broken(str(crash))
        except MineDojoError as refusal:
            raise InvalidAction(f"MineDojo refuses {values}: {refusal}") from None
        if reply["failed"]:
            self._game.kill()
            return self._broken("the game did not answer a step; it was killed and starts again at reset()")
        self._steps += 1
        self._observation = self._read(reply["observation"])
        terminated = bool(reply["success"] or reply["dead"])
        truncated = not terminated and (reply["done"] or (self.max_steps is not None and self._steps >= self.max_steps))
        self._over = terminated or truncated
        info: dict[str, Any] = {"success": reply["success"], "invalid_action": invalid}
        if reply["done"] and not terminated:
            info["error"] = "the game ended the mission by itself"
        return self._copy(), float(reply["reward"]), terminated, truncated, info

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
        self._over = True
        return self._copy(), 0.0, False, True, {"success": False, "error": error}

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
        if self._over or self._game is None:
            raise RuntimeError("commands need a running episode; call reset() first")
        self._observation = self._read(self._game.request("command", name=name, arguments=arguments)["observation"])
        return self._copy()

    def render(self) -> np.ndarray | None:
        """(H, W, 3) uint8: the last ``rgb``, channels last."""
        if self.render_mode is None:
            return None
        if self._observation is None:
            raise RuntimeError("nothing to render yet; call reset() first")
        return np.ascontiguousarray(self._observation["rgb"].transpose(1, 2, 0))

    def close(self) -> None:
        """End the game, its watchdog and its temporary files."""
        if self._game is not None:
            self._game.close()
            self._game = None

    def _read(self, flat: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        assert self._game is not None
        observation = self._copy()  # a world edit returns no masks and no delta_inv: they stay as they were
        observation["rgb"] = self._game.frame.copy()
        for path, value in flat.items():
            group, key = path.split("/")
            if group in self._groups:  # a world edit also returns full_stats, which the contract lacks
                space = self.observation_space[group][key]  # type: ignore[index]
                observation.setdefault(group, {})[key] = _leaf(key, value, space)
        return observation

    def _copy(self) -> dict[str, Any]:
        """The last observation in new arrays."""
        return {
            key: {name: np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for name, leaf in value.items()}
            if isinstance(value, dict)
            else value.copy()
            for key, value in (self._observation or {}).items()
        }


def _leaf(key: str, value: Mapping[str, Any], space: spaces.Space) -> Any:
    """One JSON leaf in the form of the contract's space: names as ids, flags as bool, everything clipped to its bounds."""
    shape = tuple(value["shape"])
    if value["dtype"] == "str":
        lookup = _NAME_TABLES.get(key, vocab.item_id)
        return np.array([lookup(name) for name in value["data"]], np.int64).reshape(shape)
    array = np.array(value["data"]).reshape(shape)
    if isinstance(space, spaces.Discrete):
        return np.int64(array)
    if isinstance(space, spaces.Box) and space.dtype == np.float32:
        return np.clip(array, space.low, space.high).astype(np.float32)
    return array.astype(space.dtype)


def _contract(size: tuple[int, int], described: Mapping[str, Mapping[str, Any]], kwargs: Mapping[str, Any]) -> spaces.Dict:
    """The contract's space for what this task observes; refuses a MineDojo whose keys or shapes are others."""
    groups = {path.split("/")[0] for path in described}
    voxels = kwargs.get("voxel_size", VOXEL_SIZE) if "voxels" in groups else None
    rays = kwargs.get("lidar_rays", LIDAR_RAYS) if "rays" in groups else None
    space = observation_space(size, voxel_size=voxels, lidar_rays=rays)
    ours = {
        f"{group}/{key}" if key else group: tuple(leaf.shape or ())
        for group, inner in space.spaces.items()
        for key, leaf in (inner.spaces.items() if isinstance(inner, spaces.Dict) else [("", inner)])
    }
    theirs = {path: tuple(entry["shape"]) for path, entry in described.items()}
    if ours != theirs:
        wrong = sorted(set(ours.items()) ^ set(theirs.items()))
        raise MineDojoError(f"this minedojo observes other keys or shapes than 0.1 does: {wrong}. Install minedojo==0.1.")
    return space


def _item(item: Any) -> dict[str, Any]:
    """An InventoryItem or a mapping of its fields as JSON."""
    return dict(item) if isinstance(item, Mapping) else dict(item._asdict())
