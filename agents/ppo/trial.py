"""One run of PPO for a table or figure: training return, deterministic evaluation, learning curve."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecNormalize

from papergym import assets
from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.ppo.build import build
from papergym.agents.ppo.config import Config
from papergym.agents.runner.budget import check_budget

LAST_EPISODES = 100
"""Episodes whose mean return scores a run (1707.06347, section 6.1)."""
POINTS = 20
"""Points of the learning curve kept with a run."""
EVALUATIONS = 10
"""Deterministic episodes at the end of a run."""

_LABELS = ("setting", "env_id", "seed", "steps", "policy", "episodes")


def run(trial: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """Run a trial of ``assets/papers/ppo.toml``.

    Args:
        trial: ``env_id``, ``seed``, ``steps`` and overrides of :class:`Config`; or ``policy`` and ``episodes`` for a
            policy that does not learn.
        folder: place of the checkpoint.
        resume: continue from it if there is one.

    Returns:
        ``score``: mean training return of the last 100 episodes; ``eval_return``, ``eval_std``: of 10 episodes with
        deterministic actions; ``episodes``, ``steps_done``, ``cpu_s``; ``curve``: ``step:score`` twenty times.

    Raises:
        UsageError: a field that is no setting, or a budget below one update.
    """
    torch.set_num_threads(1)
    gym.logger.min_level = gym.logger.ERROR  # each v4 environment warns that there is a v5
    if "policy" in trial:
        return _still(trial)
    model = build(_config(trial), trial["env_id"], seed=trial["seed"], device="cpu")
    check_budget(model, trial["steps"], "--budget")
    model.set_logger(Logger(None, []))
    recorder, path = _Recorder(trial["steps"], folder / "checkpoint.safetensors"), folder / "checkpoint.safetensors"
    if resume and path.is_file() and isinstance(model, ExactResume):
        state = load_state(path, kind="ppo-trial")
        model.set_state(state["model"])
        recorder.curve, recorder.spent, recorder.episodes = list(state["curve"]), state["spent"], state["episodes"]
        model.learn_until(trial["steps"], callback=recorder)
    else:
        model.learn(trial["steps"], callback=recorder)
    returns = [episode["r"] for episode in model.ep_info_buffer or ()]
    evaluation = _evaluate(model, trial)
    path.unlink(missing_ok=True)
    return {
        "score": float(np.mean(returns)) if returns else float("nan"),
        "eval_return": float(np.mean(evaluation)),
        "eval_std": float(np.std(evaluation)),
        "episodes": recorder.episodes,
        "steps_done": model.num_timesteps,
        "beta_end": getattr(model, "beta", ""),
        "cpu_s": round(recorder.seconds(), 1),
        "curve": " ".join(f"{int(step)}:{score:.5g}" for step, score in recorder.curve),
    }


def _config(trial: dict[str, Any]) -> Config:
    """The preset ``paper`` with the trial's overrides."""
    preset = assets.paper("ppo")["presets"]["paper"]
    known = {item.name for item in dataclasses.fields(Config)}
    given = {name: value for name, value in trial.items() if name not in _LABELS}
    if unknown := sorted(set(given) - known):
        raise UsageError(
            f"the trial names {', '.join(unknown)}, which are no settings of PPO; it has {', '.join(sorted(known))}."
        )
    values: dict[str, Any] = {name: value for name, value in preset.items() if name in known} | given
    values["hidden"] = tuple(values["hidden"])
    return Config(**values)


class _Recorder(BaseCallback):
    """Learning curve, CPU time and a checkpoint every twentieth of the budget."""

    def __init__(self, steps: int, path: Path) -> None:
        super().__init__()
        self.every, self.path = max(steps // POINTS, 1), path
        self.curve: list[list[float]] = []
        self.spent, self.begun, self.episodes = 0.0, time.process_time(), 0

    def seconds(self) -> float:
        """CPU seconds of the whole run."""
        return self.spent + time.process_time() - self.begun

    def _on_step(self) -> bool:
        self.episodes += int(np.count_nonzero(self.locals["dones"]))
        return True

    def _on_rollout_start(self) -> None:
        if self._note() and isinstance(self.model, ExactResume):
            progress = {"curve": self.curve, "spent": self.seconds(), "episodes": self.episodes}
            save_state(self.path, {"model": self.model.get_state(), **progress}, kind="ppo-trial")

    def _on_training_end(self) -> None:
        self._note()

    def _note(self) -> bool:
        """Add a point if one is due."""
        noted = self.curve[-1][0] if self.curve else 0  # a resumed run starts at the step of its last point
        if self.num_timesteps < max(self.every * (len(self.curve) + 1), noted + 1) or not self.model.ep_info_buffer:
            return False
        self.curve.append([self.num_timesteps, float(np.mean([episode["r"] for episode in self.model.ep_info_buffer]))])
        return True


def _evaluate(model: BaseAlgorithm, trial: dict[str, Any]) -> list[float]:
    """Returns of deterministic episodes, in environments of another seed, with the statistics of training frozen."""
    venv = build(_config(trial), trial["env_id"], seed=10_000 + trial["seed"], device="cpu").env
    assert venv is not None
    if isinstance(venv, VecNormalize) and isinstance(model.env, VecNormalize):
        venv.obs_rms, venv.training, venv.norm_reward = model.env.obs_rms, False, False
    returns, _ = evaluate_policy(model, venv, n_eval_episodes=EVALUATIONS, return_episode_rewards=True, warn=False)
    venv.close()
    return [float(value) for value in returns]  # pyright: ignore[reportGeneralTypeIssues]


def _still(trial: dict[str, Any]) -> dict[str, Any]:
    """Mean return of uniform actions, or of the Gaussian policy before training."""
    begun, generator = time.process_time(), np.random.default_rng(trial["seed"])
    model = build(_config(trial), trial["env_id"], seed=trial["seed"], device="cpu")
    env = gym.make(trial["env_id"])
    low, high = env.action_space.low, env.action_space.high  # pyright: ignore[reportAttributeAccessIssue]
    returns, steps = [], 0
    for episode in range(trial["episodes"]):
        observation, _ = env.reset(seed=trial["seed"] if episode == 0 else None)
        total, ended = 0.0, False
        while not ended:
            if trial["policy"] == "uniform":
                action = generator.uniform(low, high).astype(np.float32)
            else:
                action, _ = model.predict(observation)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
        returns.append(total)
    error = float(np.std(returns, ddof=1) / np.sqrt(len(returns)))
    return {
        "score": float(np.mean(returns)),
        "standard_error": error,
        "steps_done": steps,
        "cpu_s": time.process_time() - begun,
    }
