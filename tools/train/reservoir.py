"""A growing store of encoded clips to train the transformer on.

Encoding a clip costs about as much as two training samples, so every clip is used several times, each time under a
new caption, while fresh clips keep coming in.  A clip of 49 frames also serves as one of 17 or 33: the encoder is
causal, so the latents of a shorter clip are a prefix.
"""
import os

import numpy as np
import torch

import captions
import vae
import world

LENGTHS = {5: 17, 9: 33, 13: 49}                # latent frames: frames
LONGEST = max(LENGTHS)
LATENT_HEIGHT, LATENT_WIDTH = world.HEIGHT // 16, world.WIDTH // 16
CELLS = LATENT_HEIGHT * LATENT_WIDTH // 4       # tokens of a latent frame


def latent_state(cells):
    """The state of every latent frame, [frames, cells, k] to [f, cells, k]: the first picture, then means of four."""
    rest = cells[1:]
    return np.concatenate([cells[:1], rest.reshape(len(rest) // 4, 4, *rest.shape[1:]).mean(1)])


class Reservoir:
    def __init__(self, autoencoder, tokenizer, slots, capacity, rng, device="cpu"):
        self.autoencoder, self.tokenizer, self.slots, self.rng, self.device = autoencoder, tokenizer, slots, rng, device
        z = vae.CONFIG["z"]
        self.latents = torch.empty(capacity, LONGEST, z, LATENT_HEIGHT, LATENT_WIDTH, dtype=torch.float16)
        self.last = torch.empty(capacity, len(LENGTHS), z, LATENT_HEIGHT, LATENT_WIDTH, dtype=torch.float16)
        self.state = torch.empty(capacity, LONGEST, CELLS, world.STATE_SIZE, dtype=torch.float16)
        self.last_state = torch.empty(capacity, len(LENGTHS), CELLS, world.STATE_SIZE, dtype=torch.float16)
        self.scenes = [None] * capacity
        self.length = torch.zeros(capacity, dtype=torch.long)        # latent frames that are filled in
        self.count = 0                                               # clips ever added

    def save(self, path):
        n = min(self.count, len(self.scenes))
        arrays = (self.latents, self.last, self.state, self.last_state, self.length)
        torch.save(([array[:n].clone() for array in arrays], self.scenes[:n], self.count), path + ".new")
        os.replace(path + ".new", path)

    def load(self, path):
        arrays, scenes, self.count = torch.load(path)
        for mine, saved in zip((self.latents, self.last, self.state, self.last_state, self.length), arrays):
            mine[:len(saved)] = saved
        self.scenes[:len(scenes)] = scenes

    @torch.no_grad()
    def _encode(self, frames):
        with torch.autocast(self.device, dtype=torch.bfloat16):
            return self.autoencoder.encode(vae.pixels(frames).to(self.device))[0][0].transpose(0, 1).half().cpu()

    def add(self, length, prepared=None):
        """Makes and encodes one clip of `length` latent frames; `prepared` is (scene, frames) from elsewhere."""
        scene, frames = prepared or render(self.rng.getrandbits(40), LENGTHS[length])
        slot = self.count if self.count < len(self.scenes) else self.rng.randrange(len(self.scenes))
        cells = world.state_cells(scene)
        self.latents[slot, :length] = self._encode(frames)
        self.state[slot, :length] = torch.from_numpy(latent_state(cells))
        for i, shorter in enumerate(LENGTHS):
            if shorter <= length:
                end = LENGTHS[shorter] - 1
                self.last[slot, i] = self._encode(frames[end:end + 1])[0]
                self.last_state[slot, i] = torch.from_numpy(cells[end])
        self.scenes[slot], self.length[slot] = scene, length
        self.count += 1

    def batch(self, size, length, with_last, normalise):
        """(latents [n, z, f, h, w], ids [n, slots], state [n, f, cells, k]); with_last appends the last picture."""
        usable = torch.nonzero(self.length >= length)[:, 0]
        pick = usable[torch.randint(len(usable), (size,))]
        latents, state = self.latents[pick, :length], self.state[pick, :length]
        if with_last:
            i = list(LENGTHS).index(length)
            latents = torch.cat([latents, self.last[pick, i:i + 1]], 1)
            state = torch.cat([state, self.last_state[pick, i:i + 1]], 1)
        ids = torch.tensor([self._ids(self.scenes[i]) for i in pick.tolist()])
        return normalise(latents.transpose(1, 2).float()), ids, state.float()

    def _ids(self, scene):
        draw = self.rng.random()
        if draw < .10:                                               # no caption: for classifier-free guidance
            return self.tokenizer.padded("", self.slots)
        text = captions.caption(scene, self.rng)
        return self.tokenizer.padded(captions.damage(text, self.rng) if draw < .20 else text, self.slots)


def render(seed, frames):
    scene = world.sample_scene(seed, frames=frames)
    return scene, scene.render()[0]


def render_job(job):
    """render() for a pool of processes that feed a GPU."""
    return render(*job)
