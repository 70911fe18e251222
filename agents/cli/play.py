"""``papergym play ID``: steer an environment in a window, or watch a policy; without a display, a video of it."""

import dataclasses
import importlib
import importlib.util
import logging
import math
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import tyro

from papergym.agents.cli.keys import Keys, keys_of
from papergym.agents.cli.options import parse
from papergym.agents.cli.window import Window, steer, steer_with_pygame
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)

Policy = Callable[[Any, bool, float], Any]
"""(observation, whether an episode begins, reward of the step before) -> action."""
FRAME_PX = 480
"""Smaller images are enlarged to about this height in a window."""


@dataclasses.dataclass
class Options:
    """Steer an environment by keyboard, or watch a policy.

    Without a display a video is written: `papergym play Mine-OpenEnded-v0 --steps 200 --video walk.mp4`.
    """

    env: tyro.conf.Positional[str]
    """Environment id."""
    policy: str = "random"
    """Who acts when watching: random, a run folder of `papergym train`, or module:callable from observation to action. A run's
    own arguments of the environment are taken where --env-kwargs gives no others."""
    agent: str = ""
    """module:ATTRIBUTE of the run's agent, if it is one of yours."""
    watch: bool = False
    """Let the policy act, though there is a keyboard."""
    video: Path | None = None
    """Write this mp4, though there is a display; without a display <ID>.mp4 is written."""
    episodes: int = 1
    """Episodes to watch."""
    steps: int = 1000
    """Most steps to watch, all episodes together."""
    seed: int = 0
    """Seed of the first start and of the policy."""
    fps: float = 0.0
    """Frames per second; 0: the environment's own."""
    env_kwargs: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE")] = ()
    """Arguments of gym.make, for example quality=fast size_px=64; values are read as TOML, else as text."""


def main(argv: list[str]) -> int:
    """Steer or watch; 0 at the end."""
    options = parse(Options, "play", argv)
    if options.episodes < 1 or options.steps < 1 or not 0 <= options.fps < math.inf:
        raise UsageError(f"--episodes and --steps are at least 1 and --fps at least 0; got {options}.")
    if options.video is not None and options.video.suffix != ".mp4":
        raise UsageError(f"--video writes an .mp4, got {options.video}.")
    from papergym.agents.runner.evaluation import make_env  # loads torch: not for --help
    from papergym.agents.runner.fields import key_values

    given = key_values(options.env_kwargs, "--env-kwargs")
    kwargs: dict[str, Any] = {"render_mode": "rgb_array", **_of_run(options, given), **given}
    window = options.video is None and display_answers()
    keys = None
    env = make_env(options.env, kwargs)
    try:
        if window and not options.watch and options.policy == "random":
            keys = keys_of(env)
        fps = options.fps or float(env.metadata.get("render_fps") or 30)
        if window and keys is not None:
            _steer(env, keys, options, fps)
        else:
            _watch(env, options, fps, window)
    finally:
        env.close()
    return 0


def _run_folder(options: Options) -> Path | None:
    folder = Path(options.policy)
    return folder if (folder / "config.toml").is_file() else None


def _of_run(options: Options, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that the environment of ``--policy`` was trained with, where it is the one that is played."""
    from papergym.agents.runner.folder import read_plan
    from papergym.agents.runner.strangers import refuse_strangers

    folder = _run_folder(options)
    if folder is None:
        return {}
    plan = read_plan(folder, trusted=options.agent)
    if plan.run.env != options.env:
        return {}
    refuse_strangers(plan, options.env, given)
    return plan.env_kwargs


def display_answers() -> bool:
    """Whether a window can be opened: on Linux, whether the X server that DISPLAY names takes connections."""
    if not sys.platform.startswith("linux"):
        return True
    host, _, number = os.environ.get("DISPLAY", "").rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    local = host in ("", "unix")
    family, address = (socket.AF_UNIX, f"/tmp/.X11-unix/X{number}") if local else (socket.AF_INET, (host, 6000 + int(number)))
    with socket.socket(family, socket.SOCK_STREAM) as probe:  # Qt would end the process where nobody answers
        probe.settimeout(3)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def _steer(env: gym.Env, keys: Keys, options: Options, fps: float) -> None:
    log.info("%s. Keys: %s. q or Escape closes the window.", options.env, keys.help)
    turn_based = float(env.metadata.get("render_fps") or 30) <= 10  # the small worlds wait for a key
    if importlib.util.find_spec("pygame") is not None:
        steer_with_pygame(env, keys, seed=options.seed, fps=fps, turn_based=turn_based)
    else:
        window = Window(options.env, FRAME_PX)
        steer(env, keys, window, seed=options.seed, fps=fps, turn_based=turn_based)
        window.close()


def _watch(env: gym.Env, options: Options, fps: float, window: bool) -> None:
    policy = _policy(options, env)
    env.reset(seed=options.seed)
    image(env, options.env)  # before a file is begun
    if window:
        screen = Window(options.env, FRAME_PX)
        _play(env, policy, options, lambda frame: screen.show(frame, 1 / fps) not in ("q", "\x1b", None))
        screen.close()
        return
    from papergym.agents.runner.media import VideoFile

    path = options.video or Path(f"{options.env.replace('/', '_').replace(':', '_')}.mp4")
    if options.video is None:
        log.info("No display answers here: writing a video of the %s policy instead.", options.policy)
    path.parent.mkdir(parents=True, exist_ok=True)
    video = VideoFile(path, fps)
    try:
        _play(env, policy, options, lambda frame: video.add(frame) is None)
    finally:
        video.close()
    log.info("%d frames in %s", video.frames, path)


def _play(env: gym.Env, policy: Policy, options: Options, show: Callable[[np.ndarray], bool]) -> None:
    """Run the policy; ``show`` takes each image and says whether to go on."""
    steps = 0
    for episode in range(options.episodes):
        observation, _ = env.reset(seed=options.seed + episode)
        total, reward, over, start, going = 0.0, 0.0, False, steps, show(image(env, options.env))
        while going and not over and steps < options.steps:
            observation, reward, terminated, truncated, _ = env.step(policy(observation, steps == start, float(reward)))
            total, steps, over = total + float(reward), steps + 1, terminated or truncated
            going = show(image(env, options.env))
        log.info("episode %d: return %.2f in %d steps%s", episode, total, steps - start, "" if over else ", not finished")
        if not going or steps >= options.steps:
            return


def image(env: gym.Env, env_id: str) -> np.ndarray:
    """The environment's image, uint8 ``(H, W, 3)``.

    Raises:
        UsageError: it renders something else.
    """
    try:
        frame: Any = env.render()
    except gym.error.Error as error:  # a package of the environment's window or renderer is missing
        raise UsageError(f"{env_id} cannot render: {error}") from error
    if not isinstance(frame, np.ndarray):
        raise UsageError(
            f"{env_id} renders {type(frame).__name__}, expected an RGB array. `papergym doctor` says what renders."
        )
    return frame


def _policy(options: Options, env: gym.Env) -> Policy:
    if options.policy == "random":
        env.action_space.seed(options.seed)
        return lambda observation, start, reward: env.action_space.sample()
    if (folder := _run_folder(options)) is not None:
        return _trained(folder, options)
    module, colon, name = options.policy.partition(":")
    try:
        function = getattr(importlib.import_module(module), name) if colon else None
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--policy {options.policy!r} cannot be imported: {error}.") from error
    if not callable(function):
        raise UsageError(f"--policy is random, a run folder or module:callable, got {options.policy!r}.")
    return lambda observation, start, reward: function(observation)


def _trained(folder: Path, options: Options) -> Policy:
    """The policy of a run, without exploration."""
    import tree

    from papergym.agents.runner.fields import as_key_values, key_values
    from papergym.agents.runner.folder import read_plan
    from papergym.agents.runner.load import load_run

    stored, given = read_plan(folder, trusted=options.agent), key_values(options.env_kwargs, "--env-kwargs")
    env = options.env if options.env == stored.run.env else ""  # a policy may be watched elsewhere, and with other arguments
    same = {name: value for name, value in given.items() if name in stored.env_kwargs and stored.env_kwargs[name] == value}
    plan, learner, _ = load_run(folder, trusted=options.agent, env=env, env_kwargs=as_key_values(same))
    state: Any = None

    def act(observation: Any, start: bool, reward: float) -> Any:
        nonlocal state
        batch = tree.map_structure(lambda part: np.asarray(part)[None], observation)
        actions, state = learner.act(batch, np.array([start]), np.array([reward]), plan.run.target, None if start else state)
        return actions[0]

    return act
