"""Action repeat: the only converter between frames and steps."""

from typing import Any

import gymnasium as gym
from gymnasium.core import ActType, ObsType
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs

from papergym.envs.checks import whole


class ActionRepeat(gym.Wrapper[ObsType, ActType, ObsType, ActType], RecordConstructorArgs):
    """Apply each action for ``repeat`` frames, sum their rewards, and stop at the end of the episode.

    ``info["frames"]`` is the number of frames that the step took (0 after a reset), so that totals can be reported in frames
    whatever the repeat. Gymnasium's ``RepeatAction`` sums in the same way but does not report frames, and has the world draw
    every frame; here a world that is wrapped directly and has an attribute ``observing`` observes only what the agent sees.

    Args:
        env: environment with any spaces.
        repeat: frames per step, at least 1.

    Source: action repeat as in Proto-RL's code (rewards summed, undiscounted, last frame observed). DrQ-v2's and URLB's code
    weights each reward by the product of the discounts before it: the same sum where discounts are 1 until the last frame, as
    in every task of the suite.
    """

    def __init__(self, env: gym.Env[ObsType, ActType], repeat: int = 2):
        repeat = whole("repeat", repeat, unit="frames")
        RecordConstructorArgs.__init__(self, repeat=repeat)
        super().__init__(env)
        self.repeat = repeat
        if "render_fps" in env.metadata:  # a recorder takes one image per step
            self.metadata = {**env.metadata, "render_fps": max(1, round(env.metadata["render_fps"] / repeat))}
        self._world: Any = env if env is env.unwrapped and hasattr(env, "observing") else None

    @property
    def spec(self) -> EnvSpec | None:
        """The spec with this wrapper; the limit of a world that counts its own frames is given in steps."""
        fresh = self._cached_spec is None
        spec = super().spec
        if fresh and spec is not None and self._world is not None and spec.max_episode_steps is not None:
            spec.max_episode_steps = -(-spec.max_episode_steps // self.repeat)
        return spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environment; no frame has been taken."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, "frames": 0}

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict[str, Any]]:
        """Take up to ``repeat`` frames."""
        total, frames = 0.0, 0
        terminated = truncated = False
        observation: Any = None
        info: dict[str, Any] = {}
        try:
            while frames < self.repeat and not (terminated or truncated):
                frames += 1
                if self._world is not None:  # a world observes the end of an episode in any case
                    self._world.observing = frames == self.repeat
                observation, reward, terminated, truncated, info = self.env.step(action)
                total += float(reward)
        finally:
            if self._world is not None:
                self._world.observing = True
        return observation, total, terminated, truncated, {**info, "frames": frames}
