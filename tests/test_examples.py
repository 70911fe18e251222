"""Every example runs, shorter than it is shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
STEPS = {"load_a_run": 2048, "own_agent": 5, "sb3_with_bonus": 2048, "vector_pixels": 10, "prioritized_replay_in_your_dqn": 700}
"""Budget, where 60 steps say too little."""

SAYS = {
    "load_a_run": r"PPO CartPole-v1 (\d+\.\d)[\s\S]*in plain stable-baselines3: \1",
    "own_agent": r"return before \d+, after \d+",
    "own_bonus": r"mean bonus of 60 steps: \d",
    "own_environment": r"observations \(2, 3, 32, 32\) uint8",
    "pixel_loop": r"\(32, 9, 84, 84\) torch.uint8, frames per step: 2",
    "prioritized_replay_in_your_dqn": r"last ten \d+",
    "record_a_video": r"walker.mp4",
    "rnd_on_vector_env": r"step 60: mean bonus of the last fifth \d",
    "sb3_with_bonus": r"mean +\d",
    "vector_pixels": r"\d+ own, \d+ SyncVectorEnv",
}
"""Example -> what it prints."""


def test_none_is_forgotten():
    assert sorted(SAYS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", SAYS)
def test_it_runs(name, tmp_path):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", str(STEPS.get(name, 60))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(SAYS[name], done.stdout), done.stdout


def test_the_docs_show_each():
    page = (EXAMPLES.parent / "docs" / "guides" / "examples.md").read_text(encoding="utf-8")
    files = [path for path in EXAMPLES.iterdir() if path.is_file()]
    assert re.findall(r"literalinclude\} \.\./\.\./examples/(\S+)", page) == sorted(
        path.name for path in files if path.suffix != ".ipynb"
    )
    for notebook in EXAMPLES.glob("*.ipynb"):  # its cells are made into a page at each build
        assert f"include}} {notebook.stem}.inc" in page
