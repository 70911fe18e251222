"""Settings of every agent that learns from a dataset."""

from dataclasses import dataclass


@dataclass
class DatasetConfig:
    """The data; an agent's ``Config`` extends it."""

    dataset: str = ""
    """Id of a Minari dataset under MINARI_DATASETS_PATH, or a dataset's folder."""
    dataset_digest: str = ""
    """Of the dataset's contents; filled by the run. A run goes on with the same data only."""
