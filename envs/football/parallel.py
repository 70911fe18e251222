"""Football as a PettingZoo parallel env."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from papergym.envs.base import World
from papergym.envs.checks import flag, number, one_of
from papergym.envs.football.image import DEFAULT_CAMERA, MatchImage
from papergym.envs.football.match import CONTROL_STEP_S, checked, load_match
from papergym.envs.football.observations import PlayerView
from papergym.envs.football.pickling import PicklesByState
from papergym.envs.football.simulation import Simulation


class FootballEnv(PicklesByState, World, ParallelEnv[str, Any, np.ndarray]):
    """Two teams of simulated bodies play football.

    Agents are ``home_0``, ``home_1``, …, ``away_0``, …; both teams see the pitch as if they were the home team. Observations
    are egocentric; reward is 1 for each player of the team that scores and -1 for the others. Privileged statistics
    (``stats_*``: velocity to the ball, of the ball to the goal, distance to team-mates, …) stand in ``infos`` and may shape the
    reward. ``infos`` also holds the unshaped ``reward_match``, and ``physics_diverged``, which truncates the match.

    Args:
        team_size: players per team, 1 to 11.
        walker: ``"humanoid"`` (56 position-controlled joints), ``"ant"`` (8) or ``"boxhead"`` (3).
        time_limit_s: length of a match, seconds of simulation; a step lasts 0.025. The match is then truncated.
        terminate_on_goal: a goal terminates the match; otherwise players and ball are placed anew and it goes on.
        shaping: statistic -> weight; their weighted sum is added to the reward. Names as in ``infos``, with or without
            ``stats_``.
        flatten: observations are one float32 vector (:meth:`slices` says where each entry stands), or a dict of arrays.
        field_box: walls keep the ball, not the players, on the field; otherwise it is thrown in.
        walker_contacts: whether players can touch each other.
        render_mode: None or ``"rgb_array"``.
        camera: ``"soccer_ball/ball_cam"``, ``"soccer_ball/ball_cam_far"``, ``"top_down"``, ``"home0/back"``, …
        size_px: (height, width) of the images.
        quality: ``"fast"``, ``"near"`` or ``"paper"``, see :mod:`papergym.envs.render`.

    Source: Liu et al., From Motor Control to Team Play in Simulated Humanoid Football (arXiv 2105.12196), on
    ``dm_control.locomotion.soccer``. Humanoids start in T-pose, not in a pose of the motion capture that dm_control downloads.
    """

    metadata = {"name": "papergym_football_v0", "render_modes": ["rgb_array"], "render_fps": round(1 / CONTROL_STEP_S)}

    def __init__(
        self,
        team_size: int = 2,
        walker: str = "humanoid",
        *,
        time_limit_s: float = 45.0,
        terminate_on_goal: bool = True,
        shaping: Mapping[str, float] | None = None,
        flatten: bool = True,
        field_box: bool = False,
        walker_contacts: bool = True,
        render_mode: str | None = None,
        camera: str | int = DEFAULT_CAMERA,
        size_px: tuple[int, int] = (240, 320),
        quality: str = "fast",
    ):
        self._arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        one_of("render_mode", render_mode, (None, "rgb_array"))
        flatten = flag("flatten", flatten)
        random = np.random.RandomState()
        match = load_match(
            team_size=team_size,
            walker=walker,
            time_limit_s=time_limit_s,
            terminate_on_goal=terminate_on_goal,
            field_box=field_box,
            walker_contacts=walker_contacts,
            random=random,
        )
        self._simulation = Simulation(match, random)
        self.render_mode = render_mode
        self._image = MatchImage(camera, size_px, quality)
        self.possible_agents = [f"{side}_{place}" for side in ("home", "away") for place in range(int(team_size))]
        self.agents: list[str] = []
        views = [PlayerView(spec, flatten=flatten) for spec in self._simulation.observation_spec()]
        self._views = dict(zip(self.possible_agents, views))
        self.observation_spaces = {agent: view.space for agent, view in self._views.items()}
        self.action_spaces = {
            agent: spaces.Box(-1.0, 1.0, spec.shape, np.float32)
            for agent, spec in zip(self.possible_agents, self._simulation.action_spec())
        }
        self._shaping = _check_shaping({} if shaping is None else shaping, views[0].stats)
        size = self._simulation.physics.get_state().size + 2
        self.state_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What ``agent`` sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[np.ndarray]:
        """What ``agent`` does: float32 in [-1, 1]."""
        return self.action_spaces[agent]

    @property
    def spec_limit(self) -> int:
        """Steps of a match."""
        return math.ceil(round(self._arguments["time_limit_s"] / CONTROL_STEP_S, 9))

    def slices(self, agent: str) -> dict[str, slice]:
        """Where each entry stands in the flat observation of ``agent``."""
        return dict(self._views[agent].slices)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Draw a pitch and place players and ball; a seed determines all that follows."""
        seed, _ = self.check_reset(seed, None)  # PettingZoo's own tests pass options that mean nothing
        with self.beginning():
            if seed is not None:
                self._simulation.seed(np.random.SeedSequence(seed).generate_state(8))
            time_step = self._simulation.reset()
            self.agents = list(self.possible_agents)
            known, statistics = {"reward_match": 0.0, "physics_diverged": False}, self._statistics(time_step)
            return self._observations(time_step), {agent: {**known, **statistics[agent]} for agent in self.agents}

    def step(
        self, actions: dict[str, np.ndarray]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One control step of 0.025 s; ``actions`` holds one for each agent, in any order.

        Raises:
            ValueError: actions are missing, are those of nobody, or have another shape; nothing has changed.
            gymnasium.error.ResetNeeded: no match is running; a RuntimeError.
        """
        self.check_running()
        ordered, self._ended = self.checked(actions), True  # an interrupted step ends the match
        time_step = self._simulation.step(ordered)
        diverged = np.ndim(time_step.reward) == 0  # dm_control then gives one number instead of one per player
        over, goal = bool(time_step.last()), bool(time_step.discount == 0.0) and not diverged
        match = dict.fromkeys(self.agents, 0.0) if diverged else {a: float(r) for a, r in zip(self.agents, time_step.reward)}
        statistics = self._statistics(time_step)
        known = {"physics_diverged": diverged}
        infos = {agent: {"reward_match": match[agent], **known, **statistics[agent]} for agent in self.agents}
        rewards = {
            agent: match[agent] + sum(weight * statistics[agent][name] for name, weight in self._shaping.items())
            for agent in self.agents
        }
        terminated = dict.fromkeys(self.agents, over and goal)
        truncated = dict.fromkeys(self.agents, over and not goal)
        observations = self._observations(time_step)
        if over:
            self.agents = []
        self._ended = over
        return observations, rewards, terminated, truncated, infos

    def checked(self, actions: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The actions of all players as :meth:`step` takes them, checked; changes nothing."""
        if set(actions) != set(self.agents):
            raise ValueError(f"expected one action for each of {self.agents}, got actions for {sorted(actions)}")
        ordered = []
        for agent in self.agents:
            ordered.append(checked(actions[agent], self.action_spaces[agent], f"the action of {agent}"))
        return ordered

    def _observations(self, time_step: Any) -> dict[str, Any]:
        pairs = zip(self._views.items(), time_step.observation)
        return {agent: view.observe(observation) for (agent, view), observation in pairs}

    def _statistics(self, time_step: Any) -> dict[str, dict[str, float]]:
        pairs = zip(self._views.items(), time_step.observation)
        return {agent: view.statistics(observation) for (agent, view), observation in pairs}

    def state(self) -> np.ndarray:
        """Positions and velocities of all bodies and the pitch's half-sizes, float32."""
        return np.concatenate([self._simulation.physics.get_state(), self._simulation.task.arena.size]).astype(np.float32)

    def get_state(self) -> dict[str, Any]:
        """Everything the next step depends on: nested dict of arrays and JSON values."""
        return {"agents": list(self.agents), "ended": self._ended, "match": self._simulation.get_state()}

    def _restore(self, state: dict[str, Any]) -> None:
        self._simulation.set_state(state["match"])
        self.agents, self._ended = list(state["agents"]), bool(state["ended"])

    def render(self) -> np.ndarray | None:
        """uint8 ``(H, W, 3)`` in mode ``rgb_array``, else None."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        return self._image.draw(self._simulation.physics)

    def close(self) -> None:
        """Free the OpenGL context and the simulation; closing twice is allowed."""
        self._image.close()
        self._simulation.close()
        self.agents, self._closed = [], True


def _check_shaping(shaping: Mapping[str, float], known: tuple[str, ...]) -> dict[str, float]:
    if not isinstance(shaping, Mapping) or not all(isinstance(name, str) for name in shaping):
        raise ValueError(f"shaping is a mapping from statistic to weight; got {shaping!r}")
    named = {}
    for name, weight in shaping.items():
        full = name if name.startswith("stats_") else f"stats_{name}"
        named[full] = number(f"the weight of {name}", weight)
    if unknown := sorted(set(named) - set(known)):
        raise ValueError(f"shaping knows {', '.join(known)}; got {', '.join(unknown)}")
    return named
