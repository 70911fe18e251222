"""The transformer of the sequence models (Decision Transformer, Trajectory Transformer)."""
