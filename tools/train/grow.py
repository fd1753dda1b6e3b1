"""Starts a wide autoencoder from a narrow one that is already trained.

The first channels of every layer take over the narrow network; new channels read from everything but nothing old reads
from them yet, so the function is nearly kept.  Norms run over all channels, so their gammas are rescaled.
"""
import torch

NEW = .1                                        # new filters start at this share of the usual size


def _place(big, small, parts=1):
    """Copies `small` into the leading corner of `big`, separately for `parts` blocks of rows."""
    rows_big, rows_small = big.shape[0] // parts, small.shape[0] // parts
    for part in range(parts):
        target = big[part * rows_big:(part + 1) * rows_big]
        source = small[part * rows_small:(part + 1) * rows_small]
        if big.dim() == 1:
            target[rows_small:] = 0
            target[:rows_small] = source
        else:
            target[rows_small:] *= NEW
            target[:rows_small, small.shape[1]:] = 0
            target[:rows_small, :small.shape[1]] = source


@torch.no_grad()
def grow_autoencoder(model, small):
    """Fills `model` from the state dict `small` of a narrower autoencoder of the same depth and latent size."""
    for name, big in model.state_dict().items():
        old = small[name].float()
        if name.endswith("gamma"):
            n = old.shape[0]
            big[:n] = old * (n / big.shape[0]) ** .5
        elif ".to_qkv." in name:                # q, k, v are blocks of rows; the scores are divided by sqrt(width)
            _place(big, old, parts=3)
            width, n = big.shape[0] // 3, old.shape[0] // 3
            big[:n] *= (width / n) ** .5
            big[n:width] = 0
        elif ".time_conv." in name and big.shape[0] != model_width(model, name):
            _place(big, old, parts=2)           # upsampling: first and second frame of a pair
        else:
            _place(big, old)


def model_width(model, name):
    """Input channels of the convolution that the parameter `name` belongs to."""
    return dict(model.named_modules())[name.rsplit(".", 1)[0]].in_channels
