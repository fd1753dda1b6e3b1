"""Measures generated clips against the simulator: what is seen, how it moves, how sharp it is.

    evaluate.py --detector d.safetensors --model models/tiny                    clips from the torch sampler
    evaluate.py --detector d.safetensors --frames DIR                           DIR/000/*.png, DIR/001/*.png, ...: one
                                                                                folder per prompt of prompts.json
    evaluate.py --detector d.safetensors --simulator                            the control: simulator clips

Prints one line per measure and writes everything to --json.
"""
import argparse
import ctypes
import glob
import json
import os

import numpy as np
import torch
from PIL import Image

import detector as detection
import native
import sample
import world
from check_vae import reconstruct
from sheet import write_sheet

HERE = os.path.dirname(os.path.abspath(__file__))
SMALLEST = 30                                   # an object has at least this many pixels of the half-size frame
_library = native.load("components", "components.c")


def regions(mask):
    """Areas of the connected regions of a mask and their labels, largest first."""
    mask = np.ascontiguousarray(mask, np.uint8)
    labels = np.empty(mask.shape, np.int32)
    count = _library.label_components(mask.ctypes.data_as(ctypes.c_void_p), *map(ctypes.c_int, mask.shape),
                                      labels.ctypes.data_as(ctypes.c_void_p))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-areas)
    return areas[order], labels, order + 1


def shape_of(rows, columns):
    """Kind of object from its outline: a cube fills its bounding box, a balloon is taller than wide."""
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if len(rows) > .86 * height * width:
        return "cube"
    return "balloon" if height > 1.1 * width else "ball"


def observe(detector, clip):
    """What the detector sees in a clip: colour, kind, sky, floor, and per frame the largest object's place."""
    colors, kinds, sky, floor = detector.look(clip)
    objects, track, shapes = [], [], []
    for kind in kinds:
        areas, labels, order = regions(kind > 0)
        objects.append(int((areas >= SMALLEST).sum()))
        if not len(areas) or areas[0] < SMALLEST:
            track.append((np.nan, np.nan, np.nan))
            continue
        rows, columns = np.nonzero(labels == order[0])
        scale = 2 / clip.shape[1]               # half-size pixels to frame heights
        track.append((columns.mean() * scale, 1 - rows.mean() * scale, areas[0] * scale ** 2))
        shapes.append(shape_of(rows, columns))

    def dominant(ids, names):
        counts = np.bincount(ids.ravel(), minlength=len(names) + 1)[1:]
        return names[int(counts.argmax())] if counts.any() else None
    return {"color": dominant(colors, detection.COLORS), "kind": max(detection.KINDS, key=shapes.count), "sky": sky,
            "floor": floor, "objects": objects, "track": np.array(track)}


def motion_of(track):
    """(motion, direction) told from the path of the object: x, y of every frame, in frame heights."""
    seen = ~np.isnan(track[:, 0])
    if seen.sum() < .6 * len(track):
        return None, None
    x, y = (np.interp(np.arange(len(track)), np.nonzero(seen)[0], track[seen, k]) for k in (0, 1))
    x, y = (np.convolve(np.pad(v, 1, "edge"), [.25, .5, .25], "valid") for v in (x, y))
    wide, high = np.ptp(x), np.ptp(y)
    way = x[-1] - x[0]
    direction = "right" if way > 0 else "left"
    if wide < .07 and high < .06:
        return "rest", None
    if wide < .18:
        if y[-1] - y[0] > .08 and y[-1] > y.max() - .05:
            return "rise", None
        return ("drop", None) if y[0] - y.min() > .10 else ("other", None)
    turns = _turns(x, .08)
    if turns >= 1 and abs(way) < .75 * wide:
        return "swing", None
    if high < .09:
        return "roll", direction
    rise_first = y[:len(y) // 2].max() - y[0]
    return ("throw" if rise_first > .08 else "bounce"), direction


def _turns(values, least):
    """How often a path turns around, counting only ways of at least `least`."""
    turns, low, high, heading = 0, values[0], values[0], 0
    for value in values:
        low, high = min(low, value), max(high, value)
        if heading <= 0 and value - low > least:
            turns, heading, high = turns + (heading < 0), 1, value
        elif heading >= 0 and high - value > least:
            turns, heading, low = turns + (heading > 0), -1, value
        if heading > 0:
            low = value if value > high - 1e-9 else low
        elif heading < 0:
            high = value if value < low + 1e-9 else high
    return turns


def fall_acceleration(seen):
    """Downward acceleration in heights/s^2 by a parabola through the frames before the first contact, or None."""
    y = seen["track"][:, 1]
    if np.isnan(y[:20]).all():
        return None
    start = np.where(np.isnan(y), np.inf, y)[:20]
    contact = int(np.nonzero(start < start.min() + .02)[0][0])
    t, h = np.arange(contact) / world.FPS, y[:contact]
    good = ~np.isnan(h)
    return -2 * np.polyfit(t[good], h[good], 2)[0] if good.sum() >= 5 else None


def sharpness(clip, kinds):
    """Mean strength of the steepest slopes at the outlines of objects."""
    values = []
    for frame, kind in zip(clip[::6], kinds[::6]):
        big = np.kron(kind > 0, np.ones((2, 2), bool))
        ring = big.copy()
        for axis in (0, 1):
            for shift in (-3, 3):
                ring |= np.roll(big, shift, axis)
        inner = big & np.roll(big, 3, 0) & np.roll(big, -3, 0) & np.roll(big, 3, 1) & np.roll(big, -3, 1)
        gray = frame.astype(np.float32).mean(-1)
        slope = np.hypot(*np.gradient(gray))
        edge = slope[ring & ~inner]
        if len(edge) > 50:
            values.append(np.sort(edge)[-len(edge) // 4:].mean())
    return float(np.mean(values)) if values else np.nan


def report(name, clips, prompts, detector):
    """Shares of right answers over the prompts, and the numbers behind them."""
    right = {key: [] for key in ("color", "kind", "motion", "sky", "floor", "one object")}
    accelerations, edges, wrong = [], [], []
    for clip, wanted in zip(clips, prompts):
        seen = observe(detector, clip)
        for key in ("color", "kind", "sky", "floor"):
            right[key].append(seen[key] == wanted[key])
        motion, direction = motion_of(seen["track"])
        right["motion"].append(motion == wanted["motion"] and direction == wanted.get("direction"))
        right["one object"].append(np.mean(np.array(seen["objects"]) == 1))
        if wanted["motion"] == "drop":
            accelerations.append(fall_acceleration(seen))
        edges.append(sharpness(clip, detector.look(clip)[1]))
        if not all(right[key][-1] for key in ("color", "kind", "motion", "sky", "floor")):
            wrong.append(f"{wanted['text']}  [saw {seen['color']} {seen['kind']}, {motion} {direction or ''}, "
                         f"{seen['sky']}, {seen['floor']}]")
    measured = [a for a in accelerations if a is not None]
    result = {key: float(np.mean(values)) for key, values in right.items()}
    result["background"] = float(np.mean(np.array(right["sky"]) & np.array(right["floor"])))
    result["acceleration median"] = float(np.median(measured)) if measured else None
    close = [abs(a / world.GRAVITY - 1) < .15 for a in measured]
    result["acceleration within 15%"] = float(np.mean(close)) if close else 0
    result["falls measured"] = f"{len(measured)}/{len(accelerations)}"
    result["sharpness"] = float(np.nanmean(edges))
    print(f"{name}: " + ", ".join(f"{key} {value if isinstance(value, str) or value is None else round(value, 3)}"
                                  for key, value in result.items()))
    return {**result, "wrong": wrong}


def scene_for(prompt, seed, frames):
    wanted = {key: value for key, value in prompt.items() if key != "text"}
    return world.sample_scene(seed, frames=frames, camera="still", objects=1, **wanted)


def decibel(a, b):
    return 10 * np.log10(255 ** 2 / np.mean((a.astype(np.float32) - b) ** 2))


def measure_pictures(generator, prompts, frames):
    """First frame, and last frame, against the given pictures; reconstruction by the autoencoder."""
    scenes = [scene_for(prompt, 7_000_000 + i, frames) for i, prompt in enumerate(prompts)]
    truth = [scene.render()[0] for scene in scenes]
    first = torch.stack([generator.encode_picture(clip[0]) for clip in truth])
    last = torch.stack([generator.encode_picture(clip[-1]) for clip in truth])
    texts = [prompt["text"] for prompt in prompts]
    from_first = generator.generate(texts, frames, first=first)
    from_both = generator.generate(texts, frames, first=first, last=last)
    again = [reconstruct(generator.autoencoder, clip[:17]) for clip in truth]
    result = {
        "first frame": float(np.mean([decibel(a[0], b[0]) for a, b in zip(from_first, truth)])),
        "last frame": float(np.mean([decibel(a[-1], b[-1]) for a, b in zip(from_both, truth)])),
        "reconstruction": float(np.mean([decibel(a, b[:17]) for a, b in zip(again, truth)])),
    }
    print("pictures: " + ", ".join(f"{key} {value:.2f} dB" for key, value in result.items()))
    return result, [clip for three in zip(truth, from_first, from_both) for clip in three]


def read_frames(folder):
    paths = sorted(glob.glob(os.path.join(folder, "*.png")))
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sample.add_model_arguments(parser)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--frames", help="folder of folders of PNG frames, one per prompt in order")
    parser.add_argument("--simulator", action="store_true")
    parser.add_argument("--prompts", default=os.path.join(HERE, "prompts.json"))
    parser.add_argument("--every", type=int, default=1, help="use every n-th prompt only")
    parser.add_argument("--length", type=int, default=49, help="frames of a generated clip")
    parser.add_argument("--pictures", type=int, default=0, help="clips for the first- and last-frame measures")
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--shift", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--json", help="write the results here")
    parser.add_argument("--sheet", help="write frames of some clips here")
    args = parser.parse_args()
    with open(args.prompts, encoding="utf-8") as file:
        prompts = json.load(file)[::args.every]
    detector, results, clips = detection.load(args.detector), {}, []
    if args.simulator:
        control = [scene_for(prompt, 7_000_000 + i, args.length).render()[0] for i, prompt in enumerate(prompts)]
        results["simulator"] = report("simulator", control, prompts, detector)
    if args.frames:
        folders = sorted(path for path in glob.glob(os.path.join(args.frames, "*")) if os.path.isdir(path))
        clips = [read_frames(folder) for folder in folders[:len(prompts)]]
        results["frames"] = report("frames", clips, prompts, detector)
    elif args.model or args.dit:
        generator = sample.load_generator(args)
        chosen = {name: getattr(args, name) for name in ("guidance", "shift", "steps") if getattr(args, name) is not None}
        clips = generator.generate([prompt["text"] for prompt in prompts], args.length, **chosen)
        results["generated"] = report("generated", clips, prompts, detector)
        if args.pictures:
            some = prompts[::len(prompts) // args.pictures][:args.pictures]
            results["pictures"], rows = measure_pictures(generator, some, args.length)
            if args.sheet:
                write_sheet(args.sheet.replace(".png", "_pictures.png"), rows[:15])
    if args.sheet and clips:
        step = max(1, len(clips) // 12)
        write_sheet(args.sheet, clips[::step], [prompt["text"] for prompt in prompts[::step]])
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
