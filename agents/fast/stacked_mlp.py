"""MLPs of one shape as one batched MLP with explicit gradients.

Plain form: the ``nn.Sequential`` networks run one after another, and ``backward()`` of autograd.
"""

from collections.abc import Sequence

import torch
from torch import nn

_relu_backward = torch.ops.aten.threshold_backward


def is_relu_mlp(module: nn.Module) -> bool:
    """Whether ``module`` is Linear, ReLU, Linear, ReLU, ...; the last layer may be either."""
    return isinstance(module, nn.Sequential) and all(
        type(layer) is (nn.ReLU if index % 2 else nn.Linear) and getattr(layer, "bias", 0) is not None
        for index, layer in enumerate(module)
    )


def linear_layers(network: nn.Module) -> list[list[nn.Linear]]:
    """The ``Linear`` layers of an MLP, as :class:`StackedMLP` takes them."""
    return [[layer] for layer in network.children() if isinstance(layer, nn.Linear)]


class StackedMLP:
    """``n`` MLPs of one shape, ReLU between their layers, as one batched MLP.

    The parameters of the modules become views of stacked tensors ``(n, out, in)`` and ``(n, 1, out)``: both sides see every
    change, and state dicts and optimisers keep their form. :meth:`backward` and :meth:`input_gradient` compute only what is
    asked for, where autograd computes the gradients of parameters and inputs together.

    Args:
        networks: for each MLP its layers; a layer may be several ``Linear`` whose outputs are concatenated.
    """

    def __init__(self, networks: Sequence[Sequence[Sequence[nn.Linear]]]) -> None:
        self.weights: list[torch.Tensor] = []
        self.biases: list[torch.Tensor] = []
        self.parameters: list[nn.Parameter] = []
        self.gradients: list[torch.Tensor] = []
        """Gradients of ``parameters``, views of what :meth:`backward` writes."""
        self._saved: list[torch.Tensor] = []
        self._weight_grads: list[torch.Tensor] = []
        self._bias_grads: list[torch.Tensor] = []
        for layer in zip(*networks):
            self._adopt(layer)

    def _adopt(self, layer: Sequence[Sequence[nn.Linear]]) -> None:
        weight = torch.stack([torch.cat([part.weight.detach() for part in network]) for network in layer])
        bias = torch.stack([torch.cat([part.bias.detach() for part in network]) for network in layer]).unsqueeze(1)
        weight_grad, bias_grad = torch.zeros_like(weight), torch.zeros_like(bias)
        for index, network in enumerate(layer):
            start = 0
            for part in network:
                rows = slice(start, start + part.out_features)
                part.weight.data, part.bias.data = weight[index, rows], bias[index, 0, rows]
                self.parameters += [part.weight, part.bias]
                self.gradients += [weight_grad[index, rows], bias_grad[index, 0, rows]]
                start = rows.stop
        self.weights.append(weight)
        self.biases.append(bias)
        self._weight_grads.append(weight_grad)
        self._bias_grads.append(bias_grad)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The stacked weights and biases."""
        return self.weights + self.biases

    def part(self, index: int) -> "StackedMLP":
        """One of the MLPs, on the same memory, for :meth:`forward` and :meth:`input_gradient` only."""
        single = StackedMLP([])
        single.weights = [weight[index : index + 1] for weight in self.weights]
        single.biases = [bias[index : index + 1] for bias in self.biases]
        return single

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, batch, out)`` for inputs ``(batch, in)``, kept for :meth:`backward` until the next call."""
        x = x.expand(len(self.weights[0]), *x.shape)
        self._saved = [x]
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight.transpose(1, 2))
            if index < len(self.weights) - 1:
                self._saved.append(x.relu_())
        return x

    def backward(self, gradient: torch.Tensor, rows: int | None = None) -> None:
        """Fill :attr:`gradients`, once after each :meth:`forward`, whose saved activations it overwrites.

        Args:
            gradient: of the outputs, ``(n, batch, out)``, or ``(n, rows, out)``.
            rows: the rows of the batch that have a gradient are the first ones; None: all.
        """
        for index in range(len(self.weights) - 1, -1, -1):
            saved = self._saved[index][:, :rows]
            torch.bmm(gradient.transpose(1, 2), saved, out=self._weight_grads[index])
            torch.sum(gradient, 1, keepdim=True, out=self._bias_grads[index])
            if index:
                gradient = self._back(gradient, index, saved)

    def input_gradient(self, chosen: torch.Tensor, value: float, start: int) -> torch.Tensor:
        """Gradient of the inputs from column ``start`` on where each row counts in one MLP only, as in a minimum over them.

        Args:
            chosen: index of that MLP, ``(batch,)``. An MLP is run backwards for its own rows only.
            value: gradient of its single output, the same for every row.
            start: first column wanted.

        Returns:
            ``(batch, in - start)``.
        """
        result = chosen.new_empty(len(chosen), self.weights[0].shape[2] - start, dtype=self.weights[0].dtype)
        for network in range(len(self.weights[0])):
            rows = (chosen == network).nonzero()[:, 0]
            weights = [weight[network] for weight in self.weights]
            weights[0] = weights[0][:, start:]
            gradient = (value * weights.pop()).expand(len(rows), -1)
            for weight, saved in zip(reversed(weights), reversed(self._saved)):
                gradient = _relu_backward(gradient, saved[network].index_select(0, rows), 0) @ weight
            result.index_copy_(0, rows, gradient)
        return result

    def _back(self, gradient: torch.Tensor, index: int, saved: torch.Tensor) -> torch.Tensor:
        """Through layer ``index`` and the ReLU before it, whose outputs are ``saved``."""
        weight = self.weights[index]
        if weight.shape[1] == 1:  # one output: an outer product
            back = gradient * weight
        else:
            back = torch.bmm(gradient, weight)
        return _relu_backward.grad_input(back, saved, 0, grad_input=back)
