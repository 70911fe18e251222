"""Training where modules and signals of POSIX are missing, as on Windows."""

import subprocess
import sys

WITHOUT_POSIX = """
import signal, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None  # an import raises ImportError
for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM"):
    delattr(signal, name)
from papergym.agents.run import main
sys.exit(main(sys.argv[1:]))
"""
TRAIN = ["train", "ppo", "--env", "Pendulum-v1", "--n-steps", "64", "--batch-size", "32", "--no-video", "--run-folder", "run"]


def test_training_needs_no_module_of_posix(tmp_path):
    command = [sys.executable, "-c", WITHOUT_POSIX, *TRAIN, "--steps", "64"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "summary.json").is_file()
