"""A trial that a worker process can run, made for these tests."""

import importlib
import sys
import textwrap

import pytest


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """A body whose trial counts to ``steps`` in a file, one step at a time, and can die, fail or refuse."""
    package = tmp_path / "papergym_counter"
    package.mkdir()
    (package / "trial.py").write_text(
        textwrap.dedent("""
        import os, time
        from papergym.agents.errors import UsageError

        def run(trial, folder, *, resume, device):
            with open(folder / "log", "a") as log:
                log.write("start\\n")
            if trial.get("bad") == "refuse":
                raise UsageError("a budget below one update")
            if trial.get("bad") == "full":
                try:
                    raise OSError(28, "No space left on device")
                except OSError as error:  # as a checkpoint reports it
                    raise RuntimeError(f"cannot write: {error}") from error
            if trial.get("bad") == "too large":
                import resource, numpy, papergym.agents.checkpoint.state as state
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
                state.save_state(folder / "state", {"rows": numpy.zeros(5000)}, kind="test")
            if trial.get("bad") == "error":
                raise RuntimeError("the wheel came off")
            count = int((folder / "count").read_text()) if resume and (folder / "count").exists() else 0
            first = count
            while count < trial["steps"]:
                count += 1
                (folder / "count").write_text(str(count))
                time.sleep(trial.get("pause", 0))
                if trial.get("bad") == "die" and first == 0 and count == 3:
                    os.kill(os.getpid(), 9)
                if trial.get("bad") == "always":
                    os.kill(os.getpid(), 9)
            return {"score": float(count), "first": first, "threads": os.environ["OMP_NUM_THREADS"], "pid": os.getpid(),
                    "device": device}

        def study(trial):
            return {"score": float(trial["steps"])}
        """)
    )
    (package / "__init__.py").write_text(
        textwrap.dedent("""
        from papergym.agents.runner.registry import Agent

        AGENT = Agent(key="counter", config="", build="", summary="Counts.", studies={"count": "papergym_counter.trial:study"})
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)  # a spawned process takes over its parent's path
    yield importlib.import_module("papergym_counter.trial").run
    for name in ("papergym_counter", "papergym_counter.trial"):
        sys.modules.pop(name)
