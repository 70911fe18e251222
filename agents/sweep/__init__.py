"""Runs of the runner as trials of a sweep."""
