"""Writes a model folder that the engine runs: weights as safetensors, tokenizer, manifest.

    export.py --vae vae.pt --dit dit.pt --tokenizer tokenizer.json --to models/tiny
"""
import argparse
import json
import os
import shutil

import torch

import vae
import world
from files import save_weights
from reservoir import LENGTHS

FRAMES, DEFAULT_FRAMES = sorted(LENGTHS.values()), 33
SAMPLING = {"sampler": "euler", "steps": 20, "shift": 3.0, "guidance": 3.0, "negative": ""}


def manifest(saved, sampling):
    config, text_config = saved["config"], saved["text_config"]
    return {
        "format": 1, "name": "conch/tiny", "title": "Conch tiny: balls, cubes and balloons", "family": "wan",
        "license": "Apache-2.0",
        "components": {
            "text_encoder": {"kind": "umt5", "files": ["text_encoder.safetensors"], **text_config,
                             "text_len": config["text_len"]},
            "tokenizer": {"kind": "unigram", "file": "tokenizer.json"},
            "transformer": {"kind": "wan-dit", "variant": "ti2v", "files": ["transformer.safetensors"], **config,
                            "patch": [1, 2, 2]},
            "vae": {"kind": "wan-vae22", "files": ["vae.safetensors"], **vae.CONFIG,
                    "latent_mean": saved["mean"].tolist(), "latent_std": saved["std"].tolist()},
        },
        "sampling": sampling,
        "capabilities": {"modes": ["text", "first_frame", "first_last_frame"], "last_frame": "append",
                         "sizes": [[world.WIDTH, world.HEIGHT]], "frames": FRAMES, "default_frames": DEFAULT_FRAMES,
                         "fps": world.FPS},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--dit", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--guidance", type=float, default=SAMPLING["guidance"])
    parser.add_argument("--shift", type=float, default=SAMPLING["shift"])
    args = parser.parse_args()

    def path(name): return os.path.join(args.to, name)
    os.makedirs(args.to, exist_ok=True)
    saved = torch.load(args.dit, map_location="cpu")
    weights = {"vae": torch.load(args.vae, map_location="cpu")["average"]}
    for prefix, name in (("dit.", "transformer"), ("text.", "text_encoder")):
        weights[name] = {key[len(prefix):]: value for key, value in saved["average"].items() if key.startswith(prefix)}
    for name, state in weights.items():
        target = path(f"{name}.safetensors")
        if os.path.exists(target):
            os.remove(target)                   # a read-only file from a checkout can be replaced, not overwritten
        save_weights(target, state)
    shutil.copy(args.tokenizer, path("tokenizer.json"))
    with open(path("conch.json"), "w", encoding="utf-8") as file:
        json.dump(manifest(saved, {**SAMPLING, "guidance": args.guidance, "shift": args.shift}), file, indent=2)
        file.write("\n")
    print(f"{sum(os.path.getsize(path(name)) for name in os.listdir(args.to)) / 1e6:.1f} MB in {args.to}")


if __name__ == "__main__":
    main()
