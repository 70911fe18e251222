"""Files that appear whole or not at all, and locks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from papergym.agents.errors import UsageError


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what was written there becomes ``path`` when the block ends.

    The contents are on disk before the rename. After an error the temporary file is removed and ``path`` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")  # the suffix tells writers the format
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # some writers (safetensors) make files that only their owner can read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        UsageError: it cannot be written (full disk, no permission); the old file is kept.
    """
    try:
        with replaced(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error}. Free some space or choose another place; the old file is kept."
        ) from error


def lock(path: Path) -> FileLock:
    """Take the lock file ``path``, which is given back when this process ends in any way, or by ``release()``.

    Raises:
        UsageError: another process holds it.
    """
    held = FileLock(path, timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise UsageError(f"another process is using {path.parent}. Wait for it, or choose another folder.") from None
    return held


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
