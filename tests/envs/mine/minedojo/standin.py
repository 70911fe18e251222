"""A stand-in of the game's socket server: speaks the Malmo 0.37.0 environment protocol, with a world of one flat field.

Run as ``launchClient.sh`` of a game directory, with the arguments that MineDojo passes. $STANDIN makes it misbehave:
``crash:N`` exits, ``hang:N`` stops answering and ``death:N`` kills the player at the N-th step. Needs the standard
library only.
"""

import json
import os
import socket
import struct
import sys
import time

HEIGHT, WIDTH = (int(size) for size in os.environ.get("STANDIN_SIZE", "160,256").split(","))
MODE, _, AT = os.environ.get("STANDIN", "none:0").partition(":")
ITEM = {"inventory": "inventory", "name": "air", "quantity": 0, "variant": 0, "cur_durability": -1, "max_durability": -1}
VOXEL = ["grass", 0, True, True, True, False, True, False, False, 0.5]  # ten fields per block, in MineDojo's order
SCALARS = dict.fromkeys(
    "damage_amount damage_distance hunger_damage damage_pitch damage_yaw armor xp sun_brightness sky_light_level".split(), 0.0
)
FLAGS = dict.fromkeys(
    "is_explosion is_fire_damage is_magic_damage is_projectile is_unblockable nearby_crafting_table nearby_furnace "
    "is_sleeping is_raining".split(),
    False,
)


def receive(sock):
    def exactly(count):
        data = b""
        while len(data) < count:
            part = sock.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    return exactly(struct.unpack("!I", exactly(4))[0])


def send(sock, data):
    sock.sendall(struct.pack("!I", len(data)) + data)


class World:
    """A player on a flat field who walks south at 0.2 blocks a tick and turns as told."""

    def __init__(self):
        self.x, self.z, self.yaw, self.pitch, self.steps, self.life = 0.5, 0.5, 0.0, 0.0, 0, 20.0
        self.seed = 63  # shown as the sea level

    def act(self, text):
        words = [line.split(" ") for line in text.strip().split("\n") if line]
        for verb, *arguments in words:
            if verb == "forward" and arguments == ["1"]:
                self.z += 0.2
            if verb == "camera":
                self.pitch += float(arguments[0])
                self.yaw += float(arguments[1])
        self.steps += 1
        if MODE == "death" and self.steps == int(AT):
            self.life = 0.0

    def info(self):
        position = {"xpos": self.x, "ypos": 4.0, "zpos": self.z, "yaw": self.yaw, "pitch": self.pitch}
        biome = {"biome_id": 1, "biome_rainfall": 0.4, "biome_temperature": 0.8, "sea_level": self.seed, "light_level": 15.0}
        life = {
            "life": self.life,
            "food": 20.0,
            "saturation": 5.0,
            "air": 300.0,
            "is_alive": self.life > 0,
            "can_see_sky": True,
        }
        inventory = [dict(ITEM) for _ in range(41)]
        inventory[0] = {**ITEM, "name": "iron_ore", "quantity": 3}
        names = {"inventory": inventory, "voxels": VOXEL * 27}
        return {**SCALARS, **FLAGS, **position, **biome, **life, **names}

    def image(self):
        """Rows bottom-up, as the game sends them: the top half sky, the bottom half grass."""
        half = WIDTH * (HEIGHT // 2)
        return bytes((90, 160, 60)) * half + bytes((130, 170, 250)) * half


def serve(sock):
    world = World()
    assert receive(sock) == b"<MalmoEnv0.37.0/>"
    while True:
        message = receive(sock).decode()
        if message.startswith("<Peek"):
            send(sock, world.image())
            send(sock, json.dumps(world.info()).encode())
            send(sock, struct.pack("!b", 0))
        elif message.startswith("<StepClient"):
            if world.steps + 1 == int(AT or 0) and MODE == "crash":
                os._exit(3)
            if world.steps + 1 == int(AT or 0) and MODE == "hang":
                time.sleep(3600)
            world.act(message[message.index(">") + 1 : message.rindex("</")])
            send(sock, world.image())
            send(sock, struct.pack("!dbb", 0.0, 0, 1))
            send(sock, json.dumps(world.info()).encode())
        elif message.startswith(("<StepServer", "<Disconnect")):
            continue
        elif message.startswith("<Quit"):
            send(sock, struct.pack("!I", 1))
        elif message.startswith("<Exit"):
            send(sock, struct.pack("!I", 1))
            os._exit(0)
        else:  # the mission and its token
            mission, _ = message, receive(sock)
            world = World()
            seed = mission.partition('seed="')[2].partition('"')[0]
            world.seed = int(seed) if seed.isdigit() else 63
            send(sock, struct.pack("!I", 1))


def main():
    port = int(sys.argv[sys.argv.index("-port") + 1])
    listener = socket.create_server(("127.0.0.1", port))
    print(f"***** Start MalmoEnvServer on port {port}", flush=True)
    print("CLIENT enter state: DORMANT", flush=True)
    while True:
        sock, _ = listener.accept()
        try:
            serve(sock)
        except (EOFError, ConnectionError):
            continue


if __name__ == "__main__":
    main()
