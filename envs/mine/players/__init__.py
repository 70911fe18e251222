"""Scripted players that see the world's state: they show that the tasks can be done with LS-Imagine's twelve actions."""
