"""The layout of MineCLIP's released checkpoints: names, shapes and the copies that they hold of each tower."""

from collections.abc import Mapping
from typing import Any

import torch

from papergym.wrappers.vision.temporal import INNER, POSITIONS, WIDTH

PREFIX = "model."
_VISION = ("image_encoder.", "clip_model.vision_model.", "reward_head.clip_model.vision_model.")
_TEXT = ("clip_model.text_model.", "reward_head.clip_model.text_model.")
_SCALE = ("clip_model.logit_scale", "reward_head.clip_model.logit_scale")
_TEMPORAL = "temporal_encoder.attn.model."
_RENAMED = {"cls_token": "class_embedding", "pos_embed": "positional_embedding", "projection": "proj"}
Shapes = dict[str, tuple[int, ...]]


def _block(width: int) -> Shapes:
    shapes: Shapes = {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)}
    for name, out, into in (("attn.out_proj", width, width), ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width)):
        shapes |= {f"{name}.weight": (out, into), f"{name}.bias": (out,)}
    return shapes | {f"{name}.{part}": (width,) for name in ("ln_1", "ln_2") for part in ("weight", "bias")}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _blocks(width: int) -> Shapes:
    return {f"blocks.{i}.{name}": shape for i in range(12) for name, shape in _block(width).items()}


def _towers() -> tuple[Shapes, Shapes]:
    vision: Shapes = {"conv1.weight": (768, 3, 16, 16), "cls_token": (768,), "pos_embed": (161, 768), "projection": (768, 512)}
    text: Shapes = {"token_embedding.weight": (49408, 512), "pos_embed": (77, 512), "projection": (512, 512)}
    return (
        vision | _norm("ln_pre", 768) | _norm("ln_post", 768) | _blocks(768),
        text | _norm("ln_final", 512) | _blocks(512),
    )


def _temporal() -> Shapes:
    shapes: Shapes = {"pos_emb.emb.weight": (POSITIONS, WIDTH)} | _norm("norm", WIDTH)
    for layer in range(4):
        place = f"attn_layers.layers.{layer}"
        shapes |= _norm(f"{place}.0.0", WIDTH)
        if layer % 2 == 0:
            shapes |= {f"{place}.1.{name}.weight": (WIDTH, WIDTH) for name in ("to_q", "to_k", "to_v", "to_out")}
        else:
            shapes |= {f"{place}.1.net.0.proj.weight": (2 * INNER, WIDTH), f"{place}.1.net.0.proj.bias": (2 * INNER,)}
            shapes |= {f"{place}.1.net.3.weight": (WIDTH, INNER), f"{place}.1.net.3.bias": (WIDTH,)}
    return shapes


def layout(variant: str) -> Shapes:
    """Name -> shape of every tensor of a released file, without the prefix: 788 for ``attn``, 761 for ``avg``."""
    vision, text = _towers()
    shapes: Shapes = {copy + name: shape for copy in _VISION for name, shape in vision.items()}
    shapes |= {copy + name: shape for copy in _TEXT for name, shape in text.items()}
    shapes |= dict.fromkeys(_SCALE, ()) | {"reward_head.video_residual_weight": ()}
    for layer in (0, 3):
        shapes |= {
            f"reward_head.video_adapter.{layer}.weight": (WIDTH, WIDTH),
            f"reward_head.video_adapter.{layer}.bias": (WIDTH,),
        }
    return shapes | ({_TEMPORAL + name: shape for name, shape in _temporal().items()} if variant == "attn" else {})


def split(state: Mapping[str, Any], variant: str) -> dict[str, dict[str, torch.Tensor]]:
    """Tensors for open_clip's ``towers``, the ``adapter`` and the ``temporal`` module.

    Raises:
        ValueError: a key that is missing, too many or of another shape, or copies of a tower that differ.
    """
    tensors = {key.removeprefix(PREFIX): value for key, value in state.items()}
    _check(tensors, variant)
    _check_copies(tensors)
    towers = {_of_vision(name): tensors[_VISION[0] + name] for name in _towers()[0]}
    towers |= {_of_text(name): tensors[_TEXT[0] + name] for name in _towers()[1]}
    adapter = {k.removeprefix("reward_head."): v for k, v in tensors.items() if k.startswith("reward_head.video_")}
    temporal = {k.removeprefix(_TEMPORAL): v for k, v in tensors.items() if k.startswith(_TEMPORAL)}
    return {"towers": towers | {"logit_scale": tensors[_SCALE[0]]}, "adapter": adapter, "temporal": temporal}


def _check(tensors: Mapping[str, Any], variant: str) -> None:
    expected = layout(variant)
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    wrong = [
        f"{key} {tuple(tensors[key].shape)} for {shape}"
        for key, shape in expected.items()
        if key in tensors and tuple(tensors[key].shape) != shape
    ]
    faults = [f"{len(found)} {what} ({', '.join(found[:3])})" for what, found in
              (("missing", missing), ("unknown", extra), ("of another shape", wrong)) if found]  # fmt: skip
    if faults:
        raise ValueError(
            f"Expected the {len(expected)} tensors of MineCLIP's {variant!r} checkpoint, got {'; '.join(faults)}. "
            "Download attn.pth or avg.pth again."
        )


def _check_copies(tensors: Mapping[str, Any]) -> None:
    groups = [(copies, name) for copies, shapes in zip((_VISION, _TEXT), _towers()) for name in shapes]
    for copies, name in [*groups, (_SCALE, "")]:
        one, *others = (tensors[copy + name] for copy in copies)
        if not all(torch.equal(one, other) for other in others):
            raise ValueError(
                f"Expected equal copies of {name or 'logit_scale'!r}, got different ones under {', '.join(copies)}."
            )


def _of_vision(name: str) -> str:
    return "visual." + (
        f"transformer.resblocks.{name.removeprefix('blocks.')}" if name.startswith("blocks.") else _RENAMED.get(name, name)
    )


def _of_text(name: str) -> str:
    if name.startswith("blocks."):
        return f"transformer.resblocks.{name.removeprefix('blocks.')}"
    return {"pos_embed": "positional_embedding", "projection": "text_projection"}.get(name, name)
