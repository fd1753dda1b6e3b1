"""The video transformer in the shape of Wan2.2-TI2V, under the official tensor names.

Every latent frame has its own timestep: frames that are given (first picture, last picture) stay at t = 0.  The
official program keeps a timestep per token; here modulation is per frame, which is the same and cheaper.
"""
import torch
import torch.nn.functional as F
from torch import nn

from kernels import BF16, add_gated, gelu, modulate, norm_rotate

CONFIG = {"in_channels": 24, "out_channels": 24, "dim": 256, "heads": 4, "layers": 6, "ffn": 768, "text_dim": 128,
          "text_len": 40, "freq_dim": 256, "eps": 1e-6}


def linear(layer, x):
    """A linear layer in the type of x."""
    return F.linear(x, layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype))


def rotary_table(frames, height, width, head):
    """cos and sin of every pair of channels at every token: [tokens, head]. Frame, row and column share the pairs."""
    pairs = head // 2
    shares = (pairs - 2 * (pairs // 3), pairs // 3, pairs // 3)

    def angles(count, share):
        speeds = torch.pow(10000., -torch.arange(share, dtype=torch.float64) / share)
        return torch.outer(torch.arange(count, dtype=torch.float64), speeds)
    f, h, w = (angles(*pair) for pair in zip((frames, height, width), shares))
    shape = (frames, height, width, -1)
    grid = torch.cat([f[:, None, None].expand(shape), h[None, :, None].expand(shape), w[None, None].expand(shape)], -1)
    return torch.stack([grid.cos(), grid.sin()], -1).float().reshape(frames * height * width, head).contiguous()


def sinusoid(dim, t):
    """Cosines, then sines of the timestep at falling speeds, in fp64 because t reaches 1000."""
    half = dim // 2
    speeds = torch.pow(10000., -torch.arange(half, device=t.device, dtype=torch.float64) / half)
    angles = torch.outer(t.double(), speeds)
    return torch.cat([angles.cos(), angles.sin()], 1).float()


def attention(q, k, v, heads):
    b, length, c = q.shape
    q, k, v = (x.view(b, -1, heads, c // heads).transpose(1, 2) for x in (q, k, v))
    if q.is_cuda:
        y = F.scaled_dot_product_attention(q, k, v)
    else:
        scores = torch.matmul(q * (c // heads) ** -.5, k.transpose(-1, -2))
        y = torch.matmul(torch.softmax(scores, -1), v)
    return y.transpose(1, 2).reshape(b, length, c)


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


class Attention(nn.Module):
    def __init__(self, dim, heads, eps):
        super().__init__()
        self.heads, self.head, self.eps = heads, dim // heads, eps
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(dim), RMSNorm(dim)

    def forward(self, x, table, context=None):
        source = x if context is None else context
        q = norm_rotate(linear(self.q, x), self.norm_q.weight, table, self.head, self.eps)
        k = norm_rotate(linear(self.k, source), self.norm_k.weight, table, self.head, self.eps)
        return linear(self.o, attention(q, k, linear(self.v, source), self.heads))


class AffineNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))


class Block(nn.Module):
    def __init__(self, dim, ffn, heads, eps):
        super().__init__()
        self.eps = eps
        self.self_attn = Attention(dim, heads, eps)
        self.norm3 = AffineNorm(dim)
        self.cross_attn = Attention(dim, heads, eps)
        self.ffn = nn.Sequential(nn.Linear(dim, ffn), nn.Identity(), nn.Linear(ffn, dim))
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / dim ** .5)

    def forward(self, x, e, table, context, dtype):
        """x fp32 [b * frames, tokens, C], e [b * frames, 6, C], context [b, slots, C]."""
        groups, n, c = x.shape
        b = context.shape[0]
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.modulation + e).unbind(1)
        y = self.self_attn(modulate(x, scale1, shift1, self.eps, dtype).view(b, -1, c), table)
        x = add_gated(x, y.reshape(groups, n, c), gate1).view(1, groups * n, c)
        y = modulate(x, self.norm3.weight[None] - 1, self.norm3.bias[None], self.eps, dtype)
        y = self.cross_attn(y.view(b, -1, c), None, context)
        x = add_gated(x, y.reshape(1, groups * n, c), torch.ones(1, c, device=x.device)).view(groups, n, c)
        y = modulate(x, scale2, shift2, self.eps, dtype)
        return add_gated(x, linear(self.ffn[2], gelu(linear(self.ffn[0], y))), gate2)


class Head(nn.Module):
    def __init__(self, dim, outputs, eps):
        super().__init__()
        self.eps = eps
        self.head = nn.Linear(dim, outputs)
        self.modulation = nn.Parameter(torch.randn(1, 2, dim) / dim ** .5)

    def forward(self, x, e, dtype):
        shift, scale = (self.modulation + e[:, None]).unbind(1)
        return linear(self.head, modulate(x, scale, shift, self.eps, dtype)).float()


class VideoTransformer(nn.Module):
    def __init__(self, in_channels, out_channels, dim, heads, layers, ffn, text_dim, text_len, freq_dim, eps):
        super().__init__()
        self.dim, self.head_size, self.freq_dim, self.outputs = dim, dim // heads, freq_dim, out_channels
        self.text_len = text_len
        self.patch_embedding = nn.Conv3d(in_channels, dim, (1, 2, 2), (1, 2, 2))
        self.text_embedding = nn.Sequential(nn.Linear(text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(nn.Linear(freq_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim * 6))
        self.blocks = nn.ModuleList([Block(dim, ffn, heads, eps) for _ in range(layers)])
        self.head = Head(dim, out_channels * 4, eps)
        self.tables = {}
        self._initialise()

    def _initialise(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for layer, std in ((self.text_embedding[0], .08), (self.text_embedding[2], .06), (self.time_embedding[0], .02),
                           (self.time_embedding[2], .02)):
            nn.init.normal_(layer.weight, std=std)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        nn.init.zeros_(self.head.head.weight)

    def forward(self, x, t, context, dtype=BF16, tap=False):
        """Velocity for latents x [b, C, f, h, w] at timesteps t [b, f] in 0..1000, given text features.

        With `tap` also the fp32 residual stream in the middle of the blocks, for the auxiliary loss."""
        b, c, f, h, w = x.shape
        rows, columns = h // 2, w // 2
        if (f, rows, columns) not in self.tables:
            self.tables[f, rows, columns] = rotary_table(f, rows, columns, self.head_size).to(x.device)
        table = self.tables[f, rows, columns]
        u = x.reshape(b, c, f, rows, 2, columns, 2).permute(0, 2, 3, 5, 1, 4, 6).reshape(b * f, rows * columns, c * 4)
        patch = self.patch_embedding
        u = F.linear(u.to(dtype), patch.weight.flatten(1).to(dtype), patch.bias.to(dtype)).float()
        e = self.time_embedding(sinusoid(self.freq_dim, t.reshape(-1)))
        e6 = self.time_projection(e).view(b * f, 6, self.dim)
        context = linear(self.text_embedding[2], gelu(linear(self.text_embedding[0], context.to(dtype))))
        middle = None
        for i, block in enumerate(self.blocks):
            u = block(u, e6, table, context, dtype)
            if i == len(self.blocks) // 2 - 1:
                middle = u
        u = self.head(u, e, dtype).view(b, f, rows, columns, 2, 2, self.outputs)
        velocity = u.permute(0, 6, 1, 2, 4, 3, 5).reshape(b, self.outputs, f, h, w)
        return (velocity, middle) if tap else velocity
