"""Autograd functions around kernels.c, and the plain torch form of each.

Every function takes the fused path for bf16 tensors on the CPU and plain torch everywhere else.
"""
import ctypes

import torch
import torch.nn.functional as F

import native

BF16 = torch.bfloat16
CHANNELS_LAST = torch.channels_last_3d
_library = native.load("kernels", "kernels.c")


def _call(name, *arguments):
    """Tensors go as pointers, None as null, ints as long (an int parameter reads its low half), floats as float."""
    converted = []
    for a in arguments:
        if a is None or isinstance(a, torch.Tensor):
            converted.append(ctypes.c_void_p(a.data_ptr() if a is not None else None))
        else:
            converted.append(ctypes.c_float(a) if isinstance(a, float) else ctypes.c_long(a))
    getattr(_library, name)(*converted)


def _fused(x):
    return x.dtype == BF16 and not x.is_cuda


class _NormSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma):
        x = x.contiguous(memory_format=CHANNELS_LAST)
        b, c, t, h, w = x.shape
        scale = gamma.detach().reshape(-1).float().contiguous()
        y = torch.empty((b, c, t + 2, h, w), dtype=BF16, memory_format=CHANNELS_LAST)
        inverse = torch.empty(b * t * h * w)
        _call("norm_silu_forward", x, scale, y, inverse, b, t * h * w, 2 * h * w, c)
        ctx.save_for_backward(x, scale, inverse)
        ctx.gamma_shape = gamma.shape
        return y

    @staticmethod
    def backward(ctx, dy):
        x, scale, inverse = ctx.saved_tensors
        b, c, t, h, w = x.shape
        dy = dy.to(BF16).contiguous(memory_format=CHANNELS_LAST)
        dx, dgamma = torch.empty_like(x, memory_format=CHANNELS_LAST), torch.empty(c)
        _call("norm_silu_backward", x, scale, inverse, dy, dx, dgamma, b, t * h * w, 2 * h * w, c)
        return dx, dgamma.view(ctx.gamma_shape)


def norm_silu_pad(x, gamma):
    """silu(x / |x| * sqrt(C) * gamma) with two zero frames in front: the input of a causal 3x3x3 convolution."""
    if _fused(x):
        return _NormSilu.apply(x, gamma)
    y = F.silu(F.normalize(x.float(), dim=1) * x.shape[1] ** .5 * gamma).to(x.dtype)
    return F.pad(y, (0, 0, 0, 0, 2, 0))


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, shift, eps):
        x, scale, shift = x.contiguous(), scale.contiguous(), shift.contiguous()
        groups, n, c = x.shape
        y, stats = torch.empty(x.shape, dtype=BF16), torch.empty(groups * n, 2)
        _call("modulate_forward", x, scale, shift, y, stats, groups, n, c, eps)
        ctx.save_for_backward(x, scale, stats)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, scale, stats = ctx.saved_tensors
        groups, n, c = x.shape
        dx, dscale, dshift = torch.empty_like(x), torch.empty_like(scale), torch.empty_like(scale)
        _call("modulate_backward", x, scale, stats, dy.contiguous(), dx, dscale, dshift, groups, n, c)
        return dx, dscale, dshift, None


def modulate(x, scale, shift, eps, dtype):
    """LN(x) * (1 + scale) + shift for x fp32 [groups, n, C] and one scale and shift per group; result in `dtype`."""
    if dtype == BF16 and not x.is_cuda:
        return _Modulate.apply(x, scale, shift, eps)
    return (F.layer_norm(x, x.shape[-1:], eps=eps) * (1 + scale[:, None]) + shift[:, None]).to(dtype)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, gate):
        x, y, gate = x.contiguous(), y.contiguous(), gate.contiguous()
        z = torch.empty_like(x)
        _call("gate_forward", x, y, gate, z, *x.shape)
        ctx.save_for_backward(y, gate)
        return z

    @staticmethod
    def backward(ctx, dz):
        y, gate = ctx.saved_tensors
        dz, dy, dgate = dz.contiguous(), torch.empty_like(y), torch.empty_like(gate)
        _call("gate_backward", y, gate, dz, dy, dgate, *y.shape)
        return dz, dy, dgate


def add_gated(x, y, gate):
    """x + y * gate for the fp32 residual stream x [groups, n, C]."""
    if _fused(y):
        return _Gate.apply(x, y, gate)
    return x + y.float() * gate[:, None]


class _NormRotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, table, head, eps):
        x = x.contiguous()
        b, length, c = x.shape
        y, inverse = torch.empty_like(x), torch.empty(b * length)
        _call("norm_rotate_forward", x, weight, table, y, inverse, b, length, c, head, eps)
        ctx.save_for_backward(x, weight, inverse)
        ctx.table, ctx.head = table, head
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, inverse = ctx.saved_tensors
        b, length, c = x.shape
        dx, dweight = torch.empty_like(x), torch.empty_like(weight)
        _call("norm_rotate_backward", x, weight, ctx.table, inverse, dy.contiguous(), dx, dweight, b, length, c, ctx.head)
        return dx, dweight, None, None, None


def norm_rotate(x, weight, table, head, eps):
    """RMS norm of x [batch, length, C] over C, then rotation of adjacent pairs by `table` (None: no rotation)."""
    if _fused(x):
        return _NormRotate.apply(x, weight, table, head, eps)
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight
    if table is not None:
        b, length, c = y.shape
        a, turn = y.view(b, length, c // head, head // 2, 2), table.view(1, length, 1, head // 2, 2)
        cos, sin = turn[..., 0], turn[..., 1]
        y = torch.stack([a[..., 0] * cos - a[..., 1] * sin, a[..., 0] * sin + a[..., 1] * cos], -1).reshape(b, length, c)
    return y.to(x.dtype)


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        _call("gelu_forward", x, y, x.numel())
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        dx = torch.empty_like(x)
        _call("gelu_backward", x, dy.contiguous(), dx, x.numel())
        return dx


def gelu(x):
    """GELU in its tanh form."""
    return _Gelu.apply(x) if _fused(x) else F.gelu(x, approximate="tanh")
