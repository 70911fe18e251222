"""The training run that a dataset is from: its snapshots by score, and its replay memory as episodes."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.checkpoint.state import load_state
from papergym.agents.data.buffers import buffer_episodes
from papergym.agents.data.collect import RandomPolicy, episode_seed, record
from papergym.agents.data.recording import Recording, Start, play_again, same
from papergym.agents.errors import UsageError
from papergym.agents.offline.behavior import LearnedPolicy
from papergym.agents.runner.evaluation import evaluate, make_env
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.progress import RunProgress
from papergym.agents.runner.sb3 import SB3Learner
from papergym.agents.runner.strangers import refuse_strangers
from papergym.agents.runner.train import build_learner

log = logging.getLogger(__name__)

SCORES = "snapshot-scores.json"
"""File in a run's folder: random and expert return, and the return of each snapshot. It is made once."""

SNAPSHOT_EPISODES = 10
REFERENCE_EPISODES = 100

RULE = (
    "medium: the first snapshot whose mean return over {snapshot} episodes is at least random + (expert - random) / 3; "
    "expert: the snapshot of the highest mean return; random and expert return: means over {reference} episodes of uniform "
    "actions, and of the expert. Snapshots and the expert return are scored with deterministic actions, the data has sampled "
    "actions. medium-replay: the replay memory from the first step to the medium snapshot, whole episodes."
)


@dataclass(frozen=True)
class Scores:
    """Returns that decide which snapshot is which.

    Attributes:
        random, expert: reference returns.
        snapshots: step -> mean return.
    """

    random: float
    expert: float
    snapshots: dict[int, float]

    @property
    def best(self) -> int:
        """Step of the expert."""
        return max(self.snapshots, key=lambda step: (self.snapshots[step], step))

    @property
    def medium(self) -> int:
        """Step of the medium snapshot."""
        least = self.random + (self.expert - self.random) / 3
        return next((step for step, score in sorted(self.snapshots.items()) if score >= least), self.best)


class Source:
    """A finished run, or one that is still training.

    Args:
        folder: made by ``papergym train --snapshots N``, or kept by ``papergym reproduce --keep``.
        env: environment that the user has named, see :func:`papergym.agents.runner.strangers.refuse_strangers`.
        env_kwargs: arguments of it that the user has given.

    Raises:
        UsageError: no run there, one without snapshots, or one that would start what the user has not named.
    """

    def __init__(self, folder: Path, env: str = "", env_kwargs: dict[str, Any] | None = None) -> None:
        self.folder = folder / "run" if (folder / "run" / "config.toml").is_file() else folder
        self.plan = read_plan(self.folder)
        refuse_strangers(self.plan, env, env_kwargs)
        self.plan.run.device = "cpu"  # batches of one
        self.snapshots = {int(file.stem): file for file in sorted((self.folder / "snapshots").glob("*.safetensors"))}
        if not self.snapshots:
            raise UsageError(
                f"{self.folder} has no snapshots of the policy. Train with --snapshots 20, or leave --from out: then the "
                "source is trained here."
            )
        self.commit = str(self._config().get("versions", {}).get("commit", ""))
        self._learner: Any = None

    def _config(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "config.toml").read_text(encoding="utf-8"))

    def env(self) -> gym.Env:
        """The run's environment, as in evaluations."""
        return make_env(self.plan.run.env, self.plan.env_kwargs)

    def learner(self, file: Path) -> Any:
        """The run's learner in the state of a file."""
        if self._learner is None:
            self._learner = build_learner(self.plan)
        self._learner.set_state(load_state(file, kind=self.plan.agent.key)["model"])
        return self._learner

    def policy(self, step: int) -> LearnedPolicy:
        """A snapshot as the policy of a dataset."""
        return LearnedPolicy(self.learner(self.snapshots[step]), f"{self.plan.agent.key} at step {step}")

    def scores(self) -> Scores:
        """Returns of the random policy, the expert and each snapshot; from the run's folder once they are known.

        Raises:
            UsageError: no snapshot is better than random.
        """
        file = self.folder / SCORES
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if stored.get("snapshots", {}).keys() != {str(step) for step in self.snapshots}:
            stored = self._score()
            try:
                replace_text(file, json.dumps(stored, indent=1) + "\n")
            except UsageError as error:
                log.warning("the scores of the snapshots are not kept: %s", error)
        scores = Scores(stored["random"], stored["expert"], {int(step): value for step, value in stored["snapshots"].items()})
        if scores.expert <= scores.random:
            raise UsageError(
                f"{self.folder} has not learned: its best snapshot returns {scores.expert:.1f}, random actions "
                f"{scores.random:.1f}. Train longer."
            )
        return scores

    def _score(self) -> dict[str, Any]:
        log.info("scoring %d snapshots of %s", len(self.snapshots), self.folder)
        env = self.env()
        found: dict[int, float] = {}
        progress = RunProgress(len(self.snapshots), unit="snapshots")
        for number, (step, file) in enumerate(self.snapshots.items()):
            found[step] = self._mean(file, env, SNAPSHOT_EPISODES)
            progress.update(number + 1)
        progress.close()
        best = Scores(0.0, 1.0, found).best
        numbers = {
            "random": random_return(env, self.plan.run.seed),
            "expert": self._mean(self.snapshots[best], env, REFERENCE_EPISODES),
        }
        env.close()
        return {**numbers, "snapshots": {str(step): value for step, value in found.items()}}

    def _mean(self, file: Path, env: gym.Env, episodes: int) -> float:
        played = evaluate(self.learner(file), env, episodes, self.plan.run.seed)
        return float(np.mean([episode.value for episode in played]))

    def memory(self, until: int) -> Iterator[Recording]:
        """Episodes of the replay memory that ended at or before step ``until``, oldest first.

        Each one is played again from its start. Where that gives the memory's numbers to their last bit, the episode holds
        the environment's own numbers (a memory keeps float32) and its start; where it does not, what the memory holds, and
        no start; the log says so.

        Raises:
            UsageError: the run kept no replay memory, or one that has lost its first steps.
        """
        buffer = self._memory(until)
        for column in range(buffer.n_envs):
            yield from self._column(buffer, column, until // buffer.n_envs)

    def _memory(self, until: int) -> ReplayBuffer:
        checkpoints = sorted((self.folder / "checkpoints").glob("*.safetensors"))
        if not checkpoints:
            raise UsageError(f"{self.folder} kept no checkpoint, so its replay memory is lost. Train with --keep-checkpoints.")
        learner = self.learner(checkpoints[-1])
        buffer = getattr(getattr(learner, "model", None), "replay_buffer", None)
        if not isinstance(learner, SB3Learner) or buffer is None:
            raise UsageError(f"{self.plan.agent.key} has no replay memory. Use a run of sac or per for medium-replay.")
        held, made = buffer.size() * buffer.n_envs, learner.done
        if not until <= made <= held:
            raise UsageError(
                f"the replay memory of {self.folder} holds {held} of {made} steps, and {until} from the first one on are "
                "needed. Train with a --buffer-size of at least the run's steps."
            )
        return buffer

    def _column(self, buffer: ReplayBuffer, column: int, rows: int) -> Iterator[Recording]:
        env, differ = self.env(), 0
        about = {"policy": f"{self.plan.agent.key} in training", "env": column}
        for number, stored in enumerate(buffer_episodes(buffer, column, rows)):
            again = play_again(env, Start(self.plan.run.seed + column, number), stored.actions)
            if same(stored, again):
                yield replace(again, about=about)
            else:
                differ += 1
                yield replace(stored, about=about)
        env.close()
        if differ:
            log.warning("%d episodes of the replay memory cannot be played again: their starts are not known", differ)


LONGEST = 100_000
"""Steps after which a random episode that has not ended is cut."""


def random_return(env: gym.Env, seed: int) -> float:
    """Mean return of :data:`REFERENCE_EPISODES` episodes of uniform actions."""
    policy = RandomPolicy(env.action_space)
    seeds = [episode_seed(seed, "reference", number) for number in range(REFERENCE_EPISODES)]
    return float(np.mean([record(env, policy, one, LONGEST).rewards.sum() for one in seeds]))
