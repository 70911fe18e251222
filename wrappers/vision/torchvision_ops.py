"""The one place that imports open_clip, after making torchvision importable beside a CPU build of torch.

The package index has no CPU build of torchvision: its compiled operators ask for CUDA libraries and are not loaded, and the
import then fails with ``operator torchvision::nms does not exist``, because Python code registers what those operators do
for shapes. Declaring the two operators is enough. They are detection operators, which nothing here calls.
"""

from importlib import util
from types import ModuleType
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # the library must stay alive, or its declarations vanish


def open_clip() -> ModuleType:
    """The package open_clip.

    Raises:
        ImportError: open_clip or torchvision is not installed.
    """
    missing = [name for name in ("open_clip", "torchvision", "timm") if util.find_spec(name) is None]
    if missing:
        raise ImportError(f'Expected open_clip, torchvision and timm, got none of {missing}: pip install "papergym[vision]".')
    _declare()
    import open_clip

    return open_clip


def _declare() -> None:
    import torch

    if _declared or hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + _SCHEMA)
    _declared.append(library)
