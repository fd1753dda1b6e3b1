"""Trains the video autoencoder on clips of the toy world.

    train_vae.py --out vae.pt --minutes 30                 encoder and decoder together
    train_vae.py --out vae.pt --minutes 30 --decoder-only  with the encoder frozen: latents stay valid

Starting again with the same --out goes on where the last run stopped, until --minutes are used up in total.
"""
import argparse
import math
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

import vae
import world
from files import load_weights
from grow import grow_autoencoder
from muon import Average, Muon
from parallel import Workers

# (clips, frames, height, width) of a batch, and how often it is drawn.  Small crops around the objects are where the
# loss is; whole pictures at the end teach the attention block its real size.
CROPS = [((6, 5, 64, 64), .50), ((3, 9, 64, 64), .30), ((2, 9, 96, 96), .20)]
WHOLE = (1, 5, world.HEIGHT, world.WIDTH)
WHOLE_FROM = .70                                # share of the time after which every second batch is whole pictures
NEAR_OBJECT = .75                               # share of the crops that are centred on an object
OBJECT_WEIGHT = 5.
EXTRA_NOISE = .12                               # most latent noise in training, in units of each channel's deviation


def crop_window(rng, scene, first, frames, width, height):
    """A crop, mostly around an object in one of the frames."""
    x, y = rng.uniform(0, world.WIDTH), rng.uniform(0, world.HEIGHT)
    if rng.random() < NEAR_OBJECT:
        places = scene.on_screen()[first + rng.randrange(frames)]
        x, y = places[rng.randrange(len(places)), :2] * world.HEIGHT
        x, y = x + rng.uniform(-.4, .4) * width, y + rng.uniform(-.4, .4) * height
    left = min(max(0, int(x - width / 2)), world.WIDTH - width)
    top = min(max(0, int(y - height / 2)), world.HEIGHT - height)
    return left, top, width, height


def make_batch(rng, size):
    """Pixels in [-1, 1] [n, 3, t, h, w] and object masks [n, 1, t, h, w], slightly widened."""
    clips, frames, height, width = size
    pictures, masks = [], []
    for _ in range(clips):
        scene = world.sample_scene(rng.getrandbits(40))
        first = rng.randrange(world.FRAMES - frames)
        rgb, mask = scene.render(first, frames, crop_window(rng, scene, first, frames, width, height))
        pictures.append(rgb)
        masks.append(mask)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)
    mask = torch.from_numpy(np.stack(masks))[:, None].float().div_(255)
    return x, F.max_pool3d(mask, (1, 5, 5), 1, (0, 2, 2))


def reconstruction_loss(y, x, mask):
    """L1, L2 and L1 of the picture's slopes, heavier on objects, and L1 of coarse averages for even backgrounds."""
    weight, d = 1 + OBJECT_WEIGHT * mask, y - x
    flat = (weight * (d.abs() + 1.5 * d * d)).mean()
    across = ((d[..., 1:] - d[..., :-1]).abs() * weight[..., 1:]).mean()
    down = ((d[..., 1:, :] - d[..., :-1, :]).abs() * weight[..., 1:, :]).mean()
    coarse = F.avg_pool3d(d, (1, 8, 8)).abs().mean()
    return flat + across + down + coarse, d


def is_matrix(name, p):
    """Filters that Muon trains; the outermost convolutions and everything small go to AdamW."""
    outer = name.startswith(("encoder.conv1", "encoder.head", "decoder.head"))
    return p.dim() >= 4 and min(p.shape[:2]) > 1 and "gamma" not in name and not outer


def decibel(mean_square):
    """Peak signal-to-noise ratio of errors in the range [-1, 1]."""
    return 10 * math.log10(4 / max(mean_square, 1e-9))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="checkpoint, read at the start if it is there")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--kl", type=float, default=1e-3)
    parser.add_argument("--init", help="start from these weights: a checkpoint or a safetensors file")
    parser.add_argument("--grow", help="start from a narrower autoencoder in a safetensors file")
    parser.add_argument("--decoder-only", action="store_true")
    parser.add_argument("--batch-scale", type=int, default=1, help="multiplies the clips of a batch (GPU: 8 or more)")
    parser.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else 2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    workers = Workers(args.workers)
    torch.manual_seed(args.seed)
    model = vae.VideoAutoencoder(**vae.CONFIG)
    saved = torch.load(args.out) if os.path.exists(args.out) else None
    if saved:
        model.load_state_dict(saved["model"])
    elif args.init:
        model.load_state_dict(load_weights(args.init) if args.init.endswith(".safetensors")
                              else torch.load(args.init)["average"])
    elif args.grow:
        grow_autoencoder(model, load_weights(args.grow))
    model.to(device)
    if args.decoder_only:
        for name, p in model.named_parameters():
            p.requires_grad_(name.startswith(("decoder", "conv2")))
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    parameters = [p for _, p in trained]
    optimizer = Muon([p for name, p in trained if is_matrix(name, p)],
                     [p for name, p in trained if not is_matrix(name, p)], args.lr, workers)
    average = Average(model.named_parameters(), .997)
    step, spent = 0, 0.
    if saved:
        optimizer.load(saved["optimizer"])
        average.values = {name: value.to(device) for name, value in saved["average"].items()}
        step, spent = saved["step"], saved["spent"]

    workers.fork(parameters)
    rng = random.Random(f"{args.seed} {workers.rank} {step} vae")
    torch.manual_seed(hash((args.seed, workers.rank, step)) % 2 ** 31)

    def save(now):
        state = {"model": model.state_dict(), "average": average.values, "optimizer": optimizer.state(),
                 "step": step, "spent": spent + now - start, "config": vae.CONFIG}
        torch.save(state, args.out + ".new")
        os.replace(args.out + ".new", args.out)

    start = last_report = last_save = time.time()
    sums, pixels_seen, first_step = [0.] * 4, 0, step
    while True:
        progress, = workers.from_first((spent + time.time() - start) / (60 * args.minutes))
        if progress >= 1:
            break
        size = WHOLE if progress > WHOLE_FROM and step % 2 == 0 else rng.choices(*zip(*CROPS))[0]
        x, mask = (t.to(device) for t in make_batch(rng, (size[0] * args.batch_scale, *size[1:])))
        with torch.autocast(device, dtype=torch.bfloat16):
            with torch.set_grad_enabled(not args.decoder_only):
                mean, log_variance = model.encode(x)
            log_variance = log_variance.clamp(-12, 4)
            extra = EXTRA_NOISE * torch.rand(len(mean), 1, 1, 1, 1, device=device)
            deviation = mean.detach().std((0, 2, 3, 4), keepdim=True)
            noise = torch.exp(log_variance) + (extra * deviation) ** 2
            y = model.decode(mean + noise.sqrt() * torch.randn_like(mean))
        loss, error = reconstruction_loss(y, x, mask)
        divergence = .5 * (mean * mean + log_variance.exp() - 1 - log_variance).mean()
        optimizer.zero_grad()
        (loss + (0 if args.decoder_only else args.kl * divergence)).backward()
        workers.average_gradients(parameters)
        warm_up = min(1, (step - first_step + 1) / 40)
        optimizer.set_lr(args.lr * warm_up * (.97 * .5 * (1 + math.cos(math.pi * progress)) + .03))
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.)
        step += 1
        if not math.isfinite(norm):
            continue
        optimizer.step()
        if workers.rank:
            continue
        average.update(step)
        square = error.detach() ** 2
        for i, value in enumerate((loss, square.mean(), (square * mask).sum() / (3 * mask.sum() + 1), divergence)):
            sums[i] += float(value)
        pixels_seen += workers.world * x.numel() // 3
        now = time.time()
        if step % 50 == 0:
            loss_mean, psnr, object_psnr, kl = sums[0] / 50, decibel(sums[1] / 50), decibel(sums[2] / 50), sums[3] / 50
            print(f"step {step} {100 * progress:.1f}% loss {loss_mean:.4f} psnr {psnr:.2f} objects {object_psnr:.2f} "
                  f"kl {kl:.2f} | {pixels_seen / (now - last_report) / 1e6:.2f} Mpx/s", flush=True)
            sums, pixels_seen, last_report = [0.] * 4, 0, now
        if now - last_save > 120:
            save(now)
            last_save = now
    if workers.rank == 0:
        save(time.time())
    workers.finish()


if __name__ == "__main__":
    main()
