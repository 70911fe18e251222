"""What the real MineDojo needs, checked one by one, with the remedy for what is missing."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from papergym.envs.mine.minedojo.client import PYTHON_VARIABLE, find_python

PROBE = """
import importlib.metadata as m, importlib.util as u, json, pathlib
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
spec = u.find_spec("minedojo")
home = str(pathlib.Path(spec.origin).parent) if spec else None
print(json.dumps({"minedojo": version("minedojo"), "gym": version("gym"), "numpy": version("numpy"), "home": home}))
"""


@dataclass(frozen=True)
class Check:
    """One finding: what was checked, whether it suffices, what was found, and the remedy."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def checks(python: str | None = None, game_dir: str | None = None) -> list[Check]:
    """All findings, in the order in which a launch needs them."""
    findings = [_interpreter(python)]
    home = None
    if findings[0].ok:
        packages = _probe(find_python(python))
        home = packages["home"]
        findings += _packages(packages)
    return [*findings, _java(), _display(), _build(home, game_dir)]


def _interpreter(python: str | None) -> Check:
    try:
        return Check("interpreter", True, find_python(python))
    except FileNotFoundError:
        chosen = python or os.environ.get(PYTHON_VARIABLE)
        remedy = f"make minedojo, then export {PYTHON_VARIABLE}=$PWD/.venv-minedojo/bin/python (docs/minedojo.md)"
        return Check("interpreter", False, f"{chosen!r}", remedy)


def _probe(python: str) -> dict[str, str | None]:
    result = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, timeout=60)
    if result.returncode:
        return {"minedojo": None, "gym": None, "numpy": None, "home": None}
    return json.loads(result.stdout)


def _packages(packages: dict[str, str | None]) -> list[Check]:
    """MineDojo 0.1 breaks on gym >= 0.22 (Dict.keys) and on numpy >= 2 (np.unicode_)."""
    gym, numpy = packages["gym"], packages["numpy"]
    return [
        Check("minedojo", packages["minedojo"] is not None, f"{packages['minedojo']}", "make minedojo"),
        Check("gym 0.21", gym == "0.21.0", f"{gym}", "pip install --no-build-isolation gym==0.21.0, with setuptools 65.5.0"),
        Check("numpy < 2", bool(numpy) and int(numpy.split(".")[0]) < 2, f"{numpy}", "pip install numpy==1.26.4"),
    ]


def java_version() -> str | None:
    """Major version of the ``java`` that a launch would find: "8", "17", ... ("1.8.0_171" counts as 8)."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if not java:
        return None
    text = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return match.group(1) if match else None


def _java() -> Check:
    version = java_version()
    remedy = "install a JDK 8 (Gradle 4.10.2 and Forge 1.11.2 run on no newer one) and point JAVA_HOME to it"
    return Check("JDK 8", version == "8", f"java {version}" if version else "no java", remedy)


def _display() -> Check:
    display, xvfb = os.environ.get("DISPLAY"), shutil.which("xvfb-run")
    found = f"DISPLAY={display}" if display else (xvfb or "no display and no xvfb-run")
    return Check("display", bool(display or xvfb), found, "apt-get install xvfb xauth")


def _build(home: str | None, game_dir: str | None) -> Check:
    """A game built before is started as it is; without one the first launch compiles it and needs the network."""
    game_dir = game_dir or os.environ.get("PAPERGYM_MINEDOJO_GAME_DIR")
    folder = Path(game_dir) if game_dir else Path(home) / "sim" / "Malmo" / "Minecraft" if home else None
    if folder is None:
        return Check("game build", False, "no minedojo, so no game", "make minedojo")
    jars = sorted((folder / "build" / "libs").glob("MalmoMod-*-fat.jar"))
    remedy = "build it once as docs/minedojo.md says (the stock build needs a plugin that left its host in 2024)"
    return Check("game build", bool(jars), str(jars[0]) if jars else f"no build/libs/MalmoMod-*-fat.jar in {folder}", remedy)


def main(python: str | None = None, game_dir: str | None = None) -> int:
    """Print the findings; 0 where MineDojo can start, else 1."""
    findings = checks(python, game_dir)
    for check in findings:
        print(f"{'ok     ' if check.ok else 'MISSING'} {check.name:<12} {check.found}")
        if not check.ok:
            print(f"        -> {check.remedy}")
    ready = all(check.ok for check in findings)
    print(
        "MineDojo can start."
        if ready
        else 'MineDojo cannot start yet; the embedded world (backend="voxel") needs none of this.'
    )
    return 0 if ready else 1
