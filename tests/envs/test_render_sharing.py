"""Which models share an OpenGL context: those, and only those, that it draws alike.

The context copies parts of its model when it is made. Here every number of a model that has one of everything is changed in
turn; where a context made before the change draws another image than one made after it, the two models must not share.
"""

import numpy as np
import pytest

from papergym.envs.dmc.load import suite
from papergym.envs.render import Renderer
from papergym.envs.render.backend import choose_backend
from papergym.envs.render.context import ModelContext, fingerprint
from papergym.envs.render.native import mujoco

SIZE = (40, 40)
ONE_OF_EVERYTHING = """
<mujoco>
  <visual><quality shadowsize="64" offsamples="0" numslices="8" numstacks="6"/>
    <map haze="0.4" fogstart="1" fogend="9"/></visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1=".4 .6 .8" rgb2="0 0 0" width="16" height="16"/>
    <texture name="checks" type="2d" builtin="checker" rgb1=".1 .2 .3" rgb2=".9 .8 .7" width="32" height="32"/>
    <texture name="cube" type="cube" builtin="checker" rgb1=".8 .1 .1" rgb2=".1 .1 .8" width="8" height="8"/>
    <material name="floor" texture="checks" texrepeat="3 3" texuniform="true" reflectance=".2"/>
    <material name="wall" texture="checks" texrepeat="2 5"/>
    <material name="dice" texture="cube"/>
    <mesh name="roof" vertex="0 0 0 1 0 0 0 1 0 0 0 1" texcoord="0 0 1 0 0 1 1 1" face="0 2 1 0 1 3 0 3 2 1 2 3"/>
    <hfield name="hill" nrow="3" ncol="3" size=".6 .6 .4 .1" elevation="0 0 0 0 1 0 0 0 0"/>
    <texture name="coat" type="2d" builtin="gradient" rgb1="1 1 0" rgb2="0 1 1" width="16" height="16"/>
    <material name="coat" texture="coat"/>
  </asset>
  <deformable>
    <skin name="cloak" material="coat" vertex="0 0 0 1 0 0 1 1 0 0 1 0" texcoord="0 0 1 0 1 1 0 1" face="0 1 2 0 2 3">
      <bone body="ball" bindpos="0 0 0" bindquat="1 0 0 0" vertid="0 1 2 3" vertweight="1 1 1 1"/>
    </skin>
  </deformable>
  <worldbody>
    <light pos="0 0 5" dir=".2 .1 -1" directional="true"/>
    <camera name="eye" pos="0 -5 3.5" xyaxes="1 0 0 0 .57 .82"/>
    <geom name="floor" type="plane" size="0 4 .5" material="floor"/>
    <geom name="wall" type="plane" size="2 1 .3" pos="0 3 1" xyaxes="1 0 0 0 0 1" material="wall"/>
    <geom type="hfield" hfield="hill" pos="-1.5 0 0"/>
    <geom type="mesh" mesh="roof" pos="1.2 -.8 .2" material="wall"/>
    <body name="ball" pos="0 0 .6"><freejoint/><geom type="sphere" size=".4" material="dice"/></body>
  </worldbody>
</mujoco>
"""


def posed(xml=ONE_OF_EVERYTHING):
    """A compiled model and its data, ready to be drawn."""
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def image(context, model, data):
    camera = mujoco.MjvCamera()
    camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
    return context.draw(model, data, mujoco.MjvOption(), mujoco.MjvPerturb(), camera).copy()


LOOKS = ("cam_", "geom_", "hfield_", "light_", "mat_", "mesh_", "site_", "skin_", "tex_")
CHOICES = ("mat_texuniform", "mat_texid", "tex_data")
"""Whole numbers that say how something looks; others are addresses and counts."""


def changed_models(base):
    """(what, model): each real-valued array and visual setting made a third larger, what concerns no looks all at once."""
    arrays = [name for name in dir(base) if isinstance(getattr(base, name), np.ndarray) and getattr(base, name).size]
    looks = [name for name in arrays if name.startswith(LOOKS) and (getattr(base, name).dtype.kind == "f" or name in CHOICES)]
    physics = [name for name in arrays if not name.startswith(LOOKS) and getattr(base, name).dtype.kind == "f"]
    for names in [[name] for name in looks] + [physics]:
        model = base.__copy__()
        for name in names:
            array = getattr(base, name)
            getattr(model, name)[:] = array * 1.33 + 0.01 if array.dtype.kind == "f" else array[::-1]
        yield names[0], model
    for part in ("map", "quality", "rgba", "global_"):
        for name in [name for name in dir(getattr(base.vis, part)) if name[0] != "_" and not name.startswith("off")]:
            model = base.__copy__()
            settings = getattr(model.vis, part)
            value = getattr(settings, name)
            if isinstance(value, np.ndarray):
                value[:] = value * 0.5 + 0.2
            elif isinstance(value, int | float):
                setattr(settings, name, 2 * value)
            yield f"vis.{part}.{name}", model


def test_two_images_of_a_state_are_equal_even_with_an_infinite_floor():
    """MuJoCo centres its tiles on the eye of the frame before; a scene that is used again must forget it."""
    model, data = posed()
    context = ModelContext(choose_backend(None), model, SIZE, "paper")
    one, two = image(context, model, data), image(context, model, data)
    context.free()
    assert np.array_equal(one, two)


def test_models_that_a_context_draws_differently_do_not_share_it():
    base, data = posed()  # the data of the unchanged model: nothing moves
    backend = choose_backend(None)
    old = ModelContext(backend, base, SIZE, "paper")
    stale, split = set(), set()
    for what, model in changed_models(base):
        new = ModelContext(backend, model, SIZE, "paper")
        if not np.array_equal(image(old, model, data), image(new, model, data)):
            stale.add(what)
        new.free()
        image(old, base, data)  # its own heights again
        if fingerprint(model) != fingerprint(base):
            split.add(what)
    old.free()
    assert stale - split == set()
    seen = {"mat_texrepeat", "geom_size", "tex_data", "mesh_vert", "hfield_size", "skin_texcoord", "vis.quality.numslices"}
    assert seen <= stale, "the world must show what it has"
    assert not split & {"geom_pos", "mat_rgba", "geom_rgba", "light_pos", "cam_pos", "body_mass", "hfield_data"}


@pytest.mark.parametrize("tasks", [("trot", "run"), ("run", "trot"), ("walk", "fetch")])
def test_a_image_does_not_depend_on_what_was_drawn_before(tasks):
    """The dog's tasks differ in the size of the floor alone, which dm_control tiles when a context is made."""
    images = {}
    for task in tasks:
        environment = suite().load("dog", task, task_kwargs={"random": 1})
        environment.reset()
        physics = environment.physics
        renderer = Renderer(physics.model.ptr, size_px=36, quality="fast")
        images[task] = (renderer, physics, renderer.render(physics.data.ptr))
    for renderer, _, _ in images.values():
        renderer.close()
    for renderer, physics, image_in_company in images.values():
        assert np.array_equal(renderer.render(physics.data.ptr), image_in_company)
        renderer.close()
        physics.free()


def test_a_renderer_that_is_given_another_model_draws_that_one():
    one, _ = posed()
    two, data = posed(ONE_OF_EVERYTHING.replace("2 1 .3", "1 2 .2"))
    renderer, other = Renderer(one, size_px=40), Renderer(two, size_px=40)
    renderer.render(data)
    renderer.rebind(two)
    assert np.array_equal(renderer.render(data), other.render(data))
    renderer.close()
    other.close()
