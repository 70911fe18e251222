"""All networks of DreamerV3 in one SB3 policy, which acts with a state of its own and computes the losses of an update."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule

from papergym.agents.dreamerv3.behaviour import Behaviour
from papergym.agents.dreamerv3.config import Config
from papergym.agents.dreamerv3.rssm import Latent, mean_entropies
from papergym.agents.dreamerv3.spaces import ActionCode, Part, observation_parts
from papergym.agents.dreamerv3.world_model import WorldModel
from papergym.agents.nets.laprop import LaProp

State = tuple[np.ndarray, ...]
"""What :meth:`DreamerPolicy.predict` carries: ``deter`` (n, deter), ``stoch`` (n, variables), ``action`` (n, action_width)."""


class DreamerPolicy(BasePolicy):
    """World model, actor and critic with their optimiser.

    Args:
        observation_space: Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of these; images uint8, channels first.
        action_space: Discrete, or a Box with finite bounds.
        lr_schedule: of which the first value is taken; the optimiser warms up by itself.
        config: settings.

    Attributes:
        world: the world model.
        behaviour: actor and critic.
        optimizer: one for all.
    """

    optimizer: LaProp

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, lr_schedule: Schedule, config: Config | None = None
    ) -> None:
        super().__init__(observation_space, action_space)
        self.config = config = config or Config()
        self.parts, self.actions = self.seen_parts(observation_space), ActionCode(action_space)
        self.world = self.make_world(config)
        self.behaviour = self.make_behaviour(config)
        learned = [tensor for tensor in self.parameters() if tensor.requires_grad]
        self.optimizer = LaProp(learned, lr_schedule(1), clip=config.clip, warmup=config.warmup)
        if config.compile:
            for module in (self.world.encoder, self.world.decoder, *self.world.rssm.children()):
                module.compile()

    def _get_constructor_parameters(self) -> dict[str, Any]:
        given = {"observation_space": self.observation_space, "action_space": self.action_space}
        return {**given, "lr_schedule": self._dummy_schedule, "config": self.config}

    def seen_parts(self, space: spaces.Space) -> tuple[Part, ...]:
        """Parts of the observation that the networks see: all of them."""
        return observation_parts(space)

    def make_behaviour(self, config: Config) -> Behaviour:
        """Actor and critic; an agent that extends this one may return others."""
        return Behaviour(self.world.rssm.width, self.actions.width, config.widths(), **self.behaviour_settings(config))

    def behaviour_settings(self, config: Config) -> dict[str, Any]:
        """Settings of :class:`Behaviour`."""
        return {
            "discrete": self.actions.discrete,
            "horizon": config.imagined_steps,
            "mix": config.gae_lambda,
            "entropy": config.entropy,
            "slow_rate": config.slow_rate,
            "unimix": config.unimix,
        }

    def make_world(self, config: Config) -> WorldModel:
        """The world model; an agent that extends this one may return another."""
        return WorldModel(
            self.parts,
            self.actions.width,
            config.widths(),
            unimix=config.unimix,
            free_nats=config.free_nats,
            horizon=config.horizon,
        )

    def initial_state(self, count: int) -> State:
        """State of ``count`` environments at the beginning."""
        rssm = self.world.rssm
        return (
            np.zeros((count, rssm.deter), np.float32),
            np.zeros((count, rssm.variables), np.int64),
            np.zeros((count, self.actions.width), np.float32),
        )

    def tensors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
        """Arrays on the device of the networks."""
        return {key: torch.as_tensor(value, device=self.device) for key, value in arrays.items()}

    def latent(self, deter: np.ndarray, stoch: np.ndarray) -> Latent:
        """A state of the model from the numbers that are kept of it: ``(n, deter)``, class indices ``(n, variables)``."""
        deters = torch.as_tensor(deter, device=self.device).float()
        classes = torch.as_tensor(stoch, device=self.device).long()[..., None]
        empty = deters.new_zeros(*classes.shape[:-1], self.world.rssm.classes)
        return Latent(deters, empty.scatter_(-1, classes, 1.0))  # functional.one_hot looks at all classes first

    @torch.inference_mode()
    def step(self, arrays: Mapping[str, np.ndarray], state: State, first: np.ndarray, *, deterministic: bool = False) -> State:
        """Take in an observation and choose an action.

        Args:
            arrays: part -> ``(n, *shape)``.
            state: of the step before.
            first: ``(n,)``, where an episode begins; the state is dropped there.
            deterministic: the mode of the actor. The latent state is a sample in any case, as in the official code.

        Returns:
            The next state; its action is what was chosen.
        """
        before, action = self.latent(state[0], state[1]), torch.as_tensor(state[2], device=self.device)
        tokens = self.world.encoder(self.tensors(arrays))
        latent = self.world.rssm.observe_step(before, action, tokens, torch.as_tensor(first, device=self.device))
        policy = self.behaviour.actor(latent.features())
        chosen = policy.mode() if deterministic else policy.sample()
        return latent.deter.cpu().numpy(), latent.stoch.argmax(-1).cpu().numpy(), chosen.float().cpu().numpy()

    def arrays(self, observation: Any) -> dict[str, np.ndarray]:
        """A batch from the environments as the parts' arrays; images channels first."""
        keyed = observation if isinstance(observation, dict) else {"observation": observation}
        return {part.key: part.array(np.asarray(keyed[part.key])) for part in self.parts}

    def predict(
        self,
        observation: Any,
        state: State | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, State | None]:
        """SB3's ``predict``; hand the returned state, and where episodes begin, to the next call."""
        if isinstance(observation, dict):  # SB3 copies every entry, those that the networks do not see as well
            observation = {part.key: observation[part.key] for part in self.parts}
        tensors, vectorized = self.obs_to_tensor(observation)
        seen = (
            {key: value.cpu().numpy() for key, value in tensors.items()} if isinstance(tensors, dict) else tensors.cpu().numpy()
        )
        arrays = self.arrays(seen)
        count = len(next(iter(arrays.values())))
        first = np.zeros(count, bool) if episode_start is None else np.asarray(episode_start, bool).reshape(count)
        if state is None:
            state, first = self.initial_state(count), np.ones(count, bool)
        state = self.step(arrays, state, first, deterministic=deterministic)
        actions = self.actions.action(state[2])
        return (actions if vectorized else actions[0]), state

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> torch.Tensor:
        raise NotImplementedError("expected a call of predict(), which carries the state of the recurrent model")

    def losses(
        self, start: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], Latent, dict[str, torch.Tensor]]:
        """Losses of all networks, see :meth:`WorldModel.losses` for the arguments.

        Returns:
            Mean of each loss, weighted, by its head; the states ``(time, batch, ...)``; other numbers for the tables.
        """
        losses, observed = self.world.losses(start, batch, observation)
        latent = observed.latent
        trajectory = self.behaviour.imagine(self.world, latent.detach().flatten())
        features = trajectory.latent.features()
        returns = self.behaviour.returns(self.world, features)
        losses |= self.behaviour.losses(features[:-1], trajectory.action[:-1], returns)
        if self.config.replay_value_scale:
            imagined = returns.target[0].unflatten(0, batch["first"].shape)
            losses["replay_value"] = self.behaviour.replay_loss(
                latent.features(), batch["reward"], batch["terminal"], batch["last"], imagined, self.world.discount
            )
        others = {f"entropy/{name}": value for name, value in mean_entropies(observed).items()}
        others |= {"value": returns.value.mean(), "return": returns.target.mean()}
        others["return_scale"] = self.behaviour.scale.range.diff()[0]
        return self.weighted(losses), latent, others

    def weighted(self, losses: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Mean of each loss times its ``<name>_scale`` among the settings."""
        scales = {name.removesuffix("_scale"): value for name, value in vars(self.config).items() if name.endswith("_scale")}
        return {name: loss.mean() * scales.get(name, 1.0) for name, loss in losses.items()}
