"""The policy update in numpy for small tanh networks: several times faster than :class:`papergym.agents.ppo.update.Update`.

Its numbers are those of that plain form to float tolerance.
"""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from papergym.agents.fast import flat_adam, flat_network
from papergym.agents.fast.flat_adam import FlatAdam, clip_norm
from papergym.agents.fast.flat_network import FlatNetwork
from papergym.agents.ppo.heads import CategoricalHead, GaussianHead
from papergym.agents.ppo.objective import Surrogate


def refusal(policy: ActorCriticPolicy) -> str:
    """Why the fast path cannot train ``policy``; "" if it can."""
    return flat_network.refusal(policy) or flat_adam.refusal(policy.optimizer)


@dataclass
class Batch:
    """A rollout, flattened: env-major rows as in SB3's ``swap_and_flatten``.

    Attributes:
        observations: shape (rows, size), the parameters' dtype.
        actions: shape (rows, actions), or (rows, 1) for Discrete.
        log_probs, advantages, returns: shape (rows,).
    """

    observations: np.ndarray
    actions: np.ndarray
    log_probs: np.ndarray
    advantages: np.ndarray
    returns: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "Batch":
        """The named rows; a slice shares memory."""
        return Batch(
            self.observations[rows], self.actions[rows], self.log_probs[rows], self.advantages[rows], self.returns[rows]
        )


@dataclass(frozen=True)
class Settings:
    """Of one policy update: epochs K, minibatch rows, limit of the gradient norm, advantages standardised or not."""

    epochs: int
    batch_size: int
    max_grad_norm: float | None
    normalize: bool


class FastPolicy:
    """Network, action head and optimiser of one SB3 policy, on shared memory.

    Raises:
        ValueError: a policy or optimiser that the flat arrays cannot stand for.
    """

    def __init__(self, policy: ActorCriticPolicy) -> None:
        self.policy = policy
        self.network = FlatNetwork(policy)
        self.adam = FlatAdam(self.network, policy.optimizer)
        self.head = GaussianHead(self.network) if isinstance(policy.action_space, spaces.Box) else CategoricalHead()

    def bound(self, policy: ActorCriticPolicy) -> bool:
        """False once ``policy`` was replaced or its tensors or optimiser state were (as SB3's ``load`` does)."""
        return policy is self.policy and policy.optimizer is self.adam.optimizer and self.network.bound() and self.adam.bound()

    def update(
        self, surrogate: Surrogate, batch: Batch, settings: Settings, generator: np.random.Generator
    ) -> dict[str, float]:
        """All epochs of one policy update; returns :meth:`diagnose` of the result."""
        self.head.freeze()
        old = self.network.forward(batch.observations)[0]
        for _ in range(settings.epochs):
            order = generator.permutation(len(old))
            shuffled, shuffled_old = batch.take(order), old[order]
            for start in range(0, len(old), settings.batch_size):
                rows = slice(start, start + settings.batch_size)
                self.gradient(surrogate, shuffled.take(rows), shuffled_old[rows], settings.normalize)
                clip_norm(self.network.gradient.flat, settings.max_grad_norm)
                self.adam.step()
        self.adam.publish()
        return self.diagnose(surrogate, batch, old)

    def gradient(self, surrogate: Surrogate, batch: Batch, old: np.ndarray, normalize: bool) -> None:
        """Fill the flat gradient with that of the combined loss (eq. 9) on one minibatch.

        Args:
            surrogate: objective and coefficients.
            batch: rows of the minibatch.
            old: the old policy's means or logits at these rows, shape (batch, actions).
            normalize: standardise the advantages over the minibatch.
        """
        advantages, size = batch.advantages, len(batch.advantages)
        if normalize and size > 1:
            advantages = advantages - advantages.mean()
            advantages /= np.sqrt(np.dot(advantages, advantages) / (size - 1)) + 1e-8
        outputs, values, activations = self.network.forward(batch.observations)
        ratio = self.head.ratio(outputs, batch.actions, batch.log_probs)
        by_log_prob = advantages * ratio
        by_log_prob *= -1.0 / size
        if surrogate.objective == "clip":  # the clipped branch is the minimum, and flat
            flat = np.where(advantages > 0, ratio > 1 + surrogate.clip_range, ratio < 1 - surrogate.clip_range)
            by_log_prob[flat] = 0.0
        by_outputs = self.head.gradient(surrogate, by_log_prob, old, outputs, batch.actions)
        values -= batch.returns
        values *= 2 * surrogate.value_coef / size
        self.network.backward(activations, by_outputs, values)

    def diagnose(self, surrogate: Surrogate, batch: Batch, old: np.ndarray) -> dict[str, float]:
        """Means over the rollout under the present policy: kl[old, new] (exact), clip_fraction, value_loss, entropy."""
        outputs, values, _ = self.network.forward(batch.observations)
        ratio = np.exp(self.head.log_prob(outputs, batch.actions) - batch.log_probs)
        return {
            "kl": float(self.head.kl(old, outputs).mean()),
            "clip_fraction": float((np.abs(ratio - 1) > surrogate.clip_range).mean()),
            "value_loss": float(((values - batch.returns) ** 2).mean()),
            "entropy": self.head.entropy(outputs),
        }
