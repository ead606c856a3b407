"""Training by hand over torch: a loop to iterate, and a driver that keeps a run in a folder.

`train` is the loop: it yields after each optimiser step and leaves logging, saving and stopping to the
caller. `fit` is such a caller: a folder with a log, checkpoints, evaluation and exact resume.

Example:
    >>> import torch
    >>> from anchordiff.training import TrainConfig, train
    >>> def batches(slot):
    ...     return torch.tensor(slot.indices % 5, dtype=torch.float32)[:, None]
    >>> def loss(model, x, draw):
    ...     noise = torch.randn(x.shape, generator=draw.generator)
    ...     return (model(x + 0.1 * noise) - x).square().mean()
    >>> config = TrainConfig(steps=3, batch_size=4, warmup_steps=0)
    >>> [step.step for step in train(torch.nn.Linear(1, 1), batches, loss, config)]
    [1, 2, 3]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
