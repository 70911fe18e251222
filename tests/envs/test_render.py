"""The rendering room: sharing, other users of OpenGL in the process, forks, exit, and what it says when nothing works."""

import math
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from papergym.envs.dmc.load import suite
from papergym.envs.render import QUALITIES, Renderer, RenderError, check_size
from papergym.envs.render.native import mujoco

SIZE = 32


def physics(domain, task):
    environment = suite().load(domain, task, task_kwargs={"random": 1})
    environment.reset()
    return environment.physics


def draw(world, **kwargs):
    renderer = Renderer(world.model.ptr, **{"size_px": SIZE, "quality": "fast", **kwargs})
    return renderer, renderer.render(world.data.ptr)


def run(code, timeout=120, **environment):
    """Run ``code`` in a fresh interpreter; a None value removes the variable."""
    env = {**os.environ, **{name: value for name, value in environment.items() if value is not None}}
    for name in [name for name, value in environment.items() if value is None]:
        env.pop(name, None)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, env=env)


def test_one_context_serves_all_environments_of_a_model(new_contexts):
    worlds = [physics("walker", "walk") for _ in range(3)]
    for index, world in enumerate(worlds):
        world.data.qpos[0] = index
        mujoco.mj_forward(world.model.ptr, world.data.ptr)
    drawn = [draw(world) for world in worlds]
    assert new_contexts() == 1
    images = [image for _, image in drawn]
    assert not np.array_equal(images[0], images[1])
    for renderer, world, image in zip([r for r, _ in drawn], worlds, images, strict=True):
        assert np.array_equal(renderer.render(world.data.ptr), image)
    other, _ = draw(worlds[0], size_px=(SIZE, 2 * SIZE))
    assert new_contexts() == 2
    for renderer in [r for r, _ in drawn] + [other]:
        renderer.close()
        renderer.close()
    assert new_contexts() == 0


def test_a_closed_renderer_draws_again():
    world = physics("cheetah", "run")
    renderer, image = draw(world)
    renderer.close()
    assert np.array_equal(renderer.render(world.data.ptr), image)
    renderer.close()


def test_two_models_take_turns():
    worlds = [physics("cheetah", "run"), physics("humanoid", "walk")]
    alone = []
    for world in worlds:
        renderer, image = draw(world)
        renderer.close()
        alone.append(image)
    together = [draw(world)[0] for world in worlds]
    for _ in range(3):
        for renderer, world, image in zip(together, worlds, alone, strict=True):
            assert np.array_equal(renderer.render(world.data.ptr), image)
    for renderer in together:
        renderer.close()


def test_freeing_one_context_leaves_the_others_intact():
    worlds = [physics(*name) for name in (("cheetah", "run"), ("walker", "walk"), ("hopper", "hop"))]
    first, _ = draw(worlds[0])
    second, expected = draw(worlds[1])
    first.close()  # while the second was the last one in use
    third, _ = draw(worlds[2])
    assert np.array_equal(second.render(worlds[1].data.ptr), expected)
    third.close()
    assert np.array_equal(second.render(worlds[1].data.ptr), expected)
    second.close()


def test_dm_control_and_mujoco_draw_beside_us():
    world = physics("walker", "walk")
    theirs = world.render(SIZE, SIZE, camera_id=0)
    renderer, ours = draw(world, quality="paper")
    assert np.array_equal(ours, theirs)
    assert np.array_equal(world.render(SIZE, SIZE, camera_id=0), theirs), "dm_control drew into another context"
    with mujoco.Renderer(world.model.ptr, SIZE, SIZE) as other:
        other.update_scene(world.data.ptr, camera=0)
        seen = other.render()
        assert np.array_equal(renderer.render(world.data.ptr), ours)
        assert np.array_equal(other.render(), seen)
    renderer.close()
    world.free()


def test_threads_share_a_context():
    world = physics("walker", "walk")
    renderer, expected = draw(world)
    results = []
    threads = [threading.Thread(target=lambda: results.append(renderer.render(world.data.ptr))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(np.array_equal(result, expected) for result in results)
    renderer.close()


def test_pickle_leaves_the_context_behind(new_contexts):
    world = physics("cheetah", "run")
    renderer, image = draw(world)
    copy = pickle.loads(pickle.dumps(renderer))
    assert new_contexts() == 1
    assert np.array_equal(copy.render(world.data.ptr), image)
    renderer.close()
    copy.close()


def test_height_fields_follow_the_environment():
    worlds = [suite().load("quadruped", "escape", task_kwargs={"random": seed}) for seed in (1, 2)]
    for world in worlds:
        world.reset()
    renderers, images = zip(*(draw(world.physics, camera=0) for world in worlds), strict=True)
    assert not np.array_equal(*images)
    for renderer, world, image in zip(renderers, worlds, images, strict=True):
        assert np.array_equal(renderer.render(world.physics.data.ptr), image)
        renderer.close()
    for world in worlds:
        world.physics.free()


def test_qualities_differ_as_documented():
    world = physics("walker", "walk")
    images = {name: draw(world, size_px=84, quality=name)[1].astype(float) for name in QUALITIES}
    assert 0 < np.abs(images["near"] - images["paper"]).mean() < 0.1
    assert 1 < np.abs(images["fast"] - images["paper"]).mean() < 10


@pytest.mark.parametrize(("domain", "task"), [("humanoid", "walk"), ("dog", "walk"), ("walker", "walk"), ("reacher", "hard")])
def test_large_floors_have_fewer_cells_while_a_fast_context_is_made(domain, task):
    """At most 6400 cells a plane, which lights as many corners; smaller floors and what physics sees are as before."""
    model = physics(domain, task).model.ptr
    before = model.geom_size.copy()
    with QUALITIES["fast"].applied(model):
        for geom in range(model.ngeom):
            half, spacing = model.geom_size[geom][:2], model.geom_size[geom][2]
            if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE:
                cells = [
                    math.prod(min(200, math.ceil(round(2 * s / wide, 6))) for s in half) for wide in (before[geom][2], spacing)
                ]
                assert cells[1] <= 6400 and (spacing == before[geom][2]) == (cells[0] <= 6400)
            else:
                assert spacing == before[geom][2]
    np.testing.assert_array_equal(model.geom_size, before)


def test_drawing_leaves_the_model_as_it_was():
    world = physics("walker", "walk")
    model = world.model.ptr
    before = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, before)
    draw(world, quality="fast")
    after = np.empty_like(before)
    mujoco.mj_saveModel(model, None, after)
    assert np.array_equal(before, after)


@pytest.mark.parametrize("bad", [0, -3, 2.5, (84,), (84, 84, 3), (84, 0), 10_000, "84"])
def test_bad_sizes(bad):
    with pytest.raises(ValueError, match="size_px is one side"):
        check_size(bad)


def test_bad_camera_and_quality_are_named():
    model = physics("quadruped", "walk").model.ptr
    with pytest.raises(ValueError, match="2 \\('y'\\)"):
        Renderer(model, camera=9)
    with pytest.raises(ValueError, match="egocentric"):
        Renderer(model, camera="nose")
    with pytest.raises(ValueError, match="paper, near, fast"):
        Renderer(model, quality="best")
    assert Renderer(model, camera="y")._camera_id == 2 and Renderer(model, camera=-1)._camera_id == -1


DRAW = """
import gymnasium as gym, papergym, numpy as np
def first(quality="fast", **kwargs):
    env = gym.make("ProtoRL-CartpoleBalance-v0", quality=quality, size_px=32, **kwargs)
    return env, env.reset(seed=0)[0]
"""


def test_no_environment_variable_is_needed_and_the_choice_is_said_once():
    out = run(DRAW + "for _ in range(3): first('paper')", MUJOCO_GL=None, DISPLAY=None, LP_NUM_THREADS=None)
    assert out.returncode == 0, out.stderr
    assert out.stderr.count("drawing with") <= 1 and "glfw" not in out.stderr.lower()
    if "software" in out.stderr:
        assert out.stderr.count('quality="fast"') == 1


def test_exit_is_silent():
    code = DRAW + "kept = [first(q)[0] for q in ('fast', 'near')]; kept[0].close()\nimport dm_control.suite"
    out = run(code, MUJOCO_GL=None, DISPLAY=None)
    lines = [line for line in out.stderr.splitlines() if "drawing with" not in line]
    assert out.returncode == 0 and lines == [], out.stderr


FORK = (
    DRAW
    + """
import sys
from gymnasium.vector import AsyncVectorEnv
env, expected = first()
env.close()
venv = AsyncVectorEnv([lambda: first()[0]] * 2, context=sys.argv[1] if len(sys.argv) > 1 else "fork")
seen, _ = venv.reset(seed=[0, 0])
assert np.array_equal(seen[0], expected) and np.array_equal(seen[1], expected)
venv.close()
print("equal")
"""
)


def test_fork_after_drawing():
    out = run(FORK, LP_NUM_THREADS=None)
    assert out.stdout.strip() == "equal", out.stderr


def test_fork_with_worker_threads_is_an_error_and_not_a_deadlock():
    code = FORK.replace("env.close()\nvenv", "venv")  # a context is still open when the workers are forked
    out = run(code, LP_NUM_THREADS="2")
    assert out.returncode != 0 and 'context="spawn"' in out.stderr, out.stderr


def test_another_backend_draws_the_same_image_or_says_what_to_install():
    code = DRAW + "import hashlib; print(hashlib.md5(first()[1].tobytes()).hexdigest())"
    one, two = run(code, MUJOCO_GL="egl"), run(code, MUJOCO_GL="osmesa", PYOPENGL_PLATFORM=None)
    assert one.returncode == 0, one.stderr
    if two.returncode == 0:
        assert one.stdout == two.stdout
    else:
        assert "sudo apt-get install libosmesa6" in two.stderr


def test_missing_driver_names_the_remedy():
    nothing = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent.json", "DISPLAY": None, "PYOPENGL_PLATFORM": None}
    out = run(DRAW + "first()", MUJOCO_GL="egl", **nothing)
    assert "sudo apt-get install libegl1" in out.stderr and "RenderError" in out.stderr
    state = run(DRAW + "print(first(obs_type='state')[1].shape)", MUJOCO_GL=None, **nothing)
    assert state.stdout.strip() == "(5,)", "state observations need no OpenGL"
    off = run(DRAW + "first()", MUJOCO_GL="disable")
    assert "switches rendering off" in off.stderr


def test_one_platform_per_process():
    out = run("from papergym.envs.render import choose_backend as use\nuse('egl')\nuse('egl')\nuse('osmesa')")
    assert "this process draws with egl" in out.stderr
    assert "backend is one of" in run("from papergym.envs.render import choose_backend; choose_backend('vulkan')").stderr
    assert issubclass(RenderError, RuntimeError)


TRITON_FIRST = """
def loaded():
    return [name for name in ("libEGL", "libLLVM") if name in open("/proc/self/maps").read()]
AT_IMPORT = loaded()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_triton_is_loaded_before_the_first_opengl_library(tmp_path):
    (tmp_path / "triton.py").write_text(TRITON_FIRST)  # the order is what matters: the real one comes with CUDA builds only
    code = """
import sys
import gymnasium as gym, papergym
gym.make("DMC-WalkerWalk-v0").reset(seed=0)
assert "triton" not in sys.modules, "a world that does not draw needs no triton"
gym.make("ProtoRL-Walker-v0", quality="fast").reset(seed=0)
triton = sys.modules["triton"]
print(triton.AT_IMPORT, triton.loaded())
"""
    done = run(code, MUJOCO_GL=None, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.strip().split("] [")
    assert before == "[" and "libEGL" in after
