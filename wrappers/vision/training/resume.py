"""Training that is stopped and goes on with the same numbers: one file with everything that a step depends on."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

EVERY = 100
"""Steps between two saves."""


class Run:
    """Network, optimizer and schedule of one training, kept in a file beside the weights until they are written.

    Args:
        network: what is trained.
        rate: peak learning rate (AdamW, one cycle).
        steps: of the whole training.
        output: file of weights; the state lies beside it, with ``.part`` appended.
        settings: what else decides the numbers; a file made with others is refused.
        rng: draws the batches.

    Raises:
        ValueError: the state was made with other settings.
    """

    def __init__(
        self, network: nn.Module, rate: float, steps: int, output: Path, settings: dict[str, int], rng: np.random.Generator
    ) -> None:
        self.network, self.rng, self.steps, self.output, self.done = network, rng, steps, output, 0
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rate, total_steps=steps, pct_start=0.1)
        self._settings, self._file = {"steps": steps, **settings}, output.with_name(output.name + ".part")
        if self._file.exists():
            self._load(torch.load(self._file, weights_only=True))

    def step(self, loss: torch.Tensor) -> None:
        """One step down the gradient of ``loss``; now and then the state is saved."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.done += 1
        if self.done % EVERY == 0:
            self._save()

    def finish(self) -> None:
        """Write the weights (safetensors) and remove the state."""
        from safetensors.torch import save_file

        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        save_file({name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}, str(self.output))
        self._file.unlink(missing_ok=True)

    def _save(self) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("network", "optimizer", "schedule")}
        state = {"settings": self._settings, "done": self.done, "rng": self.rng.bit_generator.state, **parts}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        whole = self._file.with_name(self._file.name + ".new")
        torch.save(state, whole)
        os.replace(whole, self._file)

    def _load(self, state: dict[str, Any]) -> None:
        if state["settings"] != self._settings:
            raise ValueError(
                f"Expected a training of {self._settings} in {self._file}, got {state['settings']}; delete it or name "
                "another output."
            )
        for name in ("network", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.rng.bit_generator.state = state["rng"]
        self.done = state["done"]
