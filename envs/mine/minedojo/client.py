"""Starts the process in which MineDojo runs, sends it requests, and ends it.

MineDojo 0.1 needs gym 0.21 and numpy < 2, so it gets an interpreter of its own. Messages go over an inherited socket pair
(the protocol stands in ``server.py``), images through an unlinked shared file. Every process that descends from ours
carries a token in its environment, by which :meth:`MineDojoProcess.kill` finds the JVM and MineDojo's detached watchdog.
"""

import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

SERVER = Path(__file__).with_name("server.py")
PYTHON_VARIABLE = "PAPERGYM_MINEDOJO_PYTHON"
TOKEN_VARIABLE = "PAPERGYM_MINEDOJO_TOKEN"


class MineDojoError(RuntimeError):
    """MineDojo refused a request; the message is its own, with the kind of error in front."""


class MineDojoCrash(MineDojoError):
    """The game process died, hangs or cannot start. Everything it left behind has been killed and removed."""


def find_python(python: str | None = None) -> str:
    """The interpreter that has minedojo: the argument, else $PAPERGYM_MINEDOJO_PYTHON.

    Raises:
        FileNotFoundError: neither names an executable.
    """
    chosen = python or os.environ.get(PYTHON_VARIABLE)
    if chosen and shutil.which(chosen):
        return chosen
    raise FileNotFoundError(
        f"the minedojo backend needs an interpreter with minedojo 0.1, got {chosen!r}. Build one as docs/minedojo.md says, set "
        f"{PYTHON_VARIABLE} to its python (or pass python=), and run `papergym doctor minedojo`. "
        'The embedded world, backend="voxel", needs none of this.'
    )


class MineDojoProcess:
    """One MineDojo interpreter.

    Args:
        image_size: (height, width) of the image in pixels.
        python: interpreter that has minedojo; see :func:`find_python`.
        timeout_s: seconds to wait for a step or a command.
        reset_timeout_s: seconds to wait for ``make`` and for a reset; the first one starts the JVM and may build the game.
        game_dir: directory with ``launchClient.sh`` and a game built before, instead of the package's own.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        *,
        python: str | None = None,
        timeout_s: float = 60.0,
        reset_timeout_s: float = 900.0,
        game_dir: str | None = None,
    ) -> None:
        interpreter = find_python(python)
        self.timeout_s, self.reset_timeout_s = timeout_s, reset_timeout_s
        self.token = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="papergym-minedojo-"))
        shape = (3, *image_size)
        with tempfile.TemporaryFile() as frame_file:
            frame_file.truncate(int(np.prod(shape)))
            self.frame = np.frombuffer(mmap.mmap(frame_file.fileno(), int(np.prod(shape))), np.uint8).reshape(shape)
            ours, theirs = socket.socketpair()
            with theirs, (self.folder / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    [interpreter, str(SERVER), str(theirs.fileno()), str(frame_file.fileno())],
                    env=self._environment(game_dir),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(), frame_file.fileno()),
                    start_new_session=True,
                )
        self._socket = ours

    def _environment(self, game_dir: str | None) -> dict[str, str]:
        logs = str(self.folder)
        environment = {**os.environ, TOKEN_VARIABLE: self.token, "TMPDIR": logs, "MALMO_MINECRAFT_OUTPUT_LOGDIR": logs}
        environment.pop("PYTHONPATH", None)
        environment.setdefault("MINEDOJO_HEADLESS", "0" if os.environ.get("DISPLAY") else "1")
        if environment["MINEDOJO_HEADLESS"] == "0":
            environment.pop("MINEDOJO_HEADLESS")  # MineDojo only asks whether it is set
        if game_dir:
            environment["PAPERGYM_MINEDOJO_GAME_DIR"] = str(Path(game_dir).resolve())
        return environment

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises:
            MineDojoError: MineDojo raised; the process keeps running.
            MineDojoCrash: no reply in time, or the process is gone.
        """
        limit_s = self.timeout_s if op in ("step", "command", "close") else self.reset_timeout_s
        deadline = time.monotonic() + limit_s
        body = json.dumps({"op": op, **arguments}).encode("utf-8")
        try:
            self._socket.settimeout(limit_s)
            self._socket.sendall(struct.pack("!I", len(body)) + body)
            (length,) = struct.unpack("!I", self._receive(4, deadline))
            reply = json.loads(self._receive(length, deadline).decode("utf-8"))
        except TimeoutError:
            raise self._crash(f"no answer to {op!r} within {limit_s:.0f} s") from None
        except (OSError, EOFError) as error:
            raise self._crash(f"the process ended during {op!r} ({error})") from None
        if not reply.pop("ok"):
            remedy = ". `papergym doctor minedojo` says what is missing" if reply["kind"] == "ModuleNotFoundError" else ""
            raise MineDojoError(f"{reply['kind']}: {reply['error']}{remedy}")
        return reply

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            part = self._socket.recv(count - len(parts))
            if not part:
                raise EOFError("connection closed")
            parts += part
        return bytes(parts)

    def _crash(self, reason: str) -> MineDojoCrash:
        log = self.log_tail()
        self.kill()
        return MineDojoCrash(f"MineDojo: {reason}. It was killed; reset() starts it again. End of its log:\n{log}")

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that MineDojo and the game printed."""
        try:
            text = (self.folder / "log.txt").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def alive(self) -> bool:
        """Whether the interpreter still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ask MineDojo to close, then kill what is left and remove its temporary files. Safe to call twice."""
        if self.alive:
            try:
                self.timeout_s = min(self.timeout_s, 10.0)
                self.request("close")
            except MineDojoError:
                pass  # killed below in any case
        self.kill()

    def kill(self) -> None:
        """Kill every process that descends from this one, and remove its folder."""
        self._socket.close()
        for _ in range(3):  # a process may fork between the look and the blow
            doomed = family(self.token) | ({self._process.pid} if self.alive else set())
            for pid in doomed:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if not doomed:
                break
            time.sleep(0.05)
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def family(token: str) -> set[int]:
    """Process ids that carry the token in their environment (Linux; elsewhere the empty set)."""
    mark = f"{TOKEN_VARIABLE}={token}".encode()
    found = set()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                found.add(int(entry.parent.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found
