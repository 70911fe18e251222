"""LS-Imagine: DreamerV3 whose imagination can jump to where an affordance leads (arXiv 2410.03618)."""
