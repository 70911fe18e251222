"""The adapter's own promises: seeding, state, pickle, errors, frames per second."""

import json
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.dmc import physics_state
from papergym.envs.dmc.env import DmControlEnv
from papergym.envs.dmc.load import suite
from papergym.envs.dmc.tasks import DEFAULT_TASK, TASKS
from papergym.envs.render.native import mujoco

CHANGING = [(domain, task) for domain, task in DEFAULT_TASK.items() if domain != "dog"]
CHANGING += [("quadruped", "escape"), ("finger", "turn_hard"), ("point_mass", "hard"), ("manipulator", "insert_peg")]


def rollout(env, steps, seed=None):
    env.action_space.seed(seed)
    trace = []
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        trace.append((observation.tobytes(), reward, terminated, truncated))
    return trace


def through_json(state):
    """What a checkpoint does to a state: arrays stay arrays, all else must be JSON."""
    if isinstance(state, dict):
        return {key: through_json(value) for key, value in state.items()}
    return state.copy() if isinstance(state, np.ndarray) else json.loads(json.dumps(state))


@pytest.mark.parametrize(("domain", "task"), CHANGING)
def test_state_continues_exactly_in_another_instance(domain, task):
    one, two = DmControlEnv(domain, task), DmControlEnv(domain, task)
    one.reset(seed=1)
    two.reset(seed=2)
    rollout(one, 10, seed=0)
    rollout(two, 3, seed=1)
    two.set_state(through_json(one.get_state()))
    assert rollout(one, 15, seed=3) == rollout(two, 15, seed=3)
    assert np.array_equal(one.reset()[0], two.reset()[0]), "the generators differ"
    assert rollout(one, 5, seed=3) == rollout(two, 5, seed=3)


def test_state_of_another_task_is_refused():
    one, two = DmControlEnv("walker", "walk"), DmControlEnv("cheetah", "run")
    one.reset()
    two.reset()
    with pytest.raises(ValueError, match="another task"):
        two.set_state(one.get_state())


@pytest.mark.parametrize(("domain", "task"), CHANGING)
def test_no_task_changes_a_model_array_that_the_state_leaves_out(domain, task):
    env = DmControlEnv(domain, task)

    def arrays():
        model = env.physics.model.ptr
        names = [name for name in dir(model) if not name.startswith("_") and name not in physics_state.MODEL_FIELDS]
        values = {name: getattr(model, name) for name in names}
        return {name: value.copy() for name, value in values.items() if isinstance(value, np.ndarray)}

    env.reset(seed=0)
    before = arrays()
    env.reset()
    rollout(env, 5)
    changed = [
        name for name, value in arrays().items() if not np.array_equal(value, before[name], equal_nan=value.dtype.kind == "f")
    ]
    assert changed == []


@pytest.mark.parametrize("obs_type", ["state", "pixels"])
def test_pickle_in_mid_episode(obs_type):
    env = gym.make("ProtoRL-CartpoleSwingup-v0", obs_type=obs_type, quality="fast", size_px=32)
    env.reset(seed=4)
    rollout(env, 5, seed=0)
    copy = pickle.loads(pickle.dumps(env))
    assert rollout(env, 10, seed=1) == rollout(copy, 10, seed=1)
    assert np.array_equal(env.reset()[0], copy.reset()[0]) and copy.spec == env.spec
    env.close()
    copy.close()


def test_a_new_generator_is_taken_up():
    one, two = DmControlEnv("walker", "walk"), DmControlEnv("walker", "walk")
    one.reset(seed=9)
    two.np_random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(9)))
    two.reset()
    one.reset(seed=9)
    assert np.array_equal(one.step(np.zeros(6, np.float32))[0], two.step(np.zeros(6, np.float32))[0])


def test_lqr_draws_its_model_from_the_seed():
    env, other = DmControlEnv("lqr", "lqr_6_2"), DmControlEnv("lqr", "lqr_6_2")
    env.reset(seed=1)
    stiffness = env.physics.model.jnt_stiffness.copy()
    other.reset(seed=1)
    assert np.array_equal(stiffness, other.physics.model.jnt_stiffness)
    other.reset(seed=2)
    assert not np.array_equal(stiffness, other.physics.model.jnt_stiffness)


def test_same_seed_same_frames_in_another_process():
    code = (
        "import gymnasium as gym, papergym, hashlib, numpy as np\n"
        "env = gym.make('papergym:ProtoRL-HopperHop-v0', size_px=48)\n"
        "digest = hashlib.md5(env.reset(seed=3)[0].tobytes())\n"
        "env.action_space.seed(3)\n"
        "for _ in range(10): digest.update(env.step(env.action_space.sample())[0].tobytes())\n"
        "print(digest.hexdigest())"
    )
    seen = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert len(seen) == 1 and len(seen.pop().strip()) == 32


def test_prefix_registers_and_import_loads_no_simulator():
    code = (
        "import papergym, sys; assert not {'mujoco', 'dm_control', 'torch', 'cv2'} & set(sys.modules)\n"
        "import gymnasium as gym; print(gym.make('papergym:ProtoRL-Walker-v0', obs_type='state').spec.id)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "ProtoRL-Walker-v0", out.stderr


@pytest.mark.parametrize(("domain", "fps"), [("cheetah", 100), ("walker", 40), ("humanoid", 40), ("fish", 25)])
def test_frames_per_second_belong_to_the_instance(domain, fps):
    env = DmControlEnv(domain, DEFAULT_TASK[domain])
    DmControlEnv("cheetah", "run")
    assert env.metadata["render_fps"] == fps
    chain = gym.make(f"ProtoRL-{domain.capitalize()}-v0", obs_type="state")
    assert chain.metadata["render_fps"] == max(1, round(fps / 2))


def test_native_action_bounds():
    """Quadruped's bounds are not symmetric: the ends of [-1, 1] are the ends of every actuator's range."""
    env = DmControlEnv("quadruped", "walk")
    env.reset(seed=0)
    spec = suite().load("quadruped", "walk").action_spec()
    for action, bound in ((1.0, spec.maximum), (-1.0, spec.minimum)):
        env.step(np.full(12, action, np.float32))
        assert np.allclose(env.physics.data.ctrl, bound, atol=1e-12)


BAD_ACTIONS = [
    (np.zeros(5, np.float32), ValueError, r"shape \(6,\); got \(5,\)"),
    (np.zeros((1, 6), np.float32), ValueError, "shape"),
    (np.zeros(6, int), TypeError, "astype"),
    (np.array(["a"] * 6), TypeError, "float32"),
    (None, TypeError, "float32"),
    (np.full(6, np.nan, np.float32), ValueError, "NaN"),
    (np.full(6, np.inf, np.float32), ValueError, "finite"),
]


@pytest.mark.parametrize(("action", "error", "words"), BAD_ACTIONS)
def test_a_bad_action_is_refused_and_changes_nothing(action, error, words):
    env = DmControlEnv("walker", "walk")
    env.reset(seed=0)
    before = env.get_state()["dm"]["integration"]
    with pytest.raises(error, match=words):
        env.step(action)
    assert np.array_equal(before, env.get_state()["dm"]["integration"])
    env.step(np.zeros(6, np.float32))


BAD_ARGUMENTS = [
    ({"limit_frames": 0}, "at least 1; got 0"),
    ({"limit_frames": 2.5}, "whole number of control steps"),
    ({"obs_type": "state", "render_mode": "rgb_array", "camera": "nose"}, "'nose' is not in the model"),
    ({"task": "fly"}, "stand, walk, run"),
    ({"domain": "dragon"}, "acrobot"),
    ({"size_px": 0}, "size_px"),
    ({"camera": 7}, "camera 7"),
    ({"quality": "low"}, "paper, near, fast"),
    ({"obs_type": "words"}, "obs_type is one of state, pixels"),
    ({"render_mode": "ansi"}, "rgb_array"),
    ({"action_repeat": 0}, "repeat"),
    ({"frame_stack": 0}, "frame_stack"),
    ({"backend": "vulkan"}, "egl, osmesa, glfw"),
]


@pytest.mark.parametrize(("kwargs", "words"), BAD_ARGUMENTS)
def test_bad_arguments_name_what_is_right(kwargs, words):
    with pytest.raises(ValueError, match=words):
        gym.make("ProtoRL-Walker-v0", **kwargs).reset()


def test_render_gives_images_of_its_own_size():
    env = gym.make("ProtoRL-Pendulum-v0", render_mode="rgb_array", obs_type="state", quality="fast", render_size_px=(48, 64))
    env.reset(seed=0)
    assert env.render().shape == (48, 64, 3)
    env.close()
    env.close()


def test_every_task_has_a_sentence():
    assert all(text.endswith(".") and text[0].isupper() for tasks in TASKS.values() for text in tasks.values())
    assert mujoco.mj_version() < 4_000_000


def test_making_a_cheetah_prints_nothing():
    """dm_control's cheetah.xml has a deprecated attribute, of which nobody who uses it can be rid."""
    code = "import gymnasium as gym, papergym; gym.make('DMC-CheetahRun-v0').reset()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(("domain", "task"), [("walker", "walk"), ("jaco", "reach_top_left"), ("lqr", "lqr_2_1")])
def test_the_state_vector_is_that_of_the_present_state(domain, task):
    one, two = DmControlEnv(domain, task), DmControlEnv(domain, task)
    seen = one.reset(seed=1)[0]
    assert np.array_equal(one.state_vector(), seen)
    two.reset(seed=2)
    for _ in range(3):
        seen = one.step(np.full(one.action_space.shape, 0.3, np.float32))[0]
    two.set_state(one.get_state())
    assert np.array_equal(two.state_vector(), one.state_vector()) and np.array_equal(one.state_vector(), seen)
    assert np.array_equal(pickle.loads(pickle.dumps(one)).state_vector(), seen)
