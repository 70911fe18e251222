"""Networks that several agents use."""
