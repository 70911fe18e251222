"""The process behind the MineDojo adapter; it runs under the interpreter that has minedojo 0.1, gym 0.21 and numpy 1.26.

Started as ``python server.py SOCKET_FD FRAME_FD`` by :mod:`papergym.envs.mine.minedojo.client`. It imports nothing of
papergym. Both ways a message is a 4-byte big-endian length and UTF-8 JSON: requests ``{"op", "id", ...}``, replies
``{"id", "ok": true, ...}`` or ``{"id", "ok": false, "kind", "error"}``. The image, (3, H, W) uint8, travels in a shared file.
"""

import json
import mmap
import os
import shutil
import socket
import struct
import sys
import traceback
from typing import Any

import numpy as np

FRAME_KEY = "rgb"


def receive(sock):
    """One JSON message, or None where the other side is gone."""
    head = _exactly(sock, 4)
    body = _exactly(sock, struct.unpack("!I", head)[0]) if head else None
    return json.loads(body.decode("utf-8")) if body is not None else None


def send(sock, message):
    """Send one JSON message."""
    body = json.dumps(message).encode("utf-8")
    sock.sendall(struct.pack("!I", len(body)) + body)


def _exactly(sock, count):
    parts = bytearray()
    while len(parts) < count:
        part = sock.recv(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def flatten(observation, prefix=""):
    """Nested observation -> {"a/b": {"dtype", "shape", "data"}}; strings keep dtype "str"."""
    flat = {}
    for key, value in observation.items():
        name = f"{prefix}/{key}" if prefix else key
        if hasattr(value, "items"):
            flat.update(flatten(value, name))
        else:
            array = np.asarray(value)
            dtype = "str" if array.dtype.kind in "US" else array.dtype.name
            flat[name] = {"dtype": dtype, "shape": list(array.shape), "data": array.reshape(-1).tolist()}
    return flat


def describe(space, prefix=""):
    """Nested gym space -> {"a/b": {"type", "shape", "dtype", "low", "high"}}; bounds are the outermost ones."""
    inner = getattr(space, "spaces", None)
    if isinstance(inner, dict):
        described = {}
        for key, value in inner.items():
            described.update(describe(value, f"{prefix}/{key}" if prefix else key))
        return described
    entry = {"type": type(space).__name__, "shape": list(space.shape or ())}
    entry["dtype"] = np.dtype(space.dtype).name if space.dtype is not None else "str"
    if hasattr(space, "low"):
        entry["low"], entry["high"] = float(np.min(space.low)), float(np.max(space.high))
    if hasattr(space, "nvec"):
        entry["nvec"] = np.asarray(space.nvec).reshape(-1).tolist()
    if hasattr(space, "n"):
        entry["n"] = int(space.n)
    return {prefix: entry}


def inventory(items):
    """MineDojo's InventoryItems of their fields."""
    from minedojo.sim import InventoryItem

    return [InventoryItem(**item) for item in items]


class Game:
    """minedojo.make's environment, with step failures distinguished from episode ends, and world seeds that can be set."""

    def __init__(self, frame_fd):
        self.frame_fd = frame_fd
        self.env: Any = None
        self.sim: Any = None
        self.frame: Any = None
        self.step_failed = False

    def make(self, task_id, kwargs):
        """Build the environment; Minecraft itself starts at the first reset."""
        game_dir = os.environ.get("PAPERGYM_MINEDOJO_GAME_DIR")
        if game_dir:  # a game directory built before (launchClient.sh and build/libs), so that nothing is compiled here
            from minedojo.sim.bridge.mc_instance import instance

            instance.MC_DIR = game_dir
        import minedojo

        if "initial_inventory" in kwargs:
            kwargs["initial_inventory"] = inventory(kwargs["initial_inventory"])
        self.env = minedojo.make(task_id=task_id, **kwargs)
        self.sim = self.env.unwrapped
        bridge_step = self.sim._bridge_env.step

        def watched_step(action_xmls):
            result = bridge_step(action_xmls)
            self.step_failed = self.step_failed or not result.step_success
            return result

        self.sim._bridge_env.step = watched_step
        height, width = kwargs["image_size"]
        self.frame = np.frombuffer(mmap.mmap(self.frame_fd, 3 * height * width), np.uint8).reshape(3, height, width)
        return {
            "observation_space": describe(self.env.observation_space),
            "action_nvec": np.asarray(self.env.action_space.nvec).tolist(),
            "no_op": np.asarray(self.env.action_space.no_op()).tolist(),
            "prompt": str(getattr(self.env, "task_prompt", "")),
        }

    def reset(self, seed=None):
        """New episode; with a seed, a new world of that seed (only where the world is regenerated at a reset)."""
        self.step_failed = False
        changed = [] if seed is None else self._new_world(seed)
        try:
            return {"observation": self._publish(self.env.reset())}
        finally:  # the next reset without a seed draws another world
            for handler, name, value in changed:
                setattr(handler, name, value)

    def _new_world(self, seed):
        """Have the next reset make the world of a seed; returns (handler, attribute, value before) of what was changed."""
        self.sim.seed(seed)
        self.env.action_space.seed(seed)
        layer = self.env
        while layer is not self.sim:  # a fast reset would keep the old world
            if hasattr(layer, "_server_start"):
                layer._server_start = False
            layer = layer.env
        changed = []
        for handler in self.sim._sim_spec._world_generator_handlers:
            for name, value in (("world_seed", str(seed)), ("force_reset", True)):
                if hasattr(handler, name):
                    changed.append((handler, name, getattr(handler, name)))
                    setattr(handler, name, value)
        return changed

    def step(self, action):
        """One tick. ``failed`` says that the game did not answer and the observation is the previous one."""
        observation, reward, done, _ = self.env.step(np.asarray(action))
        success = bool(getattr(self.env, "is_successful", False))
        life = float(np.asarray(observation["life_stats"]["life"]).reshape(-1)[0])
        return {
            "observation": self._publish(observation),
            "reward": float(reward),
            "done": bool(done),
            "success": success,
            "dead": life <= 0.0,
            "failed": self.step_failed,
        }

    def command(self, name, arguments):
        """A world edit of MineDojo's own (spawn_mobs, set_block, set_inventory, teleport_agent, set_time, ...)."""
        if "inventory_list" in arguments:
            arguments = {**arguments, "inventory_list": inventory(arguments["inventory_list"])}
        observation, _, done, _ = getattr(self.env, name)(**arguments)
        return {"observation": self._publish(observation), "done": bool(done), "failed": self.step_failed}

    def close(self):
        """Close minedojo; the client kills what is left."""
        if self.env is not None:
            self.env.close()
        return {}

    def _publish(self, observation):
        self.frame[:] = observation[FRAME_KEY]
        return flatten({key: value for key, value in observation.items() if key != FRAME_KEY})


def main(socket_fd, frame_fd):
    """Serve requests until ``close`` or until the client is gone."""
    sock = socket.socket(fileno=socket_fd)
    game = Game(frame_fd)
    folder = os.getcwd()  # the client's temporary one
    try:
        while serve(sock, game):
            pass
    except (OSError, EOFError):  # the client died: nobody else will clean up
        try:
            game.close()
        finally:
            if os.path.basename(folder).startswith("papergym-minedojo-"):
                shutil.rmtree(folder, ignore_errors=True)


def serve(sock, game):
    """Answer one request; False after ``close``."""
    request = receive(sock)
    if request is None:
        raise EOFError("the client is gone")
    op, number = request.pop("op"), request.pop("id")
    try:
        reply = {"ok": True, **getattr(game, op)(**request)}
    except Exception as error:  # every failure is sent to the client, which raises it there
        reply = {"ok": False, "kind": type(error).__name__, "error": str(error), "trace": traceback.format_exc()}
    send(sock, {"id": number, **reply})
    return op != "close"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
