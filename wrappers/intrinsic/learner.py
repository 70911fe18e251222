"""Trains the networks of a bonus on the transitions that it observes."""

import copy
import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.networks import tensors

Function = TypeVar("Function", bound=Callable[..., Any])


def trains(function: Function) -> Function:
    """Decorator: autograd works inside, though the caller switched it off with ``no_grad`` or ``inference_mode``.

    Collectors of TorchRL and skrl step their environments so; a bonus learns at such a step.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return cast(Function, call)


Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]


class Learner:
    """Every ``every`` observed transitions, ``updates`` Adam steps on minibatches of the latest ``capacity`` transitions.

    In the background, one thread trains a copy while the environment steps. Its weights come into use exactly ``every``
    transitions later, so that rewards do not depend on the thread's speed.

    Args:
        net: module to train; its weights change in place.
        loss: from the module and a minibatch to a scalar.
        rng: generator that draws minibatches.
        lr: Adam's learning rate.
        every: transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        capacity: rows kept.
        background: train in a thread.
        device: torch device of the module.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss,
        *,
        rng: np.random.Generator,
        lr: float,
        every: int,
        updates: int,
        batch_size: int,
        capacity: int,
        background: bool,
        device: str,
    ):
        self.net, self.loss, self.rng, self.device = net, loss, rng, device
        self.every, self.updates, self.batch_size, self.capacity = every, updates, batch_size, capacity
        self.student = copy.deepcopy(net) if background else net
        trained = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(trained, lr=lr)
        self.seen = self.due = 0
        self._rows: dict[str, np.ndarray] = {}
        self._pool = ThreadPoolExecutor(1) if background else None
        self._round: Future[None] | None = None

    def add(self, rows: dict[str, np.ndarray]) -> None:
        """Observe a batch, arrays (n, ...) by name; trains when a round is due."""
        n = len(next(iter(rows.values())))
        places = (self.seen + np.arange(max(0, n - self.capacity), n)) % self.capacity
        for name, array in rows.items():
            if name not in self._rows:
                self._rows[name] = np.zeros((self.capacity, *array.shape[1:]), array.dtype)
            self._rows[name][places] = array[-self.capacity :]
        self.seen += n
        self.due += n
        if self.due >= self.every:
            self._train(self.due // self.every * self.updates)
            self.due %= self.every

    def _train(self, updates: int) -> None:
        filled = min(self.seen, self.capacity)
        draws = self.rng.integers(filled, size=(updates, min(self.batch_size, filled)))
        if self._pool is None:
            self._fit({name: array for name, array in self._rows.items()}, draws)
            return
        self.adopt()
        self._round = self._pool.submit(self._fit, {name: array[:filled].copy() for name, array in self._rows.items()}, draws)

    @trains
    def _fit(self, rows: dict[str, np.ndarray], draws: np.ndarray) -> None:
        for draw in draws:
            batch = tensors({name: array[draw] for name, array in rows.items()}, self.device)
            loss = self.loss(self.student, batch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()

    def adopt(self) -> None:
        """Wait for the round in the background, and use its weights."""
        if self._round is not None:  # asked at every step; the two modes of autograd cost as much as a small network
            self._adopt(self._round)

    @trains
    def _adopt(self, round_: Future[None]) -> None:
        round_.result()
        self._round = None
        self.net.load_state_dict(self.student.state_dict())

    def __getstate__(self) -> dict[str, Any]:
        """For pickle, which takes no threads: a round in the background is waited for and stays pending."""
        if self._round is not None:
            self._round.result()
        return {**self.__dict__, "_pool": self._pool is not None, "_round": self._round is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pool = ThreadPoolExecutor(1) if state["_pool"] else None
        self._round = _finished() if state["_round"] else None

    def state_dict(self) -> dict[str, Any]:
        """Exact state; a round in the background is waited for and stays pending."""
        pending = self._round is not None
        if self._round is not None:
            self._round.result()
        filled = min(self.seen, self.capacity)
        return {
            "net": _cpu(self.net.state_dict()),
            "student": _cpu(self.student.state_dict()),
            "optimiser": {
                str(i): _cpu(self.optimiser.state[p]) for i, p in enumerate(self._trained()) if self.optimiser.state[p]
            },
            "rows": {name: array[:filled].copy() for name, array in self._rows.items()},
            "counts": [self.seen, self.due, int(pending)],
        }

    @trains
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        if self._round is not None:
            self._round.result()
        self.net.load_state_dict(_tensors(state["net"]))
        self.student.load_state_dict(_tensors(state["student"]))
        self.optimiser.state.clear()
        for i, parameter in enumerate(self._trained()):
            if str(i) in state["optimiser"]:
                saved = _tensors(state["optimiser"][str(i)])
                moved = {name: value if name == "step" else value.to(parameter.device) for name, value in saved.items()}
                self.optimiser.state[parameter] = moved  # Adam counts steps on the CPU
        self.seen, self.due, pending = state["counts"]
        self._rows = {}
        for name, array in state["rows"].items():
            array = np.asarray(array)
            self._rows[name] = np.zeros((self.capacity, *array.shape[1:]), array.dtype)
            self._rows[name][: len(array)] = array
        self._round = _finished() if pending else None

    def _trained(self) -> list[Tensor]:
        return self.optimiser.param_groups[0]["params"]


def _finished() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _cpu(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in values.items()}


def _tensors(values: dict[str, Any]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value).clone() for name, value in values.items()}
