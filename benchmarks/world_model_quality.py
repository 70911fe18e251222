"""Is the world model of an LS-Imagine run right? It is asked about episodes in worlds that it has not seen.

    python benchmarks/world_model_quality.py RUN --record      # a run's finished policy, or its newest checkpoint
    python benchmarks/world_model_quality.py --train 100000    # trains preset `cpu` first; a run that was stopped goes on

Half of the 200 episodes are played at random, half by the task's scripted player, whose action is replaced by a random one in
40 % of the steps: it meets more goals. The jump flag goes on from its statistics of training, as in the run's own tests. Each
episode is kept in a file, and a run that was stopped goes on behind the last one. Asked is

- 15 steps ahead, of every 15th step, with the actions that were taken and without a look: the squared error of a pixel (0 to
  1), beside that of the last image seen and that of the mean image of all these episodes;
- the probability that a step that was paid, an end, a flag is predicted higher than another step (AUC), of states that
  have seen their image;
- for 500 steps with a closer view, whether what the model expects behind a jump is nearer to it than to nine views of other
  episodes, as 16x16 pixels. The image before the jump is judged likewise, which the jump has to beat, and the view itself,
  seen and decoded by the model, which no jump can beat.

Intervals are of 95 %: Wilson's for shares, else of 500 draws of whole episodes.

Long because episodes are played, judged and put into a table here, too.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from scipy.stats import binomtest, rankdata
from torch.nn import functional as F

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.dreamerv3.rssm import Latent
from papergym.agents.lsimagine.policy import VIEWS, LSImaginePolicy
from papergym.agents.lsimagine.score import keep_flag
from papergym.agents.lsimagine.world_model import LongWorldModel
from papergym.agents.nets.symlog import two_hot_mean
from papergym.agents.reproduction.published import markdown_table
from papergym.agents.reproduction.results import append_row, read_rows, results_path
from papergym.agents.run import main as papergym
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.load import load_run
from papergym.envs.mine.players.scripts import script
from papergym.wrappers.mine import ACTIONS

NAME, KIND = "lsimagine-world-model", "world-model-quality"
SEED, HORIZON, OTHERS, SIDE, DRAWS, RANDOM = 7_000_000, 15, 9, 16, 500, 0.4
PAGE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "lsimagine" / "world-model.md"
CLOSER = tuple(VIEWS.values())
HEADS, GUESSES = ("reward", "end", "flag"), ("model", "copy", "mean")
Arrays = dict[str, np.ndarray]


def play(env: Any, number: int) -> Arrays:
    """An episode: the parts of each observation, closer views where there are some, and the action after it."""
    seed, rng = SEED + number, np.random.default_rng(number)
    observation, _ = env.reset(seed=seed)
    scripted = script(env.unwrapped.spec.kwargs["task_id"], env.unwrapped.world, seed) if number % 2 else None
    steps: dict[str, list[Any]] = {name: [] for name in ("image", "affordance", "jump", "reward", "action", "view", *CLOSER)}
    reward, over, terminated = 0.0, False, False
    while True:
        for name in ("image", "affordance", "jump"):
            steps[name].append(observation[name])
        if observation["is_zoomed"]:
            steps["view"].append(len(steps["image"]) - 1)
            for name in CLOSER:
                steps[name].append(observation[name])
        chosen = scripted.act() if scripted and rng.random() >= RANDOM else None
        action = ACTIONS.index(chosen) if chosen else int(rng.integers(len(ACTIONS)))
        steps["reward"].append(reward)
        steps["action"].append(action)
        if over:
            arrays = {name: np.array(values) for name, values in steps.items()}
            shapes = {name: (len(steps["view"]), *observation[name].shape) for name in CLOSER}  # lost where there is no view
            closer = {name: arrays[name].reshape(shape).astype(np.uint8) for name, shape in shapes.items()}
            return {**arrays, **closer, "end": np.array(terminated)}
        observation, reward, terminated, truncated, _ = env.step(action)
        over = terminated or truncated


def check(plan: Any) -> None:
    """Raise SystemExit for a run about which nothing can be asked."""
    if plan.config.baseline:
        raise SystemExit("the run is of the baseline, which has no jumps: expected one of LS-Imagine.")
    affordance = plan.env_kwargs.get("affordance")
    if isinstance(affordance, dict) and affordance.get("observe_reward"):
        raise SystemExit("the run's agent sees the last reward, which the episodes do not hold: expected observe_reward=false.")


def episodes(plan: Any, learner: Any, folder: Path, count: int) -> Iterator[Arrays]:
    """Play what the folder lacks and return all.

    Args:
        plan: of the run.
        learner: of the run; the flag begins as in its tests, and its statistics run on from one episode to the next.
        folder: of the episodes.
        count: how many.

    Raises:
        SystemExit: the folder holds episodes of another environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about, world = folder / "environment.json", json.dumps({"env": plan.run.env, **plan.env_kwargs}, sort_keys=True)
    if about.is_file() and about.read_text(encoding="utf-8") != world:
        raise SystemExit(
            f"{folder} holds episodes of {about.read_text(encoding='utf-8')}, the run has {world}. Give another --data."
        )
    about.write_text(world, encoding="utf-8")
    env, before = None, None
    for number in track(range(count), "episodes"):
        file = folder / f"{number:04}.safetensors"
        if not file.is_file():
            if env is None:
                env = make_env(plan.run.env, plan.env_kwargs)
                keep_flag(plan, learner, env)
            if before:
                env.get_wrapper_attr("parts").load_state_dict(before)
            episode = play(env, number)
            save_state(file, {"episode": episode, "flag": env.get_wrapper_attr("parts").state_dict()}, kind=KIND)
        state = load_state(file, kind=KIND)
        before = state["flag"]
        yield state["episode"]


def look_ahead(
    world: LongWorldModel, latent: Latent, actions: torch.Tensor, images: torch.Tensor, mean: torch.Tensor
) -> Arrays:
    """Squared errors ``(starts, HORIZON)`` of the model, of the last image seen and of the mean image."""
    starts = torch.arange(0, max(len(images) - HORIZON, 0), HORIZON)
    state = Latent(*(part[starts] for part in latent))
    errors: dict[str, list[torch.Tensor]] = {name: [] for name in GUESSES}
    for step in range(HORIZON if len(starts) else 0):
        state = world.rssm.imagine_step(state, actions[starts + step])
        seen = images[starts + step + 1]
        guesses = {"model": decoded(world, state), "copy": images[starts], "mean": mean[None]}
        for name, guess in guesses.items():
            errors[name].append((guess - seen).square().flatten(1).mean(1))
    return {name: torch.stack(found, 1).numpy() for name, found in errors.items() if found}


def decoded(world: LongWorldModel, latent: Latent) -> torch.Tensor:
    """Images ``(n, 3, H, W)`` between 0 and 1 that the model expects in states ``(n, ...)``."""
    return world.decoder.predict(latent)["image"].clamp(0, 1)


@torch.no_grad()
def judge(policy: LSImaginePolicy, episode: Arrays, mean: torch.Tensor) -> Arrays:
    """What the model says of an episode, and what was so; a key is missing where the episode has nothing of it."""
    world, length = policy.world, len(episode["image"])
    observation = {name: torch.as_tensor(episode[name])[:, None] for name in ("image", "affordance")}
    actions = F.one_hot(torch.as_tensor(episode["action"]), policy.actions.width).float()
    first = torch.zeros(length, 1)
    first[0] = 1
    batch = {"first": first, "previous_action": torch.cat([torch.zeros_like(actions[:1]), actions[:-1]])[:, None]}
    latent = world.observe(world.rssm.initial(1), batch, observation).latent.flatten()
    features, images = latent.features(), observation["image"][:, 0].float() / 255
    end = np.zeros(length, bool)
    end[-1] = episode["end"]
    found = {
        "reward": episode["reward"] > 0,
        "end": end,
        "flag": episode["jump"].astype(bool),
        "said/reward": two_hot_mean(world.reward(features), world.bins).numpy(),
        "said/end": 1 - world.predict_continuation(features).numpy() / world.discount,
        "said/flag": world.predict_jump(features).numpy(),
    }
    found |= look_ahead(world, latent, actions, images, mean)
    if not len(episode["view"]):
        return found
    before = Latent(*(part[episode["view"]] for part in latent))
    landing = world.rssm.imagine_step(before, world.rssm.jump(len(before.deter)))
    views = {part: torch.as_tensor(episode[name]) for part, name in VIEWS.items()}
    seen = world.observe_jumps(before, views).latent.flatten()
    pictures = {"behind": decoded(world, landing), "seen": decoded(world, seen)}
    pictures |= {"view": views["image"].float() / 255, "here": images[episode["view"]]}
    return found | {name: F.adaptive_avg_pool2d(picture, SIDE).numpy() for name, picture in pictures.items()}


def auc(truth: np.ndarray, said: np.ndarray) -> float:
    """Probability that a true one is said to be likelier than a false one; NaN where there is one class."""
    true = int(truth.sum())
    false = len(truth) - true
    return float((rankdata(said)[truth].sum() - true * (true + 1) / 2) / (true * false)) if true and false else float("nan")


def interval(found: list[Arrays], value: Callable[[list[Arrays]], float]) -> tuple[float, float, float]:
    """``value`` of all episodes, and the ends of its interval over draws of episodes."""
    rng = np.random.default_rng(0)
    drawn = [value([found[place] for place in rng.integers(len(found), size=len(found))]) for _ in range(DRAWS)]
    low, high = np.nanquantile(drawn, (0.025, 0.975)) if np.isfinite(drawn).any() else (float("nan"), float("nan"))
    return value(found), float(low), float(high)


def columns(name: str, values: Iterable[float]) -> dict[str, float]:
    """A value and the ends of its interval as columns of the table."""
    return {f"{name}{ending}": float(f"{value:.4g}") for ending, value in zip(("", "_low", "_high"), values)}


def errors_ahead(found: list[Arrays]) -> dict[str, Any]:
    """Errors over all 15 steps and at the last one, and by how much the model's are below the others'."""
    ahead = [judged for judged in found if "model" in judged]
    row: dict[str, Any] = {"rollouts": sum(len(judged["model"]) for judged in ahead)}
    for ending, part in (("", slice(None)), ("_last_step", slice(-1, None))):
        errors = [{name: judged[name][:, part] for name in GUESSES} for judged in ahead]
        for name in GUESSES:
            row |= columns(f"{name}_error{ending}", interval(errors, partial(mean_of, name=name)))
        for name in GUESSES[1:]:
            row |= columns(f"below_{name}{ending}", interval(errors, partial(mean_of, name=name, less="model")))
    return row


def mean_of(found: list[Arrays], name: str, less: str = "") -> float:
    """Mean of an entry over episodes, ``less`` that of another one."""
    return float(np.concatenate([one[name].ravel() - (one[less].ravel() if less else 0.0) for one in found]).mean())


def pooled_auc(found: list[Arrays], head: str) -> float:
    """Of the steps of all episodes."""
    return auc(*(np.concatenate([judged[key] for judged in found]) for key in (head, f"said/{head}")))


def heads(found: list[Arrays]) -> dict[str, Any]:
    """AUC of each head, and how the flag's probabilities lie about the threshold of a jump."""
    row: dict[str, Any] = {"steps_judged": sum(len(judged["flag"]) for judged in found)}
    for head in HEADS:
        row[f"{head}_count"] = int(sum(judged[head].sum() for judged in found))
        row |= columns(f"{head}_auc", interval(found, partial(pooled_auc, head=head)))
    said, flag = (np.concatenate([judged[key] for judged in found]) for key in ("said/flag", "flag"))
    row |= {"flag_said_likely": int((said > 0.5).sum()), "flag_said_rightly": int(flag[said > 0.5].sum())}
    means = {"flag_mean_said": said, "flag_mean_said_where_set": said[flag]}
    return row | {name: float(f"{values.mean():.4g}") for name, values in means.items()}


def nearest(found: list[Arrays], count: int, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Of ``count`` views, whether the step's images ``names`` are nearer to their own view than to those of others; bool."""
    held = [(number, place) for number, judged in enumerate(found) for place in range(len(judged.get("view", ())))]
    rng = np.random.default_rng(0)
    hits: dict[str, list[bool]] = {name: [] for name in names}
    for number, place in (held[place] for place in rng.permutation(len(held))[:count]):
        strangers = [other for other in held if other[0] != number]
        drawn = [strangers[other] for other in rng.choice(len(strangers), OTHERS, replace=False)]
        views = np.array([found[episode]["view"][view] for episode, view in ((number, place), *drawn)])
        for name, of in hits.items():
            errors = np.square(views - found[number][name][place]).mean((1, 2, 3))
            of.append(errors[0] < errors[1:].min())
    return {name: np.array(of) for name, of in hits.items()}


def jumps_of(found: list[Arrays], count: int) -> dict[str, Any]:
    """Percent of the jumps, of the images before them and of the decoded views, that are nearest to their own view."""
    row: dict[str, Any] = {}
    asked = {"behind": "jump_nearest", "here": "before_jump_nearest", "seen": "seen_view_nearest"}
    for name, hits in nearest(found, count, asked).items():
        interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
        row |= {"jumps": len(hits), **columns(asked[name], (100 * hits.mean(), 100 * interval.low, 100 * interval.high))}
    return row


def table(rows: list[dict[str, str]]) -> str:
    """Markdown of the page."""

    def cell(row: dict[str, str], name: str) -> str:
        value, low, high = (row.get(f"{name}{ending}") for ending in ("", "_low", "_high"))
        return f"{float(value):.3g} ({float(low):.3g} to {float(high):.3g})" if value and low and high else ""

    lines = [
        ("error of 15 steps ahead", "model_error"),
        ("error of the last image seen", "copy_error"),
        ("error of the mean image", "mean_error"),
        ("reward, AUC", "reward_auc"),
        ("end, AUC", "end_auc"),
        ("flag, AUC", "flag_auc"),
        ("jump nearest to its own view, %", "jump_nearest"),
        ("image before the jump nearest, %", "before_jump_nearest"),
        ("view seen and decoded nearest, %", "seen_view_nearest"),
    ]
    head = ["frames of training", *(f"{int(row['frames']):,}" for row in rows)]
    body = [
        *([name, *(row[name] for row in rows)] for name in ("updates", "episodes")),
        *([text, *(cell(row, name) for row in rows)] for text, name in lines),
    ]
    return markdown_table(head, body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, default=Path("runs/world-model-quality"), help="folder of the run")
    parser.add_argument("--train", type=int, default=0, metavar="STEPS", help="train the run first, with preset cpu")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--jumps", type=int, default=500)
    parser.add_argument("--data", type=Path, help="folder of the episodes (default: world-model-episodes in the run's)")
    parser.add_argument("--record", action="store_true", help=f"add a row to assets/results/{NAME}.csv, and write {PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.train:
        begun = (options.run / "config.toml").is_file()
        fresh = ["lsimagine", "--preset", "cpu", "--steps", str(options.train), "--run-folder", str(options.run)]
        if papergym(["train", *([str(options.run), "--resume"] if begun else fresh)]):
            raise SystemExit(1)
    plan, learner, _ = load_run(options.run, device="cpu")
    check(plan)
    played = list(episodes(plan, learner, options.data or options.run / "world-model-episodes", options.episodes))
    mean = torch.as_tensor(np.mean([episode["image"].mean(0) for episode in played], 0) / 255).float()
    torch.manual_seed(0)
    policy = learner.model.policy  # pyright: ignore[reportAttributeAccessIssue]
    found = [judge(policy, episode, mean) for episode in track(played, "judging")]
    row = {
        "trial": f"{plan.run.env}-{plan.config.size}-s{plan.run.seed}-{learner.done}",
        "frames": learner.done * plan.env_kwargs.get("repeat", 1),
        "updates": learner.model._n_updates,  # pyright: ignore[reportAttributeAccessIssue]
        "episodes": len(played),
        **errors_ahead(found),
        **heads(found),
        **jumps_of(found, options.jumps),
    }
    print("\n".join(f"{name} {value}" for name, value in row.items()))
    if options.record:
        path = results_path(NAME)
        row |= row_provenance() | {"command": "python benchmarks/world_model_quality.py RUN --record"}
        append_row(path, row, replace=True)
        replace_text(PAGE, table(read_rows(path)))


if __name__ == "__main__":
    main()
