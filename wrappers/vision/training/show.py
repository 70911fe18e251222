"""One picture of a task with everything that is drawn from it: maps, Gaussian, closer view, scores."""

from pathlib import Path

import numpy as np

from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.vision.affordance import ZoomAffordance
from papergym.wrappers.vision.concepts import GOALS, NAMES
from papergym.wrappers.vision.gaussian import gaussian, gaussian_score
from papergym.wrappers.vision.jump import probability, zoom_box, zoomed
from papergym.wrappers.vision.scorer import FRAMES
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.pictures import Photographer
from papergym.wrappers.vision.unet import AffordanceUNet


def find(task: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture that shows the task's goal, and the (H, W) bool pixels that do; the seed decides it."""
    photographer = Photographer(seed)
    while True:
        taken = photographer.look_at(GOALS[task])
        if taken is not None:
            return taken[0], taken[1] == NAMES.index(GOALS[task])
        photographer.new_world()


def draw(task: str, scorer: SmallScorer, unet: AffordanceUNet, output: Path, seed: int = 0) -> dict[str, float]:
    """Write six panels (frame, oracle, virtual exploration, U-Net, Gaussian, closer view) and return the scores.

    Args:
        task: one of LS-Imagine's five.
        scorer: for the score of the frame and for virtual exploration.
        unet: for the predicted map.
        output: file to write; its suffix says the kind.
        seed: decides the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    prompt = FACTS["lsimagine"][task]["prompt"]
    rgb, truth = find(task, seed)
    explored = ZoomAffordance(scorer, divide="count")(rgb[None], prompt)[0, 0]
    predicted = unet(rgb[None], prompt)[0, 0]
    box, central = zoom_box(predicted)
    view = rgb if box is None else zoomed(rgb, box)
    clips = np.repeat(scorer.encode_frames(np.stack([rgb, view]))[:, None], FRAMES, axis=1)
    logits = scorer.logits(clips, scorer.encode_texts([prompt]))[:, 0]
    scores = {
        "score": float(logits[0]),
        "score of the closer view": float(logits[1]),
        "Gaussian score": float(gaussian_score(predicted[None])[0]),
        "Gaussian score of the closer view": float(gaussian_score(unet(view[None], prompt)[0])[0]),
        "peakedness": float(probability(predicted[None])[0]),
        "peak near the middle": float(central),
    }
    panels = {"frame": rgb, "oracle": truth, "virtual exploration": explored, "U-Net": predicted,
              "U-Net times Gaussian": predicted * gaussian(*predicted.shape), "closer view": view}  # fmt: skip
    figure, axes = plt.subplots(2, 3, figsize=(10, 4.6), constrained_layout=True)
    for axis, (name, panel) in zip(axes.flat, panels.items()):
        axis.imshow(panel.transpose(1, 2, 0) if panel.ndim == 3 else panel, vmin=0, vmax=255 if panel.ndim == 3 else 1)
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()
        if box is not None and name == "U-Net":
            top, left, bottom, right = box
            axis.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="white"))
    figure.suptitle(f"{task}: {prompt!r}   score {scores['score']:.1f}, closer view {logits[1]:.1f}", fontsize=10)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=90)
    plt.close(figure)
    return scores
