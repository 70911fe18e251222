"""Do the rewards help? PPO (stable-baselines3, 64x64 images) with the task's reward, with the scorer's, with the map's besides.

    python benchmarks/affordance_ppo.py                         # log and sheep, 300,000 steps, three seeds: about 9 core-hours
    python benchmarks/affordance_ppo.py --tasks shear_sheep --settings env --seeds 1 --steps 20000 --output try.csv
    python benchmarks/affordance_ppo.py --table                 # the page's table from the rows

Every setting sees the same image; only the reward differs. A trial that stands in the table is not run again, nor one that
another process is running, so several processes may share a table. A trial that was stopped goes on from its last checkpoint,
about every 16,000 steps, with new episodes, so its numbers are not those of a run that was never stopped. Success is that of 50
episodes of the trained agent, actions drawn, on seeds that no training has.
"""

import argparse
import itertools
import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from filelock import FileLock, Timeout
from scipy.stats import binomtest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.published import markdown_table
from papergym.agents.reproduction.results import append_row, read_rows, results_path
from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.mine import lsimagine
from papergym.wrappers.vision.observation import AffordanceObservation
from papergym.wrappers.vision.rewards import AffordanceReward, MineCLIPReward
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.unet import AffordanceUNet

TASKS = {"harvest_log_in_plains": "HarvestLogInPlains", "shear_sheep": "ShearSheep"}
SETTINGS = {"env": "of the task", "scorer": "and the scorer's", "affordance": "and the map's"}
"""What is on the command line, and how the page calls it."""
PAGE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "affordance" / "ppo.md"
ENVS, ROLLOUT, EPISODES, EVALUATION = 8, 256, 50, 900_000
"""Environments, steps of each between updates, episodes of the evaluation and its first seed."""
PPO_SETTINGS: dict[str, Any] = {"n_steps": ROLLOUT, "batch_size": 256, "n_epochs": 4, "learning_rate": 2.5e-4, "ent_coef": 0.01}


def make(task: str, setting: str) -> gym.Env:
    """One environment of a task: a 64x64 image, the task's limit, the rewards of a setting."""
    facts, wrappers = FACTS["lsimagine"][task], []
    if setting != "env":
        scorer = SmallScorer()
        wrappers.append(lambda env: MineCLIPReward(env, facts["prompt"], scorer, "record"))
    if setting == "affordance":
        maps = AffordanceUNet(SmallScorer())
        wrappers.insert(0, lambda env: AffordanceObservation(env, maps, facts["prompt"]))
        wrappers.append(lambda env: AffordanceReward(env, "record"))
    return gym.wrappers.TimeLimit(lsimagine(task, wrappers=wrappers), facts["limit"])


class Checkpoint(BaseCallback):
    """Saves the agent after every eighth rollout."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file, self._rollouts = file, 0

    def _on_rollout_start(self) -> None:
        if self._rollouts and self._rollouts % 8 == 0:
            whole = self._file.with_name(f"new-{self._file.name}")
            self.model.save(whole)
            os.replace(whole, self._file)
        self._rollouts += 1

    def _on_step(self) -> bool:
        return True


def train(task: str, setting: str, seed: int, steps: int, file: Path) -> PPO:
    """A trained agent; goes on from ``file`` where it is there."""
    envs = VecMonitor(DummyVecEnv([lambda: make(task, setting) for _ in range(ENVS)]))
    if file.exists():
        agent = PPO.load(file, envs, device="cpu")
    else:
        agent = PPO("CnnPolicy", envs, seed=seed, device="cpu", **PPO_SETTINGS)
    agent.learn(max(steps - agent.num_timesteps, 0), Checkpoint(file), reset_num_timesteps=False)
    envs.close()
    return agent


def evaluate(agent: PPO, task: str, episodes: int) -> dict[str, float | int]:
    """Successes of ``episodes`` and their mean length, the limit where there was none."""
    env, lengths, successes = make(task, "env"), [], 0
    for episode in range(episodes):
        observation, _ = env.reset(seed=EVALUATION + episode)
        done, length, info = False, 0, {}
        while not done:
            action, _ = agent.predict(observation, deterministic=False)
            observation, _, terminated, truncated, info = env.step(int(action))
            done, length = terminated or truncated, length + 1
        lengths.append(length)
        successes += bool(info["success"])
    return {"episodes": episodes, "successes": successes, "mean_steps": round(float(np.mean(lengths)), 1)}


def table(rows: list[dict[str, str]]) -> str:
    """Markdown: for each task and setting the success in % of each seed and of all with its 95 % interval (Wilson), and steps.

    The interval is of episodes, not of seeds: where these differ, it is too narrow.
    """
    lines = []
    for task, setting in itertools.product(TASKS, SETTINGS):
        found = [row for row in rows if (row["task"], row["setting"]) == (task, setting)]
        if found:
            ordered = sorted(found, key=lambda row: int(row["seed"]))
            each = ", ".join(f"{100 * int(row['successes']) / int(row['episodes']):.0f}" for row in ordered)
            good, of = (sum(int(row[name]) for row in found) for name in ("successes", "episodes"))
            interval = binomtest(good, of).proportion_ci(method="wilson")
            steps = np.mean([float(row["mean_steps"]) for row in found])
            between = f"{100 * interval.low:.0f} to {100 * interval.high:.0f}"
            lines.append((TASKS[task], SETTINGS[setting], each, f"{100 * good / of:.0f}", between, f"{steps:.0f}"))
    return markdown_table(("task", "reward", "each seed, %", "all, %", "95 % interval", "mean steps"), lines)


def run(task: str, setting: str, seed: int, options: argparse.Namespace) -> None:
    """Train and evaluate what the table lacks and no other process is running, and add its row."""
    trial = f"{task}-{setting}-{options.steps}-{seed}"
    options.runs.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(options.runs / f"{trial}.lock", timeout=0):
            if trial in {row["trial"] for row in read_rows(options.output)}:
                return
            agent = train(task, setting, seed, options.steps, options.runs / f"{trial}.zip")
            row: dict[str, Any] = {"trial": trial, "task": task, "setting": setting, "seed": seed, "steps": options.steps}
            chosen = f"--tasks {task} --settings {setting} --seeds {seed + 1} --steps {options.steps}"
            row |= {**evaluate(agent, task, options.episodes), **row_provenance()}
            append_row(options.output, {**row, "command": f"python benchmarks/affordance_ppo.py {chosen}"})
            print(f"{trial}: done", flush=True)
    except Timeout:
        print(f"{trial}: another process is running it", flush=True)


def main() -> None:
    """Run what the table lacks, or print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300_000)
    parser.add_argument("--episodes", type=int, default=EPISODES, help="of the evaluation")
    parser.add_argument(
        "--output",
        type=Path,
        default=results_path("affordance-ppo"),
        help="table of results; the default one is also the page's",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/affordance-ppo"), help="folder of checkpoints")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(0 if options.table else options.seeds):
        for task, setting in itertools.product(options.tasks, options.settings):
            run(task, setting, seed, options)
    text = table(read_rows(options.output))
    print(text, end="")
    if options.output == results_path("affordance-ppo"):
        replace_text(PAGE, text)


if __name__ == "__main__":
    main()
