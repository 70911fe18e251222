"""Kind F: another library ends the OpenGL display of the process, as SDL does when pygame closes a window without a display.

Old environments and new ones draw again, with the same pixels, and closing raises nothing. A process of its own runs each case:
the display is that of the whole process. EGL only: no other platform shares its display.
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

WORLDS = {
    "ProtoRL-CartpoleBalance-v0": {"quality": "fast", "size_px": 32},
    "DMC-ReacherEasy-v0": {"quality": "fast", "size_px": 32, "obs_type": "pixels"},
    "Pixel-Hopper-v4": {"quality": "paper", "size_px": 32},
    "DMC-PendulumSwingup-v0": {"render_mode": "rgb_array", "quality": "fast", "render_size_px": 32},
    "Football-1v1-v0": {"walker": "boxhead", "render_mode": "rgb_array", "size_px": (32, 48)},
    "Football-Dribble-v0": {"walker": "boxhead", "render_mode": "rgb_array", "size_px": (32, 48)},
}
"""One of each kind that draws with OpenGL."""

SETTING = """
import ctypes, hashlib, json, sys
import gymnasium as gym
import numpy as np
import papergym
from papergym.envs.render import open_contexts

def make(env_id, number=None):
    if number:
        return gym.make_vec(env_id, num_envs=number, **WORLDS[env_id])
    return gym.make(env_id, disable_env_checker=True, **WORLDS[env_id])

def picture(env):
    observed = env.reset(seed=0)[0]
    drawn = env.unwrapped.render() if env.unwrapped.render_mode else None
    return hashlib.md5(observed.tobytes() + (b"" if drawn is None else drawn.tobytes())).hexdigest()
"""
END = {
    "ended": """
def end():
    import mujoco.egl as theirs
    theirs.EGL.eglTerminate(theirs.EGL_DISPLAY)
""",
    "ended and opened by another": """
kept = []
def end():
    import mujoco, mujoco.egl as theirs
    theirs.EGL.eglTerminate(theirs.EGL_DISPLAY)
    theirs.EGL.eglInitialize(theirs.EGL_DISPLAY, None, None)
    for _ in range(6):  # one of them gets the address of ours
        kept.append(theirs.GLContext(8, 8))
        kept[-1].make_current()
        kept.append(mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_150))
""",
    "window": """
import pygame
def end():
    window = gym.make("CartPole-v1", render_mode="human")
    window.reset(seed=0)
    assert pygame.display.get_driver() == "offscreen", "without a display SDL draws by EGL"
    window.close()
""",
    "window of an environment": """
import pygame
def end():
    window = gym.make("DMC-CartpoleSwingup-v0", render_mode="human", render_size_px=(32, 32))
    window.reset(seed=0)
    window.step(window.action_space.sample())
    assert pygame.display.get_driver() == "offscreen", "without a display SDL draws by EGL"
    window.close()
""",
}
PLAY = """
found = {}
for env_id in WORLDS:
    old, spare = make(env_id), make(env_id)
    seen = {"before": picture(old), "spare before": picture(spare)}
    end()
    seen["old"] = picture(old)
    new = make(env_id)
    seen["new"] = picture(new)
    end()
    seen["new again"] = picture(new)
    for env in (old, spare, new):  # two whose contexts are dead
        env.close()
    found[env_id] = seen
batch = make("ProtoRL-CartpoleBalance-v0", 2)
seen = {"before": picture(batch)}
end()
seen["old"] = picture(batch)
end()
batch.close()
found["batch"] = seen
found["contexts"] = open_contexts()
print(json.dumps(found))
"""


def play(how, code=PLAY):
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")}
    env |= {"MUJOCO_GL": "egl"}
    script = f"WORLDS = {WORLDS!r}\n{SETTING}{END[how]}{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("how", END)
def test_old_and_new_environments_draw_the_same_after_the_display_was_ended(how):
    if how.startswith("window") and importlib.util.find_spec("pygame") is None:
        pytest.skip("needs the extra render")
    found = play(how)
    assert found.pop("contexts") == 0
    assert found.keys() == {*WORLDS, "batch"}
    for name, seen in found.items():
        assert len(set(seen.values())) == 1, (name, seen)


def test_a_display_that_cannot_be_opened_again_is_a_render_error():
    """The library itself is told to find no driver any more: what an unplugged or crashed GPU looks like."""
    code = """
from papergym.envs.render.backend import choose_backend
from papergym.envs.render import RenderError
old = make("ProtoRL-CartpoleBalance-v0")
picture(old)
end()
choose_backend()._egl._display = None  # a handle of no display
try:
    picture(old)
except RenderError as error:
    said = str(error)
old.close()
old.close()
print(json.dumps(said))
"""
    assert "the display cannot be opened: eglInitialize fails (0x3008)" in play("ended", code)


INTERRUPT = """
import sys
env = make("ProtoRL-CartpoleBalance-v0").unwrapped
env.reset(seed=0)
before = env.draw()
kinds, place = {}, 0
while "drawn" not in kinds:
    left = place
    def trace(frame, event, argument):
        global left
        if left < 0:
            return None
        if event in ("call", "line"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return trace
    sys.settrace(trace)
    try:
        env.draw()
        kind = "drawn"
    except BaseException as error:
        kind = type(error).__name__
    finally:
        sys.settrace(None)
    kinds[kind] = kinds.get(kind, 0) + 1
    assert np.array_equal(env.draw(), before), place
    place += 1
print(json.dumps(kinds))
"""


def test_an_interrupt_at_any_line_of_a_frame_arrives_as_what_it_is():
    """Ctrl-C raises where Python code runs, also inside the conversion of the arguments of a C function."""
    kinds = play("ended", INTERRUPT)
    assert kinds["KeyboardInterrupt"] > 30
    assert kinds.keys() == {"KeyboardInterrupt", "drawn"}
