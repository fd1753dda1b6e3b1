"""Reconstruction quality of an autoencoder checkpoint on unseen clips: check_vae.py vae.pt [clips] [sheet.png]"""
import sys

import numpy as np
import torch

import vae
import world
from files import load_weights
from sheet import write_sheet


def load(path):
    model = vae.VideoAutoencoder(**vae.CONFIG)
    in_file = path.endswith(".safetensors")
    model.load_state_dict(load_weights(path) if in_file else torch.load(path, map_location="cpu")["average"])
    return model.eval()


@torch.no_grad()
def reconstruct(model, frames):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return vae.to_frames(model.decode(model.encode(vae.pixels(frames))[0])[0])


def main():
    model, count = load(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8
    whole, objects, pixels, rows = [], 0., 0., []
    for i in range(count):
        frames, mask = world.sample_scene(900_000 + i).render(count=17)
        again = reconstruct(model, frames)
        square = (again.astype(np.float32) - frames) ** 2
        whole.append(square.mean())
        objects += (square * (mask[..., None] / 255)).sum() / 3
        pixels += (mask / 255).sum()
        if i < 6:
            rows += [frames, again]
    print(f"{count} clips: {10 * np.log10(255 ** 2 / np.mean(whole)):.2f} dB, "
          f"objects {10 * np.log10(255 ** 2 * pixels / objects):.2f} dB")
    if len(sys.argv) > 3:
        write_sheet(sys.argv[3], rows, columns=6)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
