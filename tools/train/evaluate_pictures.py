"""First and last frames through the program itself: evaluate_pictures.py BUILD [clips]

Pictures drawn by the simulator are given to `conch generate --first-frame (--last-frame)`; the clip's own first and last
frame are compared with them.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import evaluate

FIRST_SCENE = 7_000_000     # scenes that neither training nor the other measures draw


def generate(build, prompt, seed, folder, pictures):
    """The frames of one clip, [count][height][width][3]."""
    command = [os.path.join(build, "conch"), "generate", prompt, "--model", "models/tiny", "--seed", str(seed),
               "--frames-dir", folder, "--quiet"]
    subprocess.run(command + [word for name, path in pictures.items() for word in (name, path)], check=True)
    return evaluate.read_frames(folder)


def measure(build, prompt, index, length, folder):
    """Decibel of the first frame (given alone) and of the last one (given with the first)."""
    truth = evaluate.scene_for(prompt, FIRST_SCENE + index, length).render()[0]
    first, last = (os.path.join(folder, f"{index}-{name}.png") for name in ("first", "last"))
    Image.fromarray(truth[0]).save(first)
    Image.fromarray(truth[-1]).save(last)
    alone = generate(build, prompt["text"], index, os.path.join(folder, f"{index}-a"), {"--first-frame": first})
    both = generate(build, prompt["text"], index, os.path.join(folder, f"{index}-b"),
                    {"--first-frame": first, "--last-frame": last})
    return evaluate.decibel(alone[0], truth[0]), evaluate.decibel(both[-1], truth[-1])


def main():
    build, clips = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with open("models/tiny/conch.json", encoding="utf-8") as file:
        capabilities = json.load(file)["capabilities"]
    length = capabilities.get("default_frames", max(capabilities["frames"]))
    with open(os.path.join(evaluate.HERE, "prompts.json"), encoding="utf-8") as file:
        prompts = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [measure(build, prompt, i, length, folder) for i, prompt in enumerate(prompts[::len(prompts) // clips][:clips])]
    first, last = np.array(pairs).T
    print(f"pictures ({len(pairs)} clips): first frame {first.mean():.2f} dB (least {first.min():.2f}), "
          f"last frame {last.mean():.2f} dB (least {last.min():.2f})")


if __name__ == "__main__":
    main()
