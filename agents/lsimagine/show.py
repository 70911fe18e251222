"""What a run has learned, as images: an episode with map, flag and scores, and imagination beside what happened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import imageio.v2 as imageio
import numpy as np
import torch

from papergym.agents.dreamerv3.rssm import Latent
from papergym.agents.errors import UsageError
from papergym.agents.lsimagine.policy import LSImaginePolicy
from papergym.agents.lsimagine.score import keep_flag
from papergym.agents.runner.evaluation import EVALUATION_SEED, make_env
from papergym.agents.runner.media import VideoFile

SIDE, MARGIN, HORIZON, COLUMNS = 256, 4, 15, 10
"""Pixels of a panel's side in the video; pixels between images; steps imagined; jumps drawn at most."""


def show(plan: Any, learner: Any, folder: Path) -> list[Path]:
    """Play one episode of the evaluation's starts and write three files into ``folder``.

    - ``episode.mp4``: image, affordance map and closer view side by side, with flag, probability, threshold and scores;
    - ``imagined.png``: what happened, and below it what the model expects of the same actions, from the middle of the episode;
    - ``jumps.png``: steps with a closer view, the closer view, and below what the model expects of the jump.

    Returns:
        The files; ``jumps.png`` is left out of an episode without closer views.

    Raises:
        UsageError: a run of the baseline, which has no jumps.
    """
    if plan.config.baseline:
        raise UsageError(
            "the run is of the baseline, which has neither maps nor jumps. Use `papergym evaluate RUN --video FILE`."
        )
    policy: LSImaginePolicy = learner.model.policy
    steps = list(_episode(plan, learner))
    files = [folder / "episode.mp4", folder / "imagined.png", folder / "jumps.png"]
    video = VideoFile(files[0], fps=10)
    for observation, info, _ in steps:
        video.add(panels(observation, info))
    video.close()
    imageio.imwrite(files[1], imagined_images(policy, steps))
    jumps = [step for step in steps if step[0]["is_zoomed"]]
    if not jumps:
        return files[:2]
    imageio.imwrite(files[2], jump_images(policy, jumps[:: -(-len(jumps) // COLUMNS)]))
    return files


def _episode(plan: Any, learner: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any], Any]]:
    """Observation, info and the policy's state after it has seen the observation and chosen an action."""
    policy: LSImaginePolicy = learner.model.policy
    with make_env(plan.run.env, plan.env_kwargs) as env:
        keep_flag(plan, learner, env)
        observation, info = env.reset(seed=EVALUATION_SEED + plan.run.seed)
        state, over = None, False
        while True:
            action, state = policy.predict(_batch(observation), state, deterministic=True)
            yield observation, info, state
            if over:
                return
            observation, _, terminated, truncated, info = env.step(_one(action, env))
            over = terminated or truncated


def _batch(observation: dict[str, Any]) -> dict[str, np.ndarray]:
    return {key: np.asarray(value)[None] for key, value in observation.items()}


def _one(action: np.ndarray, env: gym.Env) -> Any:
    return int(action[0]) if isinstance(env.action_space, gym.spaces.Discrete) else action[0]


def panels(observation: dict[str, Any], info: dict[str, Any]) -> np.ndarray:
    """(SIDE + 24, 3 SIDE, 3) uint8 image of one step: what the agent sees, the map over it, the closer view, and numbers."""
    image = _large(observation["image"])
    heat = cv2.applyColorMap(_large(observation["affordance"])[..., 0], cv2.COLORMAP_INFERNO)[..., ::-1]
    over = (0.4 * image + 0.6 * heat).astype(np.uint8)
    view = _large(observation["zoomed"]) if observation["is_zoomed"] else np.zeros_like(image)
    numbers = {"flag": int(observation["jump"]), "P": info["jump_probability"], "threshold": info["jump_threshold"]}
    numbers |= {"score": info["score"], "goal": info["view_score"]}
    text = "  ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in numbers.items()
    )
    strip = np.zeros((24, 3 * SIDE, 3), np.uint8)
    colour = (90, 220, 90) if observation["jump"] else (220, 220, 220)
    cv2.putText(strip, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return np.concatenate([np.concatenate([image, over, view], 1), strip])


def _large(image: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) of (channels, H, W)."""
    rows = np.ascontiguousarray(image.transpose(1, 2, 0))
    large = cv2.resize(rows, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return large if large.ndim == 3 else np.repeat(large[..., None], 3, 2)


def grid(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Rows of (3, H, W) uint8 images as one (.., .., 3) image with white margins."""
    gap = ((MARGIN, 0), (MARGIN, 0), (0, 0))
    lines = [np.concatenate([np.pad(one.transpose(1, 2, 0), gap, constant_values=255) for one in row], 1) for row in rows]
    return np.pad(np.concatenate(lines), ((0, MARGIN), (0, MARGIN), (0, 0)), constant_values=255)


def _decoded(policy: LSImaginePolicy, latent: Latent) -> np.ndarray:
    """(n, 3, H, W) uint8 images that the model expects in states ``(n, ...)``."""
    image = policy.world.decoder.predict(latent)["image"]
    return (255 * image.clamp(0, 1)).round().byte().cpu().numpy()


@torch.no_grad()
def imagined_images(policy: LSImaginePolicy, steps: list[Any]) -> np.ndarray:
    """What happened from the middle of an episode on, above what the model expects of the same actions; see :func:`grid`."""
    begin = max(len(steps) // 2 - HORIZON // 2, 0)
    shown = steps[begin : begin + HORIZON + 1]
    latents = [policy.latent(*shown[0][2][:2])]
    for _, _, state in shown[:-1]:
        action = torch.as_tensor(state[2], device=policy.device)
        latents.append(policy.world.rssm.imagine_step(latents[-1], action))
    expected = [_decoded(policy, latent)[0] for latent in latents]
    return grid([[observation["image"] for observation, _, _ in shown], expected])


@torch.no_grad()
def jump_images(policy: LSImaginePolicy, jumps: list[Any]) -> np.ndarray:
    """Steps with a closer view, the view, and what the model expects of a jump; see :func:`grid`."""
    before = Latent(*(torch.cat(parts) for parts in zip(*(policy.latent(*state[:2]) for _, _, state in jumps))))
    landing = policy.world.rssm.imagine_step(before, policy.world.rssm.jump(len(jumps)))
    seen = [[observation[key] for observation, _, _ in jumps] for key in ("image", "zoomed")]
    return grid([*seen, list(_decoded(policy, landing))])
