"""Random scenes of the toy world: sample a scene from a seed, simulate it, draw it.

    scene = sample_scene(seed)                 # everything that is known about the clip
    frames, mask = scene.render()              # uint8 [49, 160, 256, 3] and [49, 160, 256]

Lengths are in frame heights (see world.h), so the picture is 1.6 wide and 1 high.
"""
import ctypes
import math
import random
from dataclasses import dataclass, field

import numpy as np

import native

WIDTH, HEIGHT, FPS, FRAMES = 256, 160, 16, 49
ASPECT = WIDTH / HEIGHT
GRAVITY = 2.0                                   # frame heights / s^2, the same in every clip

COLORS = {
    "red": (.88, .12, .10), "orange": (.98, .50, .06), "yellow": (.98, .87, .12), "green": (.14, .70, .22),
    "blue": (.12, .32, .92), "purple": (.54, .18, .80), "pink": (.98, .48, .72), "white": (.96, .96, .96),
}
KINDS = {"ball": 1, "cube": 2, "balloon": 3}
SIZES = {"small": (.078, .090), "medium": (.112, .126), "large": (.150, .168)}      # radius
FLOORS = {                                      # colour far away and near
    "grass": ((.37, .62, .25), (.22, .48, .14)), "sand": ((.92, .82, .56), (.82, .68, .40)),
    "snow": ((.93, .95, .99), (.82, .88, .96)), "stone": ((.60, .60, .62), (.44, .44, .47)),
    "wood": ((.68, .45, .26), (.53, .32, .16)),
}
SKIES = {                                       # top, low, hills, sun or moon, light, floor brightness, tint, shadow
    "day": ((.25, .52, .90), (.74, .88, .98), (.42, .60, .50), (1., .96, .74), 1.0, .94, (1, 1, 1), .42),
    "sunset": ((.36, .24, .50), (.98, .62, .34), (.40, .25, .34), (1., .86, .50), .92, .86, (1.05, .88, .80), .40),
    "night": ((.02, .03, .11), (.10, .13, .28), (.05, .07, .14), (.93, .93, .86), .76, .55, (.80, .88, 1.15), .50),
}
MOTIONS = {                                     # share of the clips
    "drop": .22, "roll": .18, "throw": .14, "bounce": .11, "swing": .11, "rise": .12, "rest": .06, "collide": .06,
}
CAMERAS = {"still": .84, "pan_left": .04, "pan_right": .04, "zoom_in": .04, "zoom_out": .04}

_F, _I = np.float32, np.int32
BODY = np.dtype([("drive", _I), ("kind", _I), ("x", _F), ("y", _F), ("vx", _F), ("vy", _F), ("radius", _F),
                 ("restitution", _F), ("grip", _F), ("drag", _F), ("pivot_x", _F), ("pivot_y", _F), ("length", _F),
                 ("angle", _F), ("sway", _F), ("phase", _F)])
SCENERY = np.dtype([("sky_top", _F, 3), ("sky_low", _F, 3), ("hill", _F, 3), ("floor_far", _F, 3),
                    ("floor_near", _F, 3), ("disc", _F, 3), ("horizon", _F), ("disc_x", _F), ("disc_y", _F),
                    ("disc_radius", _F), ("hill_height", _F), ("hill_phase", _F, 2), ("ground", _F), ("light", _F),
                    ("shadow", _F), ("vanish_x", _F), ("stars", _F), ("floor", _I)])
CAMERA = np.dtype([("x", _F), ("y", _F), ("zoom", _F)])
THING = np.dtype([("kind", _I), ("x", _F), ("y", _F), ("radius", _F), ("rgb", _F, 3), ("rope", _I), ("pivot_x", _F),
                  ("pivot_y", _F)])
FREE, PENDULUM, BUOYANT, FIXED = range(4)

_library = native.load("world", "simulate.c", "render.c")


def _pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def simulate(bodies, ground, gravity=GRAVITY, fps=FPS, frames=FRAMES):
    """Positions [frames, bodies, 2] of an array of BODY."""
    track = np.empty((frames, len(bodies), 2), _F)
    _library.world_simulate(_pointer(bodies), len(bodies), ctypes.c_float(ground), ctypes.c_float(gravity),
                            ctypes.c_float(fps), frames, _pointer(track))
    return track


@dataclass
class Scene:
    """One clip: what happens in it (for captions and detectors) and what is drawn."""
    motion: str
    direction: str                              # "left" or "right": where it moves, or moves first
    kinds: list
    colors: list
    sizes: list
    sky: str
    floor: str
    camera: str
    bodies: np.ndarray = field(repr=False)
    track: np.ndarray = field(repr=False)       # [frames, objects, 2]
    scenery: np.ndarray = field(repr=False)
    cameras: np.ndarray = field(repr=False)     # [frames]
    things: np.ndarray = field(repr=False)      # [frames, objects]

    def render(self, first=0, count=None, window=None):
        """Frames first .. first + count as uint8 [n, h, w, 3], and the objects' coverage [n, h, w].

        `window` (left, top, width, height) draws only a part of the picture."""
        left, top, width, height = window or (0, 0, WIDTH, HEIGHT)
        count = len(self.track) - first if count is None else count
        rgb = np.empty((count, height, width, 3), np.uint8)
        mask = np.empty((count, height, width), np.uint8)
        cameras = np.ascontiguousarray(self.cameras[first:first + count])
        things = np.ascontiguousarray(self.things[first:first + count])
        _library.world_render(_pointer(self.scenery), _pointer(cameras), _pointer(things), things.shape[1], count,
                              WIDTH, HEIGHT, left, top, width, height, _pointer(rgb), _pointer(mask))
        return rgb, mask

    def on_screen(self):
        """Centre x, y (y down) and radius of every object in heights of the picture: [frames, objects, 3]."""
        camera = self.cameras[:, None]
        x = (self.things["x"] - camera["x"]) * camera["zoom"] + ASPECT / 2
        y = .5 - (self.things["y"] - camera["y"]) * camera["zoom"]
        return np.stack([x, y, self.things["radius"] * camera["zoom"]], -1)


# ---------------------------------------------------------------------------------------------- sampling

def sample_scene(seed, frames=FRAMES, **wanted):
    """A random scene. `wanted` fixes attributes: motion, direction, kind, color, size, sky, floor, camera, objects."""
    rng = random.Random(seed)
    motion = wanted.get("motion") or _motion_for(wanted.get("kind"), rng)
    direction = wanted.get("direction") or rng.choice(["left", "right"])
    count = wanted.get("objects") or _object_count(motion, rng)
    kinds = [_kind_for(motion, rng, wanted.get("kind"))]
    colors = [wanted.get("color") or rng.choice(list(COLORS))]
    sizes = [wanted.get("size") or rng.choice(list(SIZES))]
    while len(kinds) < count:
        kinds.append(kinds[0] if motion == "rise" or rng.random() < .5 else _kind_for(motion, rng))
        colors.append(rng.choice([color for color in COLORS if color not in colors]))
        sizes.append(rng.choice(["small", "medium"]))
    if motion == "swing" and sizes[0] == "large":
        sizes[0] = "medium"
    if count == 2 and sizes[0] == "large":
        sizes[0] = "medium"
    camera = wanted.get("camera") or rng.choices(list(CAMERAS), CAMERAS.values())[0]
    sky = wanted.get("sky") or rng.choices(list(SKIES), [.46, .27, .27])[0]
    floor = wanted.get("floor") or rng.choice(list(FLOORS))

    scenery = _scenery(rng, sky, floor)
    cameras = _cameras(rng, camera, frames)
    ground = float(scenery["ground"])
    for attempt in range(200):                  # until everything stays in the picture
        if attempt == 100:                      # no room with this camera
            camera = "still"
            cameras = _cameras(rng, camera, frames)
        bodies = _bodies(rng, motion, direction, kinds, sizes, ground)
        track = simulate(bodies, ground, frames=frames)
        if _stays_visible(track, bodies, cameras, ground):
            break
    things = np.zeros((frames, count), THING)
    for i, body in enumerate(bodies):
        things["rgb"][:, i] = _near(rng, COLORS[colors[i]], .02)
        things["rope"][:, i] = body["drive"] == PENDULUM
        for name in ("kind", "radius", "pivot_x", "pivot_y"):
            things[name][:, i] = body[name]
    things["x"], things["y"] = track[..., 0], track[..., 1]
    return Scene(motion, direction, kinds, colors, sizes, sky, floor, camera, bodies, track, scenery, cameras, things)


def _motion_for(kind, rng):
    """A random motion, among those that `kind` can make."""
    possible = {"balloon": ["rise"], "cube": [m for m in MOTIONS if m not in ("rise", "bounce")],
                "ball": [m for m in MOTIONS if m != "rise"]}.get(kind, list(MOTIONS))
    return rng.choices(possible, [MOTIONS[motion] for motion in possible])[0]


def _kind_for(motion, rng, wanted=None):
    if motion == "rise":
        return "balloon"
    if motion == "bounce":
        return "ball"
    return wanted or ("ball" if rng.random() < .62 else "cube")


def _object_count(motion, rng):
    if motion == "collide":
        return 2
    return 2 if motion in ("drop", "rest", "rise") and rng.random() < .10 else 1


def _near(rng, color, spread):
    return [min(1., max(0., value + rng.uniform(-spread, spread))) for value in color]


def _scenery(rng, sky, floor):
    top, low, hill, disc, light, brightness, tint, shadow = SKIES[sky]
    s = np.zeros((), SCENERY)
    s["sky_top"], s["sky_low"], s["hill"], s["disc"] = (_near(rng, top, .02), _near(rng, low, .02),
                                                        _near(rng, hill, .02), disc)
    for name, color in zip(("floor_far", "floor_near"), FLOORS[floor]):
        s[name] = [value * brightness * t for value, t in zip(_near(rng, color, .015), tint)]
    s["horizon"] = rng.uniform(.33, .37)
    s["ground"] = s["horizon"] - rng.uniform(.11, .13)
    s["disc_x"] = rng.uniform(.15, ASPECT - .15)
    s["disc_y"] = rng.uniform(.46, .58) if sky == "sunset" else rng.uniform(.76, .88)
    s["disc_radius"] = rng.uniform(.058, .072)
    s["hill_height"] = rng.uniform(.06, .14)
    s["hill_phase"] = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    s["light"], s["shadow"], s["stars"] = light, shadow, sky == "night"
    s["vanish_x"] = rng.uniform(.65, .95)
    s["floor"] = list(FLOORS).index(floor)
    return s


def _cameras(rng, camera, frames):
    """The camera's path. It is made for the longest clip, so that shorter clips move at the same speed."""
    progress = np.arange(frames) / (FRAMES - 1)
    path = np.zeros(frames, CAMERA)
    path["x"], path["y"], path["zoom"] = ASPECT / 2, .5, 1
    travel, zoom = rng.uniform(.35, .50), rng.uniform(1.35, 1.50)
    if camera.startswith("pan"):
        path["x"] += travel * (progress - .5) * (1 if camera == "pan_right" else -1)
    if camera.startswith("zoom"):
        amount = progress if camera == "zoom_in" else 1 - progress
        path["zoom"] = 1 + (zoom - 1) * amount
        path["y"] -= .08 * amount
    return path


def _bodies(rng, motion, direction, kinds, sizes, ground):
    """Starting conditions; the caller rejects those that would leave the picture."""
    bodies = np.zeros(len(kinds), BODY)
    sign = 1 if direction == "right" else -1
    middle, u = ASPECT / 2, rng.uniform
    for i, (kind, size) in enumerate(zip(kinds, sizes)):
        b = bodies[i]
        ball = kind == "ball"
        b["kind"], b["radius"] = KINDS[kind], u(*SIZES[size])
        b["restitution"], b["grip"], b["drag"] = (.76, .06, .12) if ball else (.32, .35, .60)
        b["x"] = u(.25, ASPECT - .25) if len(kinds) == 1 else (u(.30, .62) if i == 0 else u(.98, 1.30))
        b["y"] = ground + b["radius"]
    b, radius = bodies[0], bodies[0]["radius"]
    if motion == "drop":
        for body in bodies:
            body["y"] = u(.70, .97 - body["radius"])
    elif motion == "roll":                      # comes to rest after u seconds and `way`
        way, duration = u(.75, 1.05), u(2.2, 4.0)
        b["x"], b["vx"], b["drag"] = middle - sign * u(.42, .60), sign * 2 * way / duration, 2 * way / duration ** 2
    elif motion == "throw":
        b["x"], b["y"] = middle - sign * u(.42, .62), ground + radius + u(0, .10)
        b["vx"], b["vy"] = sign * (u(.42, .62) if kinds[0] == "ball" else u(.60, .85)), u(1.10, 1.40)
        b["restitution"], b["grip"], b["drag"] = (.55, .30, .20) if kinds[0] == "ball" else (.25, .60, .60)
    elif motion == "bounce":
        b["x"], b["y"] = middle - sign * u(.45, .65), u(.62, .82)
        b["vx"], b["restitution"], b["grip"] = sign * u(.28, .44), .84, .02
    elif motion == "swing":
        b["drive"], b["pivot_x"], b["pivot_y"] = PENDULUM, u(.6, 1.0), 1.03
        b["length"], b["angle"], b["vx"] = u(.48, .58), -sign * u(.50, .80), 0
    elif motion == "rise":
        for body in bodies:
            body["y"] = ground + u(.05, .12) + body["radius"]
            way = (.96 - 1.2 * body["radius"] - body["y"]) * u(.75, 1)
            body["drive"], body["vy"] = BUOYANT, way / ((FRAMES - 1) / FPS)
            body["sway"], body["phase"] = u(.01, .03), u(0, 6.28)
    elif motion == "collide":
        for i, body in enumerate(bodies):
            side = 1 if i == 0 else -1
            body["x"], body["vx"], body["drag"] = middle - side * u(.50, .66), side * u(.42, .62), .10
    else:                                       # rest
        bodies["drive"] = FIXED
    return bodies


def _stays_visible(track, bodies, cameras, ground):
    half = ASPECT / 2 / cameras["zoom"][:, None]
    radius = bodies["radius"][None] * 1.05
    inside = np.abs(track[..., 0] - cameras["x"][:, None]) < half - radius
    top = cameras["y"][:, None] + .5 / cameras["zoom"][:, None]
    below_top = track[..., 1] + radius * np.where(bodies["kind"] == KINDS["balloon"], 1.2, 1) < top
    above_floor = track[..., 1] > ground + radius * .9
    return bool(np.all(inside & below_top & above_floor))


# ------------------------------------------------------------------------------------ the auxiliary target

def state_cells(scene, cell=32):
    """What is where: per frame and 32x32-pixel cell the share covered by each colour and kind, then sky and floor
    as one-hot, [frames, cells, 8 + 3 + 3 + 5].  A probe in the DiT learns to predict it (see dit.py)."""
    sub = 8                                     # coverage is measured on a grid of 8-pixel steps
    across, down = WIDTH // sub, HEIGHT // sub
    x = (np.arange(across) + .5) * sub / HEIGHT
    y = (np.arange(down) + .5) * sub / HEIGHT
    places = scene.on_screen()
    frames = len(places)
    colors, kinds = list(COLORS), list(KINDS)
    grid = np.zeros((frames, down, across, len(colors) + len(kinds)), _F)
    for i in range(places.shape[1]):
        cx, cy, radius = (places[:, i, k, None, None] for k in range(3))
        covered = np.clip((radius - np.hypot(x[None, None] - cx, y[None, :, None] - cy)) * (HEIGHT / sub) + .5, 0, 1)
        grid[..., colors.index(scene.colors[i])] += covered
        grid[..., len(colors) + list(KINDS).index(scene.kinds[i])] += covered
    k = cell // sub
    cells = grid.reshape(frames, down // k, k, across // k, k, -1).mean((2, 4)).reshape(frames, -1, grid.shape[-1])
    setting = np.zeros((frames, cells.shape[1], len(SKIES) + len(FLOORS)), _F)
    setting[..., list(SKIES).index(scene.sky)] = 1
    setting[..., len(SKIES) + list(FLOORS).index(scene.floor)] = 1
    return np.concatenate([np.minimum(cells, 1), setting], -1)


STATE_SIZE = len(COLORS) + len(KINDS) + len(SKIES) + len(FLOORS)
