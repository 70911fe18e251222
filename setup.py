"""Packaging only: the rooms live at the repository's root and install as ``papergym.<room>``.

A wheel maps each room with ``package_dir``. An editable install instead links the rooms into ``src/papergym`` (git-ignored)
and puts ``src`` on the path, because type checkers cannot follow the import hook that any other mapping would create.
"""

import os
import re
import sys
from pathlib import Path

from setuptools import find_namespace_packages, find_packages, setup

HERE = Path(__file__).parent.resolve()
URL = os.environ.get("PAPERGYM_URL", "").rstrip("/")
"""Public address of the repository, for a release: the README on a package index then links and shows its files."""
ROOMS = ("envs", "wrappers", "agents", "assets")


def link_rooms() -> bool:
    """Link every room into ``src/papergym``; False where the file system has no symbolic links."""
    for room in ROOMS:
        link = HERE / "src" / "papergym" / room
        try:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(os.path.join("..", "..", room), target_is_directory=True)
        except OSError:
            return False
    return True


def readme() -> str:
    """The README, with its links to files of the repository absolute where ``URL`` is known."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    if URL:
        inside = r"\]\((?!https?:|mailto:|#)([^)]+)\)"
        text = re.sub(rf"(!\[[^\]]*){inside}", rf"\1]({URL}/raw/main/\2)", text)  # first images, then what they are not
        text = re.sub(inside, rf"]({URL}/blob/main/\1)", text)
    return text


packages = ["papergym"]
for room in ROOMS:
    find = find_namespace_packages if room == "assets" else find_packages  # folders of data count as packages too
    packages += [f"papergym.{room}", *(f"papergym.{room}.{name}" for name in find(room, exclude=["*__pycache__*"]))]
package_dir = {"papergym": "src/papergym", **{f"papergym.{room}": room for room in ROOMS}}
if {"editable_wheel", "develop"} & set(sys.argv) and link_rooms():
    package_dir = {"": "src"}

setup(
    long_description=readme(),
    long_description_content_type="text/markdown",
    packages=packages,
    package_dir=package_dir,
    package_data={"papergym": ["py.typed"], "": ["*.toml", "*.csv", "*.json", "*.xml", "*.safetensors"]},
)
