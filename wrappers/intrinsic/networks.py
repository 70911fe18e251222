"""Networks of the bonuses. Each is built under its own seed and leaves torch's global generators unchanged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from gymnasium import Space
from torch import Tensor, nn

from papergym.wrappers.intrinsic.layout import Layout
from papergym.wrappers.intrinsic.transitions import Observations

Module = TypeVar("Module", bound=nn.Module)


@contextmanager
def generator_at(seed: int) -> Iterator[None]:
    """Inside, torch's CPU generator starts at ``seed``; outside, it goes on as before. Those of GPUs are not touched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs, which were not saved
        yield


def seeded(build: Callable[[], Module], seed: int) -> Module:
    """A module built by ``build`` with orthogonal weights and zero biases drawn from ``seed``."""
    with torch.inference_mode(False), torch.enable_grad(), generator_at(seed):
        module = build()
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                nn.init.orthogonal_(layer.weight, 2**0.5)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return module


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for index, (a, b) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(a, b)] + ([nn.ReLU()] if index < len(sizes) - 2 else [])
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """A convolution for each image, joined with the flat numbers by two linear layers.

    Args:
        shapes: ``Layout.shapes``.
        dim: output length.
        hidden: width of the hidden layer.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], dim: int, hidden: int):
        super().__init__()
        self.convolutions = nn.ModuleDict({name: _convolution(shape) for name, shape in shapes.items() if name != "flat"})
        width = sum(int(np.prod(_output(net, shapes[name]))) for name, net in self.convolutions.items())
        self.head = mlp(width + int(np.prod(shapes.get("flat", (0,)))), hidden, dim)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """(n, dim) from arrays named as in ``shapes``; images in 0..255 or standardized."""
        parts = [net(inputs[name]).flatten(1) for name, net in self.convolutions.items()]
        return self.head(torch.cat([*parts, inputs["flat"]], 1) if "flat" in inputs else torch.cat(parts, 1))


def _convolution(shape: tuple[int, ...]) -> nn.Sequential:
    """Mnih et al. 2015 for images of at least 36 pixels; 3x3 kernels for smaller ones."""
    if min(shape[1:]) >= 36:
        kernels = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))
    else:
        kernels = ((32, 3, 2, 1), (64, 3, 2, 1))
    layers: list[nn.Module] = []
    channels = shape[0]
    for out, kernel, stride, padding in kernels:
        layers += [nn.Conv2d(channels, out, kernel, stride, padding), nn.ReLU()]
        channels = out
    return nn.Sequential(*layers)


def _output(net: nn.Module, shape: tuple[int, ...]) -> torch.Size:
    with torch.no_grad():
        return net(torch.zeros(1, *shape)).shape[1:]


def tensors(arrays: dict[str, np.ndarray], device: str) -> dict[str, Tensor]:
    """Float32 tensors on a device; images scaled to 0..1."""
    out = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(array).to(device)
        out[name] = tensor.float().div_(255) if tensor.dtype is torch.uint8 else tensor
    return out


class RandomEncoder:
    """A fixed random encoder, as RE3 (arXiv 2102.09430, section 4) uses: observations to (n, dim) float32."""

    def __init__(self, example: Any, space: Space | None, dim: int, seed: int, device: str):
        self.layout = Layout(example, space)
        self.device = device
        self.net = seeded(lambda: Encoder(self.layout.shapes or {}, dim, 256), seed).to(device).requires_grad_(False)
        self._weights = self._views()

    def _views(self) -> list[np.ndarray]:
        """Weights and biases of the head as numpy arrays that share the parameters' memory; none on another device."""
        return [] if self.device != "cpu" else [weight.numpy() for weight in self.net.head.parameters()]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_weights"}  # copied, views would be arrays

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._weights = self._views()

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one element of every input."""
        return self.layout.shapes or {}

    @torch.no_grad()
    def __call__(self, observations: Observations) -> np.ndarray:
        """(n, dim) float32."""
        arrays = self.layout(observations)
        if list(arrays) == ["flat"] and self.device == "cpu":  # two small products, which torch's calls would outweigh
            hidden = arrays["flat"] @ self._weights[0].T + self._weights[1]
            return np.maximum(hidden, 0.0, out=hidden) @ self._weights[2].T + self._weights[3]
        return self.net(tensors(arrays, self.device)).cpu().numpy()

    def state_dict(self) -> dict[str, Any]:
        """Weights."""
        return {name: value.cpu().clone() for name, value in self.net.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.net.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
