"""Prioritised DQN and its environments from a configuration."""

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import is_image_space

from papergym.agents.per.config import Config
from papergym.agents.per.dqn import PrioritizedDQN


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> PrioritizedDQN:
    """The algorithm with ``n_envs`` environments in one process; uniform replay is ``alpha = 0``, all weights 1.

    Raises:
        UsageError: settings that are not possible.
    """
    config.check()
    venv = make_vec_env(env_id, n_envs, seed=seed, env_kwargs={"disable_env_checker": True, **(env_kwargs or {})})
    space = venv.observation_space
    policy = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "CnnPolicy" if is_image_space(space) else "MlpPolicy"
    uniform = config.replay == "uniform"
    return PrioritizedDQN(
        policy,
        venv,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.learning_starts,
        batch_size=config.batch_size,
        train_freq=config.train_freq,
        gamma=config.gamma,
        n_steps=config.n_steps,
        target_update_interval=config.target_update_interval,
        exploration_fraction=config.exploration_fraction,
        exploration_final_eps=config.exploration_final_eps,
        max_grad_norm=config.max_grad_norm,
        policy_kwargs={} if policy == "CnnPolicy" else {"net_arch": list(config.hidden)},
        double=config.double,
        variant="proportional" if uniform else config.replay,
        alpha=0.0 if uniform else config.alpha,
        beta=config.beta,
        largest_weight=config.largest_weight,
        td_clip=config.td_clip,
        seed=seed,
        device=device,
    )
