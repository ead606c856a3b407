"""Changing saved folders on purpose, and comparing what they hold."""

import json

import torch
from safetensors.torch import load_file, save_file

from anchordiff.hub.layout import digests_of


def assert_same_weights(a, b, **tolerance):
    first, second = a.state_dict(), b.state_dict()
    assert first.keys() == second.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, **({"rtol": 0, "atol": 0} | tolerance))


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def edit_weights(path, change):
    weights = load_file(path)
    change(weights)
    save_file(weights, path)
    reseal(path.parent)


def reseal(folder):
    """Let a network's folder, and the pipeline's around it, tell the digests of files that were changed on purpose."""
    edit(folder / "config.json", lambda data: data.update(_sha256=digests_of(folder, ["model.safetensors"])))
    index = folder.parent / "model_index.json"
    if index.exists():
        edit(index, lambda data: data.update(_sha256=digests_of(folder.parent, list(data["_sha256"]))))


def unseal(folder):
    """Make a folder as 0.1.0 wrote it, without digests."""
    for path in (*folder.rglob("config.json"), *folder.glob("model_index.json")):
        edit(path, lambda data: data.pop("_sha256", None))
