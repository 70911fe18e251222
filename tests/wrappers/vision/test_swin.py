"""LS-Imagine's Swin U-Net: the released layout key for key, and its parts against plain float64 loops."""

import numpy as np
import pytest
import torch

from papergym.wrappers.vision.swin import SwinNetwork, _Attention, _Block, _Expand, _Merge
from papergym.wrappers.vision.swin_maps import SwinAffordance

WIDTHS, HEADS, EDGES = (96, 192, 384, 768), (3, 6, 12, 24), (56, 28, 14, 7)


def _norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _blocks(stage, scale):
    width, shapes = WIDTHS[scale], {}
    for number in range(2):
        place = f"{stage}.blocks.{number}"
        shapes |= _norm(f"{place}.norm1", width) | _norm(f"{place}.norm2", width)
        shapes |= {f"{place}.attn.relative_position_bias_table": (169, HEADS[scale])}
        shapes |= {f"{place}.attn.relative_position_index": (49, 49)}
        for name, out, into in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 4, 1), ("mlp.fc2", 1, 4)):
            shapes |= {f"{place}.{name}.weight": (out * width, into * width), f"{place}.{name}.bias": (out * width,)}
        if number == 1 and scale < 3:
            shapes[f"{place}.attn_mask"] = ((EDGES[scale] // 7) ** 2, 49, 49)
    return shapes


def released_layout():
    """Name -> shape of the released file, written down by hand from its description."""
    shapes = {"patch_embed.proj.weight": (96, 3, 4, 4), "patch_embed.proj.bias": (96,)} | _norm("patch_embed.norm", 96)
    for scale, width in enumerate(WIDTHS):
        shapes |= _blocks(f"layers.{scale}", scale)
        if scale < 3:
            shapes |= {f"layers.{scale}.downsample.reduction.weight": (2 * width, 4 * width)}
            shapes |= _norm(f"layers.{scale}.downsample.norm", 4 * width)
        shapes |= {f"TIA.{scale}.text_projection.weight": (width, 512), f"TIA.{scale}.text_projection.bias": (width,)}
        attention = f"TIA.{scale}.multi_head_attention"
        shapes |= {f"{attention}.{name}.weight": (8 * width, width) for name in ("w_qs", "w_ks", "w_vs")}
        shapes |= {f"{attention}.fc.weight": (width, 8 * width)} | _norm(f"{attention}.layer_norm", width)
    shapes |= {"layers_up.0.expand.weight": (1536, 768)} | _norm("layers_up.0.norm", 384)
    for number, scale in ((1, 2), (2, 1), (3, 0)):
        width = WIDTHS[scale]
        shapes |= _blocks(f"layers_up.{number}", scale)
        if scale:
            shapes |= {f"layers_up.{number}.upsample.expand.weight": (2 * width, width)}
            shapes |= _norm(f"layers_up.{number}.upsample.norm", width // 2)
        shapes |= {f"concat_back_dim.{number}.weight": (width, 2 * width), f"concat_back_dim.{number}.bias": (width,)}
    shapes |= _norm("norm", 768) | _norm("norm_up", 96) | {"up.expand.weight": (1536, 96)} | _norm("up.norm", 96)
    return {f"swin_unet.{name}": shape for name, shape in (shapes | {"output.weight": (1, 96, 1, 1)}).items()}


def _index():
    """The offsets between the places of a window, counted one by one."""
    places = [(row, column) for row in range(7) for column in range(7)]
    return torch.tensor([[(a[0] - b[0] + 6) * 13 + a[1] - b[1] + 6 for b in places] for a in places])


def _regions(edge):
    """(edge, edge) numbers of the nine parts that a shift by three brings side by side."""
    part = [0 if i < edge - 7 else 1 if i < edge - 3 else 2 for i in range(edge)]
    return np.array([[3 * a + b for b in part] for a in part])


def _mask(edge):
    parts, count = _regions(edge), edge // 7
    tiles = [parts[7 * i : 7 * i + 7, 7 * j : 7 * j + 7].reshape(-1) for i in range(count) for j in range(count)]
    return torch.tensor(np.stack([np.where(t[:, None] == t[None], 0.0, -100.0) for t in tiles]), dtype=torch.float32)


@pytest.fixture(scope="module")
def state():
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, shape in released_layout().items():
        if name.endswith("relative_position_index"):
            made[name] = _index()
        elif name.endswith("attn_mask"):
            made[name] = _mask(round(shape[0] ** 0.5) * 7)
        else:
            made[name] = 0.05 * torch.randn(shape, generator=generator)
    return made


class Texts:
    feature_size = 512

    def encode_texts(self, texts):
        return np.random.default_rng(len(texts[0])).normal(size=(len(texts), 512)).astype(np.float32)


def test_the_released_layout_loads_and_maps(state):
    assert len(state) == 270
    learned = [t.numel() for name, t in state.items() if not name.endswith(("relative_position_index", "attn_mask"))]
    assert round(sum(learned) / 1e6, 2) == 52.98
    maps = SwinAffordance(Texts(), state)  # type: ignore[arg-type]
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 160, 256), np.uint8)
    both = maps(frames, ["Cut a tree", "Obtain water"])
    assert both.shape == (2, 2, 160, 256) and both.dtype == np.float32 and both.min() >= 0 and both.max() <= 1
    np.testing.assert_allclose(maps(frames[1:], "Obtain water")[0, 0], both[1, 1], atol=1e-5)
    loaded = maps.network.state_dict()
    assert all(torch.equal(loaded[name.removeprefix("swin_unet.")], tensor) for name, tensor in state.items())


def test_a_file_is_read(state, tmp_path):
    torch.save(state, tmp_path / "unet.pth")
    SwinAffordance.from_checkpoint(Texts(), tmp_path / "unet.pth")  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", ["missing", "unknown", "of another shape", "not of this layout"])
def test_another_layout_is_refused(state, fault):
    state, name = dict(state), "swin_unet.layers.1.blocks.1.attn_mask"
    if fault == "missing":
        del state[name]
    elif fault == "unknown":
        name = "swin_unet.surplus"
        state[name] = torch.zeros(1)
    else:
        state[name] = torch.zeros(3) if fault == "of another shape" else state[name] + 1
    with pytest.raises(ValueError, match=rf"1 {fault} \({name}\)"):
        SwinAffordance(Texts(), state)  # type: ignore[arg-type]


def test_another_scorer_is_refused(state):
    class Small:
        feature_size = 128

    with pytest.raises(ValueError, match="Expected a scorer with 512 text features, got 128"):
        SwinAffordance(Small(), state)  # type: ignore[arg-type]


def _softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def _layer_norm(x, norm):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + norm.eps)
    return x * norm.weight.detach().numpy() + norm.bias.detach().numpy()


@pytest.mark.parametrize("shift", [0, 3])
def test_window_attention_equals_a_loop_over_places(shift):
    torch.manual_seed(1)
    edge, heads, width = 14, 2, 8
    block = _Block(width, edge, heads, shift).double()
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    x = np.random.default_rng(0).normal(size=(edge, edge, width))
    normed = _layer_norm(x, block.norm1)
    weight, bias = (p.detach().numpy() for p in (block.attn.qkv.weight, block.attn.qkv.bias))
    parts = (normed @ weight.T + bias).reshape(edge, edge, 3, heads, width // heads)
    table, seen = block.attn.relative_position_bias_table.detach().numpy(), np.zeros((edge, edge, width))
    regions = _regions(edge) if shift else np.zeros((edge, edge), int)
    for r in range(edge):
        for c in range(edge):
            a, b = (r - shift) % edge, (c - shift) % edge  # its place in the rolled picture
            others = [(i, j) for i in range(a // 7 * 7, a // 7 * 7 + 7) for j in range(b // 7 * 7, b // 7 * 7 + 7)]
            others = [place for place in others if regions[place] == regions[a, b]]
            there = [((i + shift) % edge, (j + shift) % edge) for i, j in others]
            for head in range(heads):
                scores = [
                    parts[r, c, 0, head] @ parts[t][1, head] / (width // heads) ** 0.5
                    + table[(a - i + 6) * 13 + b - j + 6, head]
                    for (i, j), t in zip(others, there)
                ]
                values = np.stack([parts[t][2, head] for t in there])
                seen[r, c, head * width // heads : (head + 1) * width // heads] = _softmax(np.array(scores)) @ values
    expected = x + seen @ block.attn.proj.weight.detach().numpy().T + block.attn.proj.bias.detach().numpy()
    with torch.no_grad():
        expected = expected + block.mlp(torch.from_numpy(_layer_norm(expected, block.norm2))).numpy()
        np.testing.assert_allclose(block(torch.from_numpy(x)[None])[0].numpy(), expected, atol=1e-9)


def test_text_attention_equals_a_loop_over_heads():
    torch.manual_seed(2)
    layer, rng = _Attention(6).double(), np.random.default_rng(0)
    text, places = rng.normal(size=6), rng.normal(size=(5, 6))
    query, key, value, out = (p.weight.detach().numpy() for p in (layer.w_qs, layer.w_ks, layer.w_vs, layer.fc))
    heads = [np.s_[6 * i : 6 * i + 6] for i in range(8)]
    seen = [_softmax(places @ key[h].T @ (query[h] @ text) / 6**0.5) @ (places @ value[h].T) for h in heads]
    with torch.no_grad():
        found = layer(torch.from_numpy(text)[None], torch.from_numpy(places)[None])[0].numpy()
    np.testing.assert_allclose(found, _layer_norm(out @ np.concatenate(seen), layer.layer_norm), atol=1e-9)


def test_merging_and_expanding_keep_every_place():
    torch.manual_seed(3)
    rng = np.random.default_rng(0)
    merge, x = _Merge(3).double(), rng.normal(size=(4, 6, 3))
    with torch.no_grad():
        found = merge(torch.from_numpy(x)[None])[0].numpy()
    for r in range(2):
        for c in range(3):
            four = np.concatenate([x[2 * r + down, 2 * c + right] for right in (0, 1) for down in (0, 1)])
            np.testing.assert_allclose(found[r, c], merge.reduction.weight.detach().numpy() @ _layer_norm(four, merge.norm))
    expand = _Expand(4, 2, 2).double()
    x = rng.normal(size=(2, 3, 4))
    with torch.no_grad():
        found = expand(torch.from_numpy(x)[None])[0].numpy()
    for r in range(4):
        for c in range(6):
            parts = (expand.expand.weight.detach().numpy() @ x[r // 2, c // 2]).reshape(2, 2, 2)
            np.testing.assert_allclose(found[r, c], _layer_norm(parts[r % 2, c % 2], expand.norm))


def test_only_the_third_text_block_matters():
    torch.manual_seed(4)
    network = SwinNetwork().eval()
    frame, text = torch.randn(1, 3, 224, 224), 10 * torch.randn(2, 512)
    with torch.no_grad():
        before = network(frame, text[:1])
        assert not torch.allclose(before, network(frame, text[1:]), atol=1e-6)
        for dead in (0, 1, 3):
            for parameter in network.TIA[dead].parameters():
                parameter.zero_()
        torch.testing.assert_close(network(frame, text[:1]), before)
