"""A football match seen by one player, as a Gymnasium env."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.envs.base import World
from papergym.envs.checks import one_of
from papergym.envs.football import parallel_env
from papergym.envs.football.match import checked
from papergym.envs.football.pickling import PicklesByState

Policy = Callable[[Any], np.ndarray]


class SinglePlayer(PicklesByState, World, gym.Env[Any, np.ndarray]):
    """Football match: play for one team of simulated bodies, the others being given policies.

    ## Description
    Two teams play football on a pitch whose size is drawn in each episode. The agent controls one player; team-mates and
    opponents act by policies given as callables. Both teams see the pitch as if they were the home team, so a policy plays on
    either side.

    ## Action Space
    `Box(-1, 1, (n,), float32)`: n = 56 joint position targets of the humanoid, 8 joint torques of the ant, or the boxhead's 3
    controls. Values are fractions of the actuator's range.

    | Num        | Action                                            | Min | Max | Unit  |
    |------------|---------------------------------------------------|-----|-----|-------|
    | 0 to n - 1 | control of an actuator, in the order of the model | -1  | 1   | range |

    ## Observation Space
    `Box(-inf, inf, (m,), float32)`; m = 352 for humanoids in 2v2. `match.slices(player)` of the unwrapped env says where each
    entry stands. Vectors are in the player's frame.

    | Num   | Observation                                                          | Min  | Max | Unit          |
    |-------|----------------------------------------------------------------------|------|-----|---------------|
    | first | body: joint angles and velocities, end effectors, height, sensors, vertical axis, last action | -inf | inf | SI |
    | then  | ball: angular velocity, position, linear velocity                    | -inf | inf | rad/s, m, m/s |
    | then  | each team-mate, then each opponent: end effectors, velocity, position, orientation | -inf | inf | m, m/s |
    | last  | both goals and the field's corners                                   | -inf | inf | m             |

    `info` holds dm_control's privileged statistics (`stats_*`) and the unshaped `reward_match`.

    ## Rewards
    1 when the agent's team scores, -1 when the other team does, 0 otherwise; plus the weighted statistics of `shaping`.

    ## Starting State
    Players and ball are placed uniformly on the middle 0.6 of the pitch, players standing with random headings.

    ## Episode End
    Terminated by a goal (unless `terminate_on_goal=False`). Truncated after `time_limit_s`, 45 s or 1800 steps by default, or
    if the simulation diverges.

    ## Arguments
    * `player`: name of the agent's player. Default `"home_0"`.
    * `others`: how the others act: `"random"` (uniform actions, default), `"idle"` (zero actions), a callable from
      observation to action for all of them, or a mapping from player to callable; players that a mapping leaves out are idle.
    * further arguments go to `papergym.envs.football.parallel_env`: `team_size`, `walker`, `time_limit_s`,
      `terminate_on_goal`, `shaping`, `flatten`, `field_box`, `walker_contacts`, `render_mode`, `camera`, `size_px`, `quality`.

    ## Version History
    * v0: first version.

    ## Source
    Liu et al., From Motor Control to Team Play in Simulated Humanoid Football (arXiv 2105.12196), on
    `dm_control.locomotion.soccer`; humanoids start in T-pose, not in a pose of the motion capture that dm_control downloads.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 40}

    def __init__(
        self,
        player: str = "home_0",
        others: str | Policy | Mapping[str, Policy] = "random",
        render_mode: str | None = None,
        **match: Any,
    ):
        self._arguments = {"player": player, "others": others, "render_mode": render_mode, **match}
        self.match = parallel_env(render_mode=render_mode, **match)
        agents = self.match.possible_agents
        one_of("player", player, agents)
        if not (callable(others) or isinstance(others, Mapping) or (isinstance(others, str) and others in ("random", "idle"))):
            raise ValueError(f"others is 'random', 'idle', a callable or a mapping from player to callable; got {others!r}")
        if isinstance(others, Mapping) and (unknown := set(others) - set(agents) | set(others) & {player}):
            raise ValueError(f"others may name {', '.join(a for a in agents if a != player)}; got {', '.join(sorted(unknown))}")
        self.player, self._others, self.render_mode = player, others, render_mode
        self.observation_space = self.match.observation_space(player)
        self.action_space = self.match.action_space(player)
        self._seen: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a match."""
        seed, _ = self.check_reset(seed, options)
        with self.beginning():
            gym.Env.reset(self, seed=seed)
            self._seen, infos = self.match.reset(seed=int(self.np_random.integers(2**63)))
        return self._seen[self.player], infos[self.player]

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One control step of 0.025 s of all players.

        Raises:
            ActionError: another shape than the action space has, no floats, or NaN or infinity; nothing has changed.
            gymnasium.error.ResetNeeded: no match is running.
        """
        self.check_running()
        me, before = self.player, self.np_random.bit_generator.state
        own = checked(action, self.action_space, f"the action of {me}")  # before the others draw
        try:
            actions = {agent: own if agent == me else self._act(agent) for agent in self.match.possible_agents}
            self.match.checked(actions)
        except BaseException:  # another player's policy failed: nobody has moved
            self.np_random.bit_generator.state = before
            raise
        self._ended = True  # an interrupted step ends the match
        self._seen, rewards, terminated, truncated, infos = self.match.step(actions)
        self._ended = terminated[me] or truncated[me]
        return self._seen[me], rewards[me], terminated[me], truncated[me], infos[me]

    def _act(self, agent: str) -> np.ndarray:
        shape = self.match.action_space(agent).shape
        if self._others == "random":
            return self.np_random.uniform(-1.0, 1.0, shape)
        policy = self._others.get(agent) if isinstance(self._others, Mapping) else self._others
        return np.asarray(policy(self._seen[agent])) if callable(policy) else np.zeros(shape or ())

    def get_state(self) -> dict[str, Any]:
        """Everything the next step depends on but the others' policies: nested dict of arrays and JSON values."""
        seen, rng = copy.deepcopy(self._seen), self.np_random.bit_generator.state
        return {"match": self.match.get_state(), "seen": seen, "rng": rng, "ended": self._ended}

    def _restore(self, state: dict[str, Any]) -> None:
        self.match.set_state(state["match"])
        self._ended, self._seen = bool(state["ended"]), copy.deepcopy(dict(state["seen"]))
        self.np_random.bit_generator.state = state["rng"]

    def render(self) -> np.ndarray | None:
        """uint8 ``(H, W, 3)`` in mode ``rgb_array``, else None."""
        return self.match.render()

    @property
    def spec_limit(self) -> int | None:
        """Steps of a match."""
        return self.match.spec_limit

    def close(self) -> None:
        """Free the OpenGL context; closing twice is allowed."""
        self._closed = True
        self.match.close()
