"""Exact state of a run on disk: what is saved, how files are written, where a row comes from."""
