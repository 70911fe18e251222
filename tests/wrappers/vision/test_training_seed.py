"""Training begins with weights from its seed and reseeds none of the user's generators."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from papergym.wrappers.vision.small import SmallNetwork
from papergym.wrappers.vision.training import scorer, unet
from papergym.wrappers.vision.unet import UNetwork


class Stop(Exception):
    """Raised in place of the training."""


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("kind", ["scorer", "unet"])
def test_weights_and_generators(kind, seed, monkeypatch, tmp_path):
    begun, reseeded = [], []

    def stop(network, *_):
        begun.append({name: value.clone() for name, value in network.state_dict().items()})
        raise Stop

    module = scorer if kind == "scorer" else unet
    monkeypatch.setattr(module, "Run", stop)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    before = torch.get_rng_state()
    with pytest.raises(Stop):
        if kind == "scorer":
            monkeypatch.setattr(scorer, "gather", lambda *_: (None, None))
            scorer.train(1, 1, tmp_path / "weights", seed, None)
        else:
            with h5py.File(tmp_path / "data.h5", "w") as held:
                held["annotated"] = np.ones(1, bool)
                for name in ("frames", "concepts", "maps"):
                    held[name] = np.zeros((1, 1))
            for name in ("shrink", "_targets", "_shown"):
                monkeypatch.setattr(unet, name, lambda *_: np.zeros(1))
            unet.train(tmp_path / "data.h5", SimpleNamespace(feature_size=64), 1, tmp_path / "weights", lambda *_: None, seed)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), before) and reseeded == []
    monkeypatch.undo()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        expected = (SmallNetwork() if kind == "scorer" else UNetwork(64)).state_dict()
    assert begun[0].keys() == expected.keys() and all(torch.equal(begun[0][name], expected[name]) for name in expected)
