"""The video autoencoder in the shape of Wan2.2's, under the official tensor names.

The official program walks through a clip in chunks of four frames and carries the state of its causal convolutions
along.  Here a whole clip of 1 + 4k frames goes through at once, which gives the same numbers; the rules for the first
frame show up as slices.  16x down in space (2x by pixel patches, 8x by convolutions), 4x in time.
"""
import torch
import torch.nn.functional as F
from torch import nn

from kernels import CHANNELS_LAST, norm_silu_pad


class RMSNorm(nn.Module):
    """Only holds gamma: the norm is fused with SiLU and padding, see norm_silu_pad."""

    def __init__(self, dim, axes):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim, *[1] * axes))


class CausalConv3d(nn.Conv3d):
    """A convolution that sees only the past: `2 * padding` frames in front, none behind."""

    def __init__(self, inputs, outputs, kernel, stride=1, padding=0):
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding)
        self.front, self.border = 2 * self.padding[0], (0, self.padding[1], self.padding[2])

    def forward(self, x, padded=False):
        if self.front and not padded:
            x = F.pad(x, (0, 0, 0, 0, self.front, 0))
        return F.conv3d(x, self.weight, self.bias, self.stride, self.border)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.residual = nn.Sequential(RMSNorm(inputs, 3), nn.SiLU(), CausalConv3d(inputs, outputs, 3, padding=1),
                                      RMSNorm(outputs, 3), nn.SiLU(), nn.Dropout(0.),
                                      CausalConv3d(outputs, outputs, 3, padding=1))
        self.shortcut = CausalConv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        norm1, _, conv1, norm2, _, _, conv2 = self.residual
        y = conv1(norm_silu_pad(x, norm1.gamma), padded=True)
        return conv2(norm_silu_pad(y, norm2.gamma), padded=True) + self.shortcut(x)


def frames_to_batch(x):
    b, c, t, h, w = x.shape
    return x.transpose(1, 2).reshape(b * t, c, h, w)


def batch_to_frames(x, b):
    n, c, h, w = x.shape
    return x.reshape(b, n // b, c, h, w).transpose(1, 2)


def double(x):
    """Nearest-neighbour upsampling by 2 of [n, c, h, w], a view trick for channels-last memory."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1)[:, :, None, :, None, :].expand(n, h, 2, w, 2, c)
    return x.reshape(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


class Resample(nn.Module):
    def __init__(self, dim, direction, in_time):
        super().__init__()
        self.up, self.in_time = direction == "up", in_time
        conv = nn.Conv2d(dim, dim, 3, padding=1) if self.up else nn.Conv2d(dim, dim, 3, stride=2)
        self.resample = nn.Sequential(nn.Identity(), conv)
        if in_time and self.up:
            self.time_conv = CausalConv3d(dim, dim * 2, (3, 1, 1), padding=(1, 0, 0))
        elif in_time:
            self.time_conv = CausalConv3d(dim, dim, (3, 1, 1), stride=(2, 1, 1))

    def forward(self, x):
        b, c, t, h, w = x.shape
        if self.up and self.in_time and t > 1:
            y = self.time_conv(x[:, :, 1:])                  # the first frame is neither doubled nor seen by the others
            y = y.reshape(b, 2, c, t - 1, h, w).permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * (t - 1), h, w)
            x = torch.cat([x[:, :, :1], y.to(x.dtype)], 2).contiguous(memory_format=CHANNELS_LAST)
        y = frames_to_batch(x)
        y = self.resample[1](double(y) if self.up else F.pad(y, (0, 1, 0, 1)))
        x = batch_to_frames(y, b)
        if not self.up and self.in_time and t > 1:
            x = torch.cat([x[:, :, :1], self.time_conv(x)], 2)
        return x.contiguous(memory_format=CHANNELS_LAST)


class AttentionBlock(nn.Module):
    """Self-attention among the positions of each frame."""

    def __init__(self, dim):
        super().__init__()
        self.norm = RMSNorm(dim, 2)
        self.to_qkv = nn.Conv2d(dim, dim * 3, 1)
        self.proj = nn.Conv2d(dim, dim, 1)
        nn.init.zeros_(self.proj.weight)

    def forward(self, x):
        b, c, t, h, w = x.shape
        y = F.normalize(frames_to_batch(x).float(), dim=1) * c ** .5 * self.norm.gamma
        q, k, v = self.to_qkv(y).reshape(b * t, 3 * c, h * w).transpose(1, 2).chunk(3, -1)
        weights = torch.softmax((q.float() @ k.float().transpose(1, 2)) / c ** .5, -1).to(v.dtype)
        y = (weights @ v).transpose(1, 2).reshape(b * t, c, h, w)
        return (batch_to_frames(self.proj(y), b) + x).contiguous(memory_format=CHANNELS_LAST)


class AvgDown(nn.Module):
    """Parameter-free shortcut down: cells become channels, groups of channels are averaged."""

    def __init__(self, outputs, time, space):
        super().__init__()
        self.outputs, self.time, self.space = outputs, time, space

    def forward(self, x):
        ft, fs = self.time, self.space
        x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % ft, 0))
        b, c, t, h, w = x.shape
        x = x.reshape(b, c, t // ft, ft, h // fs, fs, w // fs, fs).permute(0, 1, 3, 5, 7, 2, 4, 6)
        return x.reshape(b, self.outputs, -1, t // ft, h // fs, w // fs).mean(2)


class DupUp(nn.Module):
    """Parameter-free shortcut up: channels are repeated and unfolded into cells."""

    def __init__(self, outputs, time, space):
        super().__init__()
        self.outputs, self.time, self.space = outputs, time, space

    def forward(self, x):
        b, c, t, h, w = x.shape
        o, ft, fs = self.outputs, self.time, self.space
        if c in (o, 2 * o) and (c == o or (ft, fs) == (1, 2)):   # channels-last forms of the two cases that occur
            x = x.permute(0, 2, 3, 4, 1)
            if c == o:
                x = x.reshape(b, t, 1, h, 1, w, 1, o)
            else:                                            # the channel's low bit is the row offset
                x = x.reshape(b, t, h, w, o, 2).permute(0, 1, 2, 5, 3, 4).reshape(b, t, 1, h, 2, w, 1, o)
            x = x.expand(b, t, ft, h, fs, w, fs, o)
            return x.reshape(b, t * ft, h * fs, w * fs, o).permute(0, 4, 1, 2, 3)[:, :, ft - 1:]
        x = x.repeat_interleave(o * ft * fs * fs // c, 1).reshape(b, o, ft, fs, fs, t, h, w)
        x = x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, o, t * ft, h * fs, w * fs)
        return x[:, :, ft - 1:]


class DownLevel(nn.Module):
    def __init__(self, inputs, outputs, blocks, in_time, down):
        super().__init__()
        self.avg_shortcut = AvgDown(outputs, 2 if in_time else 1, 2 if down else 1)
        layers = [ResidualBlock(inputs if i == 0 else outputs, outputs) for i in range(blocks)]
        self.downsamples = nn.Sequential(*layers, *([Resample(outputs, "down", in_time)] if down else []))

    def forward(self, x):
        return (self.downsamples(x) + self.avg_shortcut(x)).contiguous(memory_format=CHANNELS_LAST)


class UpLevel(nn.Module):
    def __init__(self, inputs, outputs, blocks, in_time, up):
        super().__init__()
        self.avg_shortcut = DupUp(outputs, 2 if in_time else 1, 2) if up else None
        layers = [ResidualBlock(inputs if i == 0 else outputs, outputs) for i in range(blocks)]
        self.upsamples = nn.Sequential(*layers, *([Resample(outputs, "up", in_time)] if up else []))

    def forward(self, x):
        y = self.upsamples(x)
        return y if self.avg_shortcut is None else (y + self.avg_shortcut(x)).contiguous(memory_format=CHANNELS_LAST)


class Middle(nn.Sequential):
    def __init__(self, dim):
        super().__init__(ResidualBlock(dim, dim), AttentionBlock(dim), ResidualBlock(dim, dim))


class Head(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(RMSNorm(inputs, 3), nn.SiLU(), CausalConv3d(inputs, outputs, 3, padding=1))

    def forward(self, x):
        return self[2](norm_silu_pad(x, self[0].gamma), padded=True)


class Encoder(nn.Module):
    def __init__(self, dim, outputs, dim_mult, blocks, in_time):
        super().__init__()
        widths = [dim * m for m in [1] + dim_mult]
        last = len(dim_mult) - 1
        self.conv1 = CausalConv3d(12, dim, 3, padding=1)
        self.downsamples = nn.Sequential(*[DownLevel(widths[i], widths[i + 1], blocks, i < last and in_time[i], i < last)
                                           for i in range(last + 1)])
        self.middle = Middle(widths[-1])
        self.head = Head(widths[-1], outputs)

    def forward(self, x):
        return self.head(self.middle(self.downsamples(self.conv1(x))))


class Decoder(nn.Module):
    def __init__(self, dim, inputs, dim_mult, blocks, in_time):
        super().__init__()
        widths = [dim * m for m in [dim_mult[-1]] + dim_mult[::-1]]
        last = len(dim_mult) - 1
        self.conv1 = CausalConv3d(inputs, widths[0], 3, padding=1)
        self.middle = Middle(widths[0])
        self.upsamples = nn.Sequential(*[UpLevel(widths[i], widths[i + 1], blocks + 1, i < last and in_time[i], i < last)
                                         for i in range(last + 1)])
        self.head = Head(widths[-1], 12)

    def forward(self, x):
        return self.head(self.upsamples(self.middle(self.conv1(x))))


def patchify(x):
    """2x2 pixels to channels: [b, 3, t, h, w] to [b, 12, t, h/2, w/2]; the column offset is slower than the row's."""
    b, c, t, h, w = x.shape
    return x.reshape(b, c, t, h // 2, 2, w // 2, 2).permute(0, 1, 6, 4, 2, 3, 5).reshape(b, c * 4, t, h // 2, w // 2)


def unpatchify(x):
    b, c, t, h, w = x.shape
    return x.reshape(b, c // 4, 2, 2, t, h, w).permute(0, 1, 4, 5, 3, 6, 2).reshape(b, c // 4, t, h * 2, w * 2)


CONFIG = {"dim": 24, "dec_dim": 32, "z": 24, "dim_mult": [1, 2, 4, 4], "res_blocks": 1,
          "temporal_downsample": [False, True, True]}


class VideoAutoencoder(nn.Module):
    def __init__(self, dim, dec_dim, z, dim_mult, res_blocks, temporal_downsample):
        super().__init__()
        self.encoder = Encoder(dim, z * 2, dim_mult, res_blocks, temporal_downsample)
        self.conv1 = CausalConv3d(z * 2, z * 2, 1)
        self.conv2 = CausalConv3d(z, z, 1)
        self.decoder = Decoder(dec_dim, z, dim_mult, res_blocks, temporal_downsample[::-1])

    def encode(self, x):
        """Mean and log-variance of the latent of x [b, 3, 1 + 4k, h, w] in [-1, 1]: each [b, z, 1 + k, h/16, w/16]."""
        x = patchify(x).contiguous(memory_format=CHANNELS_LAST)
        return self.conv1(self.encoder(x)).float().chunk(2, 1)

    def decode(self, z):
        return unpatchify(self.decoder(self.conv2(z.contiguous(memory_format=CHANNELS_LAST))).float())


def pixels(frames):
    """uint8 frames [t, h, w, 3] as a batch of one for encode()."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_frames(x):
    """One decoded clip [3, t, h, w] as uint8 [t, h, w, 3]."""
    return ((x.permute(1, 2, 3, 0).clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
