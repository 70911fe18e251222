"""Files that appear whole or not at all, locks, and folders that may come from somebody else."""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from papergym.agents.errors import UsageError

_TEMPORARY = re.compile(r"\..+\.[^.]+\.tmp(\.[^.]+)?|\.tmp[A-Za-z0-9]{6}")
"""Names that :func:`replaced` gives, and those of safetensors, which writes beside its file first."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what was written there becomes ``path`` when the block ends.

    The contents are on disk before the rename. After an error the temporary file is removed and ``path`` is as it was. A
    process that is killed leaves the temporary file; :func:`sweep` removes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # made here, under a name that nobody knows before: a link of that name cannot lead the writer elsewhere; the suffix
    # tells writers the format
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".tmp{path.suffix}", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # only their owner can read temporary files
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
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"cannot write {path}: {error}. Free some space or choose another place; the old file is kept."
        ) from error


def is_temporary(path: Path) -> bool:
    """Whether ``path`` has the name of a temporary file of :func:`replaced`."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path, of: Path | None = None) -> None:
    """Remove the temporary files that killed processes left.

    Call it only under the lock that every writer of these files takes.

    Args:
        folder: everything in it and below, links not followed.
        of: only those of this file, in ``folder`` itself.
    """
    for place, folders, names in os.walk(folder):
        for name in names:
            mine = of is None or (name.startswith(f".{of.stem}.") and name.endswith(f".tmp{of.suffix}"))
            if mine and is_temporary(Path(name)):
                Path(place, name).unlink(missing_ok=True)
        if of is not None:
            folders.clear()


def refuse_links(folder: Path) -> None:
    """Look at everything below ``folder``, which may be a link itself, before anything there is read or written.

    Raises:
        UsageError: a symbolic link, through which a write would reach files elsewhere; or something that is neither a file
            nor a folder, such as a pipe, on which a read would wait for ever.
    """
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(place, name)
            kind = path.lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                what = "a symbolic link" if stat.S_ISLNK(kind) else "neither a file nor a folder"
                raise UsageError(f"{path} is {what}, expected a file or a folder: put the file itself there, or remove it.")


def lock(path: Path) -> FileLock:
    """Take the lock file ``path``, which is given back when this process ends in any way, or by ``release()``.

    Raises:
        UsageError: another process holds it, or it cannot be made.
    """
    held = FileLock(path, timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise UsageError(f"another process is using {path.parent}. Wait for it, or choose another folder.") from None
    except OSError as error:
        raise UsageError(f"cannot lock {path}: {error}. Choose a folder that can be written to.") from error
    return held


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
