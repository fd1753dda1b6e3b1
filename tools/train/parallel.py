"""Data-parallel workers that share one machine.

oneDNN's barriers spin: with other jobs on the cores, one process with two threads ran many times slower than two
processes with one thread each.  So a CPU run forks single-threaded workers, which average gradients in shared memory.
On a GPU there is one worker and every method is a no-op.
"""
import multiprocessing
import os
import sys

import torch

PATIENCE = 900                                  # seconds until a worker gives up on the others


class Workers:
    def __init__(self, world):
        self.world, self.rank = world, 0
        if world > 1:
            torch.set_num_threads(1)
        self.barrier = multiprocessing.Barrier(world)
        self.board = torch.zeros(16, dtype=torch.float64).share_memory_()
        self.gradients = None

    def fork(self, parameters):
        """From here on `world` processes run the same program; `rank` tells them apart."""
        parameters = list(parameters)
        self.gradients = torch.zeros(self.world, max(4096, sum(p.numel() for p in parameters))).share_memory_()
        self.children = []
        for rank in range(1, self.world):
            pid = os.fork()
            if pid == 0:
                self.rank = rank
                return
            self.children.append(pid)

    def finish(self):
        """Ends the forked workers and waits for them."""
        if self.rank:
            sys.stdout.flush()
            os._exit(0)
        for pid in self.children:
            os.waitpid(pid, 0)

    def wait(self):
        if self.world > 1:
            self.barrier.wait(PATIENCE)

    def from_first(self, *values):
        """Every worker gets the numbers of worker 0."""
        if self.world == 1:
            return list(values)
        if self.rank == 0:
            self.board[:len(values)] = torch.tensor(values, dtype=torch.float64)
        self.wait()
        result = self.board[:len(values)].tolist()
        self.wait()
        return result

    def mean(self, tensor):
        """The mean of a small tensor over the workers."""
        if self.world == 1:
            return tensor
        n = tensor.numel()
        self.gradients[self.rank, :n] = tensor.reshape(-1)
        self.wait()
        result = self.gradients[:, :n].mean(0).view_as(tensor).clone()
        self.wait()
        return result

    def average_gradients(self, parameters):
        if self.world == 1:
            return
        mine, offset = self.gradients[self.rank], 0
        for p in parameters:
            mine[offset:offset + p.numel()] = 0 if p.grad is None else p.grad.reshape(-1)
            offset += p.numel()
        self.wait()
        mean = self.gradients[:, :offset].mean(0)
        self.wait()
        offset = 0
        for p in parameters:
            p.grad = mean[offset:offset + p.numel()].view_as(p)
            offset += p.numel()
