"""``papergym doctor``: what is installed, what renders here and how fast, what is missing and how to install it."""

import dataclasses
import importlib
import importlib.util
import os
import platform
import re
import shutil
import time
from importlib import metadata
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from papergym.agents.console import console

WARM_UP, MEASURED = 2, 9
"""Frames drawn before and in the measurement; the median is printed."""

PACKAGES = (
    "papergym",
    "gymnasium",
    "mujoco",
    "dm_control",
    "numpy",
    "torch",
    "stable-baselines3",
    "opencv-python",
    "imageio-ffmpeg",
)

VARIABLES = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "MUJOCO_EGL_DEVICE_ID", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "DISPLAY")


@dataclasses.dataclass
class Options:
    """What to examine."""

    area: tyro.conf.Positional[Literal["all", "minedojo"]] = "all"
    """`minedojo`: what the real MineDojo needs, one by one."""


def main(argv: list[str]) -> int:
    """Print the findings; 1 if something that papergym itself needs does not work."""
    options = tyro.cli(Options, prog="papergym doctor", args=argv)
    terminal = console()
    if options.area == "minedojo":
        return _minedojo(terminal)
    terminal.print(_table("versions", _versions()))
    terminal.print(_table("torch", _torch()))
    works, findings = _rendering()
    terminal.print(_table("rendering", findings))
    terminal.print(_table("extras", _extras()))
    return 0 if works else 1


def _table(title: str, findings: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, text in findings:
        table.add_row(name, text)
    return table


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _versions() -> list[tuple[str, str]]:
    system = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"
    found = [("python", platform.python_version()), ("system", system)]
    found += [(name, _version(name)) for name in PACKAGES]
    free = shutil.disk_usage(".").free / 1e9
    return [*found, ("free disk here", f"{free:.1f} GB")] + [
        (name, os.environ[name]) for name in VARIABLES if name in os.environ
    ]


def _torch() -> list[tuple[str, str]]:
    import torch

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [
        ("threads", f"{torch.get_num_threads()} (a run uses one, unless --threads says otherwise)"),
        ("CUDA", ", ".join(devices) or "none: runs use the CPU"),
        ("CPU kernels", torch.backends.cpu.get_cpu_capability()),
    ]


def _rendering() -> tuple[bool, list[tuple[str, str]]]:
    """Whether the main environment renders, and milliseconds per frame in each quality."""
    import gymnasium as gym

    from papergym.envs.render.backend import RenderError, choose_backend
    from papergym.envs.render.quality import QUALITIES

    try:
        chosen = choose_backend()
    except RenderError as error:
        return False, [("backend", f"none works. {error}")]
    findings = []
    for name in QUALITIES:
        env = gym.make("papergym:ProtoRL-Walker-v0", quality=name, render_mode="rgb_array")
        env.reset(seed=0)
        findings.append((f"84x84, {name}", f"{_milliseconds(env):.1f} ms a frame"))
        env.close()
    kind = {True: "in software: no GPU", False: "on a GPU", None: "on an unknown device"}[chosen.software]
    return True, [("backend", f"{chosen.name}, {kind}"), *findings]


def _milliseconds(env: Any) -> float:
    taken = []
    for _ in range(WARM_UP + MEASURED):
        begin = time.perf_counter()
        env.render()
        taken.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(taken[WARM_UP:]))


def _extras() -> list[tuple[str, str]]:
    """Each optional group of dependencies: present, or what is missing and the command that installs it."""
    groups: dict[str, list[str]] = {name: [] for name in metadata.metadata("papergym").get_all("Provides-Extra") or []}
    for requirement in metadata.requires("papergym") or []:
        found = re.match(r"([A-Za-z0-9_.-]+).*extra *== *['\"]([^'\"]+)['\"]", requirement)
        if found and found.group(1) != "papergym":
            groups.setdefault(found.group(2), []).append(found.group(1))
    lines = []
    for group, names in sorted(groups.items()):
        missing = [name for name in names if _version(name) == "missing"]
        text = f'missing {", ".join(missing)}: pip install "papergym[{group}]"' if missing else f"complete ({', '.join(names)})"
        lines.append((group, text))
    if importlib.util.find_spec("pygame") is None:
        lines.append(("pygame", "missing: Gymnasium's classic-control tasks draw no images: pip install pygame-ce"))
    return [*lines, ("open_clip", _open_clip())]


def _open_clip() -> str:
    """Whether open_clip imports, which beside a CPU build of torch needs torchvision's operators declared."""
    from papergym.wrappers.vision.torchvision_ops import open_clip

    try:
        return f"imports, version {open_clip().__version__}: MineCLIP works"
    except (ImportError, RuntimeError) as error:
        return str(error)


def _minedojo(terminal: Console) -> int:
    checks = importlib.import_module("papergym.envs.mine.minedojo.doctor").checks()
    table = Table("check", "", "found", "remedy", title="MineDojo", title_justify="left")
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "missing", check.found, "" if check.ok else check.remedy)
    terminal.print(table)
    terminal.print(
        "Without it, the environments of the family `mine` run on the embedded world (backend=voxel).", soft_wrap=True
    )
    return 0 if all(check.ok for check in checks) else 1
