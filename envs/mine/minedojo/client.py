"""Starts the process in which MineDojo runs, sends it requests, and ends it.

MineDojo 0.1 needs gym 0.21 and numpy < 2, so it gets an interpreter of its own. Messages go over an inherited socket pair
(the protocol stands in ``server.py``), images through an unlinked shared file. Every process that descends from ours
carries a token in its environment, by which :meth:`MineDojoProcess.kill` finds the JVM and MineDojo's detached watchdog.

The process is foreign: what it sends is checked (``answers.py``), and nothing that it does to the files that it shares with
us can stop this process. The image is read, not mapped, because a mapped file that is cut kills its readers; the log is read
by the handle that it was opened with, at most its last 16 kB.
"""

import json
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from papergym.envs.mine.minedojo import answers

SERVER = Path(__file__).with_name("server.py")
PYTHON_VARIABLE = "PAPERGYM_MINEDOJO_PYTHON"
TOKEN_VARIABLE = "PAPERGYM_MINEDOJO_TOKEN"
LOG_BYTES = 2**14


class MineDojoError(RuntimeError):
    """MineDojo refused a request; the message is its own, with the kind of error in front."""


class MineDojoCrash(MineDojoError):
    """The game process died, hangs, cannot start or answers nonsense. All that it left behind was killed and removed."""


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

    Raises:
        FileNotFoundError: no interpreter; see :func:`find_python`.
        MineDojoError: the interpreter does not start.
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
        self.token, self._requests, self._received = uuid.uuid4().hex, 0, bytearray()
        self._shape = (3, *image_size)
        self.folder = Path(tempfile.mkdtemp(prefix="papergym-minedojo-"))
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._log = undo.enter_context((self.folder / "log.txt").open("w+b"))
            self._frames = undo.enter_context(tempfile.TemporaryFile())
            self._frames.truncate(math.prod(self._shape))
            self._socket, theirs = socket.socketpair()
            undo.callback(self._socket.close)
            with theirs:
                self._process = self._start(interpreter, theirs.fileno(), game_dir)
            self._undo = undo.pop_all()

    def _start(self, interpreter: str, channel: int, game_dir: str | None) -> "subprocess.Popen[bytes]":
        handles = (channel, self._frames.fileno())
        try:
            return subprocess.Popen(
                [interpreter, str(SERVER), *map(str, handles)],
                env=self._environment(game_dir),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=handles,
                start_new_session=True,
            )
        except OSError as error:
            remedy = f"Pass python= or set {PYTHON_VARIABLE} to an interpreter that starts."
            raise MineDojoError(f"expected a program that starts as python, got {interpreter!r}: {error}. {remedy}") from None

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
            ValueError: arguments that JSON cannot hold; nothing was sent.
            MineDojoError: MineDojo raised; the process keeps running.
            MineDojoCrash: no reply in time, one that the protocol does not allow, or the process is gone.
        """
        limit_s = self.timeout_s if op in ("step", "command", "close") else self.reset_timeout_s
        deadline = time.monotonic() + limit_s
        self._requests += 1
        try:
            body = json.dumps({"op": op, "id": self._requests, **arguments}).encode("utf-8")
        except (TypeError, ValueError) as error:
            raise ValueError(f"expected values that JSON can hold as arguments of {op!r}: {error}") from None
        try:
            self._socket.settimeout(limit_s)
            self._socket.sendall(struct.pack("!I", len(body)) + body)
            reply = answers.check(op, self._reply(deadline))
        except TimeoutError:
            raise self.crash(f"no answer to {op!r} within {limit_s:.0f} s") from None
        except (OSError, EOFError) as error:
            raise self.crash(f"the process ended during {op!r} ({error})") from None
        except answers.BadAnswer as error:
            raise self.crash(f"the answer to {op!r} is not what its protocol says: {error}") from None
        if not reply.pop("ok"):
            remedy = ". `papergym doctor minedojo` says what is missing" if reply["kind"] == "ModuleNotFoundError" else ""
            raise MineDojoError(f"{reply['kind']}: {answers.short(reply['error'], 4000)}{remedy}")
        return reply

    def _reply(self, deadline: float) -> dict[str, Any]:
        """The answer to the present request; answers to earlier ones, which nobody waits for any more, are dropped."""
        while True:
            (length,) = struct.unpack("!I", self._receive(4, deadline))
            if length > answers.MAX_BYTES:
                raise answers.BadAnswer(f"expected at most {answers.MAX_BYTES} bytes, got {length}")
            message = answers.parse(self._receive(length, deadline))
            if message["id"] == self._requests:
                return message
            if not 0 < message["id"] < self._requests:
                raise answers.BadAnswer(f"the field 'id' must be {self._requests}, got {message['id']}")

    def _receive(self, count: int, deadline: float) -> bytes:
        """The next ``count`` bytes; what has come is kept when Ctrl-C interrupts the wait."""
        while len(self._received) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._socket.settimeout(left_s)
            part = self._socket.recv(min(count - len(self._received), 2**20))
            if not part:
                raise EOFError("connection closed")
            self._received += part
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def frame(self) -> np.ndarray:
        """The image of the last answer, (3, H, W) uint8, a new array.

        Raises:
            MineDojoCrash: the process has cut the file.
        """
        size = math.prod(self._shape)
        data = os.pread(self._frames.fileno(), size, 0)
        if len(data) != size:
            raise self.crash(f"expected an image of {size} bytes in the shared file, got {len(data)}")
        return np.frombuffer(bytearray(data), np.uint8).reshape(self._shape)

    def crash(self, reason: str) -> MineDojoCrash:
        """Kill the process; the error to raise."""
        log = self.log_tail()
        self.kill()
        return MineDojoCrash(f"MineDojo: {reason}. It was killed, and starts again at reset(). End of its log:\n{log}")

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that MineDojo and the game printed; "" after :meth:`kill`."""
        if self._log.closed:
            return ""
        handle = self._log.fileno()
        text = os.pread(handle, LOG_BYTES, max(os.fstat(handle).st_size - LOG_BYTES, 0))
        return "\n".join(text.decode("utf-8", "replace").splitlines()[-lines:])

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
        self._undo.close()


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
