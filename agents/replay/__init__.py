"""Replay memories: uniform, packed rows, single frames, prioritised."""
