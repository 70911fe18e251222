"""Steps per second, in wall time, of batches: ours on one thread and on several, Gymnasium's two, envpool's pool.

Every batch lives in a process of its own and takes its turn for a fraction of a second, round after round. Reported are medians
over rounds of the wall time per environment step and of the ratios within a round. Run it on a quiet machine, or with a higher
priority than other work: what else runs takes more from two threads than from one. `load` is the machine's at the end. Rows of
other worlds stay in the table.

    python benchmarks/pool_speed.py                        # 8 environments, 2 threads
    python benchmarks/pool_speed.py --domains walker --qualities fast
    python benchmarks/pool_speed.py --domains voxel        # the embedded world, in two sizes
    python benchmarks/pool_speed.py --qualities dmc-state  # DMC ids: states, one frame per step
    python benchmarks/pool_speed.py --parts --domains walker  # what of a step two threads do at the same time; prints only
"""

import argparse
import csv
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from env_peers import CAMERA, REPEAT, SIZE, STACK, SUBSTEPS, actions_for, camel
from env_speed import PACKAGES, TASKS, ask, provenance, start

RESULTS = Path(__file__).parent.parent / "assets" / "results" / "pool-speed.csv"
VOXEL = {"64x64": (64, 64), "160x256": (160, 256)}
QUALITIES = ("fast", "near", "paper", "state", "dmc-state")
MEASURED = ("domain", "observed", "batch", "envs", "threads", "wall_ms_per_step", "times_one_thread", "times_envpool", "load")
COLUMNS: tuple[str, ...] = (*MEASURED, "python", "commit", *PACKAGES)


def ours(domain: str, observed: str, envs: int, threads: int, mode: str = "vector_entry_point") -> Any:
    """A batch of this package: ``observed`` is one of ``QUALITIES`` or a size of the voxel world; ``mode`` is make_vec's."""
    import gymnasium as gym

    import papergym  # noqa: F401

    seen: dict[str, Any] = {}
    if domain == "voxel":
        name, seen["image_size"] = "Mine-HarvestLogInPlains-v0", VOXEL[observed]
    elif observed == "dmc-state":
        name = f"DMC-{camel(domain, TASKS[domain])}-v0"
    else:
        name = f"ProtoRL-{camel(domain, TASKS[domain])}-v0"
        seen = {"obs_type": "state"} if observed == "state" else {"quality": observed}
    if mode == "vector_entry_point":
        seen["num_threads"] = threads
    batch = gym.make_vec(name, envs, vectorization_mode=mode, **seen)
    batch.reset(seed=0)
    return batch


def envpool(domain: str, observed: str, envs: int, threads: int) -> Any:
    """The same task in envpool; its images have one quality, that of dm_control."""
    import envpool as peer

    if domain == "voxel":
        raise NotImplementedError("envpool has no voxel world")
    images = {"from_pixels": True, "render_width": SIZE, "render_height": SIZE, "render_camera_id": CAMERA.get(domain, 0)}
    seen = {} if observed.endswith("state") else {**images, "frame_stack": STACK}
    name, repeat = f"{camel(domain, TASKS[domain])}-v1", 1 if observed == "dmc-state" else REPEAT
    batch = peer.make_gymnasium(name, num_envs=envs, num_threads=threads, frame_skip=repeat * SUBSTEPS[domain], **seen)
    batch.reset()
    return batch


BATCHES: dict[str, Any] = {
    "papergym, one thread": lambda domain, observed, envs, threads: ours(domain, observed, envs, 1),
    "papergym, threads": ours,
    "papergym in SyncVectorEnv": lambda *args: ours(*args, mode="sync"),
    "papergym in AsyncVectorEnv": lambda *args: ours(*args, mode="async"),
    "envpool": envpool,
}


def walks(envs: int, count: int = 256) -> np.ndarray:
    """(count, envs, 8) actions of the voxel world that walk ahead, jump, turn a little and hit now and then."""
    from papergym.envs.mine.spaces import FUNCTIONS, no_op

    rng, actions = np.random.default_rng(0), np.tile(no_op(), (count, envs, 1))
    actions[..., 0], actions[..., 2] = 1, rng.integers(2, size=(count, envs))
    actions[..., 4] += rng.integers(-1, 2, size=(count, envs))
    actions[..., 5] = FUNCTIONS.index("attack") * (rng.random((count, envs)) < 0.1)
    return actions


def serve(pipe: Any, name: str, domain: str, observed: str, envs: int, threads: int) -> None:
    """Body of a batch's process: answers a number of steps with the wall seconds per step of one environment."""
    try:
        batch = BATCHES[name](domain, observed, envs, threads)
        actions = walks(envs) if domain == "voxel" else actions_for((envs, *batch.action_space.shape[-1:]))
        actions = actions.astype(batch.action_space.dtype)
        for step in range(4):
            batch.step(actions[step])
        pipe.send("ready")
    except Exception as error:  # a peer that is not installed or does not run here is reported, not fatal
        pipe.send(f"{type(error).__name__}: {error}")
        return
    while (count := pipe.recv()) is not None:
        before = time.perf_counter()
        for step in range(count):
            batch.step(actions[step % len(actions)])
        pipe.send((time.perf_counter() - before) / (count * envs))


def measure(domain: str, observed: str, envs: int, threads: int, rounds: int, sample_s: float) -> list[dict[str, Any]]:
    """One row for each batch."""
    # no daemons: AsyncVectorEnv has children
    started = {name: start(serve, name, domain, observed, envs, threads, daemon=False) for name in BATCHES}
    running = {name: pipe for name, pipe in started.items() if not isinstance(pipe, str)}
    counts = {name: max(1, round(sample_s / (ask(pipe, 1) * envs))) for name, pipe in running.items()}
    samples: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, pipe in running.items():
            samples[name].append(ask(pipe, counts[name]))
    for pipe in running.values():
        pipe.send(None)
    rows = []
    for name in BATCHES:
        row: dict[str, Any] = {"domain": domain, "observed": observed, "batch": name, "envs": envs, "threads": threads}
        if name not in running:
            print(name, started[name])
            continue
        row["wall_ms_per_step"] = round(1e3 * statistics.median(samples[name]), 4)
        for column, base in (("times_one_thread", "papergym, one thread"), ("times_envpool", "envpool")):
            if base in running:
                row[column] = round(statistics.median(a / b for a, b in zip(samples[base], samples[name])), 2)
        row["load"] = round(os.getloadavg()[0], 1)
        rows.append({**row, **provenance()})
        print(row, flush=True)
    return rows


def parts_of(world: Any, action: np.ndarray) -> dict[str, Any]:
    """Parts of a step of one world, each with those before it: what MuJoCo does alone, then with Python's share."""
    from papergym.envs.render.native import mujoco

    image = np.empty(world.observation_space.shape, np.uint8)
    task, substeps = world._dm.task, world._dm._n_sub_steps

    def physics() -> None:
        mujoco.mj_step(world.physics.model.ptr, world.physics.data.ptr, REPEAT * substeps)

    def stepped() -> None:
        for _ in range(REPEAT):
            task.before_step(action, world.physics)
            world.physics.step(substeps)

    def rewarded() -> None:
        for _ in range(REPEAT):
            world.advance(action)

    def draw() -> None:
        world.draw(image)

    return {
        "image": [draw],
        "physics": [physics],
        "physics, image": [physics, draw],
        "dm_control's step, image": [stepped, draw],
        "dm_control's step, reward, image": [rewarded, draw],
    }


def print_parts(domain: str, observed: str, envs: int, threads: int, rounds: int, sample_s: float) -> None:
    """How many times as fast several threads are as one, for growing parts of a step of images."""
    batch = ours(domain, observed, envs, threads).unwrapped
    worlds = [parts_of(world, world.scaled(np.zeros(world.action_space.shape, np.float32))) for world in batch.envs]

    def lane(name: str, number: int, times: int) -> None:
        for _ in range(times):
            for world in worlds[number::threads]:
                for act in world[name]:
                    act()

    def seconds(name: str, lanes: Sequence[int], times: int) -> float:
        before = time.perf_counter()
        batch._pool.run(lambda number: lane(name, number, times), lanes)
        return time.perf_counter() - before

    every = range(threads)
    for name in worlds[0]:
        seconds(name, every, 2)
        times = max(1, round(sample_s / seconds(name, every, 1)))
        pairs = [(sum(seconds(name, [one], times) for one in every), seconds(name, every, times)) for _ in range(rounds)]
        ratio = statistics.median(one / several for one, several in pairs)
        print(f"{domain} {observed}: {name}: {threads} threads {ratio:.2f} times as fast as one", flush=True)
    batch.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=[*TASKS, "voxel"], choices=[*TASKS, "voxel"])
    parser.add_argument("--qualities", nargs="+", default=["fast", "paper", "state", "dmc-state"], choices=QUALITIES)
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sample-s", type=float, default=0.3, help="wall seconds per turn")
    parser.add_argument("--parts", action="store_true", help="print which parts of a step threads do at the same time")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.update(LP_NUM_THREADS="0", OMP_NUM_THREADS="1")
    if options.parts:
        for domain in (domain for domain in options.domains if domain != "voxel"):
            for observed in (quality for quality in options.qualities if not quality.endswith("state")):
                print_parts(domain, observed, options.envs, options.threads, options.rounds, options.sample_s)
        return
    rows: list[dict[str, Any]] = []
    if options.out.exists():
        with options.out.open(newline="") as file:
            rows = list(csv.DictReader(file))
    for domain in options.domains:
        for observed in VOXEL if domain == "voxel" else options.qualities:
            found = measure(domain, observed, options.envs, options.threads, options.rounds, options.sample_s)
            rows = [row for row in rows if (row["domain"], row["observed"]) != (domain, observed)] + found
            with options.out.open("w", newline="") as file:  # a run that is cut keeps what it finished
                writer = csv.DictWriter(file, COLUMNS, restval="")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
