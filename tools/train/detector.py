"""A small network that sees what is in a frame: colour and kind of object at every pixel, sky and floor.

It is trained on simulator frames alone (detector.py --out detector.safetensors, about eight minutes of one core), some
of them blurred as a generator might blur them.  evaluate.py runs it on simulator clips too, as a control.
"""
import argparse
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import world
from files import load_weights, save_weights

COLORS, KINDS, SKIES, FLOORS = (list(bank) for bank in (world.COLORS, world.KINDS, world.SKIES, world.FLOORS))
WIDTH = 24                                      # channels


class Layer(nn.Module):
    def __init__(self, dilation):
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv2d(WIDTH, WIDTH, 1)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.out.weight)

    def forward(self, x):
        return x + self.out(F.relu(self.conv(x)))


class Detector(nn.Module):
    """Works on frames of half size; per pixel 1 + 8 colours and 1 + 3 kinds (0: no object), per frame sky and floor."""

    def __init__(self):
        super().__init__()
        inputs = nn.Conv2d(5, WIDTH, 3, padding=1)              # r, g, b, x, y
        self.body = nn.Sequential(inputs, *[Layer(dilation) for dilation in (1, 2, 4, 8, 4, 1)], nn.ReLU())
        self.pixel = nn.Conv2d(WIDTH, 2 + len(COLORS) + len(KINDS), 1)
        self.whole = nn.Linear(2 * WIDTH, len(SKIES) + len(FLOORS))

    def forward(self, frames):
        """frames [n, 3, h, w] in 0..1 to logits: colours, kinds [n, k, h/2, w/2], sky, floor [n, k]."""
        x = (F.avg_pool2d(frames, 2) - .5) * 3
        n, _, h, w = x.shape
        down = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)
        across = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)
        y = self.body(torch.cat([x, down, across], 1).contiguous(memory_format=torch.channels_last))
        halves = torch.cat([y[:, :, :h // 2].mean((2, 3)), y[:, :, h // 2:].mean((2, 3))], 1)
        colors, kinds = self.pixel(y).float().split([1 + len(COLORS), 1 + len(KINDS)], 1)
        sky, floor = self.whole(halves.float()).split([len(SKIES), len(FLOORS)], 1)
        return colors, kinds, sky, floor

    @torch.no_grad()
    def look(self, frames):
        """uint8 [t, h, w, 3] to (colour ids and kind ids [t, h/2, w/2] with 0 for none, sky name, floor name)."""
        colors, kinds, sky, floor = self(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255)
        inside = kinds.argmax(1) > 0
        color = torch.where(inside, colors[:, 1:].argmax(1) + 1, 0)
        return (color.numpy().astype(np.uint8), kinds.argmax(1).numpy().astype(np.uint8),
                SKIES[int(sky.log_softmax(1).mean(0).argmax())], FLOORS[int(floor.log_softmax(1).mean(0).argmax())])


def training_frames(rng, scenes, per_scene):
    """Frames [n, 3, h, w], object index per pixel turned into colour and kind, sky and floor."""
    frames, colors, kinds, settings = [], [], [], []
    for _ in range(scenes):
        scene = world.sample_scene(rng.getrandbits(40))
        where = scene.on_screen()
        grid_y, grid_x = np.mgrid[.5:world.HEIGHT, .5:world.WIDTH] / world.HEIGHT
        for t in rng.sample(range(world.FRAMES), per_scene):
            rgb, mask = scene.render(t, 1)
            distances = [np.hypot(grid_x - x, grid_y - y) - r for x, y, r in where[t]]
            owner = np.argmin(distances, 0)
            color, kind = (np.choose(owner, [names.index(name) + 1 for name in own]) for names, own in
                           ((COLORS, scene.colors), (KINDS, scene.kinds)))
            # Ropes and strings are in the mask but are no object: their pixels are far from every body.
            reach = 1.35 if scene.kinds[0] != "ball" else 1.1
            body = (mask[0] > 128) & (np.min(distances, 0) < (reach - 1) * where[t][owner, 2])
            frames.append(rgb[0])
            colors.append(np.where(body, color, 0)[::2, ::2])
            kinds.append(np.where(body, kind, 0)[::2, ::2])
            settings.append((SKIES.index(scene.sky), FLOORS.index(scene.floor)))
    x = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    if rng.random() < .6:                       # soft like a generated frame
        sigma = rng.uniform(.5, 2.5)
        kernel = torch.exp(-torch.arange(-6., 7.) ** 2 / (2 * sigma ** 2))
        kernel = (kernel / kernel.sum()).repeat(3, 1, 1, 1)
        x = F.conv2d(x, kernel.view(3, 1, 1, 13), groups=3, padding=(0, 6))
        x = F.conv2d(x, kernel.view(3, 1, 13, 1), groups=3, padding=(6, 0))
    x = (x * rng.uniform(.94, 1.06) + .02 * torch.randn(1, 3, 1, 1) + .01 * torch.randn_like(x)).clamp(0, 1)
    return (x, *(torch.from_numpy(np.stack(t)).long() for t in (colors, kinds)), torch.tensor(settings))


def load(path):
    detector = Detector()
    detector.load_state_dict(load_weights(path))
    return detector.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--init", help="go on from these weights")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng, detector = random.Random(args.seed), Detector()
    if args.init:
        detector.load_state_dict(load_weights(args.init))
    optimizer = torch.optim.AdamW(detector.parameters(), lr=3e-3)
    start, step = time.time(), 0
    while (progress := (time.time() - start) / (60 * args.minutes)) < 1:
        x, color, kind, setting = training_frames(rng, 4, 2)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            colors, kinds, sky, floor = (t.float() for t in detector(x))
        weight = 1 + 4. * (kind > 0)
        loss = ((F.cross_entropy(kinds, kind, reduction="none") * weight).mean()
                + (F.cross_entropy(colors, color, reduction="none") * weight).mean()
                + .2 * F.cross_entropy(sky, setting[:, 0]) + .2 * F.cross_entropy(floor, setting[:, 1]))
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, 20 * progress + .02) * (1.02 - progress)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step} {100 * progress:.0f}% loss {float(loss):.4f} "
                  f"kind {float((kinds.argmax(1) == kind)[kind > 0].float().mean()):.3f} "
                  f"color {float((colors.argmax(1) == color)[kind > 0].float().mean()):.3f} "
                  f"floor {float((floor.argmax(1) == setting[:, 1]).float().mean()):.2f}", flush=True)
    save_weights(args.out, detector.state_dict())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
