"""``python -m papergym VERB ...``: the command line where the script ``papergym`` is not on the path."""

from papergym.agents.run import main

if __name__ == "__main__":
    raise SystemExit(main())
