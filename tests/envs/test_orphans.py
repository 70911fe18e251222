"""Worker processes of a vector environment end with their parent, however it ends and whatever they are doing."""

import os
import signal
import subprocess
import sys
import time

import pytest

CODE = """
import sys
import gymnasium as gym
import papergym

if __name__ == "__main__":
    context, steps = sys.argv[1], sys.argv[2] == "stepping"
    vector_kwargs = {"context": context}
    envs = gym.make_vec("DMC-CartpoleBalance-v0", 2, vectorization_mode="async", vector_kwargs=vector_kwargs)
    envs.reset(seed=0)
    print(*(process.pid for process in envs.processes), flush=True)
    while True:
        if steps:
            envs.step(envs.action_space.sample())
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("doing", ["stepping", "waiting"])
@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, context, doing, ending):
    script = tmp_path / "vector.py"
    script.write_text(CODE)
    parent = subprocess.Popen([sys.executable, script, context, doing], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = list(map(int, parent.stdout.readline().split()))
    assert len(workers) == 2 and all(map(alive, workers))
    time.sleep(0.2)
    os.kill(parent.pid, ending)
    parent.wait(timeout=30)
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
