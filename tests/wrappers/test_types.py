"""What a type checker in strict mode and an editor know of the wrappers."""

import inspect
import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import papergym
from papergym import wrappers
from papergym.wrappers.intrinsic import make_bonus

SCRIPT = """
import gymnasium as gym
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.env_util import make_vec_env
import papergym
from papergym.wrappers import ActionRepeat, FrameStack, NoveltyReward, RNDReward
from papergym.wrappers.intrinsic import KNNNovelty

frames = FrameStack(ActionRepeat(gym.make("CarRacing-v3"), repeat=2), num_stack=3)
one = NoveltyReward(frames, k=3, memory="ring", weight=0.1)
many = RNDReward(SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2), lr=1e-3, normalize=False)
venv = papergym.wrappers.add_intrinsic_reward(make_vec_env("CartPole-v1"), KNNNovelty(k=3), mix="replace")
observation, info = one.reset(seed=0)
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Runs pyright in strict mode on a script; what it says, as (severity, line, message)."""
    if shutil.which("pyright", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("pyright is not installed")

    def run(script):
        folder = tmp_path_factory.mktemp("user")
        source = str(Path(papergym.__file__).parents[1])
        config = {"typeCheckingMode": "strict", "extraPaths": [source], "include": ["script.py"]}
        (folder / "pyrightconfig.json").write_text(json.dumps(config))
        (folder / "script.py").write_text(script)
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
        found = json.loads(result.stdout)
        assert found["summary"]["filesAnalyzed"] == 1, result.stdout
        return [(m["severity"], m["range"]["start"]["line"] + 1, m["message"]) for m in found["generalDiagnostics"]]

    return run


def test_a_users_script_is_typed_in_strict_mode(check):
    shown = ("frames", "one", "one.step", "many.mode", "venv.step_wait", "venv.bonus", "observation", "NoveltyReward")
    found = check(SCRIPT + "\n".join(f"reveal_type({name})" for name in shown))
    assert [entry for entry in found if entry[0] != "information"] == []
    types = {name: message.split(" is ", 1)[1].strip('"') for name, (*_, message) in zip(shown, found, strict=True)}
    assert types["frames"] == "FrameStack[Any]" and types["one"].startswith("IntrinsicReward[ndarray[")
    assert types["one.step"].startswith("(action: Any) -> tuple[ndarray[") and types["observation"].startswith("ndarray[")
    assert types["many.mode"] == "AutoresetMode" and types["venv.step_wait"].startswith("() -> ")
    assert (
        types["venv.bonus"] == "Bonus" and "k: int = 3, memory: Literal['ring', 'batch', 'episodic']" in types["NoveltyReward"]
    )


WRONG = {
    "NoveltyReward(frames, neighbours=3)": "No overloads",
    'NoveltyReward(frames, k="three")': '"k"',
    'NoveltyReward(frames, memory="list")': '"memory"',
    "RNDReward(frames, k=3)": "No overloads",
    "FrameStack(frames, stack=3)": 'No parameter named "stack"',
    'papergym.wrappers.add_intrinsic_reward(frames, "RND", mix="both")': '"mix"',
    "KNNNovelty(neighbours=3)": 'No parameter named "neighbours"',
    "papergym.wrappers.Noveltyreward": "Noveltyreward",
}
"""Call -> what the checker complains of."""


def test_wrong_arguments_and_names_are_errors(check):
    found = check(SCRIPT + "\n".join(f"print({call})" for call in WRONG))
    for line, (call, complaint) in enumerate(WRONG.items(), start=SCRIPT.count("\n") + 1):
        errors = [message for severity, place, message in found if severity == "error" and place == line]
        assert any(complaint in message for message in errors), (call, errors)


def test_every_public_name_has_a_type(check):
    """The names that load when first used are those that a type checker sees, each with a type."""
    rooms = (wrappers, wrappers.vector, wrappers.sb3, wrappers.intrinsic)
    names = [f"{room.__name__}.{name}" for room in rooms for name in room.__all__]
    lines = ["import papergym.wrappers", *(f"reveal_type({name})" for name in names)]
    found = check("\n".join(lines))
    assert [entry for entry in found if entry[0] == "error"] == []
    types = {name: message for name, (_, _, message) in zip(names, found, strict=True)}
    assert {name: message for name, message in types.items() if message.endswith(('"Any"', '"Unknown"'))} == {}


SPELT = {
    "CountReward": "CountBonus",
    "DisagreementReward": "Disagreement",
    "E3BReward": "E3B",
    "EpisodicReward": "EpisodicNovelty",
    "ICMReward": "ICM",
    "NGUReward": "NGU",
    "NoveltyReward": "KNNNovelty",
    "PrototypeReward": "PrototypeNovelty",
    "PseudoCountReward": "PseudoCounts",
    "RE3Reward": "RE3",
    "RIDEReward": "RIDE",
    "RNDReward": "RND",
}


def test_these_are_all_the_functions_that_name_a_bonus():
    others = {
        "ActionRepeat",
        "AffordanceObservation",
        "AffordanceReward",
        "DmEnv",
        "FlattenDict",
        "FrameStack",
        "IntrinsicReward",
        "LSImagine",
        "LSImagineActions",
        "LSImagineObservation",
        "MineCLIPReward",
        "PreviousReward",
        "add_intrinsic_reward",
    }
    assert set(wrappers.__all__) == {*SPELT, *others}


@pytest.mark.parametrize("name", SPELT)
def test_defaults_and_arguments_are_those_of_the_bonus_and_of_the_wrapper(name):
    shown = {key: value for key, value in inspect.signature(getattr(wrappers, name)).parameters.items() if key != "env"}
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in shown.values())
    mixing = inspect.signature(wrappers.vector.IntrinsicReward).parameters
    of_wrapper = {key: mixing[key].default for key in ("weight", "mix", "decay", "normalize", "autoreset_mode")}
    of_bonus = {field.name: field.default for field in fields(make_bonus(SPELT[name]))}
    assert {key: parameter.default for key, parameter in shown.items()} == {**of_bonus, **of_wrapper}
    text = inspect.getdoc(getattr(wrappers, name)) or ""
    assert all(f"\n    {key}: " in text for key in ("env", *shown))
