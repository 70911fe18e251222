"""Adam (1412.6980) on one flat array, on memory shared with the moments of a ``torch.optim.Adam``.

Plain form: ``torch.optim.Adam.step`` and ``torch.nn.utils.clip_grad_norm_``.
"""

import math

import numpy as np
import torch

from papergym.agents.fast.flat_network import FlatNetwork


def refusal(optimizer: torch.optim.Optimizer) -> str:
    """Why :class:`FlatAdam` cannot stand for ``optimizer``; "" if it can."""
    if type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) != 1:
        return "the optimiser is not one group of torch.optim.Adam"
    group = optimizer.param_groups[0]
    if group["weight_decay"] or group["amsgrad"] or group["maximize"]:
        return "Adam runs with weight_decay, amsgrad or maximize"
    return ""


def clip_norm(gradient: np.ndarray, max_norm: float | None) -> None:
    """Scale ``gradient`` in place to a norm of at most ``max_norm``, as ``clip_grad_norm_`` does; None leaves it."""
    if max_norm is None:
        return
    norm = float(np.sqrt(np.dot(gradient, gradient)))
    if norm + 1e-6 > max_norm:
        gradient *= max_norm / (norm + 1e-6)


class FlatAdam:
    """Steps a :class:`FlatNetwork` as torch.optim.Adam would; call :meth:`publish` after the last step of an update.

    Raises:
        ValueError: an optimiser for which :func:`refusal` gives a reason.
    """

    def __init__(self, network: FlatNetwork, optimizer: torch.optim.Optimizer) -> None:
        if reason := refusal(optimizer):
            raise ValueError(f"no flat Adam: {reason}.")
        self.network, self.optimizer = network, optimizer
        self.flat, self.gradient = network.parameters.flat, network.gradient.flat
        self.mean, self.square = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self._work = np.empty_like(self.flat)
        self.count = 0
        self._adopt()

    def _adopt(self) -> None:
        """Copy the torch state into flat arrays and make it point there."""
        views = zip(self.network.torch_parameters, self.network.split(self.mean), self.network.split(self.square))
        for parameter, mean, square in views:
            slots = self.optimizer.state[parameter]
            if slots:
                mean[...], square[...] = slots["exp_avg"].numpy(), slots["exp_avg_sq"].numpy()
                self.count = int(slots["step"])
            slots["exp_avg"], slots["exp_avg_sq"] = torch.from_numpy(mean), torch.from_numpy(square)
        self.publish()

    def publish(self) -> None:
        """Write the number of steps taken to the torch optimiser; the moments are shared memory."""
        for parameter in self.network.torch_parameters:
            self.optimizer.state[parameter]["step"] = torch.tensor(float(self.count))

    def bound(self) -> bool:
        """True while the torch optimiser still uses the memory and the count of this object."""
        slots = self.optimizer.state[self.network.torch_parameters[0]]
        shared = "exp_avg" in slots and slots["exp_avg"].data_ptr() == self.mean.ctypes.data
        return shared and int(slots["step"]) == self.count

    def step(self) -> None:
        """One step along the network's flat gradient."""
        group = self.optimizer.param_groups[0]
        (beta1, beta2), work, gradient = group["betas"], self._work, self.gradient
        self.count += 1
        np.subtract(gradient, self.mean, out=work)
        work *= 1 - beta1
        self.mean += work
        np.multiply(gradient, gradient, out=work)
        work *= 1 - beta2
        self.square *= beta2
        self.square += work
        np.sqrt(self.square, out=work)
        work *= 1 / math.sqrt(1 - beta2**self.count)
        work += group["eps"]
        np.divide(self.mean, work, out=work)
        work *= float(group["lr"]) / (1 - beta1**self.count)
        self.flat -= work
