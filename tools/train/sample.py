"""Generates clips in torch, from a model folder or from training checkpoints.

    sample.py --model models/tiny --sheet sheet.png "a red ball rolls left on the grass"
    sample.py --vae vae.pt --dit dit.pt --tokenizer tokenizer.json --sheet sheet.png
"""
import argparse
import json
import os

import torch

import check_vae
import dit
import text
import vae
import world
from files import load_weights
from reservoir import LENGTHS
from sheet import write_sheet
from tokenizer import Tokenizer

PROMPTS = [
    "a large red ball falls and bounces on the grass under a blue sky",
    "a blue cube slides to the right on the sand at sunset",
    "a big yellow ball rolls to the left on the snow at night", "a pink balloon floats up over the grass in daylight",
    "a green ball swings on a rope over a wooden floor in daylight",
    "a large purple ball is thrown to the right on the stone floor at sunset",
    "a white cube rests on the grass at sunset",
    "a red ball bounces to the right on the snow at sunset", "a big orange balloon rises into the sky at night",
    "a blue ball and a yellow ball collide on the sand on a sunny day",
]


class Generator:
    """A trained model ready to sample from."""

    def __init__(self, autoencoder, model, encoder, tokenizer, mean, std, sampling):
        self.autoencoder, self.model, self.encoder, self.tokenizer = autoencoder, model, encoder, tokenizer
        self.mean, self.std = (t.view(1, -1, 1, 1, 1) for t in (mean, std))
        self.sampling = sampling

    @classmethod
    def from_folder(cls, folder):
        with open(os.path.join(folder, "conch.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        parts = manifest["components"]

        def build(make, part, names):
            module = make(**{name: part[name] for name in names})
            module.load_state_dict(load_weights(os.path.join(folder, part["files"][0])))
            return module.eval()
        autoencoder = build(vae.VideoAutoencoder, parts["vae"], vae.CONFIG)
        model = build(dit.VideoTransformer, parts["transformer"], dit.CONFIG)
        encoder = build(text.TextEncoder, parts["text_encoder"], ["vocab", *text.CONFIG])
        tokenizer = Tokenizer(os.path.join(folder, parts["tokenizer"]["file"]))
        statistics = (torch.tensor(parts["vae"][name]) for name in ("latent_mean", "latent_std"))
        return cls(autoencoder, model, encoder, tokenizer, *statistics, manifest["sampling"])

    @classmethod
    def from_checkpoints(cls, vae_path, dit_path, tokenizer_path):
        saved = torch.load(dit_path, map_location="cpu")
        model, encoder = dit.VideoTransformer(**saved["config"]), text.TextEncoder(**saved["text_config"])
        for prefix, module in (("dit.", model), ("text.", encoder)):
            module.load_state_dict({name[len(prefix):]: value for name, value in saved["average"].items()
                                    if name.startswith(prefix)})
        return cls(check_vae.load(vae_path), model.eval(), encoder.eval(), Tokenizer(tokenizer_path), saved["mean"],
                   saved["std"], {"steps": 20, "shift": 3.0, "guidance": 3.0})

    @torch.no_grad()
    def encode_picture(self, picture):
        """uint8 [h, w, 3] to a normalised latent frame [z, h/16, w/16]."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean = self.autoencoder.encode(vae.pixels(picture[None].copy()))[0]
        return ((mean - self.mean) / self.std)[0, :, 0]

    @torch.no_grad()
    def sample(self, prompts, length=13, seed=1, first=None, last=None, size=(world.HEIGHT, world.WIDTH), **sampling):
        """Normalised latents [n, z, f, h, w]; `first` and `last` are latent frames [n, z, h, w] or None."""
        settings = {**self.sampling, **sampling}
        steps, shift, guidance = int(settings["steps"]), settings["shift"], settings["guidance"]
        n, frames = len(prompts), length + (last is not None)
        noise = torch.Generator().manual_seed(seed)
        x = torch.randn(n, self.mean.numel(), frames, size[0] // 16, size[1] // 16, generator=noise)
        given = torch.zeros(n, frames, dtype=torch.bool)
        if first is not None:
            x[:, :, 0], given[:, 0] = first, True
        if last is not None:
            x[:, :, -1], given[:, -1] = last, True
        slots = self.model.text_len
        ids = torch.tensor([self.tokenizer.padded(prompt, slots) for prompt in [*prompts, *[""] * n]])
        context = self.encoder(ids)
        levels = torch.linspace(1, 0, steps + 1)
        levels = shift * levels / (1 + (shift - 1) * levels)
        moving = (~given).float()[:, None, :, None, None]
        for now, then in zip(levels[:-1], levels[1:]):
            t = torch.full((n, frames), float(now) * 1000).masked_fill(given, 0.)
            with_text, without = self.model(torch.cat([x, x]), torch.cat([t, t]), context).chunk(2)
            x = x + moving * (then - now) * (without + guidance * (with_text - without))
        return x[:, :, :length]

    @torch.no_grad()
    def decode(self, latents):
        """A list of uint8 clips [t, h, w, 3]."""
        clips = []
        for latent in latents:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                clips.append(vae.to_frames(self.autoencoder.decode(latent[None] * self.std + self.mean)[0]))
        return clips

    def generate(self, prompts, frames=49, batch=10, seed=1, **options):
        """Clips for many prompts, a few at a time."""
        length = {count: length for length, count in LENGTHS.items()}[frames]
        clips = []
        for start in range(0, len(prompts), batch):
            part = {name: value[start:start + batch] if name in ("first", "last") else value
                    for name, value in options.items()}
            clips += self.decode(self.sample(prompts[start:start + batch], length, seed + start, **part))
        return clips


def add_model_arguments(parser):
    parser.add_argument("--model", help="model folder with conch.json")
    parser.add_argument("--vae")
    parser.add_argument("--dit")
    parser.add_argument("--tokenizer")


def load_generator(args):
    return (Generator.from_folder(args.model) if args.model else
            Generator.from_checkpoints(args.vae, args.dit, args.tokenizer))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    parser.add_argument("--sheet", required=True)
    parser.add_argument("--frames", type=int, default=49, choices=LENGTHS.values())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=argparse.SUPPRESS)
    parser.add_argument("--shift", type=float, default=argparse.SUPPRESS)
    parser.add_argument("--guidance", type=float, default=argparse.SUPPRESS)
    args = parser.parse_args()
    options = {name: getattr(args, name) for name in ("steps", "shift", "guidance") if hasattr(args, name)}
    prompts = args.prompts or PROMPTS
    clips = load_generator(args).generate(prompts, args.frames, seed=args.seed, **options)
    write_sheet(args.sheet, clips, prompts)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
