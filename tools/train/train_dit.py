"""Trains the video transformer together with its text encoder, by flow matching on encoded clips of the toy world.

    train_dit.py --vae vae.pt --tokenizer tokenizer.json --out dit.pt --minutes 60

Starting again with the same --out goes on where the last run stopped, until --minutes are used up in total. With a
larger --layers than the checkpoint has, new blocks are inserted that at first change nothing.
"""
import argparse
import json
import math
import multiprocessing
import os
import random
import time

import torch
import torch.nn.functional as F
from torch import nn

import captions
import check_vae
import dit
import text
import world
from files import load_weights
from muon import Average, Muon
from parallel import Workers
from reservoir import CELLS, LENGTHS, Reservoir, render_job
from tokenizer import SPACE, Tokenizer

TOKENS_PER_BATCH = 2400                         # per worker: 12 clips of 17 frames or 4 of 49
SHARES = {"short": {5: 1.}, "mixed": {5: .45, 9: .35, 13: .20}}     # of the batches, by latent frames
GIVEN_FIRST, GIVEN_BOTH = .28, .12              # samples with the first picture, batches with the first and last one
AUXILIARY = .5                                  # weight of the state loss
LAST_LR = .04                                   # at the end of the straight line down, as a share of --lr


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--short", type=float, default=.35, help="share of the time with clips of 17 frames only")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--decay-from", type=float, default=.65, help="share of the time with a constant learning rate")
    parser.add_argument("--shift", type=float, default=2.5, help="of the noise levels in training")
    parser.add_argument("--layers", type=int, default=dit.CONFIG["layers"])
    parser.add_argument("--init", help="start from the weights of a model folder (conch.json)")
    parser.add_argument("--fresh-schedule", action="store_true", help="weights of --out, but time starts at zero")
    parser.add_argument("--clips", type=int, default=200, help="clips per worker before training starts")
    parser.add_argument("--capacity", type=int, default=6000, help="clips per worker that are kept")
    parser.add_argument("--encode", type=float, default=.2, help="share of the time spent on making new clips")
    parser.add_argument("--batch-scale", type=int, default=1, help="multiplies the batches (GPU: 8 or more)")
    parser.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else 2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def grow_depth(state, layers):
    """A state dict with more blocks: each new one copies its predecessor, but adds nothing to the stream."""
    count = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    if count == layers:
        return state
    grown = {name: value for name, value in state.items() if not name.startswith("blocks.")}
    used = set()
    for new in range(layers):
        old = new * count // layers
        for name, value in state.items():
            if name.startswith(f"blocks.{old}."):
                silent = old in used and any(part in name for part in ("attn.o.", "ffn.2."))
                grown[name.replace(f"blocks.{old}.", f"blocks.{new}.", 1)] = value * 0 if silent else value.clone()
        used.add(old)
    return grown


def noise_levels(n, shift):
    """Mostly logit-normal, sometimes uniform, shifted towards noise."""
    u = torch.where(torch.rand(n) < .15, torch.rand(n), torch.sigmoid(torch.randn(n)))
    return shift * u / (1 + (shift - 1) * u)


def flow_loss(model, encoder, probe, latents, ids, state, sigma, given, dtype):
    """Flow matching where `given` [n, f] frames stay clean at t = 0, and the auxiliary state loss."""
    noise = torch.randn_like(latents)
    sigma = sigma[:, None].expand_as(given).masked_fill(given, 0.)
    s = sigma[:, None, :, None, None]
    velocity, middle = model((1 - s) * latents + s * noise, sigma * 1000, encoder(ids), dtype, tap=True)
    weight = (~given).float()[:, None, :, None, None].expand_as(latents)
    loss = ((velocity - (noise - latents)) ** 2 * weight).sum() / weight.sum()
    return loss, F.binary_cross_entropy_with_logits(probe(middle).view(state.shape), state)


class Trainer:
    def __init__(self, args):
        self.args = args
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.workers = Workers(args.workers)
        torch.manual_seed(args.seed)
        self.tokenizer = Tokenizer(args.tokenizer)
        self.autoencoder = check_vae.load(args.vae).to(self.device)
        self.config = {**dit.CONFIG, "layers": args.layers}
        self.text_config = {"vocab": self.tokenizer.size, **text.CONFIG}
        self.model, self.encoder = dit.VideoTransformer(**self.config), text.TextEncoder(**self.text_config)
        self.probe = nn.Linear(self.config["dim"], world.STATE_SIZE)
        self.step, self.spent, self.mean, self.std = 0, 0., None, None
        saved = torch.load(args.out, map_location="cpu") if os.path.exists(args.out) else None
        if saved:
            self._restore(saved)
        elif args.init:
            self._initialise(args.init)
        for module in (self.model, self.encoder, self.probe):
            module.to(self.device)
        self.named = [(prefix + name, p) for prefix, module in self._modules() for name, p in module.named_parameters()]
        self.parameters = [p for _, p in self.named]
        def is_matrix(name, p): return name.startswith("dit.blocks.") and p.dim() == 2
        self.optimizer = Muon([p for name, p in self.named if is_matrix(name, p)],
                              [p for name, p in self.named if not is_matrix(name, p)], args.lr, self.workers, .02)
        self.average = Average(self.named, .998)
        if saved and saved["config"] == self.config:
            self.optimizer.load(saved["optimizer"])
            self.average.values = {name: value.to(self.device) for name, value in saved["average"].items()}

    def _modules(self):
        return ("dit.", self.model), ("text.", self.encoder), ("probe.", self.probe)

    def _restore(self, saved):
        for prefix, module in self._modules():
            state = {name[len(prefix):]: value for name, value in saved["model"].items() if name.startswith(prefix)}
            module.load_state_dict(grow_depth(state, self.config["layers"]) if prefix == "dit." else state)
        self.step, self.mean, self.std = saved["step"], saved["mean"], saved["std"]
        self.spent = 0. if self.args.fresh_schedule else saved["spent"]

    def _initialise(self, folder):
        """Weights of a model folder. Its vocabulary may differ: rows are matched by word, new words start as the plain
        word that they are another name for."""
        with open(os.path.join(folder, "conch.json"), encoding="utf-8") as file:
            parts = json.load(file)["components"]
        self.mean, self.std = (torch.tensor(parts["vae"][name]) for name in ("latent_mean", "latent_std"))
        state = load_weights(os.path.join(folder, parts["transformer"]["files"][0]))
        self.model.load_state_dict(grow_depth(state, self.config["layers"]))
        state = load_weights(os.path.join(folder, parts["text_encoder"]["files"][0]))
        old = Tokenizer(os.path.join(folder, parts["tokenizer"]["file"])).pieces
        rows = self.encoder.token_embedding.weight.detach().clone() * state["token_embedding.weight"].std()
        rows[:3] = state["token_embedding.weight"][:3]
        for piece, (i, _) in self.tokenizer.pieces.items():
            plain = captions.plain_word(piece.lstrip(SPACE))
            source = old.get(piece) or (old.get(SPACE + plain) if plain else None)
            if source:
                rows[i] = state["token_embedding.weight"][source[0]]
        self.encoder.load_state_dict({**state, "token_embedding.weight": rows})

    def save(self):
        state = {"model": {name: p.detach() for name, p in self.named}, "average": self.average.values,
                 "optimizer": self.optimizer.state(), "config": self.config, "text_config": self.text_config,
                 "mean": self.mean, "std": self.std, "step": self.step, "spent": self.spent + time.time() - self.start}
        torch.save(state, self.args.out + ".new")
        os.replace(self.args.out + ".new", self.args.out)

    def normalise(self, latents):
        return (latents - self.mean.view(1, -1, 1, 1, 1)) / self.std.view(1, -1, 1, 1, 1)

    def lengths(self, progress):
        return SHARES["short" if progress < self.args.short else "mixed"]

    def add_clip(self, progress):
        """Clips are only as long as they need to be in the first phase."""
        shares = self.lengths(progress + .02)   # a few long clips must be there when the second phase begins
        length = 13 if 13 in shares and (self.pool or self.reservoir.count % 2) else 5
        self.reservoir.add(length, next(self.rendered) if self.pool else None)

    def _start_rendering(self):
        """On a GPU, CPU processes draw the clips ahead of time."""
        self.pool = multiprocessing.Pool(os.cpu_count()) if self.device == "cuda" else None
        if self.pool:
            jobs = ((self.rng.getrandbits(40), LENGTHS[13]) for _ in iter(int, 1))
            self.rendered = self.pool.imap_unordered(render_job, jobs, 4)

    def run(self):
        args = self.args
        self.workers.fork(self.parameters)
        self.rng = random.Random(f"{args.seed} {self.workers.rank} {self.step} dit")
        torch.manual_seed(self.rng.getrandbits(31))
        self.reservoir = Reservoir(self.autoencoder, self.tokenizer, self.config["text_len"], args.capacity, self.rng,
                                   self.device)
        self._start_rendering()
        self.start = begin = time.time()
        self.clips_file = f"{args.out}.clips{self.workers.rank}"
        if os.path.exists(self.clips_file):
            self.reservoir.load(self.clips_file)
        has_long = bool((self.reservoir.length == 13).any())
        for _ in range(args.clips if not has_long else 0):
            self.add_clip(self.spent / (60 * args.minutes))
        if self.mean is None:
            filled = [self.reservoir.latents[i, :self.reservoir.length[i]].float() for i in range(self.reservoir.count)]
            values = torch.cat(filled).transpose(0, 1).flatten(1)
            statistics = self.workers.mean(torch.stack([values.mean(1), (values ** 2).mean(1)]))
            self.mean, self.std = statistics[0], (statistics[1] - statistics[0] ** 2).sqrt()
        if self.workers.rank == 0:
            print(f"{self.reservoir.count} clips per worker in {time.time() - begin:.0f} s, "
                  f"{sum(map(torch.numel, self.parameters)) / 1e6:.1f} M parameters", flush=True)
        self._loop()
        self.reservoir.save(self.clips_file)
        if self.workers.rank == 0:
            self.save()
        self.workers.finish()

    def _loop(self):
        args, first_step, encoding, self.start = self.args, self.step, 0., time.time()
        last_report = last_save = self.start
        losses, samples = {}, 0
        while True:
            now = time.time()
            progress, choice, both = self.workers.from_first(
                (self.spent + now - self.start) / (60 * args.minutes), random.random(), random.random() < GIVEN_BOTH)
            if progress >= 1:
                break
            while encoding < args.encode * (time.time() - self.start):
                before = time.time()
                self.add_clip(progress)
                encoding += time.time() - before
            shares = self.lengths(progress)
            cumulative, length = 0., None
            for candidate, share in shares.items():                  # all workers take the same, or they would wait
                cumulative += share
                if length is None and choice < cumulative:
                    length = candidate
            n = args.batch_scale * max(1, TOKENS_PER_BATCH // (CELLS * length))
            latents, ids, state = self.reservoir.batch(n, length, bool(both), self.normalise)
            given = torch.zeros(n, latents.shape[2], dtype=torch.bool)
            given[:, 0] = True if both else torch.rand(n) < GIVEN_FIRST
            given[:, -1] = bool(both)
            sigma = noise_levels(n, args.shift)
            latents, ids, state, sigma, given = (t.to(self.device) for t in (latents, ids, state, sigma, given))
            loss, auxiliary = flow_loss(self.model, self.encoder, self.probe, latents, ids, state, sigma, given, dit.BF16)
            self.optimizer.zero_grad()
            (loss + AUXILIARY * auxiliary).backward()
            self.workers.average_gradients(self.parameters)
            decay = LAST_LR + (1 - LAST_LR) * min(1, (1 - progress) / (1 - args.decay_from))
            self.optimizer.set_lr(args.lr * decay * min(1, (self.step - first_step + 1) / 80))
            norm = nn.utils.clip_grad_norm_(self.parameters, 1.)
            self.step += 1
            if math.isfinite(norm):
                self.optimizer.step()
            now = time.time()
            if now - last_save > 150:
                if self.workers.rank == 0:
                    self.save()
                self.reservoir.save(self.clips_file)
                last_save = now
            if self.workers.rank:
                continue
            self.average.update(self.step)
            losses.setdefault(length, []).append(float(loss))
            losses.setdefault("state", []).append(float(auxiliary))
            samples += n * self.workers.world
            if self.step % 50 == 0:
                means = " ".join(f"{LENGTHS.get(key, key)}: {sum(v) / len(v):.4f}" for key, v in losses.items())
                print(f"step {self.step} {100 * progress:.1f}% loss {means} | clips {self.reservoir.count} "
                      f"{samples / (now - last_report):.1f} samples/s", flush=True)
                losses, samples, last_report = {}, 0, now


if __name__ == "__main__":
    Trainer(parse_arguments()).run()
