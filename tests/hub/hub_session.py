"""A process of its own: the real client against a server on 127.0.0.1; prints what happened as JSON.

The client reads its settings from the environment when it is imported, so this cannot run inside the
tests' process.
"""

import json
import os
import sys
from pathlib import Path

OWNER = "hf_owner_token"


def main(home):
    # Beside this script, hence found when it runs and not when it is collected.
    from hub_server import Hub

    with Hub(owner=OWNER) as hub:
        os.environ.update(
            HF_ENDPOINT=hub.url,
            HF_HOME=str(home / "hf"),
            HF_HUB_DISABLE_TELEMETRY="1",
            HF_HUB_DISABLE_XET="1",
            HF_HUB_DISABLE_PROGRESS_BARS="1",
        )
        seen = online(hub, home)
    # From here on there is no server.
    seen.update(offline(home))
    print(json.dumps(seen))  # noqa: T201


def build(num_keypoints):
    from anchordiff.domains.maze.config import MazeEncoderConfig
    from anchordiff.nn.config import TransformerConfig
    from anchordiff.pipeline import TwoStagePipeline
    from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
    from anchordiff.stages.denoiser import InterpDenoiser
    from anchordiff.stages.keypoints import KeypointDiffusion

    tiny = {"transformer": TransformerConfig(width=32, depth=1), "encoder": MazeEncoderConfig()}
    return TwoStagePipeline(
        KeypointDiffusion(KeypointDiffusionConfig(num_keypoints=num_keypoints, **tiny)),
        InterpDenoiser(InterpDenoiserConfig(**tiny)),
    )


def load(source="lab/planner", **options):
    from anchordiff.hub import from_pretrained

    return from_pretrained(source, **options)


def refusal(**options):
    try:
        load(**options)
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return "nothing"


def same(a, b):
    first, second = a.keypoints.state_dict(), b.keypoints.state_dict()
    return all((first[name] == second[name]).all() for name in first)


def online(hub, home):
    from anchordiff.hub import push_to_hub
    from anchordiff.pipeline import TwoStagePipeline

    seen = {}
    old, new, branch = build(5), build(6), build(7)
    first = old.push_to_hub("lab/planner", token=OWNER, card="# A planner\n")
    second = new.push_to_hub("lab/planner", token=OWNER)
    branch.push_to_hub("lab/planner", token=OWNER, revision="trial")
    branch.push_to_hub("lab/planner", token=OWNER, revision="trial")
    push_to_hub(new.keypoints, "lab/stage", token=OWNER, private=True)
    repository = hub.repositories["lab/planner"]
    seen["files"] = sorted(repository.commits[second])
    seen["commits"] = [len(repository.commits), first in repository.commits]
    seen["card"] = repository.commits[second]["README.md"].decode()
    hub.requests.clear()
    loaded = TwoStagePipeline.from_pretrained("lab/planner")
    asked = [
        request for request in hub.requests if "/revision/" in request or request.endswith("lab/planner")
    ]
    seen["resolutions"] = len(asked)
    resolved = {part.split("/")[4] for part in hub.requests if "/resolve/" in part}
    seen["one_commit"] = resolved == {second}
    seen["latest"] = [loaded.config.num_keypoints, same(loaded, new)]
    seen["by_commit"] = load(revision=first).config.num_keypoints
    seen["by_branch"] = load(revision="trial").config.num_keypoints
    seen["no_revision"] = refusal(revision="missing")
    seen["no_repository"] = refusal(source="lab/nothing")
    seen["no_token"] = refusal(source="lab/stage", token=False)
    seen["stage"] = type(load("lab/stage", token=OWNER)).__name__
    seen["part"] = load(subfolder="keypoints", cache_dir=home / "other").config.num_keypoints
    seen["part_files"] = sorted(path.name for path in (home / "other").glob("*/snapshots/*/*"))
    seen["not_cached"] = refusal(source="lab/stage", local_files_only=True, cache_dir=home / "third")
    seen["unwritten"] = refusal_to_push(new)
    seen["with_folder"] = pushed_with_folder(hub, new, home / "trained")
    seen["cut"] = cut_download(hub, home / "cut")
    return seen


def pushed_with_folder(hub, pipe, folder):
    """What lies in the repository after a push from the folder of a training."""
    pipe.save_pretrained(folder)
    for name in (
        "README.md",
        "keypoints/training/log.jsonl",
        "keypoints/training/checkpoints/last.pt",
        ".hidden",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    commit = pipe.push_to_hub("lab/trained", token=OWNER, folder=folder)
    files = hub.repositories["lab/trained"].commits[commit]
    loaded = load("lab/trained", revision=commit, token=OWNER)
    return {
        "files": sorted(files),
        "log": files["keypoints/training/log.jsonl"].decode(),
        "card": files["README.md"].decode(),
        "same": bool(same(loaded, pipe)),
    }


def cut_download(hub, cache):
    """What is said where the weights break off, and that another call goes on."""
    hub.cut = "denoiser/model.safetensors"
    try:
        load(cache_dir=cache)
    except Exception as error:  # noqa: BLE001
        said = [type(error).__name__, str(error), error.__cause__ is None]
    hub.cut = None
    hub.requests.clear()
    loaded = load(cache_dir=cache)
    again = [
        request.split("/resolve/")[1]
        for request in hub.requests
        if request.startswith("GET") and "/resolve/" in request
    ]
    return {"said": said, "loaded": loaded.config.num_keypoints, "again": again}


def refusal_to_push(pipe):
    try:
        pipe.push_to_hub("lab/planner", token=False)
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return "nothing"


def offline(home):
    return {
        "offline": load(local_files_only=True).config.num_keypoints,
        "offline_branch": load(revision="trial", local_files_only=True).config.num_keypoints,
        "unreachable": load().config.num_keypoints,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
