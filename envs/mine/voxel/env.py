"""The embedded world as a Gymnasium environment with MineDojo's spaces and arguments."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.envs import base
from papergym.envs.checks import flag, number, one_of, seed_of, whole
from papergym.envs.mine import spaces as contract
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import Actions, InvalidAction
from papergym.envs.mine.keys import keys_to_action
from papergym.envs.mine.task import Task
from papergym.envs.mine.tasks import check_reach, parse
from papergym.envs.mine.voxel import commands, hands, terrain
from papergym.envs.mine.voxel import start as starts
from papergym.envs.mine.voxel.goals import Goals
from papergym.envs.mine.voxel.observe import Observer
from papergym.envs.mine.voxel.painter import Painter
from papergym.envs.mine.voxel.reach import obtainable
from papergym.envs.mine.voxel.world import World

_ALWAYS = 2**31
"""Fast resets between two new worlds, for ``fast_reset=True``."""


class VoxelMineEnv(base.World, gym.Env[dict[str, Any], np.ndarray]):
    """A first-person block world; one step is one game tick (1/20 s).

    Observations and actions are the contract of :mod:`papergym.envs.mine.spaces`. ``info`` holds ``success``, ``prompt``,
    ``frames`` (1), ``biome``, ``invalid_action`` (True for a refused action), ``refusal`` (why) and ``cause_of_death``, "" for
    the living. An episode is
    terminated by death or success; the task's limit is the TimeLimit of the registered id.

    Args:
        task: a Task, or an id for :func:`papergym.envs.mine.tasks.parse`.
        image_size: (H, W) of ``rgb`` in pixels, or one number for a square.
        seed: seed of the first reset, if reset gets none.
        world_seed: seed of the terrain, any whole number or text; every reset then makes the same land.
        specified_biome: biome of the whole world in place of the task's.
        initial_inventory: in place of the task's; InventoryItems, equal tuples, or mappings of their fields.
        start_position: mapping with x, y, z and, if wanted, yaw and pitch; y from 0 to 96.
        start_health: half hearts at the start, up to 20.
        start_food: food at the start, 0 to 20.
        start_time: ticks of the day at the start, 0 to 24000.
        initial_weather: "normal", "clear", "rain" or "thunder".
        break_speed_multiplier: in place of the task's.
        allow_time_passage: whether the sun moves.
        allow_mob_spawn: in place of the task's.
        fast_reset: resets that keep the world and move the player by up to 200 blocks, between two new worlds; True for always.
        use_voxel: add ``voxels``; None: where the task has them, as MineDojo's programmatic tasks do.
        voxel_size: window of ``voxels``.
        use_lidar: add ``rays``.
        lidar_rays: (pitch, yaw, reach) of each ray.
        cam_interval: degrees per camera bin, a divisor of 180.
        strict_actions: raise InvalidAction where the function names an empty slot or what cannot be placed, as MineDojo does;
            otherwise the player moves and looks, but the function is left out. Crafting without materials does nothing.
        success_ends: whether success terminates the episode.
        reward_scale: factor on the reward; 2 reproduces LS-Imagine's code, which counts each item twice.
        hand: draw what the hand holds.
        hud: draw hearts, food and slots.
        view_distance: blocks that can be seen.
        aspect: width over height of the field of view if not that of the image.
        segmentation: add ``info["segmentation"]`` ("block" and "entity", (H, W) uint8) and ``info["depth"]`` (H, W) float32.
        render_mode: None or "rgb_array".

    Raises:
        ValueError: an unknown task, item or biome, a value out of its range, or a task that this world cannot fulfil.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(
        self,
        task: Task | str = "open-ended",
        *,
        image_size: int | tuple[int, int] = (160, 256),
        seed: int | None = None,
        world_seed: int | str | None = None,
        specified_biome: str | int | None = None,
        initial_inventory: Sequence[Any] | None = None,
        start_position: Mapping[str, float] | None = None,
        start_health: float | None = None,
        start_food: int | None = None,
        start_time: int | None = None,
        initial_weather: str | None = None,
        break_speed_multiplier: float | None = None,
        allow_time_passage: bool = True,
        allow_mob_spawn: bool | None = None,
        fast_reset: int | None = None,
        use_voxel: bool | None = None,
        voxel_size: Mapping[str, int] | None = None,
        use_lidar: bool = False,
        lidar_rays: Sequence[tuple[float, float, float]] | None = None,
        cam_interval: float = 15,
        strict_actions: bool = False,
        success_ends: bool = True,
        reward_scale: float = 1.0,
        hand: bool = False,
        hud: bool = False,
        view_distance: float = 64.0,
        aspect: float | None = None,
        segmentation: bool = False,
        render_mode: str | None = None,
    ) -> None:
        given = locals()
        self.task = parse(task) if isinstance(task, str) else task
        check_reach(self.task, obtainable())
        self.render_mode, self._begun = one_of("render_mode", render_mode, (None, "rgb_array")), False
        for name in ("allow_time_passage", "use_lidar", "strict_actions", "success_ends", "hand", "hud", "segmentation"):
            flag(name, given[name])
        for name in ("allow_mob_spawn", "use_voxel"):
            flag(name, bool(given[name]) if given[name] is None else given[name])
        reward_scale = number("reward_scale", reward_scale)
        view_distance = number("view_distance", view_distance, 0, contract.LONGEST_LOOK, above=True)
        aspect = None if aspect is None else number("aspect", aspect, 0, above=True)
        self._first_seed, self._world_seed = seed_of(seed), starts.terrain_seed(world_seed)
        self._kind = starts.terrain_kind(specified_biome if specified_biome is not None else self.task.biome)
        inventory = self.task.inventory if initial_inventory is None else initial_inventory
        self._inventory = commands.parse_items(inventory)
        values = (start_position, start_health, start_food, start_time, initial_weather)
        self._start = starts.checked(dict(zip(starts.VALUES, values)), self.task)
        if isinstance(fast_reset, bool):
            self._fast_reset = _ALWAYS if fast_reset else 0
        else:
            resets = self.task.fast_reset if fast_reset is None else fast_reset
            self._fast_reset = whole("fast_reset (True for always)", resets, 0, unit="resets")
        self._fast_left = 0
        self._strict, self._success_ends, self._segmentation = strict_actions, success_ends, segmentation
        speed = self.task.break_speed_multiplier if break_speed_multiplier is None else break_speed_multiplier
        speed = number("break_speed_multiplier", speed, 0, above=True)
        self.world = World(
            break_speed_multiplier=speed,
            allow_time_passage=allow_time_passage and not self.task.always_night,
            allow_mob_spawn=self.task.allow_mob_spawn if allow_mob_spawn is None else allow_mob_spawn,
        )
        size = contract.image_sides(image_size)
        self.painter = Painter(size, view=view_distance, aspect=aspect, hand=hand, hud=hud)
        with_voxels = self.task.use_voxel if use_voxel is None else use_voxel
        voxels = (contract.VOXEL_SIZE if voxel_size is None else voxel_size) if with_voxels else None
        rays = contract.check_rays(contract.LIDAR_RAYS if lidar_rays is None else lidar_rays) if use_lidar else None
        self._observer, self._goals = Observer(voxels, rays), Goals(self.task, reward_scale)
        self._actions = Actions(cam_interval)
        self.observation_space = contract.observation_space(size, voxel_size=voxels, lidar_rays=rays)
        self.action_space = self._actions.space

    @property
    def actions(self) -> Actions:
        """Decoder of this environment's actions; ``actions.no_op`` is the action that does nothing."""
        return self._actions

    def get_keys_to_action(self) -> dict[tuple[str, ...], np.ndarray]:
        """Keys held together -> action, for gymnasium.utils.play; see :mod:`papergym.envs.mine.keys`."""
        return keys_to_action(self._actions.no_op)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: seeds every generator of the world.
            options: may hold ``start_position``, ``start_health``, ``start_food``, ``start_time`` and ``initial_weather``, as
                the constructor does, ``inventory`` (list of InventoryItem), and ``fast_reset`` (True: keep this world).

        Returns:
            (observation, info).
        """
        seed, options = self.check_reset(seed, options, starts.OPTIONS)
        fast, items = flag("fast_reset", options.pop("fast_reset", False)), options.pop("inventory", None)
        items = self._inventory if items is None else commands.parse_items(items)
        given = {**self._start, **starts.checked(options, self.task)}
        if seed is None and self._first_seed is not None:
            seed, self._first_seed = self._first_seed, None
        with self.beginning():
            gym.Env.reset(self, seed=seed)
            if self._begun and (fast or (seed is None and self._fast_left > 0)):
                self._fast_left = max(self._fast_left - 1, 0)
                commands.fast_reset(self.world, self.np_random)
            else:
                self._begun, self._fast_left = False, self._fast_reset
                self.world.reset(self.np_random, self._kind, self._world_seed)
            starts.furnish(self.world, self.np_random, self.task, items, given)
            self._begun = True
            self._observer.reset(self.world)
            self._goals.reset(self.world)
            info = {**self._info(), "frames": 0}
            return self._observe(info), info

    def check_action(self, action: np.ndarray) -> None:
        """Raise what a step with this action would."""
        self.check_running()
        act = self._actions.decode(action)
        if self._strict:
            hands.check(self.world, act.function, act.slot)

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One tick.

        Raises:
            ValueError: the action lies outside the space.
            gymnasium.error.ResetNeeded: no episode is running.
            InvalidAction: ``strict_actions``, and the function names an empty slot or what cannot be placed.
        """
        self.check_running()
        act, refused = self._actions.decode(action), ""
        self._ended = True  # a step that is interrupted ends the episode
        try:
            self.world.tick(act)
        except InvalidAction as error:
            if self._strict:
                self._ended = False
                raise
            refused = str(error)
            self.world.tick(act._replace(function="no_op"))
        reward = self._goals.reward(self.world)
        dead = self.world.vitals.life <= 0
        info = self._info()
        info["invalid_action"], info["refusal"] = bool(refused), refused
        if dead:
            info["cause_of_death"] = self.world.vitals.cause
        observation = self._observe(info)
        self._ended = bool(dead or (info["success"] and self._success_ends))
        return observation, reward, self._ended, False, info

    def _check_begun(self) -> None:
        if not self._begun:
            raise gym.error.ResetNeeded("no episode has begun: call reset() first")

    def _observe(self, info: dict[str, Any]) -> dict[str, Any]:
        obs = self._observer.observe(self.world, self.painter.paint(self.world))
        if self._segmentation:
            info["segmentation"], info["depth"] = self.painter.segmentation(), self.painter.depth()
        return obs

    def _info(self) -> dict[str, Any]:
        x, z = (math.floor(self.world.body[axis]) & terrain.WRAP for axis in (0, 2))
        biome = int(self.world.grid.biome[x, z])
        return {
            "success": self._goals.success(self.world),
            "prompt": self.task.prompt,
            "frames": 1,
            "biome": vocab.BIOME_NAME[biome],
            "invalid_action": False,
            "refusal": "",
            "cause_of_death": "",
        }

    def render(self) -> np.ndarray | None:
        """(H, W, 3) uint8 image of the player's view."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        self._check_begun()
        return np.ascontiguousarray(self.painter.paint(self.world).transpose(1, 2, 0))

    def close(self) -> None:
        """Nothing to give back; may be called twice."""
        self._closed = True

    def command(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Run one of MineDojo's commands: spawn_mobs, set_block, set_inventory, clear_inventory, teleport_agent, set_time,
        set_weather, kill_agent, random_teleport. Takes effect before the next step.

        Raises:
            ValueError: an unknown command or item, or a place outside the world.
            gymnasium.error.ResetNeeded: no episode has begun.
            RuntimeError: closed.
        """
        self.check_open()
        self._check_begun()
        commands.run(self.world, self.np_random, name, *args, **kwargs)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future of this environment."""
        return {
            "world": self.world.get_state(),
            "rng": self.np_random.bit_generator.state,
            "goals": self._goals.get_state(),
            "counts": self._observer.counts.copy(),
            "fast_left": self._fast_left,
            "first_seed": self._first_seed,
            "begun": self._begun,
            "ended": self._ended,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if not isinstance(state, Mapping) or not {"world", "rng", "goals", "counts", "fast_left"} <= set(state):
            raise ValueError("expected what get_state() of this environment returned")
        self._goals.check_state(state["goals"])
        self.world.set_state(state["world"])
        self.np_random.bit_generator.state = state["rng"]
        self._goals.set_state(state["goals"])
        self._observer.counts[...] = state["counts"]
        self._fast_left, self._first_seed = int(state["fast_left"]), state.get("first_seed")
        self._begun, self._ended = bool(state.get("begun", True)), bool(state.get("ended", False))
