"""The command line: ``papergym VERB ...``, or ``python agents/run.py VERB ...`` in a clone."""

import errno
import importlib
import logging
import os
import sys
from contextlib import suppress

from papergym.agents.errors import BadNumbersError, UsageError, unknown
from papergym.version import __version__

VERBS = {
    "train": "train an agent on an environment; writes a run folder",
    "evaluate": "play a trained agent without exploration and print its returns",
    "show": "what a trained agent sees and imagines, as images",
    "list": "environment ids by family, agents and papers, with their sources",
    "doctor": "versions, what renders here and how fast, what is missing and how to install it",
    "check": "hold an environment or wrapper of yours to the checks that those of papergym pass",
    "play": "look at an environment, or steer it",
    "reproduce": "a table or a figure of a paper, as a list of runs",
    "report": "results beside the paper's numbers: Markdown, PNG and one HTML page",
    "sweep": "a matrix of agents, environments, seeds and settings, on Ray or on local processes",
    "tune": "search for hyper-parameters with Optuna; writes a preset",
    "compare": "two runs side by side",
    "push": "share what a run has learned: a folder, or the Hugging Face hub",
    "pull": "fetch an agent that was shared",
    "make-dataset": "write a dataset for the agents that learn without an environment",
    "affordance": "make and look at the scorer and the affordance maps of the voxel world",
    "bonus-map": "where a novelty bonus is high, as a picture",
}
"""Verb -> what it does; its code is ``agents/cli/<verb>.py`` (``-`` written ``_``) with ``main(argv) -> exit status``."""

_AGAIN = "The same command goes on."
AFTER = {
    "train": "What was checkpointed is kept; the same command with --resume goes on.",
    **dict.fromkeys(("sweep", "tune", "make-dataset", "affordance"), _AGAIN),
}
"""Verb -> what to do after an interrupt."""

_PLACES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
_PLACES += (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
"""What is wrong with a path that somebody gave."""


def _help() -> str:
    lines = [f"  {verb:<13}{text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            f"papergym {__version__}: reinforcement-learning papers that run as published",
            "",
            "usage: papergym VERB [options]      papergym VERB --help",
            "",
            *lines,
            "",
            "first steps: papergym doctor; papergym list; papergym train sac --env Pendulum-v1",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 0 on success, 2 for a request that cannot be met (said in one message), 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with suppress(OSError):  # a folder that is gone
        if not {"", os.getcwd()} & set(sys.path):
            sys.path.append(os.getcwd())  # module:ATTRIBUTE of one's own, as with `python -m papergym`; behind all others
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("papergym").setLevel(logging.INFO)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    verb, rest = arguments[0], arguments[1:]
    try:
        return _dispatch(verb, rest)
    except KeyboardInterrupt:
        print(
            f"\npapergym {verb}: interrupted. {AFTER.get(verb, '')}".rstrip(),
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        return 141  # the reader of our output has gone (`papergym list | head`)
    except (UsageError, BadNumbersError) as error:
        return _say(verb, str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return _say(verb, f"{error}. The last checkpoint is kept: free some space and give --resume.")
        if error.errno not in _PLACES:
            raise
        return _say(verb, f"cannot use {error.filename}: {error.strerror}. Give a place that can be read and written.")


def _dispatch(verb: str, rest: list[str]) -> int:
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    module = importlib.import_module(f"papergym.agents.cli.{verb.replace('-', '_')}")
    try:
        return int(module.main(rest) or 0)
    except RuntimeError as error:
        from papergym.agents.checkpoint.state import CheckpointError  # loads torch, which `papergym list` does without

        if isinstance(error, CheckpointError):
            return _say(verb, str(error))
        raise


def _say(verb: str, message: str) -> int:
    print(f"papergym {verb}: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
