"""What the tests of several agents share."""

import subprocess
import sys

import pytest


@pytest.fixture
def without_papergym():
    """Runs Python code where papergym cannot be imported and a warning of the user's kind is an error; what it printed."""

    def run(code: str) -> str:
        code = f"import sys\nsys.modules['papergym'] = None\n{code}"
        done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
