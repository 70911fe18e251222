"""Stacks that env_speed.py compares: each observes three stacked 84x84 pictures (or states) and repeats actions twice.

A stack is a class made with (domain, task, number of environments); ``step()`` takes one agent step in each of them.
"""

# ruff: noqa: D101, D102 - the classes below differ only in what their names say
from collections import deque
from typing import Any

import numpy as np

SIZE, STACK, REPEAT = 84, 3, 2
CAMERA = {"quadruped": 2}


def camel(domain: str, task: str) -> str:
    return "".join(part.capitalize() for part in f"{domain}_{task}".split("_"))


def actions_for(shape: tuple[int, ...], count: int = 256) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)


class Ours:
    """This package, one environment object per environment."""

    quality, obs_type = "paper", "pixels"

    def __init__(self, domain: str, task: str, number: int):
        import gymnasium as gym

        import papergym  # noqa: F401

        self.envs = []
        self.domain, self.task, self.gym = domain, task, gym
        for _ in range(number):
            self.add()
        self.actions, self.time = actions_for(self.envs[0].action_space.shape), 0

    def add(self) -> None:
        name = f"ProtoRL-{camel(self.domain, self.task)}-v0"
        env = self.gym.make(name, quality=self.quality, obs_type=self.obs_type, disable_env_checker=True)
        env.reset(seed=len(self.envs))
        self.envs.append(env)

    def step(self) -> None:
        self.time += 1
        for env in self.envs:
            *_, terminated, truncated, _ = env.step(self.actions[self.time % 256])
            if terminated or truncated:
                env.reset()


class OursNear(Ours):
    quality = "near"


class OursFast(Ours):
    quality = "fast"


class OursState(Ours):
    obs_type = "state"


class OursVector:
    """This package, all environments in one object that fills one batch."""

    quality, adds = "fast", 4

    def __init__(self, domain: str, task: str, number: int):
        import gymnasium as gym

        import papergym  # noqa: F401

        self.make = lambda n: gym.make_vec(f"ProtoRL-{camel(domain, task)}-v0", n, quality=self.quality, num_threads=1)
        self.venvs: list[Any] = []
        self.number = number
        self.add()
        self.actions, self.time = actions_for(self.venvs[0].action_space.shape), 0

    def add(self) -> None:
        self.venvs.append(self.make(self.number))
        self.venvs[-1].reset(seed=0)

    def step(self) -> None:
        self.time += 1
        for venv in self.venvs:
            venv.step(self.actions[self.time % 256])


class OursVectorPaper(OursVector):
    quality = "paper"


class DmControl:
    """dm_control's own ``physics.render`` on the last repeated frame, stacked in a deque (the way of DrQ-v2's code)."""

    def __init__(self, domain: str, task: str, number: int):
        from dm_control import suite

        self.load = lambda: suite.load(domain, task, task_kwargs={"random": len(self.envs)})
        self.camera = CAMERA.get(domain, 0)
        self.envs: list[Any] = []
        self.stacks: list[deque] = []
        for _ in range(number):
            self.add()
        spec = self.envs[0].action_spec()
        self.actions, self.time = actions_for(spec.shape).astype(np.float64), 0

    def add(self) -> None:
        env = self.load()
        env.reset()
        self.envs.append(env)
        self.stacks.append(deque([self.observe(env)] * STACK, STACK))

    def observe(self, env: Any) -> np.ndarray:
        return env.physics.render(SIZE, SIZE, camera_id=self.camera).transpose(2, 0, 1).copy()

    def step(self) -> None:
        self.time += 1
        for env, stack in zip(self.envs, self.stacks):
            for _ in range(REPEAT):
                env.step(self.actions[self.time % 256])
            stack.append(self.observe(env))
            np.concatenate(stack)


class DmControlState(DmControl):
    """dm_control without pictures: what remains below any pixel stack."""

    def observe(self, env: Any) -> np.ndarray:
        return np.zeros((1, 1), np.float32)


class PixelsWrapper(DmControl):
    """dm_control's ``pixels.Wrapper``, which draws both repeated frames."""

    def add(self) -> None:
        from dm_control.suite.wrappers import pixels

        render = {"height": SIZE, "width": SIZE, "camera_id": self.camera}
        env = pixels.Wrapper(self.load(), render_kwargs=render)
        first = env.reset().observation["pixels"].transpose(2, 0, 1)
        self.envs.append(env)
        self.stacks.append(deque([first] * STACK, STACK))

    def step(self) -> None:
        self.time += 1
        for env, stack in zip(self.envs, self.stacks):
            for _ in range(REPEAT):
                step = env.step(self.actions[self.time % 256])
            stack.append(step.observation["pixels"].transpose(2, 0, 1))
            np.concatenate(stack)


class Shimmy:
    """Shimmy's adapter under Gymnasium's wrappers: repeat, render at 84x84, stack."""

    def __init__(self, domain: str, task: str, number: int):
        self.domain, self.task = domain, task
        self.envs: list[Any] = []
        for _ in range(number):
            self.add()
        self.actions, self.time = actions_for(self.envs[0].action_space.shape).astype(np.float64), 0

    def base(self) -> Any:
        import gymnasium as gym
        from dm_control import suite
        from shimmy.dm_control_compatibility import DmControlCompatibilityV0

        render = {"height": SIZE, "width": SIZE, "camera_id": CAMERA.get(self.domain, 0)}
        env = DmControlCompatibilityV0(suite.load(self.domain, self.task), render_mode="rgb_array", render_kwargs=render)
        return gym.wrappers.AddRenderObservation(gym.wrappers.RepeatAction(env, REPEAT))

    def add(self) -> None:
        import gymnasium as gym

        env = gym.wrappers.FrameStackObservation(self.base(), STACK)
        env.reset(seed=0)
        self.envs.append(env)

    def step(self) -> None:
        self.time += 1
        for env in self.envs:
            *_, terminated, truncated, _ = env.step(self.actions[self.time % 256])
            if terminated or truncated:
                env.reset()


class ShimmySB3(Shimmy):
    """Shimmy's adapter under SB3's DummyVecEnv, VecTransposeImage and VecFrameStack."""

    def add(self) -> None:
        from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecTransposeImage

        venv = VecFrameStack(VecTransposeImage(DummyVecEnv([self.base])), STACK)
        venv.reset()
        self.envs.append(venv)

    def step(self) -> None:
        self.time += 1
        for venv in self.envs:
            venv.step(self.actions[self.time % 256][None])


class EnvPool:
    """envpool's C++ tasks with ``from_pixels=True``; needs LD_PRELOAD=libEGL.so.1 without a display."""

    def __init__(self, domain: str, task: str, number: int):
        import envpool

        self.make = lambda n: envpool.make_gymnasium(
            f"{camel(domain, task)}-v1",
            num_envs=n,
            num_threads=1,
            from_pixels=True,
            render_width=SIZE,
            render_height=SIZE,
            render_camera_id=CAMERA.get(domain, 0),
            frame_stack=STACK,
            frame_skip=REPEAT * SUBSTEPS[domain],
        )
        self.pools = [self.make(number)]
        self.pools[0].reset()
        self.actions, self.time = actions_for((number, *self.pools[0].action_space.shape[-1:])).astype(np.float64), 0

    def add(self) -> None:
        self.pools.append(self.make(1))
        self.pools[-1].reset()

    def step(self) -> None:
        self.time += 1
        for pool in self.pools:
            pool.step(self.actions[self.time % 256][: len(pool)])


SUBSTEPS = {"walker": 10, "cheetah": 1, "humanoid": 5, "quadruped": 4}
"""Physics steps per control step: envpool's frame_skip counts the former."""

STACKS: dict[str, tuple[type, int]] = {
    "papergym paper": (Ours, 1),
    "papergym near": (OursNear, 1),
    "papergym fast": (OursFast, 1),
    "papergym vector of 4, paper": (OursVectorPaper, 4),
    "papergym vector of 4, fast": (OursVector, 4),
    "dm_control physics.render": (DmControl, 1),
    "dm_control pixels.Wrapper": (PixelsWrapper, 1),
    "Shimmy + Gymnasium wrappers": (Shimmy, 1),
    "Shimmy + SB3 VecFrameStack": (ShimmySB3, 1),
    "envpool from_pixels": (EnvPool, 1),
    "papergym state": (OursState, 1),
    "dm_control state (floor)": (DmControlState, 1),
}
"""Name -> class and number of environments."""
PEERS = ("dm_control physics.render", "dm_control pixels.Wrapper", "Shimmy + Gymnasium wrappers", "Shimmy + SB3 VecFrameStack")
