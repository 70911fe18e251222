"""Virtual exploration, Gaussian score, jump flag and closer view against naive float64 code; bad input."""

import pickle

import cv2
import numpy as np
import pytest
from scipy.stats import kurtosis

from papergym.wrappers.vision.affordance import ZoomAffordance, blur_kernel, boxes
from papergym.wrappers.vision.gaussian import gaussian, gaussian_score
from papergym.wrappers.vision.jump import JumpFlag, probability, zoom_box, zoomed
from papergym.wrappers.vision.observation import hud_mask


class Brightness:
    """A scorer that needs no weights: a frame's feature is its mean of each channel, a text asks for one channel."""

    feature_size, calibration, image_size, crop_size = 3, (0.05, 20.0), None, (20, 32)

    def encode_frames(self, frames):
        return (frames.mean((2, 3)) - 100.0).astype(np.float32)

    def encode_texts(self, texts):
        return np.stack([np.eye(3, dtype=np.float32)["rgb".index(text[0])] for text in texts])

    def logits(self, features, texts):
        return (features[:, -4:].mean(1) @ texts.T).astype(np.float32)


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (8, 12, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(small, (256, 160), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1))


def naive_map(frame, channel, divide, first=0):
    """One map, one box and one crop at a time."""
    _, height, width = frame.shape
    h, w = int(0.15 * height), int(0.15 * width)
    total, count = np.zeros((height, width)), np.zeros((height, width))
    picture = np.ascontiguousarray(frame.transpose(1, 2, 0))
    for row in range(9):
        for column in range(9):
            top, left = row * ((height - h) // 8), column * ((width - w) // 8)
            bottom, right = (height if row == 8 else top + h), (width if column == 8 else left + w)
            features, rectangles = [], []
            for i in range(16):
                y0, x0 = int(top * i / 15), int(left * i / 15)
                y1, x1 = height - int((height - bottom) * i / 15), width - int((width - right) * i / 15)
                way = cv2.INTER_AREA if y1 - y0 > 20 else cv2.INTER_LINEAR
                features.append(cv2.resize(picture[y0:y1, x0:x1], (32, 20), interpolation=way)[..., channel].mean() - 100.0)
                rectangles.append((y0, x0, y1, x1))
            features = features[first : first + 1] * first + features[first:]
            logit = np.mean(np.float32(features[-4:]))
            for i in range(16):
                if i * i > 150:
                    y0, x0, y1, x1 = rectangles[i]
                    total[y0:y1, x0:x1] += logit
                    count[y0:y1, x0:x1] += 1 if divide == "count" else float(logit > 0)
    if divide == "published":
        mean = total / (0.1 + count)
    else:
        mean = np.where(count > 0, total / np.maximum(count, 1), (total / np.maximum(count, 1))[count > 0].min())
    x = cv2.GaussianBlur(mean, (37, 23), 0)
    return 1 / (1 + np.exp(-0.05 * (x - 20.0)))


@pytest.mark.parametrize("divide", ["published", "count"])
@pytest.mark.parametrize(("frames", "first"), [("all", 0), ("late", 13)])
def test_virtual_exploration_equals_naive_code(frame, divide, frames, first):
    found = ZoomAffordance(Brightness(), divide=divide, frames=frames)(frame[None], ["red", "blue"])
    assert found.shape == (1, 2, 160, 256) and found.dtype == np.float32
    for number, channel in enumerate((0, 2)):
        np.testing.assert_allclose(found[0, number], naive_map(frame, channel, divide, first), atol=2e-4)


def test_boxes_are_the_published_ones():
    found = boxes(160, 256)
    assert found.shape == (81, 16, 4) and (found[:, 0] == [0, 0, 160, 256]).all()
    assert found[0, 15].tolist() == [0, 0, 24, 38] and found[80, 15].tolist() == [136, 216, 160, 256]
    assert found[10, 15].tolist() == [17, 27, 41, 65] and blur_kernel(160, 256) == (37, 23)
    assert len(np.unique(found.reshape(-1, 4), axis=0)) == 1296 - 80


def test_a_batch_equals_single_frames(frame):
    zoom, other = ZoomAffordance(Brightness()), frame[:, ::-1].copy()
    both = zoom(np.stack([frame, other]), "green")
    np.testing.assert_array_equal(both[1], zoom(other[None], "green")[0])


def test_published_division_dims_a_constant_and_count_does_not():
    zoom, logits = ZoomAffordance(Brightness(), calibration=(1.0, 10.0)), np.full((81, 1), 10.0, np.float32)
    inside = np.s_[:, 20:140, 40:200]
    published, honest = zoom.paint(logits, 160, 256), ZoomAffordance(
        Brightness(), divide="count", calibration=(1.0, 10.0)).paint(logits, 160, 256)  # fmt: skip
    assert (published[inside] < 0.5).all() and published[inside].min() > 1 / (1 + np.exp(0.35))
    np.testing.assert_allclose(honest, 0.5, atol=1e-6)


def naive_gaussian(heat):
    height, width = heat.shape
    total = norm = 0.0
    for row in range(height):
        for column in range(width):
            y = -height // 2 + row * (height // 2 - (-height // 2)) / (height - 1)
            x = -width // 2 + column * (width // 2 - (-width // 2)) / (width - 1)
            weight = np.exp(-(x**2) / (2 * (width / 2) ** 2) - y**2 / (2 * (height / 2) ** 2))
            total, norm = total + weight * heat[row, column], norm + weight
    return total / norm


def test_gaussian_score_equals_naive_code():
    heat = np.random.default_rng(1).random((2, 40, 64))
    np.testing.assert_allclose(gaussian_score(heat), [naive_gaussian(h) for h in heat], rtol=1e-12)
    np.testing.assert_allclose(gaussian_score(np.full((1, 160, 256), 0.3)), 0.3)


def peak(y, x, size=6.0, height=0.9):
    rows, columns = np.mgrid[:160, :256]
    return (0.05 + height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * (4 * size) ** 2))).astype(np.float32)


@pytest.mark.parametrize(("variant", "fisher"), [("official", True), ("paper", False)])
def test_probability_equals_scipy(variant, fisher):
    maps = np.stack([peak(40, 60), peak(100, 200, 12), np.random.default_rng(2).random((160, 256)).astype(np.float32)])
    k = kurtosis(maps.reshape(3, -1).astype(np.float64), axis=1, fisher=fisher)
    wide = maps.astype(np.float64)
    expected = 1 / (1 + np.exp(-k)) * (wide.max((1, 2)) - wide.mean((1, 2)))
    np.testing.assert_allclose(probability(maps, variant), expected, rtol=1e-9)


def test_threshold_equals_mean_plus_deviation_of_everything_seen():
    rng, flag, seen = np.random.default_rng(3), JumpFlag(), []
    for _ in range(30):
        heat = peak(*rng.integers((20, 20), (140, 230)), height=rng.random())[None]
        step = flag(np.zeros((1, 3, 160, 256), np.uint8), heat, lambda views: np.zeros((len(views), 160, 256)))[0]
        seen.append(probability(heat)[0])
        assert step.threshold == pytest.approx(np.mean(seen) + np.std(seen), rel=1e-9)
        assert (step.box is not None) <= (step.probability > step.threshold)


def test_first_step_and_flat_maps_never_jump():
    flag, frames = JumpFlag(), np.zeros((1, 3, 160, 256), np.uint8)
    assert flag(frames, peak(80, 128)[None], lambda v: np.ones((len(v), 160, 256)))[0].box is None
    for _ in range(3):
        flat = flag(frames, np.full((1, 160, 256), 0.4, np.float32), lambda v: np.ones((len(v), 160, 256)))[0]
        assert flat.probability == 0.0 and not flat.jump and np.isfinite(flat.threshold)
    after = flag(frames, peak(80, 128)[None], lambda v: np.ones((len(v), 160, 256)))[0]
    assert after.box is not None and after.is_zoomed and after.jump


def test_jump_needs_a_better_view_and_a_central_peak():
    frames = np.zeros((1, 3, 160, 256), np.uint8)
    for place, view, expected in (
        ((80, 128), 1.0, (True, True)),
        ((80, 128), 0.0, (False, False)),
        ((12, 20), 1.0, (True, False)),
    ):
        flag = JumpFlag()
        for _ in range(5):
            flag(frames, np.full((1, 160, 256), 0.05, np.float32), lambda v: np.zeros((len(v), 160, 256)))
        step = flag(frames, peak(*place)[None], lambda v, value=view: np.full((len(v), 160, 256), value))[0]
        assert (step.is_zoomed, step.jump) == expected


def naive_zoom(heat):
    """The official steps with a sum over every window."""
    height, width = heat.shape
    weight = gaussian(height, width)
    binary = (heat > (heat.max() + heat.min()) / 2 + heat.std()).astype(np.uint8)
    binary = cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((10, 16), np.uint8))
    number, labels = cv2.connectedComponents(binary)
    means = [heat[labels == i].astype(np.float64).mean() for i in range(1, number)]
    best = 1 + int(np.argmax(means))
    contour = cv2.findContours((labels == best).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0][0]
    m = cv2.moments(contour)
    centre = weight[int(m["m01"] / m["m00"]), int(m["m10"] / m["m00"])]
    edge = np.sqrt(np.clip((labels == best).mean() / centre, 0.01, 1))
    h, w = int(edge * height), int(edge * width)
    sums = np.array(
        [[heat[y : y + h, x : x + w].astype(np.float64).sum() for x in range(width - w + 1)] for y in range(height - h + 1)]
    )
    top, left = np.unravel_index(sums.argmax(), sums.shape)
    return (top, left, top + h, left + w)


@pytest.mark.parametrize("places", [((50, 80),), ((110, 190), (40, 60)), ((80, 128), (30, 220))])
def test_zoom_box_equals_naive_code(places):
    heat = np.maximum.reduce([peak(y, x, 6 - 2 * i, 0.9 - 0.05 * i) for i, (y, x) in enumerate(places)])
    box, _ = zoom_box(heat)
    assert box == naive_zoom(heat)


def test_zoomed_view_is_the_bilinear_enlargement(frame):
    view = zoomed(frame, (40, 64, 120, 192))
    assert view.shape == frame.shape
    rows, columns = np.clip((np.arange(160) + 0.5) / 2 - 0.5, 0, 79), np.clip((np.arange(256) + 0.5) / 2 - 0.5, 0, 127)
    part, r, c = frame[:, 40:120, 64:192].astype(np.float64), rows.astype(int), columns.astype(int)
    r1, c1, fr, fc = np.minimum(r + 1, 79), np.minimum(c + 1, 127), (rows - r)[:, None], columns - c
    upper = part[:, r][:, :, c] * (1 - fc) + part[:, r][:, :, c1] * fc
    lower = part[:, r1][:, :, c] * (1 - fc) + part[:, r1][:, :, c1] * fc
    assert np.abs(view - (upper * (1 - fr) + lower * fr)).max() <= 1.0


def test_flag_state_round_trip_gives_the_same_values():
    rng, frames = np.random.default_rng(4), np.zeros((3, 3, 160, 256), np.uint8)
    maps = [np.stack([peak(*rng.integers((20, 20), (140, 230)), height=rng.random()) for _ in range(3)]) for _ in range(12)]
    one, other = JumpFlag(), JumpFlag()
    for heat in maps[:6]:
        one(frames, heat, lambda v: v.mean(1) / 255)
    other.load_state_dict(one.state_dict())
    for heat in maps[6:]:
        for a, b in zip(*(flag(frames, heat, lambda v: v.mean(1) / 255) for flag in (one, other))):
            assert (a.probability, a.threshold, a.score, a.box, a.jump) == (b.probability, b.threshold, b.score, b.box, b.jump)
    with pytest.raises(ValueError, match="same settings"):
        JumpFlag("paper").load_state_dict(one.state_dict())


def damaged_flag_states():
    good = JumpFlag()
    good(np.zeros((2, 3, 160, 256), np.uint8), np.stack([peak(80, 128), peak(30, 30, 9, 0.3)]), lambda v: v.mean(1) / 255)
    yield from (None, 3, "state", [], {}, {"variant": "official"})
    for part in ("probabilities", "scores"):
        for name in ("count", "mean", "squares"):
            for value in (None, "x", np.full(2, np.nan), np.zeros(3), -np.ones(2), np.zeros((2, 2))):
                if name == "mean" and isinstance(value, np.ndarray) and value.shape == (2,) and np.isfinite(value).all():
                    continue  # a mean may be negative
                state = good.state_dict()
                yield {**state, part: {**state[part], name: value}}


@pytest.mark.parametrize("number", range(len(list(damaged_flag_states()))))
def test_a_damaged_flag_state_is_refused_and_changes_nothing(number):
    flag = JumpFlag()
    flag(np.zeros((1, 3, 160, 256), np.uint8), peak(80, 128)[None], lambda v: v.mean(1) / 255)
    before = pickle.dumps(flag.state_dict())
    with pytest.raises(ValueError, match=r"state"):
        flag.load_state_dict(list(damaged_flag_states())[number])
    assert pickle.dumps(flag.state_dict()) == before


def test_slots_keep_their_own_statistics():
    frames, maps = np.zeros((2, 3, 160, 256), np.uint8), np.stack([peak(80, 128), peak(30, 30, 9, 0.3)])
    together, alone = JumpFlag(), JumpFlag()
    for _ in range(3):
        both = together(frames, maps, lambda v: np.zeros((len(v), 160, 256)))
        single = alone(frames[1:], maps[1:], lambda v: np.zeros((len(v), 160, 256)))
    assert both[1].threshold == single[0].threshold != both[0].threshold


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_not_finite_are_refused(value):
    heat = np.full((1, 160, 256), value, np.float32)
    for call in (gaussian_score, probability, lambda m: JumpFlag()(np.zeros((1, 3, 160, 256), np.uint8), m, lambda v: v)):
        with pytest.raises(ValueError, match="NaN"):
            call(heat)


def test_bad_arguments_are_refused(frame):
    for arguments in ({"divide": "area"}, {"frames": "some"}):
        with pytest.raises(ValueError, match=f"{next(iter(arguments))} is one of"):
            ZoomAffordance(Brightness(), **arguments)
    for bad in (frame, frame[None].astype(np.float32), frame.transpose(1, 2, 0)[None], np.zeros((0, 3, 160, 256), np.uint8)):
        with pytest.raises(ValueError, match="Expected frames"):
            ZoomAffordance(Brightness())(bad, "red")
    with pytest.raises(ValueError, match="at least 10x10"):
        boxes(8, 8)
    with pytest.raises(ValueError, match="variant"):
        JumpFlag("theirs")


def test_hud_mask_lies_in_the_published_bounds():
    mask = hud_mask(160, 256)
    assert not mask[:81].any() and not mask[:, :35].any() and 0.15 < mask.mean() < 0.3
