"""Steps per second, in wall time, of batches: ours on one thread and on several, Gymnasium's two, envpool's pool.

Every batch lives in a process of its own and takes its turn for a fraction of a second, round after round. Reported are medians
over rounds of the wall time per environment step and of the ratios within a round. Run it on a quiet machine, or with a higher
priority than other work: what else runs takes more from two threads than from one. `load` is the machine's at the end. Rows of
other worlds stay in the table.

    python benchmarks/pool_speed.py                        # 8 environments, 2 threads
    python benchmarks/pool_speed.py --domains walker --qualities fast
    python benchmarks/pool_speed.py --domains voxel        # the embedded world, in two sizes
    python benchmarks/pool_speed.py --qualities dmc-state  # DMC ids: states, one frame per step
"""

import argparse
import csv
import os
import statistics
import time
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=[*TASKS, "voxel"], choices=[*TASKS, "voxel"])
    parser.add_argument("--qualities", nargs="+", default=["fast", "paper", "state", "dmc-state"], choices=QUALITIES)
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sample-s", type=float, default=0.3, help="wall seconds per turn")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.update(LP_NUM_THREADS="0", OMP_NUM_THREADS="1")
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
