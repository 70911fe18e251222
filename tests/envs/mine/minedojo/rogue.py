"""A program in the place of MineDojo's interpreter: it speaks the protocol of the adapter, and misbehaves as it is told.

Started with the arguments that the adapter gives to its interpreter: server.py, the socket's handle, the shared file's handle.
``$ROGUE`` is ``request:kind``, for example ``step:set_reward=NaN``: what is wrong with the answers to which request.
``$ROGUE_SPACE`` names a JSON file: the description of the observation space, path -> shape, type, dtype and bounds. Needs the
standard library only.
"""

import json
import os
import pathlib
import socket
import struct
import sys
import time

AT, _, HOW = os.environ["ROGUE"].partition(":")
SPACE = json.loads(pathlib.Path(os.environ["ROGUE_SPACE"]).read_text())
NVEC, NO_OP = [3, 3, 4, 25, 25, 8, 244, 36], [0, 0, 0, 12, 12, 0, 0, 0]


def leaves():
    """A quiet observation: air everywhere, numbers 0 or their lower bound."""
    found = {}
    for path, entry in SPACE.items():
        if path == "rgb":
            continue
        count = 1
        for side in entry["shape"]:
            count *= side
        dtype = entry.get("dtype", "str")  # a space of texts has none
        value = {"str": "air", "bool": False}.get(dtype, 0)
        found[path] = {"dtype": dtype, "shape": entry["shape"], "data": [value] * count}
    found["life_stats/life"]["data"] = [20.0]
    return found


def answers(request):
    """The answers to a request, in order; usually one."""
    op = request["op"]
    if op == "make":
        good = {"observation_space": dict(SPACE), "action_nvec": NVEC, "no_op": NO_OP, "prompt": "stand"}
    elif op == "step":
        good = {"observation": leaves(), "reward": 0.5, "done": False, "success": False, "dead": False, "failed": False}
    else:
        good = {"observation": leaves(), "done": False, "failed": False}
    good = {"id": request.get("id"), "ok": True, **good}
    return misbehave(good) if op == AT else [good]


def misbehave(good):
    """What goes wrong at the request that was named."""
    seen = good.get("observation", {})
    if HOW.startswith("no_"):
        place = seen if HOW.startswith("no_observation/") else good
        del place[HOW.removeprefix("no_").removeprefix("observation/")]
    elif HOW.startswith("set_"):  # set_PATH=JSON; a path may lead into the observation
        path, _, value = HOW.removeprefix("set_").partition("=")
        place, key = (seen, path.removeprefix("observation/")) if path.startswith("observation/") else (good, path)
        inner, _, last = key.rpartition(":")
        (place[inner] if inner else place)[last] = json.loads(value)
    elif HOW == "twice":
        return [good, good]
    elif HOW == "other_space":
        good["observation_space"]["life_stats/mana"] = {"shape": [1], "type": "Box", "dtype": "float32"}
    elif HOW == "text":
        return [b"Segmentation fault"]
    elif HOW == "bytes":
        return [b"\xff\xfe\x00"]
    elif HOW == "deep":
        return [b"[" * 100_000]
    elif HOW == "list":
        return [b"[1, 2]"]
    elif HOW == "nothing":
        return []
    elif HOW == "huge":
        return [struct.pack("!I", 2**32 - 1)]
    elif HOW == "exit":
        os._exit(3)
    return [good]


def harm(frame):
    """Attacks on what the adapter shares with this process."""
    folder = pathlib.Path.cwd()
    if HOW == "cut":
        os.ftruncate(frame, 0)
    elif HOW == "fifo":
        (folder / "log.txt").unlink()
        os.mkfifo(folder / "log.txt")
        os._exit(3)
    elif HOW == "link":
        (folder / "log.txt").unlink()
        (folder / "log.txt").symlink_to("/dev/zero")
        os._exit(3)
    elif HOW == "long_log":
        os.ftruncate(1, 300 * 2**20)
        os.lseek(1, 0, os.SEEK_END)
        os.write(1, b"\nthe last line\n")
        os._exit(3)


def main(channel, frame):
    """Serve until the other side is gone."""
    sock = socket.socket(fileno=channel)
    stream = sock.makefile("rb")
    while head := stream.read(4):
        request = json.loads(stream.read(struct.unpack("!I", head)[0]))
        if request["op"] == "close":
            time.sleep(3600 if AT == "close" else 0)  # a game that does not close
            os._exit(0)
        if request["op"] == AT:
            harm(frame)
        for answer in answers(request):
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            sock.sendall(body if HOW == "huge" and body[:1] == b"\xff" else struct.pack("!I", len(body)) + body)


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]))
