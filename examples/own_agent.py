"""An agent of your own on the runner of this package: command line, checkpoints, exact resume, evaluations, plots.

A minute: python examples/own_agent.py
The same from a shell, in this folder: papergym train own_agent:AGENT --updates 50
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import papergym
from papergym.agents.checkpoint.state import generator_state, set_generator_state
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.registry import Agent


@dataclass
class Config:
    """Settings; each becomes an option of the command line."""

    population: int = 16
    """Policies tried per update."""
    elite: int = 4
    """Policies of which the next mean is taken."""
    noise: float = 0.5
    """First standard deviation of the parameters."""


class CrossEntropy:
    """The cross-entropy method on a linear policy; an update is one generation."""

    def __init__(self, config: Config, env_id: str, *, seed: int, device: str, env_kwargs: dict[str, Any], n_envs: int) -> None:
        self.config, self.env = config, make_env(env_id, env_kwargs)
        size, actions = int(np.prod(self.env.observation_space.shape)), int(self.env.action_space.n)
        self.mean, self.std = np.zeros((size + 1, actions)), np.full((size + 1, actions), config.noise)
        self.rng, self.done, self.seed, self.best = np.random.default_rng(seed), 0, seed, 0.0

    def least_budget(self) -> tuple[int, str]:
        """The first update is the first of the budget."""
        return 1, "nothing"

    def learn(self, budget: int, hooks: Any) -> None:
        """Sample policies, play each, move to the best."""
        while self.done < budget:
            hooks.safe_point()
            policies = self.mean + self.std * self.rng.standard_normal((self.config.population, *self.mean.shape))
            returns = np.array([self._play(policy, hooks) for policy in policies])
            best = policies[np.argsort(-returns)[: self.config.elite]]
            self.mean, self.std, self.best = best.mean(0), best.std(0) + 0.01, float(returns.max())
            self.done += 1
            hooks.progress()

    def _play(self, policy: np.ndarray, hooks: Any) -> float:
        observation, _ = self.env.reset(seed=int(self.rng.integers(2**31)))
        total, steps, ended = 0.0, 0, False
        while not ended:
            observation, reward, terminated, truncated, _ = self.env.step(_act(policy, observation[None])[0])
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
        hooks.episode(total, steps)
        return total

    def act(self, observation: Any, first: Any, reward: Any, target: Any, state: Any = None, *, deterministic: bool = True):
        """The mean policy's action for each environment."""
        return _act(self.mean, observation), state

    def generators(self) -> Iterable[np.random.Generator]:
        """Acting draws nothing."""
        return ()

    def get_state(self, *, memory: bool = True) -> dict[str, Any]:
        """Everything that decides the next number."""
        numbers = {"mean": self.mean, "std": self.std, "done": self.done, "best": self.best}
        return {**numbers, "rng": generator_state(self.rng)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Inverse of get_state."""
        self.mean, self.std, self.done, self.best = (state[name] for name in ("mean", "std", "done", "best"))
        set_generator_state(self.rng, state["rng"])

    def metrics(self) -> dict[str, float]:
        """Columns of metrics.csv."""
        return {"best_return": self.best, "mean_std": float(self.std.mean())}

    def parameters(self) -> Iterable[tuple[str, torch.Tensor]]:
        """Numbers that must stay finite."""
        return [("mean", torch.as_tensor(self.mean))]

    def save(self, folder: Path) -> None:
        """The policy as a numpy file."""
        np.save(folder / "policy.npy", self.mean)

    def close(self) -> None:
        """Close the environment of training."""
        self.env.close()


def _act(policy: np.ndarray, observations: np.ndarray) -> np.ndarray:
    return (observations @ policy[:-1] + policy[-1]).argmax(1)


AGENT = Agent(
    key="cem",
    config="own_agent:Config",
    build="own_agent:CrossEntropy",
    summary="The cross-entropy method on a linear policy.",
    unit="updates",
    action_spaces=("Discrete",),
    default_env="CartPole-v1",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--run-folder", default="runs/own-agent")
    options = parser.parse_args()
    run = papergym.train("own_agent:AGENT", steps=options.steps, run_folder=options.run_folder, video=False, eval_every=5)
    print(f"return before {run.summary['return_before']:.0f}, after {run.summary['return_after']:.0f}: {run.folder}")
