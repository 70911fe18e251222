"""Speed of the embedded voxel world: steps per second and core, where the time goes, and other worlds beside it.

Times are CPU seconds of one process and its threads, in blocks that take turns; the table holds medians. What an image costs
depends on the view, so each block of ours begins in another world. A peer that is not installed is left out and named
(`pip install vizdoom crafter miniworld`). MineDojo itself needs a running game; users report about 20 steps a second for it.
`load` is how many processes wanted a core when the run began: where it exceeds the cores, every row is slower than on a quiet
machine, and only their ratios hold.

    python benchmarks/voxel_speed.py                  # rows go to assets/results/voxel-speed.csv
    python benchmarks/voxel_speed.py --blocks 5 --steps 100
    python benchmarks/voxel_speed.py --against ../old  # ratios to another checkout, which takes turns with this one

Long because other worlds are built and stepped here, too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's software renderer draws Miniworld in its own thread

import argparse
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PARTS = ("step, full observation", "step, rgb only", "tick alone", "picture alone")
SIZES: dict[str, tuple[int, int]] = {"160x256": (160, 256), "64x64": (64, 64)}


class Case(NamedTuple):
    """What is measured: ``act`` many times, after ``begin`` with the number of the block, which is not measured."""

    act: Callable[[], Any]
    begin: Callable[[int], Any] = lambda block: None


def clock() -> float:
    """CPU seconds of this process and of the processes it has started (ViZDoom runs in one of its own)."""
    total = time.process_time()
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def cpu_seconds(case: Case, times: int, block: int = 0) -> float:
    """CPU seconds of ``times`` calls."""
    case.begin(block)
    start = clock()
    for _ in range(times):
        case.act()
    return clock() - start


def actor(env: Any) -> Callable[[], np.ndarray]:
    """Actions that walk ahead, jump, turn a little and hit now and then."""
    rng, actions = np.random.default_rng(0), env.unwrapped.actions

    def draw() -> np.ndarray:
        action = actions.no_op.copy()
        action[0], action[2] = 1, int(rng.integers(2))
        action[4] += int(rng.integers(-1, 2))
        action[5] = 3 if rng.random() < 0.1 else 0
        return action

    return draw


def walker(env: Any) -> Callable[[], None]:
    """Full steps of such actions, with a new world every 1000 steps."""
    draw, steps = actor(env), itertools.count(1)

    def step() -> None:
        if env.step(draw())[2] or next(steps) % 1000 == 0:
            env.reset()

    return step


def ours(size: tuple[int, int]) -> dict[str, Case]:
    """Full step, and its parts: a tick alone, a picture alone, the rest of the observation alone."""
    from papergym.envs.mine import make

    env: Any = make("harvest_log_in_plains", size, cam_interval=10, success_ends=False)
    env.reset(seed=0)
    draw, step, actions = actor(env), walker(env), env.unwrapped.actions

    def rgb_only() -> None:
        env.unwrapped.world.tick(actions.decode(draw()))
        env.unwrapped.painter.paint(env.unwrapped.world).copy()

    def tick() -> None:
        env.unwrapped.world.tick(actions.decode(draw()))

    def picture() -> None:
        env.unwrapped.painter.paint(env.unwrapped.world)

    return {name: Case(act, lambda block: env.reset(seed=block)) for name, act in zip(PARTS, (step, rgb_only, tick, picture))}


def parts_of_step(size: tuple[int, int], blocks: int, steps: int) -> dict[str, float]:
    """CPU seconds of a full step that go to ray casting, to other drawing, to the simulation, and to the rest: means."""
    from papergym.envs.mine import make
    from papergym.envs.mine.voxel import camera

    env: Any = make("harvest_log_in_plains", size, cam_interval=10, success_ends=False)
    spent: dict[str, float] = dict.fromkeys(("draw", "paint", "tick"), 0.0)

    def timed(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            start = time.process_time()
            result = act(*args)
            spent[name] += time.process_time() - start
            return result

        return call

    world, painter, rays = env.unwrapped.world, env.unwrapped.painter, camera.draw_blocks
    world.tick, painter.paint = timed("tick", world.tick), timed("paint", painter.paint)
    camera.draw_blocks = timed("draw", rays)

    def begin(block: int) -> None:
        before = dict(spent)
        env.reset(seed=block)
        spent.update(before)  # a reset draws, too

    walk = Case(walker(env), begin)
    whole = sum(cpu_seconds(walk, steps, block) for block in range(blocks))
    camera.draw_blocks = rays
    rest = whole - spent["paint"] - spent["tick"]
    parts = {
        "ray casting": spent["draw"],
        "other drawing": spent["paint"] - spent["draw"],
        "simulation": spent["tick"],
        "the rest": rest,
    }
    return {name: seconds / (blocks * steps) for name, seconds in parts.items()}


def reset_time() -> Case:
    """A reset with a new world."""
    from papergym.envs.mine import make

    env = make("harvest_sand", 8)
    return Case(env.reset, lambda block: env.reset(seed=block))


def vizdoom() -> Case:
    """ViZDoom's basic scenario at 256x160 with one tick per step."""
    import vizdoom as vzd

    game = vzd.DoomGame()
    game.load_config(os.path.join(vzd.scenarios_path, "basic.cfg"))
    game.set_screen_resolution(vzd.ScreenResolution.RES_256X160)
    game.set_screen_format(vzd.ScreenFormat.RGB24)
    game.set_window_visible(False)
    game.init()

    def step() -> None:
        if game.is_episode_finished():
            game.new_episode()
        game.make_action([0, 1, 0])
        game.get_state()

    return Case(step)


def crafter() -> Case:
    """Crafter, seen from above at 64x64."""
    import crafter as module

    env = module.Env(seed=0)
    env.reset()

    def step() -> None:
        if env.step(1)[2]:
            env.reset()

    return Case(step)


def miniworld() -> Case:
    """Miniworld's hallway at 160x256, drawn through EGL."""
    import pyglet

    pyglet.options["headless"] = True
    import gymnasium as gym
    import miniworld as module

    env = gym.make("MiniWorld-Hallway-v0", obs_width=256, obs_height=160, disable_env_checker=True)
    assert module
    env.reset(seed=0)

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()

    return Case(step)


def papergym_cases() -> dict[str, Case]:
    """Name -> case, for this world alone."""
    found = {f"{size}, {what}": case for size, shape in SIZES.items() for what, case in ours(shape).items()}
    return {**found, "reset": reset_time()}


def all_cases() -> dict[tuple[str, str], Case]:
    """(world, what) -> case."""
    found = {("papergym", what): case for what, case in papergym_cases().items()}
    for name, what, build in (
        ("ViZDoom", "256x160, step", vizdoom),
        ("Crafter", "64x64, step", crafter),
        ("Miniworld", "160x256, step", miniworld),
    ):
        try:
            found[name, what] = build()
        except Exception as error:  # a peer that is missing or has no display is reported, never fatal
            print(f"{name} left out: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return found


def serve() -> None:
    """Answer each line ``block times name`` of the standard input with the CPU seconds of so many calls."""
    cases = papergym_cases()
    for case in cases.values():
        cpu_seconds(case, 5)
    print("|".join(cases), flush=True)
    for line in sys.stdin:
        block, times, name = line.rstrip("\n").split(" ", 2)
        print(cpu_seconds(cases[name], int(times), int(block)), flush=True)


def compare(checkout: Path, blocks: int, steps: int) -> None:
    """Print medians of this and another checkout, whose processes take turns, and the median of the ratios of the pairs."""
    servers = []
    for root in (checkout, Path(__file__).resolve().parents[1]):
        environment = {**os.environ, "PYTHONPATH": str(root.resolve() / "src")}
        command = [sys.executable, __file__, "--serve"]
        servers.append(
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        )
    ready = [server.stdout.readline().strip().split("|") for server in servers if server.stdout]  # both have compiled
    if [""] in ready:
        sys.exit(f"The worlds of {checkout} did not start; was it installed with pip install -e?")
    names = ready[0]

    def ask(server: "subprocess.Popen[str]", block: int, times: int, name: str) -> float:
        assert server.stdin and server.stdout
        print(block, times, name, file=server.stdin, flush=True)
        return float(server.stdout.readline()) / times

    spent: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    for block in range(blocks):
        for name in names:
            times = max(steps // 20, 1) if name == "reset" else steps
            spent[name].append(tuple(ask(server, block, times, name) for server in servers))
    for name, pairs in spent.items():
        old, new = (1e3 * statistics.median(side) for side in zip(*pairs))
        print(f"{name:34} {old:9.3f} ms -> {new:9.3f} ms, {statistics.median(a / b for a, b in pairs):5.2f} times as fast")
    for server in servers:
        server.communicate()


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=21)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--against", type=Path, help="root of another checkout to compare with; nothing is written")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve()
    if arguments.against is not None:
        return compare(arguments.against, arguments.blocks, arguments.steps)
    from papergym.agents.checkpoint.provenance import row_provenance  # not above: older checkouts have their worlds only
    from papergym.agents.reproduction.results import results_path, write_rows

    cases = all_cases()
    for case in cases.values():
        cpu_seconds(case, 5)  # compile and warm up
    load = round(os.getloadavg()[0], 1)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in cases}
    for block in range(arguments.blocks):
        for key, case in cases.items():
            times = max(arguments.steps // 20, 1) if key[1] == "reset" else arguments.steps * (20 if key[0] == "ViZDoom" else 1)
            seconds[key].append(cpu_seconds(case, times, block) / times)
    for size, shape in SIZES.items():
        for part, spent in parts_of_step(shape, arguments.blocks, arguments.steps).items():
            seconds["papergym", f"{size}, in a full step: {part}"] = [spent]
    rows = [
        {
            "world": world,
            "case": what,
            "ms": round(1e3 * statistics.median(spent), 3),
            "per_second": round(1 / statistics.median(spent)),
            "load": load,
        }
        for (world, what), spent in seconds.items()
    ]
    for row in rows:
        print(f"{row['world']:10} {row['case']:34} {row['ms']:9.3f} ms {row['per_second']:8} /s")
    if not arguments.dry:
        write_rows(results_path("voxel-speed"), [{**row, **row_provenance()} for row in rows])


if __name__ == "__main__":
    main()
