"""``papergym affordance``: every action from nothing to an image, goes on where it was stopped, and refuses bad input."""

import h5py
import numpy as np
import pytest
from safetensors.torch import load_file

from papergym.agents.cli import affordance
from papergym.agents.errors import UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a scorer, annotated images and a U-Net, of a few images and steps."""
    folder = tmp_path_factory.mktemp("affordance")
    scorer, data, unet = (str(folder / name) for name in ("scorer.safetensors", "data.h5", "unet.safetensors"))
    small = ["--images", "12", "--steps", "2"]
    assert affordance.main(["train-scorer", *small, "--clips", "2", "--output", scorer]) == 0
    assert affordance.main(["collect", "--images", "12", "--data", data]) == 0
    assert affordance.main(["annotate", "--data", data, "--scorer", scorer]) == 0
    assert affordance.main(["train", *small, "--data", data, "--scorer", scorer, "--output", unet]) == 0
    return folder


def test_show_draws_what_was_trained(made, capsys):
    arguments = ["--scorer", str(made / "scorer.safetensors"), "--unet", str(made / "unet.safetensors")]
    assert affordance.main(["show", "shear_sheep", *arguments, "--output", str(made / "sheep.png")]) == 0
    assert "Gaussian score" in capsys.readouterr().out
    assert (made / "sheep.png").stat().st_size > 10_000
    assert not list(made.glob("*.part"))


def test_collect_goes_on_without_drawing_again(made, monkeypatch):
    with h5py.File(made / "data.h5") as held:
        frames, labels = held["frames"][:], held["concepts"][:]
    other = made / "stopped.h5"
    with h5py.File(made / "data.h5") as source, h5py.File(other, "w") as held:
        held.attrs.update(source.attrs)
        for name in ("frames", "concepts", "collected"):
            held[name] = source[name][:]
            held[name][11:] = 0  # stopped after eleven images
    from papergym.wrappers.vision.training.pictures import Photographer

    shots = []
    shoot = Photographer._shoot
    monkeypatch.setattr(Photographer, "_shoot", lambda self: shots.append(1) or shoot(self))
    affordance.main(["collect", "--images", "12", "--data", str(other)])
    with h5py.File(other) as held:
        np.testing.assert_array_equal(held["frames"][:], frames)
        np.testing.assert_array_equal(held["concepts"][:], labels)
    assert 0 < len(shots) <= 2 * 13, "only the unfinished world is drawn again"
    shots.clear()
    affordance.main(["collect", "--images", "12", "--data", str(other)])
    assert not shots


@pytest.mark.parametrize("action", ["train-scorer", "train"])
def test_a_stopped_training_ends_with_the_same_weights(made, monkeypatch, action):
    from papergym.wrappers.vision.training import resume

    monkeypatch.setattr(resume, "EVERY", 2)
    where = {name: str(made / f"{action}-{name}.safetensors") for name in ("whole", "stopped")}
    common = [action, "--images", "12", "--clips", "2", "--steps", "5"]
    common += ["--data", str(made / "data.h5"), "--scorer", str(made / "scorer.safetensors")]
    affordance.main([*common, "--output", where["whole"]])
    step, done = resume.Run.step, []

    def stop(self, loss):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        step(self, loss)

    with monkeypatch.context() as patch:
        patch.setattr(resume.Run, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            affordance.main([*common, "--output", where["stopped"]])
    with pytest.raises(ValueError, match="Expected a training of"):
        affordance.main([*common, "--output", where["stopped"], "--seed", "1"])
    affordance.main([*common, "--output", where["stopped"]])
    whole, stopped = load_file(where["whole"]), load_file(where["stopped"])
    assert whole.keys() == stopped.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(tensor.numpy(), stopped[name].numpy(), err_msg=name)


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--images is at least 1"):
        affordance.main(["collect", "--images", "0"])
    with pytest.raises(UsageError, match="collect"):
        affordance.main(["train", "--data", str(tmp_path / "none.h5")])
    with pytest.raises(UsageError, match="harvest_gold"):
        affordance.main(["show", "harvest_gold"])


def test_half_annotated_images_are_not_trained_on(made):
    half = made / "half.h5"
    with h5py.File(made / "data.h5") as source, h5py.File(half, "w") as held:
        for name in source:
            held[name] = source[name][:]
        held["annotated"][5] = 0
    with pytest.raises(ValueError, match="annotate"):
        affordance.main(["train", "--data", str(half), "--scorer", str(made / "scorer.safetensors"), "--steps", "1"])
