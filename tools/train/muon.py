"""Muon for matrices and convolution filters, AdamW for everything else, under one learning rate."""
import torch


@torch.no_grad()
def orthogonalise(g):
    """Newton-Schulz iteration on a stack of matrices [n, rows, columns]: nearly the closest orthogonal matrices."""
    transposed = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if transposed else g
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    x = _iterate_gram(x) if x.shape[2] >= 4 * x.shape[1] else _iterate(x.to(torch.bfloat16)).float()
    return x.transpose(1, 2) if transposed else x


def _iterate(x):
    for _ in range(5):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x


def _iterate_gram(x):
    """The same on x x^T alone: for flat matrices (convolution filters) this touches the long side only twice.

    In fp32: a rounding error that makes an eigenvalue of x x^T negative grows with every step."""
    a = x @ x.transpose(1, 2)
    eye = torch.eye(x.shape[1], device=x.device)
    total = eye
    for _ in range(5):
        factor = 3.4445 * eye - 4.7750 * a + 2.0315 * (a @ a)
        total = factor @ total
        a = factor @ a @ factor
    return total @ x


class Muon:
    """Updates are scaled so that their rms is 0.2 * lr, about that of AdamW.

    The Newton-Schulz steps are shared among the workers; the results travel through shared memory."""

    def __init__(self, matrices, others, lr, workers, weight_decay=.01, momentum=.95):
        self.matrices, self.lr = list(matrices), lr
        self.weight_decay, self.momentum, self.workers = weight_decay, momentum, workers
        self.adam = torch.optim.AdamW(list(others), lr=lr, betas=(.9, .98), weight_decay=0., eps=1e-8)
        self.buffers = [torch.zeros_like(p) for p in self.matrices]
        self.by_shape, self.offsets, total = {}, [], 0
        for i, p in enumerate(self.matrices):
            self.by_shape.setdefault((p.shape[0], p.numel() // p.shape[0]), []).append(i)
            self.offsets.append(total)
            total += p.numel()
        self.shared = torch.zeros(total).share_memory_() if workers.world > 1 else None

    def zero_grad(self):
        for p in self.matrices:
            p.grad = None
        self.adam.zero_grad(set_to_none=True)

    def set_lr(self, lr):
        self.lr = lr
        for group in self.adam.param_groups:
            group["lr"] = lr

    @torch.no_grad()
    def step(self):
        self.adam.step()
        updates = {}
        for (rows, columns), indices in self.by_shape.items():
            mine = indices[self.workers.rank::self.workers.world]
            for i in indices:
                self.buffers[i].lerp_(self.matrices[i].grad, 1 - self.momentum)
            if not mine:
                continue
            stack = torch.stack([torch.lerp(self.matrices[i].grad, self.buffers[i], self.momentum).reshape(rows, columns)
                                 for i in mine])
            scale = .2 * max(rows, columns) ** .5
            updates.update(zip(mine, orthogonalise(stack) * scale))
        if self.shared is not None:
            for i, update in updates.items():
                self.shared[self.offsets[i]:self.offsets[i] + update.numel()] = update.reshape(-1)
            self.workers.wait()
        for i, p in enumerate(self.matrices):
            update = updates[i] if self.shared is None else self.shared[self.offsets[i]:self.offsets[i] + p.numel()]
            p.mul_(1 - self.lr * self.weight_decay).add_(update.view_as(p), alpha=-self.lr)

    def state(self):
        return {"adam": self.adam.state_dict(), "buffers": self.buffers}

    def load(self, state):
        self.adam.load_state_dict(state["adam"])
        for buffer, saved in zip(self.buffers, state["buffers"]):
            buffer.copy_(saved)


class Average:
    """Exponential moving average of the parameters, by name."""

    def __init__(self, named_parameters, decay):
        self.decay = decay
        self.live = {name: p for name, p in named_parameters}
        self.values = {name: p.detach().clone() for name, p in self.live.items()}

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (step + 1) / (step + 20))
        values, live = list(self.values.values()), [p.detach() for p in self.live.values()]
        torch._foreach_mul_(values, decay)
        torch._foreach_add_(values, live, alpha=1 - decay)
