"""MineCLIP's parts against independent float64 code, and the layout of the released checkpoints."""

import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from papergym.wrappers.vision import released
from papergym.wrappers.vision.temporal import TemporalTransformer, VideoAdapter


def layer_norm(x, weight, bias):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def naive_temporal(w, clip):
    """One clip (time, 512) in float64, head by head and position by position."""
    x = clip + np.array([w["pos_emb.emb.weight"][t] / math.sqrt(512) for t in range(len(clip))])
    for layer in (0, 2):
        p = f"attn_layers.layers.{layer}"
        y = layer_norm(x, w[f"{p}.0.0.weight"], w[f"{p}.0.0.bias"])
        q, k, v = (y @ w[f"{p}.1.{n}.weight"].T for n in ("to_q", "to_k", "to_v"))
        out = np.zeros_like(x)
        for head in range(8):
            part = slice(64 * head, 64 * head + 64)
            for t in range(len(x)):
                scores = np.array([q[t, part] @ k[s, part] / 8.0 for s in range(len(x))])
                scores = np.exp(scores - scores.max())
                out[t, part] = sum(a * v[s, part] for s, a in enumerate(scores / scores.sum()))
        x = x + out @ w[f"{p}.1.to_out.weight"].T
        p = f"attn_layers.layers.{layer + 1}"
        y = layer_norm(x, w[f"{p}.0.0.weight"], w[f"{p}.0.0.bias"])
        y = y @ w[f"{p}.1.net.0.proj.weight"].T + w[f"{p}.1.net.0.proj.bias"]
        value, gate = y[:, :2048], y[:, 2048:]
        x = x + (value * gate / (1 + np.exp(-gate))) @ w[f"{p}.1.net.3.weight"].T + w[f"{p}.1.net.3.bias"]
    return layer_norm(x, w["norm.weight"], w["norm.bias"]).mean(0)


def randomized(module, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return module


def weights(module):
    return {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}


def test_temporal_transformer_equals_naive_code():
    module = randomized(TemporalTransformer(), 0)
    clips = np.random.default_rng(0).standard_normal((2, 16, 512))
    with torch.no_grad():
        found = module(torch.from_numpy(clips).float()).numpy()
    np.testing.assert_allclose(found, [naive_temporal(weights(module), clip) for clip in clips], atol=2e-5)


def test_adapter_equals_naive_code():
    module = randomized(VideoAdapter(), 1)
    w, x = weights(module), np.random.default_rng(1).standard_normal((3, 512))
    share = 1 / (1 + np.exp(-w["video_residual_weight"]))
    inner = np.maximum(x @ w["video_adapter.0.weight"].T + w["video_adapter.0.bias"], 0)
    expected = share * x + (1 - share) * (inner @ w["video_adapter.3.weight"].T + w["video_adapter.3.bias"])
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(x).float()).numpy(), expected, atol=1e-5)


def test_temporal_module_has_the_released_names():
    found = {f"temporal_encoder.attn.model.{name}" for name in TemporalTransformer().state_dict()}
    assert found == {name for name in released.layout("attn") if name.startswith("temporal_encoder.")}
    adapter = {f"reward_head.{name}" for name in VideoAdapter().state_dict()}
    assert adapter == {name for name in released.layout("avg") if name.startswith("reward_head.video_")}


def fake_state(variant, seed=0):
    """A state dict with the released names and shapes, random weights, equal copies."""
    generator, held, state = torch.Generator().manual_seed(seed), {}, {}
    for name, shape in released.layout(variant).items():
        short = name.removeprefix("reward_head.").removeprefix("clip_model.").replace("image_encoder.", "vision_model.")
        if short not in held:
            held[short] = torch.randn(shape, generator=generator) * 0.02
        state["model." + name] = held[short]
    return state


@pytest.mark.parametrize(("variant", "count"), [("attn", 788), ("avg", 761)])
def test_layout_has_the_released_number_of_keys(variant, count):
    assert len(released.layout(variant)) == count


@pytest.fixture(scope="module")
def state():
    return fake_state("attn")


def test_split_gives_every_weight_once(state):
    parts = released.split(state, "attn")
    assert (len(parts["towers"]), len(parts["adapter"]), len(parts["temporal"])) == (302, 5, 27)
    torch.testing.assert_close(parts["towers"]["visual.proj"], state["model.image_encoder.projection"], rtol=0, atol=0)


@pytest.mark.parametrize("key", sorted(released.layout("attn"))[::97])
@pytest.mark.parametrize("fault", ["missing", "shape"])
def test_every_fault_of_a_key_is_refused_and_named(state, key, fault):
    bad = dict(state)
    if fault == "missing":
        del bad["model." + key]
    else:
        bad["model." + key] = torch.zeros(*bad["model." + key].shape, 2)
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        released.split(bad, "attn")


def test_unknown_keys_and_the_other_variant_are_refused(state):
    with pytest.raises(ValueError, match=r"1 unknown \(surplus\)"):
        released.split({**state, "model.surplus": torch.zeros(1)}, "attn")
    with pytest.raises(ValueError, match="27 unknown"):
        released.split(state, "avg")
    with pytest.raises(ValueError, match="761 missing"):
        released.split({}, "avg")


@pytest.mark.parametrize("key", ["reward_head.clip_model.vision_model.conv1.weight", "clip_model.text_model.pos_embed"])
def test_copies_that_differ_are_refused(state, key):
    with pytest.raises(ValueError, match="equal copies"):
        released.split({**state, "model." + key: state["model." + key] + 1e-3}, "attn")


@pytest.mark.skipif(find_spec("open_clip") is None, reason="the extra vision is not installed")
class TestWithOpenCLIP:
    """The whole scorer; needs the extra ``vision``."""

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory):
        path = tmp_path_factory.mktemp("weights") / "attn.pth"
        torch.save({"state_dict": fake_state("attn")}, path)
        return path

    @pytest.fixture(scope="class")
    @classmethod
    def scorer(cls, checkpoint):
        from papergym.wrappers.vision.mineclip import MineCLIP

        return MineCLIP.from_checkpoint(checkpoint, dtype=torch.float32)

    def test_a_released_layout_loads_and_scores(self, scorer, state):
        assert scorer.variant == "attn"
        torch.testing.assert_close(scorer.towers.visual.conv1.weight, state["model.image_encoder.conv1.weight"])
        frames = np.random.default_rng(0).integers(0, 256, (2, 3, 160, 256), np.uint8)
        features, texts = scorer.encode_frames(frames), scorer.encode_texts(["Cut a tree", "Obtain water", "Obtain sand"])
        clips = np.random.default_rng(1).standard_normal((2, 16, 512)).astype(np.float32)
        logits = scorer.logits(clips, texts)
        assert features.shape == (2, 512) and logits.shape == (2, 3) and np.isfinite(logits).all()
        w = weights(scorer.temporal)
        video = np.stack([naive_temporal(w, clip.astype(np.float64)) for clip in clips])
        with torch.no_grad():
            video = scorer.adapter(torch.from_numpy(video).float()).double().numpy()
        cosine = (video / np.linalg.norm(video, axis=1, keepdims=True)) @ (
            texts / np.linalg.norm(texts, axis=1, keepdims=True)
        ).T
        np.testing.assert_allclose(logits, np.exp(float(scorer.towers.logit_scale)) * cosine, atol=1e-4)

    def test_the_vision_tower_equals_naive_code(self, scorer, state):
        frame = np.random.default_rng(3).integers(0, 256, (1, 3, 160, 256), np.uint8)
        expected = naive_vision({k.removeprefix("model.image_encoder."): v.double().numpy() for k, v in state.items()
                                 if k.startswith("model.image_encoder.")}, frame[0])  # fmt: skip
        found = scorer.encode_frames(frame)[0]
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())

    @pytest.mark.parametrize("bad", ["", "  ", "tree " * 80])
    def test_bad_prompts(self, scorer, bad):
        with pytest.raises(ValueError, match="Expected"):
            scorer.encode_texts([bad])

    def test_bad_frames(self, scorer):
        for shape in [(1, 3, 64, 64), (1, 160, 256, 3), (3, 160, 256)]:
            with pytest.raises(ValueError, match="Expected frames"):
                scorer.encode_frames(np.zeros(shape, np.uint8))


def naive_vision(w, frame):
    """CLIP's vision tower in float64: MineCLIP's pixel statistics, quick GELU, class token projected."""
    mean, std = np.array([0.3331, 0.3245, 0.3051]), np.array([0.2439, 0.2493, 0.2873])
    pixels = (frame / 255.0 - mean[:, None, None]) / std[:, None, None]
    patches = [pixels[:, 16 * r : 16 * r + 16, 16 * c : 16 * c + 16].ravel() for r in range(10) for c in range(16)]
    x = np.concatenate([w["cls_token"][None], np.array(patches) @ w["conv1.weight"].reshape(768, -1).T]) + w["pos_embed"]
    x = layer_norm(x, w["ln_pre.weight"], w["ln_pre.bias"])
    for i in range(12):
        b = {k.removeprefix(f"blocks.{i}."): v for k, v in w.items() if k.startswith(f"blocks.{i}.")}
        y = layer_norm(x, b["ln_1.weight"], b["ln_1.bias"]) @ b["attn.in_proj_weight"].T + b["attn.in_proj_bias"]
        q, k, v = np.split(y, 3, axis=1)
        heads = []
        for head in range(12):
            part = slice(64 * head, 64 * head + 64)
            scores = q[:, part] @ k[:, part].T / 8.0
            scores = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
        x = x + np.concatenate(heads, 1) @ b["attn.out_proj.weight"].T + b["attn.out_proj.bias"]
        y = layer_norm(x, b["ln_2.weight"], b["ln_2.bias"]) @ b["mlp.c_fc.weight"].T + b["mlp.c_fc.bias"]
        x = x + (y / (1 + np.exp(-1.702 * y))) @ b["mlp.c_proj.weight"].T + b["mlp.c_proj.bias"]
    return layer_norm(x[0], w["ln_post.weight"], w["ln_post.bias"]) @ w["projection"]
