"""Algorithm and environment of one Proto-RL run."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.fast.malloc import keep_freed_memory
from papergym.agents.protorl.algorithm import ProtoRL
from papergym.agents.protorl.config import Config


def build(
    config: Config,
    env_id: str,
    *,
    seed: int,
    device: torch.device | str = "auto",
    env_kwargs: Mapping[str, Any] | None = None,
    n_envs: int = 1,
) -> ProtoRL:
    """A ready algorithm: ``build(Config(), "ProtoRL-Walker-v0", seed=0).learn(config.steps)``.

    Args:
        config: settings.
        env_id: environment with Box observations and actions; images stacked along the channel axis, or flat states.
        seed: of networks, exploration, replay and environments (environment i: seed + i).
        device: of networks and, unless ``replay_storage`` says otherwise, of the replay buffer.
        env_kwargs: for ``gym.make``.
        n_envs: environments stepped together in this process.

    Raises:
        ValueError: settings that contradict each other.
    """
    if not 0 <= config.switch_at <= config.steps:
        raise ValueError(f"pretrain_steps is {config.switch_at}, expected 0 to {config.steps} (`steps`).")
    arguments = dict(env_kwargs or {})
    env = DummyVecEnv([lambda: Monitor(gym.make(env_id, **arguments)) for _ in range(n_envs)])
    space = env.observation_space
    pixels = isinstance(space, spaces.Box) and len(space.shape) == 3
    stack = _frame_stack(env.envs[0]) if pixels else 1
    if pixels:
        keep_freed_memory()
    return ProtoRL(
        "ProtoPolicy",
        env,
        config.learning_rate,
        config.buffer_size,
        config.learning_starts,
        config.batch_size,
        config.tau,
        config.gamma,
        config.train_freq,
        ent_coef=f"auto_{config.initial_temperature}",
        frame_stack=stack,
        replay_storage=config.replay_storage,
        pretrain_steps=config.switch_at,
        backbone=config.backbone,
        n_steps=config.n_steps,
        noise_std=config.noise_std,
        noise_std_steps=config.noise_std_steps,
        noise_clip=config.noise_clip,
        intrinsic_coef=config.intrinsic_coef,
        representation_every=config.representation_every,
        actor_every=config.actor_every,
        target_every=config.target_every,
        encoder_tau=config.encoder_tau,
        shift_px=config.shift_px,
        freeze_encoder=config.freeze_encoder,
        transfer_critic=config.transfer_critic,
        ignore_terminated=config.ignore_terminated,
        record_visits=config.record_visits,
        policy_kwargs=config.policy_kwargs(pixels=pixels),
        seed=seed,
        device=device,
    )


def _frame_stack(env: gym.Env) -> int:
    """Frames in an observation, as the stacking wrapper says."""
    while isinstance(env, gym.Wrapper):
        if hasattr(env, "num_stack"):
            return int(env.num_stack)  # pyright: ignore[reportAttributeAccessIssue]
        env = env.env
    return 1
