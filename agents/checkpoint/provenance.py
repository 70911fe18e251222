"""Where a number comes from: versions and commit of the code that made it."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from papergym.version import __version__

PACKAGES = {
    "torch": "torch",
    "mujoco": "mujoco",
    "gymnasium": "gymnasium",
    "sb3": "stable-baselines3",
    "dm_control": "dm_control",
    "numpy": "numpy",
}
"""Name -> distribution whose version may change results."""

ROW_PACKAGES = ("torch", "mujoco", "gymnasium", "sb3")
"""Those that every row of a result table holds, beside ``python`` and ``commit``."""


@cache
def versions() -> dict[str, str]:
    """papergym, python, commit, and the packages of :data:`PACKAGES` ("" for one that is not installed)."""
    found = {"papergym": __version__, "python": platform.python_version(), "commit": commit()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            found[name] = ""
    return found


def row_provenance() -> dict[str, str]:
    """What a row of a result table says of its origin."""
    found = versions()
    return {name: found[name] for name in ("python", *ROW_PACKAGES, "commit")}


@cache
def commit() -> str:
    """Short hash of the checkout that this code runs from, with ``+`` if its code differs from it; "" outside of one."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        if not (root / "setup.py").is_file():  # installed: a repository around it is somebody else's
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "agents", "wrappers", "envs", "assets/papers")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""
