"""Log-probability, exact KL[old, new], entropy and their gradients for the two action distributions, in numpy.

Each head turns the network's outputs (batch, actions) into numbers per state, and d loss / d(log-probability) into
d loss / d(outputs). Gradients of a state-independent log standard deviation are written to the network's flat gradient.
"""

import math

import numpy as np

from papergym.agents.fast.flat_network import FlatNetwork
from papergym.agents.ppo.objective import Surrogate

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class GaussianHead:
    """Diagonal Gaussian with a state-independent standard deviation (1707.06347, section 6.1)."""

    def __init__(self, network: FlatNetwork) -> None:
        self.log_std, self.log_std_gradient = network.parameters.log_std, network.gradient.log_std
        self.old_log_std = self.log_std.copy()

    def noise(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws that :meth:`sample` turns into actions; ``shape`` ends with the number of actions."""
        return generator.standard_normal(shape, dtype=np.float32)

    def sample(self, outputs: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Actions, shape (batch, actions)."""
        return outputs + np.exp(self.log_std) * noise

    def log_prob(self, outputs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Shape (batch,)."""
        return self._log_prob(self._standardised(outputs, actions))

    def freeze(self) -> None:
        """Keep the present standard deviation as the old policy's."""
        self.old_log_std = self.log_std.copy()

    def kl(self, old: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """KL[old, new] at each state, shape (batch,); ``old`` are the old policy's means."""
        spread = (np.exp(2 * self.old_log_std) + (old - outputs) ** 2) * (0.5 * np.exp(-2 * self.log_std))
        return (self.log_std - self.old_log_std + spread - 0.5).sum(axis=1)

    def ratio(self, outputs: np.ndarray, actions: np.ndarray, old_log_prob: np.ndarray) -> np.ndarray:
        """pi_new / pi_old, shape (batch,); keeps what :meth:`gradient` needs."""
        self._score = self._standardised(outputs, actions)
        return np.exp(self._log_prob(self._score) - old_log_prob)

    def gradient(
        self, surrogate: Surrogate, by_log_prob: np.ndarray, old: np.ndarray, outputs: np.ndarray, actions: np.ndarray
    ) -> np.ndarray:
        """Loss by means, shape (batch, actions), from the loss by log-probability, shape (batch,); after :meth:`ratio`."""
        weighted = by_log_prob[:, None] * self._score
        precision = np.exp(-self.log_std)
        np.sum(weighted * self._score, axis=0, out=self.log_std_gradient)
        self.log_std_gradient -= by_log_prob.sum() + surrogate.entropy_coef
        weighted *= precision
        if surrogate.penalised:
            scale, precision = surrogate.beta / len(outputs), precision**2
            shift = outputs - old
            weighted += (scale * precision) * shift
            spread = np.exp(2 * self.old_log_std) * len(outputs) + (shift * shift).sum(axis=0)
            self.log_std_gradient += surrogate.beta - scale * precision * spread
        return weighted

    def entropy(self, outputs: np.ndarray) -> float:
        """Mean entropy, nats."""
        return float((0.5 + _HALF_LOG_TWO_PI + self.log_std).sum())

    def _standardised(self, outputs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return (actions - outputs) * np.exp(-self.log_std)

    def _log_prob(self, standardised: np.ndarray) -> np.ndarray:
        constant = self.log_std.sum() + len(self.log_std) * self.log_std.dtype.type(_HALF_LOG_TWO_PI)
        return np.einsum("ij,ij->i", standardised, standardised) * -0.5 - constant


class CategoricalHead:
    """Categorical over the network's logits; actions are indices of shape (batch, 1)."""

    def noise(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Gumbel draws; ``shape`` ends with the number of actions."""
        return generator.gumbel(size=shape).astype(np.float32)

    def sample(self, outputs: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Indices, shape (batch, 1)."""
        return (outputs + noise).argmax(axis=1)[:, None]

    def log_prob(self, outputs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Shape (batch,)."""
        return np.take_along_axis(_log_softmax(outputs), actions.astype(np.int64), axis=1)[:, 0]

    def freeze(self) -> None:
        """Nothing to keep: the old policy is its logits."""

    def kl(self, old: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """KL[old, new] at each state, shape (batch,); ``old`` are the old policy's logits."""
        before = _log_softmax(old)
        return (np.exp(before) * (before - _log_softmax(outputs))).sum(axis=1)

    def ratio(self, outputs: np.ndarray, actions: np.ndarray, old_log_prob: np.ndarray) -> np.ndarray:
        """pi_new / pi_old, shape (batch,)."""
        return np.exp(self.log_prob(outputs, actions) - old_log_prob)

    def gradient(
        self, surrogate: Surrogate, by_log_prob: np.ndarray, old: np.ndarray, outputs: np.ndarray, actions: np.ndarray
    ) -> np.ndarray:
        """Loss by logits, shape (batch, actions), from the loss by log-probability, shape (batch,)."""
        log_probs = _log_softmax(outputs)
        probs = np.exp(log_probs)
        result = -by_log_prob[:, None] * probs
        result[np.arange(len(actions)), actions[:, 0].astype(np.int64)] += by_log_prob
        if surrogate.entropy_coef:
            negative_entropy = (probs * log_probs).sum(axis=1, keepdims=True)
            result += (surrogate.entropy_coef / len(outputs)) * probs * (log_probs - negative_entropy)
        if surrogate.penalised:
            result += (surrogate.beta / len(outputs)) * (probs - np.exp(_log_softmax(old)))
        return result

    def entropy(self, outputs: np.ndarray) -> float:
        """Mean entropy, nats."""
        log_probs = _log_softmax(outputs)
        return float(-(np.exp(log_probs) * log_probs).sum(axis=1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
