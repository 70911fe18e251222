"""Scripted players that see the world's state: proofs that the tasks can be done with LS-Imagine's twelve actions."""
