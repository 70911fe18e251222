"""Datasets made here: of random actions, of a training run's snapshots, of its replay memory."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.data.collect import Policy, RandomPolicy, check_spaces, collect, episode_seed
from papergym.agents.data.parts import Parts
from papergym.agents.data.recording import Recording
from papergym.agents.data.write import (
    WORK,
    dataset_folder,
    datasets_root,
    read_about,
    refuse_existing,
    remove_empty,
    write_dataset,
)
from papergym.agents.errors import UsageError, unknown
from papergym.agents.offline.source import REFERENCE_EPISODES, RULE, SNAPSHOT_EPISODES, Scores, Source, random_return
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.progress import RunProgress

log = logging.getLogger(__name__)

QUALITIES = ("random", "medium", "medium-replay", "medium-expert", "expert")


@dataclass(frozen=True)
class Request:
    """What decides the contents of a dataset, besides its source.

    Attributes:
        env: environment id.
        quality: one of :data:`QUALITIES`.
        steps: least number of steps; whole episodes are written. medium-replay takes what there is until the medium snapshot.
        seed: of the episodes.
        env_kwargs: for ``gym.make``.
    """

    env: str
    quality: str
    steps: int = 200_000
    seed: int = 0
    env_kwargs: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise UsageError for values outside their range."""
        if self.quality not in QUALITIES:
            raise unknown("quality", self.quality, QUALITIES)
        if self.steps < 1 or self.seed < 0:
            raise UsageError(f"expected --steps of at least 1 and --seed of at least 0, got {self.steps} and {self.seed}.")

    @property
    def dataset_id(self) -> str:
        """For example ``papergym/hopper-v4/medium-v0``; arguments of the environment are part of the name."""
        words = [self.env, *(f"{name}-{value}" for name, value in sorted(self.env_kwargs.items()))]
        name = re.sub(r"[^\w/-]+", "-", "-".join(words)).lower()
        return f"papergym/{name}/{self.quality}-v0"


def check_request(request: Request, dataset_id: str = "", *, overwrite: bool = False) -> None:
    """Refuse what can be refused before a source is trained; see :func:`make_dataset`.

    A dataset of the same environment, quality and seed passes: whether it is the one asked for is known with the source only.

    Raises:
        UsageError: values out of range, spaces that a dataset does not hold, or an id that is taken or not possible.
    """
    request.check()
    env = make_env(request.env, request.env_kwargs)
    try:
        check_spaces(env)
    finally:
        env.close()
    asked = {name: getattr(request, name) for name in ("env", "quality", "seed", "env_kwargs")}
    there = read_about(dataset_id or request.dataset_id).get("request", {})
    if not json.loads(json.dumps(asked)).items() <= there.items():
        refuse_existing(dataset_id or request.dataset_id, overwrite)


def make_dataset(request: Request, source: Source | None = None, dataset_id: str = "", *, overwrite: bool = False) -> Path:
    """Write a dataset, going on with one that was cut; its folder.

    Args:
        request: what to write.
        source: the run that it is from; not needed for random.
        dataset_id: "" is ``request.dataset_id``.
        overwrite: replace a dataset of that id.

    Raises:
        UsageError: a request that cannot be met; what was there before is as it was.
    """
    request.check()
    dataset_id = dataset_id or request.dataset_id
    if source is None and request.quality != "random":
        raise UsageError(f"{request.quality} needs a training run: source is None.")
    env = make_env(request.env, request.env_kwargs)
    check_spaces(env)
    if source is not None:
        _check_source(source, request)
    scores = None if source is None else source.scores()
    if request.quality == "medium-replay" and scores is not None:
        request = replace(request, steps=scores.medium)
    settled = json.loads(json.dumps({**asdict(request), "source": None if source is None else _about_source(source, scores)}))
    if not overwrite and read_about(dataset_id).get("request") == settled:
        log.info("%s is there already.", dataset_folder(dataset_id))
        return dataset_folder(dataset_id)
    refuse_existing(dataset_id, overwrite)
    parts = Parts(datasets_root() / WORK / re.sub(r"\W+", "-", dataset_id), settled)
    try:
        _collect(request, source, scores, env, parts)
        low = scores.random if scores else random_return(env, request.seed)
        about = {"quality": request.quality, "rule": rule(), "request": settled, "random_return": low}
        folder = write_dataset(
            dataset_id,
            parts,
            env,
            about=about | {"reference_episodes": REFERENCE_EPISODES},
            random_return=low,
            expert_return=scores.expert if scores else None,
            algorithm=source.plan.agent.key if source else "random",
            overwrite=overwrite,
            work=parts.folder / "write",
        )
        parts.remove()
        return folder
    finally:
        parts.close()
        remove_empty(parts.folder.parent)
        env.close()


def rule() -> str:
    """How the qualities are chosen, in words."""
    return RULE.format(snapshot=SNAPSHOT_EPISODES, reference=REFERENCE_EPISODES)


def _check_source(source: Source, request: Request) -> None:
    run, kwargs = source.plan.run.env, source.plan.env_kwargs
    if (run, kwargs) != (request.env, request.env_kwargs):
        raise UsageError(
            f"{source.folder} is a run on {run} with the arguments {kwargs}, the dataset is to be of {request.env} with "
            f"{request.env_kwargs}. Give that environment, or another --from."
        )


def _about_source(source: Source, scores: Scores | None) -> dict[str, Any]:
    assert scores is not None
    plan = source.plan
    chosen = {"medium_step": scores.medium, "expert_step": scores.best}
    returns = {"medium_return": scores.snapshots[scores.medium], "expert_return": scores.expert}
    return {
        "agent": plan.agent.name,
        "seed": plan.run.seed,
        "steps": plan.run.steps,
        "commit": source.commit,
        **chosen,
        **returns,
    }


def _collect(request: Request, source: Source | None, scores: Scores | None, env: gym.Env, parts: Parts) -> None:
    """Fill ``parts``."""
    if request.quality == "medium-replay":
        assert source is not None and scores is not None
        _drain(parts, islice(source.memory(scores.medium), parts.episodes, None), scores.medium)
        return
    for stream, until in _streams(request):
        policy = _policy(stream, env, source, scores)
        seed_of = partial(episode_seed, request.seed, stream)
        begun = parts.by_policy[policy.name]
        _drain(parts, collect(env, policy, until, seed_of, done=parts.steps, begun=begun), request.steps)


def _streams(request: Request) -> list[tuple[str, int]]:
    """Kind of policy, and the number of steps of the dataset at which it is done."""
    if request.quality == "medium-expert":
        return [("medium", (request.steps + 1) // 2), ("expert", request.steps)]
    return [(request.quality, request.steps)]


def _policy(stream: str, env: gym.Env, source: Source | None, scores: Scores | None) -> Policy:
    if stream == "random":
        return RandomPolicy(env.action_space)
    assert source is not None and scores is not None
    return source.policy(scores.medium if stream == "medium" else scores.best)


def _drain(parts: Parts, episodes: Iterator[Recording], total: int) -> None:
    progress = RunProgress(total, parts.steps)
    try:
        for steps in parts.add(episodes):
            progress.update(steps)
    finally:
        progress.close()
