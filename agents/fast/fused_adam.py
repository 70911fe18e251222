"""Adam's fused kernel on the state of an optimiser that stable-baselines3 owns.

Plain form: ``torch.optim.Adam.step``, whose bookkeeping costs more than its arithmetic for small networks.
"""

from collections.abc import Sequence

import torch
from torch.optim.adam import adam


class FusedAdam:
    """Steps ``optimizer`` with gradients that live in ``gradients``, tensors in the order of ``parameters``.

    State and hyper-parameters stay those of ``optimizer``: it can be saved, loaded and given another learning rate as
    before. An optimiser that is no plain ``torch.optim.Adam`` is stepped by its own method.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]
    ) -> None:
        self.optimizer = optimizer
        self.parameters, self.gradients = list(parameters), list(gradients)
        self._slots: list[list[torch.Tensor]] = []
        group = optimizer.param_groups[0]
        if {id(parameter) for parameter in parameters} != {id(p) for g in optimizer.param_groups for p in g["params"]}:
            raise ValueError("the optimiser holds other parameters than those whose gradients are given")
        self._plain = (
            type(optimizer) is torch.optim.Adam
            and len(optimizer.param_groups) == 1
            and not (group["amsgrad"] or group["maximize"] or group["capturable"] or group["differentiable"])
        )

    def step(self) -> None:
        """One step of the optimiser."""
        if not self._plain:
            for parameter, gradient in zip(self.parameters, self.gradients):
                parameter.grad = gradient
            self.optimizer.step()
            return
        slots = self._state()
        group = self.optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        with torch.no_grad():
            adam(
                self.parameters,
                self.gradients,
                slots[1],
                slots[2],
                [],
                slots[0],
                fused=True,
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def _state(self) -> list[list[torch.Tensor]]:
        """Steps, means and squares, made as Adam makes them; read again when a checkpoint has replaced them."""
        state = self.optimizer.state
        first = state[self.parameters[0]]
        if self._slots and first.get("exp_avg") is self._slots[1][0]:
            return self._slots
        for parameter in self.parameters:
            slots = state[parameter]
            if not slots:
                slots["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                slots["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                slots["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            elif slots["step"].device != parameter.device:
                slots["step"] = slots["step"].to(parameter.device)  # the fused kernel wants it beside the parameter
        self._slots = [[state[p][name] for p in self.parameters] for name in ("step", "exp_avg", "exp_avg_sq")]
        return self._slots
