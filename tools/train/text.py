"""The text encoder in the shape of UMT5, under the official tensor names: relative position biases in every block,
no scaling of scores, gated GELU."""
import math

import torch
from torch import nn

CONFIG = {"dim": 128, "dim_attn": 128, "dim_ffn": 256, "heads": 4, "layers": 2, "buckets": 32}
FAR = 128                                       # distances from here on share the last bucket


class Norm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def _linear(inputs, outputs, std):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=std)
    return layer


class Attention(nn.Module):
    def __init__(self, dim, dim_attn, heads):
        super().__init__()
        self.heads = heads
        self.q = _linear(dim, dim_attn, (dim * dim_attn / heads) ** -.5)
        self.k = _linear(dim, dim_attn, dim ** -.5)
        self.v = _linear(dim, dim_attn, dim ** -.5)
        self.o = _linear(dim_attn, dim, dim_attn ** -.5)

    def forward(self, x, bias):
        b, length, _ = x.shape
        q, k, v = (layer(x).view(b, length, self.heads, -1).transpose(1, 2) for layer in (self.q, self.k, self.v))
        weights = torch.softmax(q @ k.transpose(-1, -2) + bias, -1)
        return self.o((weights @ v).transpose(1, 2).reshape(b, length, -1))


class FeedForward(nn.Module):
    def __init__(self, dim, dim_ffn):
        super().__init__()
        self.gate = nn.Sequential(_linear(dim, dim_ffn, dim ** -.5), nn.GELU(approximate="tanh"))
        self.fc1 = _linear(dim, dim_ffn, dim ** -.5)
        self.fc2 = _linear(dim_ffn, dim, dim_ffn ** -.5)

    def forward(self, x):
        return self.fc2(self.fc1(x) * self.gate(x))


class RelativeBias(nn.Module):
    """One bias per head and bucket of distances; half of the buckets for keys behind the query."""

    def __init__(self, buckets, heads):
        super().__init__()
        self.buckets = buckets
        self.embedding = nn.Embedding(buckets, heads)
        nn.init.normal_(self.embedding.weight, std=(2 * buckets * heads) ** -.5)

    def forward(self, length):
        where = torch.arange(length, device=self.embedding.weight.device)
        relative = where[None] - where[:, None]
        half, distance = self.buckets // 2, relative.abs()
        exact = half // 2
        steps = torch.log(distance.float().clamp(min=1) / exact) / math.log(FAR / exact) * (half - exact)
        coarse = exact + steps.long()
        bucket = (relative > 0).long() * half + torch.where(distance < exact, distance, coarse.clamp(max=half - 1))
        return self.embedding(bucket).permute(2, 0, 1)[None]


class Block(nn.Module):
    def __init__(self, dim, dim_attn, dim_ffn, heads, buckets):
        super().__init__()
        self.norm1, self.attn = Norm(dim), Attention(dim, dim_attn, heads)
        self.norm2, self.ffn = Norm(dim), FeedForward(dim, dim_ffn)
        self.pos_embedding = RelativeBias(buckets, heads)

    def forward(self, x, mask):
        x = x + self.attn(self.norm1(x), self.pos_embedding(x.shape[1]) + mask)
        return x + self.ffn(self.norm2(x))


class TextEncoder(nn.Module):
    def __init__(self, vocab, dim, dim_attn, dim_ffn, heads, layers, buckets):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList([Block(dim, dim_attn, dim_ffn, heads, buckets) for _ in range(layers)])
        self.norm = Norm(dim)

    def forward(self, ids):
        """Features [b, slots, dim] of ids [b, slots]; rows of padding are zero, as the DiT expects them."""
        real = ids != 0
        mask = torch.zeros(ids.shape, device=ids.device).masked_fill_(~real, -1e9)[:, None, None]
        x = self.token_embedding(ids)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) * real[..., None]
