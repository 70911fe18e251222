"""The shipped scorer, concepts, the oracle; what import loads."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.vision.concepts import CONCEPTS, GOALS, NAMES, UNSEEN, caption, unseen_caption
from papergym.wrappers.vision.lsimagine import chain
from papergym.wrappers.vision.oracle import SegmentationOracle, concept_of
from papergym.wrappers.vision.scorer import VideoTextScorer
from papergym.wrappers.vision.small import WEIGHTS, SmallNetwork, SmallScorer, words
from papergym.wrappers.vision.training.pictures import Photographer
from papergym.wrappers.vision.unet import UNetwork


@pytest.fixture(scope="module")
def scorer():
    return SmallScorer()


@pytest.fixture(scope="module")
def photographer():
    return Photographer(2_000_003)


def test_shipped_weights_are_small_and_the_scorer_is_one(scorer):
    assert WEIGHTS.stat().st_size <= 4 * 2**20
    assert isinstance(scorer, VideoTextScorer)
    assert len(CONCEPTS) >= 18


def test_unet_has_few_parameters():
    assert sum(p.numel() for p in UNetwork().parameters()) <= 1_500_000


@pytest.mark.parametrize("goal", NAMES[:5])
def test_the_shipped_scorer_prefers_pictures_of_the_goal(scorer, photographer, goal):
    prompt = next(FACTS["lsimagine"][task]["prompt"] for task, name in GOALS.items() if name == goal)
    text, scores = scorer.encode_texts([prompt]), {True: [], False: []}
    for _ in range(400):
        taken = photographer.look_at(goal) if len(scores[True]) < 12 else photographer.anywhere()
        if taken is None:
            photographer.new_world()
            continue
        share = (taken[1] == NAMES.index(goal)).mean()
        if share == 0 or share > 0.03:
            clip = np.repeat(scorer.encode_frames(taken[0][None])[:, None], 16, axis=1)
            scores[share > 0].append(scorer.logits(clip, text)[0, 0])
        if min(map(len, scores.values())) >= 12:
            break
    wins = np.mean([a > b for a in scores[True] for b in scores[False]])
    assert len(scores[True]) >= 12 and wins > 0.85


def test_fused_network_equals_the_trained_one(scorer):
    network = SmallNetwork()
    network.load_state_dict(load_file(str(WEIGHTS)))
    frames = np.random.default_rng(0).integers(0, 256, (5, 40, 64, 3), np.uint8)
    with torch.no_grad():
        expected = network.eval().encode_frames(torch.from_numpy(frames)).numpy()
    np.testing.assert_allclose(scorer.encode_small(frames), expected, atol=1e-5)


def test_frames_before_an_episode_say_nothing(scorer):
    rng, texts = np.random.default_rng(0), scorer.encode_texts(["Cut a tree", "Obtain water"])
    feature = scorer.encode_frames(rng.integers(0, 256, (1, 3, 160, 256), np.uint8))
    clip = np.zeros((1, 16, 128), np.float32)
    clip[:, -1] = feature
    np.testing.assert_allclose(scorer.logits(clip, texts), scorer.logits(np.repeat(feature[:, None], 16, 1), texts), atol=1e-4)


@pytest.mark.parametrize("fault", ["missing", "extra", "shape"])
def test_bad_weights_are_refused(tmp_path, fault):
    state = load_file(str(WEIGHTS))
    if fault == "missing":
        del state["head.bias"]
    else:
        state["surplus" if fault == "extra" else "head.bias"] = torch.zeros(3)
    save_file(state, str(tmp_path / "bad.safetensors"))
    with pytest.raises(ValueError, match="surplus" if fault == "extra" else r"head\.bias"):
        SmallScorer(tmp_path / "bad.safetensors")


def test_captions_and_phrasings_do_not_overlap():
    rng = np.random.default_rng(0)
    for index in range(len(CONCEPTS)):
        seen = {caption(index, rng) for _ in range(300)}
        assert not seen & {unseen_caption(index, rng) for _ in range(100)}
    assert not any(template.split()[0] in verb for template in UNSEEN for concept in CONCEPTS for verb in concept.verbs)


@pytest.mark.parametrize("task", GOALS)
def test_prompts_name_their_goals(task):
    prompt = FACTS["lsimagine"][task]["prompt"]
    assert NAMES[concept_of(prompt)] == GOALS[task]
    assert words(prompt)


def test_oracle_marks_the_goals_pixels(photographer):
    taken = None
    while taken is None:
        taken = photographer.look_at("sheep")
    painter = photographer.env.painter
    info = {"segmentation": painter.segmentation()}
    shown = SegmentationOracle()(info, "Obtain wool")
    np.testing.assert_array_equal(shown > 0, taken[1] == NAMES.index("sheep"))
    logits = SegmentationOracle().logits(info, ["Obtain wool", "Find a cactus"])
    assert logits[0] > logits[1]
    with pytest.raises(ValueError, match="segmentation=True"):
        SegmentationOracle()({}, "Obtain wool")
    with pytest.raises(ValueError, match="names one of"):
        SegmentationOracle()(info, "Sing a song")


def test_pictures_are_decided_by_the_seed():
    one, other = Photographer(5), Photographer(5)
    for _ in range(3):
        for a, b in zip(one.anywhere(), other.anywhere()):
            np.testing.assert_array_equal(a, b)


def test_unknown_task_is_refused():
    with pytest.raises(ValueError, match="Expected a task of"):
        chain("harvest_gold")


def test_nothing_heavy_is_loaded_at_import():
    code = "import sys, papergym.wrappers.vision; print(any(m in sys.modules for m in ('torch', 'torchvision', 'open_clip')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
