"""DreamerV3 on stable-baselines3's ``BaseAlgorithm``.

SB3 brings vector environments, monitors, callbacks, the logger and files; :class:`ExactResume` brings the state of all of them.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State
from papergym.agents.dreamerv3.config import Config
from papergym.agents.dreamerv3.policy import DreamerPolicy
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.replay.packed import FieldSpec
from papergym.agents.replay.sequences import SequenceReplay

_FLAG = ((), np.dtype(np.bool_))
_SEEN = "observation/"


def _of_env(observation: Any, env: int) -> Any:
    """What one environment has returned, of a batch."""
    return {key: value[env] for key, value in observation.items()} if isinstance(observation, dict) else observation[env]


class DreamerV3(ExactResume, BaseAlgorithm):
    """Learns a world model from replayed sequences and acts by what it imagines (arXiv 2301.04104).

    Args:
        policy: ``"DreamerPolicy"``.
        env: environment, or vector of environments.
        config: settings; None are the paper's.
        stats_window_size, tensorboard_log, verbose, seed, device: as in SB3.

    Attributes:
        policy: all networks.
        replay_buffer: the memory. Step ``t`` holds observation, the reward of arriving, the action taken then, and the latent
            state that the model was in; the last observation of an episode is a step of its own.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"DreamerPolicy": DreamerPolicy}
    policy: DreamerPolicy
    replay_buffer: SequenceReplay

    def __init__(
        self,
        policy: str | type[BasePolicy] = "DreamerPolicy",
        env: GymEnv | str | None = None,
        config: Config | None = None,
        *,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        self.config = config or Config()
        super().__init__(
            policy,
            env,
            learning_rate=self.config.learning_rate,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            support_multi_env=True,
            supported_action_spaces=(spaces.Box, spaces.Discrete),
        )
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        config = self.config
        config.check()
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self.policy = self.policy_class(
            self.observation_space, self.action_space, self.lr_schedule, config=config, **self.policy_kwargs
        ).to(self.device)  # pyright: ignore[reportAttributeAccessIssue]
        self.replay_buffer = self.make_memory()
        self.learning_starts = max(config.learning_starts, (config.batch_length + 1) * self.n_envs)
        self._state = self.policy.initial_state(self.n_envs)
        self._last_rewards = np.zeros(self.n_envs, np.float32)
        self._last_infos: list[dict[str, Any]] = [{} for _ in range(self.n_envs)]
        self._due = 1.0  # updates to be made

    def make_memory(self) -> SequenceReplay:
        """The replay memory; an agent that extends this one may return another."""
        config = self.config
        return SequenceReplay(
            config.buffer_size,
            self.record_fields(),
            length=config.batch_length + 1,  # one step of context before
            n_envs=self.n_envs,
            online=config.online,
            seed=self.seed,
        )

    def record_fields(self) -> dict[str, FieldSpec]:
        """Fields of a step in the memory."""
        rssm = self.policy.world.rssm
        return {
            **{f"{_SEEN}{part.key}": part.field for part in self.policy.parts},
            "action": ((self.policy.actions.width,), np.dtype(np.float32)),
            "reward": ((), np.dtype(np.float32)),
            **dict.fromkeys(("first", "last", "terminal"), _FLAG),
            "deter": ((rssm.deter,), np.dtype(np.float16)),  # between -1 and 1
            "stoch": ((rssm.variables,), np.dtype(np.uint8)),
        }

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 1,
        tb_log_name: str = "DreamerV3",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> "DreamerV3":
        """SB3's ``learn``; ``log_interval`` counts updates in hundreds, None logs nothing.

        Raises:
            BadNumbersError: an observation, a loss or a gradient that is not finite; the message names it.
            UsageError: an observation without one of its keys.
        """
        fresh = reset_num_timesteps or self._last_obs is None
        total, hooks = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        if fresh:
            self._cut_episodes()
        hooks.on_training_start(locals(), globals())
        while self.num_timesteps < total:
            hooks.on_rollout_start()
            if not self._act(hooks):
                break
            hooks.on_rollout_end()
            with fast_matmul(self.device):
                self._train(log_interval)
        hooks.on_training_end()
        return self

    def _act(self, callback: BaseCallback) -> bool:
        """One step of every environment; False where the callback stops."""
        assert self.env is not None and self._last_obs is not None and self._last_episode_starts is not None
        starts, arrays = self._last_episode_starts, self.policy.arrays(self._last_obs)
        self._state = deter, stoch, vectors = self.policy.step(arrays, self._state, starts)
        actions = self.policy.actions.action(vectors)
        new_obs, rewards, dones, infos = self._step(actions)
        for env in range(self.n_envs):
            reward = 0.0 if starts[env] else self._last_rewards[env]
            record = {"action": vectors[env], "deter": deter[env], "stoch": stoch[env], "reward": reward}
            flags = {"first": bool(starts[env]), "last": False, "terminal": False}
            seen = {f"{_SEEN}{key}": value[env] for key, value in arrays.items()}
            observation = _of_env(self._last_obs, env)
            self.store(env, {**seen, **record, **flags}, observation, self._last_infos[env])
            if dones[env]:
                self._end(env, {**record, "reward": rewards[env]}, infos[env])
        self._last_obs, self._last_rewards = new_obs, np.asarray(rewards, np.float32)  # pyright: ignore[reportAttributeAccessIssue]
        self._last_infos = [first if done else info for done, first, info in zip(dones, self.env.unwrapped.reset_infos, infos)]
        self._last_episode_starts = np.asarray(dones, bool)
        self.num_timesteps += self.n_envs
        self._update_info_buffer(infos, dones)
        callback.update_locals(locals())
        return callback.on_step()

    def _step(self, actions: Any) -> Any:
        assert self.env is not None
        try:
            return self.env.step(actions)
        except KeyError as error:  # of SB3's vector environments, which copy the keys of the space
            if error.args and error.args[0] in getattr(self.observation_space, "spaces", ()):
                raise UsageError(
                    f"expected {error.args[0]!r} in every observation, got one without it. "
                    "An environment has to return the same keys at every step."
                ) from error
            raise

    def _end(self, env: int, record: dict[str, Any], info: dict[str, Any]) -> None:
        """Store the last observation of an episode. No action follows it, and the state after it is never used."""
        last = info["terminal_observation"]
        batch = (
            {key: np.asarray(value)[None] for key, value in last.items()} if isinstance(last, dict) else np.asarray(last)[None]
        )
        seen = {f"{_SEEN}{key}": value[0] for key, value in self.policy.arrays(batch).items()}
        terminal = not info.get("TimeLimit.truncated", False)
        blank = {name: np.zeros_like(record[name]) for name in ("action", "deter", "stoch")}
        flags = {"first": False, "last": True, "terminal": terminal}
        self.store(env, {**seen, **blank, "reward": record["reward"], **flags}, last, info)

    def store(self, env: int, record: dict[str, Any], observation: Any, info: Mapping[str, Any]) -> None:
        """Append a step to the memory.

        Args:
            env: environment.
            record: the fields of :meth:`record_fields`.
            observation: of the step, as the environment gave it; for agents that store more of it.
            info: that came with it.
        """
        self.replay_buffer.add(env, record)

    def _train(self, log_interval: int | None = None) -> None:
        """The updates that are due."""
        if self.num_timesteps <= self.learning_starts or not self.replay_buffer.sequences:
            return
        config = self.config
        while self._due >= 1:
            self.update()
            self._due -= 1
            if log_interval and self._n_updates % (100 * log_interval) == 0:
                self.logger.dump(self.num_timesteps)
        self._due += self.n_envs * config.train_ratio / (config.batch_size * config.batch_length)

    def update(self) -> None:
        """One gradient step of all networks on a batch of sequences; the new latent states go into the memory."""
        policy = self.policy
        fields, places = self.replay_buffer.sample(self.config.batch_size)
        start = policy.latent(fields.pop("deter")[0], fields.pop("stoch")[0])
        before = fields.pop("action")[:-1]
        batch = policy.tensors({name: value[1:] for name, value in fields.items()})
        observation = {name.removeprefix(_SEEN): batch.pop(name) for name in list(batch) if name.startswith(_SEEN)}
        batch["previous_action"] = torch.as_tensor(before, device=policy.device)
        self.complete_batch(batch)
        with torch.autocast(policy.device.type, torch.bfloat16, enabled=self.config.bf16):
            losses, latent, others = policy.losses(start, batch, observation)
        numbers = self._numbers({**{f"loss/{name}": loss for name, loss in losses.items()}, **others})
        policy.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self._check_gradients()
        policy.optimizer.step()
        policy.behaviour.update_slow()
        deter, stoch = latent.deter.detach().half(), latent.stoch.argmax(-1).byte()
        self.replay_buffer.write(places[1:], {"deter": deter.cpu().numpy(), "stoch": stoch.cpu().numpy()})
        self._n_updates += 1
        for name, value in numbers.items():
            self.logger.record_mean(f"train/{name}", value)

    def complete_batch(self, batch: dict[str, torch.Tensor]) -> None:
        """Add to the fields of a sampled batch what an agent that extends this one needs besides."""

    def _numbers(self, tensors: dict[str, torch.Tensor]) -> dict[str, float]:
        """Values of scalars, fetched at once.

        Raises:
            BadNumbersError: one is not finite.
        """
        values = torch.stack([tensor.detach() for tensor in tensors.values()]).tolist()
        numbers = dict(zip(tensors, values))
        bad = {name: value for name, value in numbers.items() if not np.isfinite(value)}
        if bad:
            raise self._bad_numbers(f"not finite: {bad}")
        return numbers

    def _check_gradients(self) -> None:
        """Raise BadNumbersError where a gradient is not finite, with the tensor's name; the weights have not changed then."""
        given = {name: tensor.grad for name, tensor in self.policy.named_parameters() if tensor.grad is not None}
        finite = torch.stack(list(torch._foreach_norm(list(given.values())))).isfinite()
        if not finite.all():
            bad = [name for name, fine in zip(given, finite.tolist()) if not fine]
            raise self._bad_numbers(f"gradients not finite: {bad}")

    def _bad_numbers(self, what: str) -> BadNumbersError:
        remedy = "Lower learning_rate, or look at the scale of rewards and observations"
        return BadNumbersError(f"step {self.num_timesteps}, update {self._n_updates}: {what}. {remedy}")

    def _cut_episodes(self) -> None:
        assert self.env is not None
        self._last_infos = list(self.env.unwrapped.reset_infos)
        for env in range(self.n_envs):
            self.replay_buffer.amend(env, last=True)

    def _extra_state(self) -> State:
        parts = {str(index): part for index, part in enumerate(self._state)}
        return {"latent": parts, "rewards": self._last_rewards.copy(), "due": self._due}

    def _set_extra_state(self, state: State) -> None:
        self._state = tuple(state["latent"][str(index)] for index in range(len(self._state)))
        self._last_rewards, self._due = state["rewards"], state["due"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "replay_buffer"]
