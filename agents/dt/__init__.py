"""Decision Transformer (Chen et al. 2021)."""
