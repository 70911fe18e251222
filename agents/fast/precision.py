"""Faster float32 matrix products on CPUs, where a check shows that they are as accurate as the default ones.

Plain form: the same products at torch's default precision, "highest".
"""

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

log = logging.getLogger(__name__)

TOLERANCE = 2e-5
"""Largest error of a product, relative to its largest entry, that counts as float32 (bfloat16 would give about 1e-2)."""

ROWS = 64
"""Rows from which on oneDNN's products are faster beyond what a call of them costs."""

_CPUS = Path("/proc/cpuinfo")


@cache
def default_is_fast() -> bool:
    """Whether the default products, MKL's, run at full speed: on Intel's CPUs, where calls of oneDNN only cost more.

    By the maker's name and not by a measurement, so that a resumed run computes as before.
    """
    cpu = _CPUS.read_text() if _CPUS.is_file() else platform.processor()
    return torch.backends.mkl.is_available() and "GenuineIntel" in cpu


@cache
def medium_is_float32() -> bool:
    """Whether ``set_float32_matmul_precision("medium")`` keeps float32 accuracy on this CPU.

    "medium" lets torch hand products to oneDNN, which computes them in float32 on most CPUs (twice as fast as MKL on AMD's)
    and in bfloat16 on those with matrix units for it. Checked once per process on shapes like an update's.
    """
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    with _precision("medium"):
        for rows, inner, columns in ((256, 256, 256), (256, 23, 256), (256, 256, 1)):
            left, right = (torch.randn(*shape, generator=generator) for shape in ((2, rows, inner), (2, inner, columns)))
            bias = torch.randn(2, 1, columns, generator=generator)
            exact = torch.baddbmm(bias.double(), left.double(), right.double())
            for result in (torch.baddbmm(bias, left, right), torch.stack([a @ b + c for a, b, c in zip(left, right, bias)])):
                worst = max(worst, float((result - exact).abs().max() / exact.abs().max()))
    if worst > TOLERANCE:
        log.info("matrix products stay at full precision: the faster ones err by %.1e on this CPU", worst)
    return worst <= TOLERANCE


@contextmanager
def fast_matmul(device: torch.device, rows: int = ROWS) -> Iterator[None]:
    """Within the context, the CPU computes products the faster way if there is an accurate one; CUDA is left as it is.

    Args:
        device: of the products.
        rows: of most of them. With fewer than :data:`ROWS` the default is as fast or faster, and stays.
    """
    if device.type != "cpu" or rows < ROWS or default_is_fast() or not medium_is_float32():
        yield
        return
    with _precision("medium"):
        yield


@contextmanager
def default_matmul(device: torch.device) -> Iterator[None]:
    """Within the context, products on the CPU are the default ones, also inside :func:`fast_matmul`.

    For batches of small products of slices, as cached attention has them: oneDNN would copy every slice first.
    """
    if device.type != "cpu" or torch.get_float32_matmul_precision() == "highest":
        yield
        return
    with _precision("highest"):
        yield


@contextmanager
def _precision(name: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
