"""What agents that learn from a dataset share."""
