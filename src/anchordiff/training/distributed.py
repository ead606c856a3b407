"""Several processes that train one model, each on its share of every batch.

Gradients are summed by hand in one collective a step, not by `DistributedDataParallel`: that wraps
`forward` alone, while a loss here may call any method of the model, several times or on some paths only.
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among the run's processes.

    Attributes:
        rank: this process, from 0; process 0 writes files.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean of a tensor over the processes, in place."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world
        return values

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes.

        A parameter that no process used keeps no gradient; one that some used counts as zero elsewhere.
        """
        if self.world == 1:
            return
        used = parameters[0].new_tensor([float(p.grad is not None) for p in parameters])
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([used, *(part.reshape(-1).to(used.dtype) for part in parts)])
        dist.all_reduce(flat)
        counts = flat[: len(parameters)].tolist()
        means = torch.split(flat[len(parameters) :] / self.world, [p.numel() for p in parameters])
        for parameter, mean, count in zip(parameters, means, counts, strict=True):
            if count:
                parameter.grad = mean.view_as(parameter).to(parameter.dtype)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the tensors of process 0."""
        if self.world > 1:
            for value in tensors:
                dist.broadcast(value.detach(), 0)

    def first(self, value: int, *, device: torch.device) -> int:
        """The value of process 0."""
        shared = torch.tensor(value, device=device)
        self.share([shared])
        return int(shared)

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()

    def any(self, flag: bool, *, device: torch.device) -> bool:  # noqa: FBT001 - the value is the subject
        """Whether the flag is set in any process."""
        return bool(self.mean(torch.tensor(float(flag), device=device)) > 0) if self.world > 1 else flag


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, if it did; leave them again if joined here.

    Gloo carries the gradients of models on the CPU, NCCL of those on GPUs (each process sets its own:
    `torch.device("cuda", int(os.environ["LOCAL_RANK"]))`).
    """
    if dist.is_initialized():
        yield Ranks(rank=dist.get_rank(), world=dist.get_world_size())
    elif int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        # Its functions hold the group there is at import as a default, and would keep it alive beyond its end: threads
        # of Gloo would then run into the interpreter's shutdown, which aborts now and then.
        importlib.import_module("torch.distributed.nn.functional")
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield Ranks(rank=dist.get_rank(), world=dist.get_world_size())
            dist.barrier()  # none leaves while another may still wait for it
        finally:
            dist.destroy_process_group()
    else:
        yield Ranks()
