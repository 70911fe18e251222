"""Environments with scorers, maps and flags are built again from the JSON of their specs."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import papergym  # noqa: F401
from papergym.wrappers.vision import AffordanceUNet, JumpFlag, LSImagine, RemoveHUD, SmallScorer, ZoomAffordance
from papergym.wrappers.vision.observation import AffordanceObservation
from papergym.wrappers.vision.recipes import PARTS, built, described
from papergym.wrappers.vision.rewards import AffordanceReward, MineCLIPReward
from papergym.wrappers.vision.swin import SwinNetwork

TASK, ID = "shear_sheep", "Mine-ShearSheep-v0"


def _again(env):
    return gym.make(EnvSpec.from_json(env.spec.to_json()))


def _same_episode(one, other, steps=6):
    rng = np.random.default_rng(0)
    (a, _), (b, _) = one.reset(seed=3), other.reset(seed=3)
    for _ in range(steps):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
        action = int(rng.integers(1, 12))
        (a, first, *_), (b, second, *_) = one.step(action), other.step(action)
        assert first == second


@pytest.mark.parametrize("flag", [JumpFlag("paper", margin=1.0), "JumpFlag", None])
def test_the_whole_chain_is_built_again(flag):
    env = LSImagine(gym.make(ID, cam_interval=10), TASK, flag=flag)
    other = _again(env)
    assert str(other) == str(env)
    _same_episode(env, other)
    again = other.get_wrapper_attr("parts").flag
    assert (again.variant, again.margin) == (("paper", 1.0) if isinstance(flag, JumpFlag) else ("official", 2.0))


@pytest.mark.parametrize("mode", ["direct", "delta", "record"])
def test_a_reward_of_a_named_scorer(mode):
    inner = gym.make(ID, cam_interval=10)
    env = MineCLIPReward(inner, "Obtain wool", "SmallScorer", mode, calibration=(2.0, 1.0), weight=0.5)
    again = _again(env).bonus
    assert again.mode == mode and again.calibration == (2.0, 1.0) and isinstance(again.scorer, SmallScorer)
    assert _again(env).mixer.weight == 0.5


def test_zoom_maps_and_affordance_reward():
    zoom = ZoomAffordance("SmallScorer", "count", "late", (2.0, 0.5))
    env = AffordanceReward(AffordanceObservation(gym.make(ID), zoom, "Obtain wool"), "plain")
    again = _again(env)
    assert again.bonus.mode == "plain"
    found = again.get_wrapper_attr("parts").maps
    assert found.config() == zoom.config() and found.calibration == (2.0, 0.5)


def test_a_mask_travels():
    mask = np.zeros((160, 256), bool)
    mask[:5] = True
    again = _again(RemoveHUD(gym.make(ID), mask))
    np.testing.assert_array_equal(again.mask, mask)


def test_every_part_says_how_it_is_built():
    for part in (SmallScorer(), AffordanceUNet(), JumpFlag("paper"), ZoomAffordance(SmallScorer())):
        assert type(part).__name__ in PARTS
        again = built("maps", described(part), type(part))
        assert type(again) is type(part) and described(again) == described(part)


class Wide(SmallScorer):
    """A small scorer with features as long as the Swin U-Net wants them."""

    feature_size = 512

    def encode_texts(self, texts):
        return np.tile(super().encode_texts(texts), 4)


def test_the_swin_maps_remember_their_file(tmp_path, monkeypatch):
    import torch

    from papergym.wrappers.vision import small
    from papergym.wrappers.vision.swin_maps import SwinAffordance

    monkeypatch.setattr(small, "SmallScorer", Wide)
    state = {f"swin_unet.{name}": tensor for name, tensor in SwinNetwork().state_dict().items()}
    torch.save(state, tmp_path / "unet.pth")
    maps = SwinAffordance.from_checkpoint(Wide(), tmp_path / "unet.pth")
    recipe = {**described(maps), "scorer": "SmallScorer"}
    frames = np.random.default_rng(0).integers(0, 256, (1, 3, 160, 256), np.uint8)
    np.testing.assert_array_equal(built("maps", recipe, SwinAffordance)(frames, "Cut a tree"), maps(frames, "Cut a tree"))
    with pytest.raises(ValueError, match="Expected the file of the weights"):
        built("maps", {**described(SwinAffordance(Wide(), state)), "scorer": "SmallScorer"}, SwinAffordance)


def test_an_object_of_ones_own_is_named_in_the_error():
    with pytest.raises(ValueError, match="got 'Mine'; an environment with an object of your own"):
        built("scorer", {"name": "Mine"}, object)
