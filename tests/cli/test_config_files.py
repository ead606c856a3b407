"""`--config` and `anchordiff config`: flags in files."""

import json
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import tyro

from anchordiff.cli import COMMANDS, PACKAGE, main
from anchordiff.cli._configs import print_config, words_of
from anchordiff.cli._domains import take_domain
from anchordiff.cli.bundle import Bundle
from anchordiff.configs import config_to_json
from anchordiff.domains.domain import domain_names

ROOT = Path(__file__).parents[2]
NEEDED = {
    "out": "x", "text": "a circle", "data.cache": "c", "data.path": "p.npz", "keypoints": "k", "denoiser": "d",
    "maze": "umaze", "task": "single", "codec": "none", "data": "d", "films": "f",
}  # fmt: skip


def command_classes():
    for name, module, cls, _ in COMMANDS:
        kind = getattr(import_module(f"{PACKAGE}.{module}"), cls)
        if name == "config":
            continue
        if hasattr(kind, "for_domain"):
            domains = (None,) if name == "train codec" else (None, *domain_names())
            yield from ((name, domain, kind.for_domain(domain)) for domain in domains)
        else:
            yield name, None, kind


def needed(text):
    """Words for what must be given."""
    group, words = "", []
    for line in text.splitlines():
        if line.startswith("["):
            group = f"{line.strip('[]')}."
        if line.endswith("= (must be given)"):
            name = group + line.split()[1]
            words += [f"--{name.replace('_', '-')}", NEEDED[name]]
    return words


@pytest.mark.parametrize(("name", "domain", "kind"), list(command_classes()))
def test_what_is_printed_says_what_is_the_default(name, domain, kind):
    text = print_config(kind, domain=domain)
    told, must = tomllib.loads(text), needed(text)
    if domain == "vector" and name != "generate":
        must += ["--data.path", "p.npz"]  # or another of several
    assert told.pop("domain", None) == domain
    words = words_of(told, kind, source=Path("x.toml"))
    given = tyro.cli(kind, args=[*words, *must])
    assert given == tyro.cli(kind, args=must)
    assert words


def generate(tmp_path, file, *words):
    flags = ["generate", "--config", str(file), *words]
    code = main(flags)
    told = tmp_path / "out" / "config.json"
    return code, json.loads(told.read_text()) if told.is_file() else None


def test_a_file_gives_flags_and_words_go_before(tmp_path, capsys):
    toml = tmp_path / "plan.toml"
    (tmp_path / "maze.txt").write_text("#####\n#...#\n#...#\n#...#\n#####\n")
    toml.write_text(
        f'out = "{tmp_path / "out"}"\nmaze = "{tmp_path / "maze.txt"}"\nstart = [1.5, 1.5]\ngoal = [3.5, 3.5]\n'
        'seed = 3\nnum-samples = 2\nwalk = true\ndevice = "cpu"\n'
    )
    code, told = generate(tmp_path, toml, "--seed", "4")
    assert code == 0, capsys.readouterr().err
    assert (told["seed"], told["num_samples"], told["options"]["walk"]) == (4, 2, True)
    assert told["request"]["start"] == [1.5, 1.5]


def test_yaml_and_a_domain(tmp_path, capsys):
    file = tmp_path / "train.yaml"
    file.write_text(
        f"domain: vector\nout: {tmp_path / 'run'}\nvalidate: 0\ntrain: {{steps: 2, batch_size: 2}}\n"
        f"data: {{path: {ROOT / 'tests' / 'nothing.npz'}}}\nrun: {{tensorboard: false, progress: false}}\n"
    )
    assert main(["train", "keypoints", "--config", str(file)]) == 1
    assert "nothing.npz" in capsys.readouterr().err
    # What is given goes before what the file says, the domain too.
    assert main(["train", "keypoints", "--config", str(file), "--domain", "maze"]) == 2
    assert "must hold flags of the command alone, found data.path" in capsys.readouterr().err


def test_a_run_goes_on_without_its_file(tmp_path, capsys):
    file = tmp_path / "train.toml"
    file.write_text(
        f'out = "{tmp_path / "run"}"\nvalidate = 2\ndevice = "cpu"\n[train]\nsteps = 2\nbatch_size = 2\n'
        "[run]\ntensorboard = false\nprogress = false\n[data]\nrows = 9\ncols = 9\n"
        "[model.transformer]\nwidth = 16\ndepth = 1\nheads = 2\n"
    )
    assert main(["train", "keypoints", "--config", str(file)]) == 0, capsys.readouterr().err
    file.unlink()
    assert main(["train", "keypoints", "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert "finished after step 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "ending", "told"),
    [
        ("seeds = 3", ".toml", "must hold flags of the command alone, found seeds"),
        ("[train]\nsteps = 3", ".toml", "must hold flags of the command alone, found train.steps"),
        ('walk = "no"', ".toml", "--walk must be true or false, found 'no'"),
        ("seed = 2026-11-26", ".toml", "--seed must be a number, a text"),
        ("seed = 1.5", ".toml", "seed"),
        ('out = ""', ".toml", "--out must not be empty"),
        ("seed = ", ".toml", "cannot be read"),
        ("- 3", ".yaml", "must hold a table, found list"),
        ("a: [", ".yml", "cannot be read"),
        ("seed = 3", ".ini", "--config must end in .toml, .yaml, .yml"),
        (b"\xff\xfe", ".toml", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content, ending, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"plan{ending}"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["generate", "--out", "x", "--config", str(file)]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_words_about_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, code, told in (
        (["--config"], 2, "--config must be a file, found none"),
        (["--config", "a.toml", "--config=b.toml"], 2, "--config must be given once, found a.toml, b.toml"),
        (["--config", "a.toml"], 1, "--config must be a file, found none at a.toml"),
        (["--config="], 2, "--config must not be empty"),
    ):
        assert main(["generate", "--out", "x", *words]) == code
        assert told in capsys.readouterr().err


def test_commands_that_are_printed(capsys):
    assert main(["config", "train-denoiser", "--domain", "video"]) == 0
    dashed = capsys.readouterr().out
    assert main(["config", "train", "denoiser", "--domain", "video"]) == 0
    assert capsys.readouterr().out == dashed
    assert tomllib.loads(dashed)["model"]["transformer"]["attention"] == "factorised"
    for words, told in (
        (["train"], "command must be one of generate"),
        (["bundle", "--domain", "video"], "--domain must be left out of bundle"),
    ):
        assert main(["config", *words]) == 2
        assert told in capsys.readouterr().err


RECIPES = sorted((ROOT / "configs").glob("*/*.toml"), key=str)
WEIGHTS = ROOT / "src" / "anchordiff" / "weights"


def flags_of(recipe):
    told = tomllib.loads(recipe.read_text("utf-8"))
    if recipe.stem == "bundle":
        return tyro.cli(Bundle, args=words_of(told, Bundle, source=recipe))
    part = recipe.stem.removesuffix("-first")
    module, cls = {"codec": ("codec", "TrainCodec")}.get(part, ("train", f"Train{part.capitalize()}"))
    kind = getattr(import_module(f"{PACKAGE}.{module}"), cls)
    words = [] if (domain := told.pop("domain", None)) is None else ["--domain", domain]
    domain, _ = take_domain(words)
    kind = kind.for_domain(domain)
    return tyro.cli(kind, args=words_of(told, kind, source=recipe))


def stored_config(recipe):
    """What a bundled weight's training wrote down."""
    part, first, _ = recipe.stem.partition("-first")
    folder = WEIGHTS / recipe.parent.name / part / "training" / ("first" if first else "")
    return json.loads((folder / "config.json").read_text("utf-8"))


def common(told, stored):
    """What both name; version 0.1 had fewer numbers."""
    shared = told.keys() & stored.keys()
    assert shared
    return {key: told[key] for key in shared}, {key: stored[key] for key in shared}


def test_every_bundled_weight_has_its_recipe():
    parts = {(path.parent.name, path.stem) for path in RECIPES}
    stored = {
        (path.relative_to(WEIGHTS).parts[0], path.relative_to(WEIGHTS).parts[1])
        for path in WEIGHTS.glob("*/*/training/config.json")
    }
    assert len(stored) == 8
    assert stored | {(name, "bundle") for name, _ in stored} | {("particle-maze", "denoiser-first")} == parts


@pytest.mark.parametrize(
    "recipe", [r for r in RECIPES if r.stem != "bundle"], ids=lambda r: f"{r.parent.name}-{r.stem}"
)
def test_recipes_are_those_of_the_bundled_weights(recipe):
    flags, trained = flags_of(recipe), stored_config(recipe)
    assert config_to_json(flags.train) == trained["train"]
    objective, stored = config_to_json(flags.objective), dict(trained["objective"])
    if "masks" in stored:
        assert f"({flags.even_share}, Even" in stored.pop("masks")
    elif "even_share" in stored:
        assert stored.pop("even_share") == flags.even_share
    if "hinge" in stored:
        assert objective["terms"]["hinge"] == {"weight": stored.pop("hinge"), "margin": stored.pop("margin")}
    for name, term in stored.pop("terms", {}).items():
        del term["class"]
        assert objective["terms"][name] == term
    if (distance := stored.pop("distance_weight", None)) and "encoder" not in trained:
        assert objective["terms"]["distance"]["weight"] == distance
    told = {key: list(value) if isinstance(value, tuple) else value for key, value in objective.items()}
    assert {key: told[key] for key in stored} == stored
    if recipe.stem == "codec":
        return
    model, stored = config_to_json(flags.model), dict(trained["model"])
    if "num_anchors" in stored:
        stored["num_keypoints"] = stored.pop("num_anchors")
    own, other = common(model.pop("transformer"), stored.pop("transformer"))
    assert own == other
    if "cache" not in trained["data"]:  # which tells a model its sizes
        stored.pop("encoder" if "encoder" in trained else "scale")
        if "encoder" in stored:
            own, other = common(model.pop("encoder"), stored.pop("encoder"))
            assert own == other
        own, other = common(model, stored)
        assert own == other
        own, other = common(config_to_json(flags.data), trained["data"])
        assert own == other
    if trained.get("bootstrap"):
        own, other = common(config_to_json(flags.bootstrap), trained["bootstrap"])
        assert {**own, "keypoints": None} == {**other, "keypoints": None}


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r.stem == "bundle"], ids=lambda r: r.parent.name)
def test_a_bundle_has_the_defaults_of_its_recipe(recipe):
    flags = flags_of(recipe)
    config = json.loads((WEIGHTS / recipe.parent.name / "model_index.json").read_text("utf-8"))["config"]
    names = ("steps", "spacing", "sampler", "clamp", "clamp_dims")
    assert [getattr(flags, name) for name in names] == [config[name] for name in names]
    keypoints = json.loads((WEIGHTS / recipe.parent.name / "keypoints" / "config.json").read_text("utf-8"))
    taken = WEIGHTS / flags.keypoints  # where stage 1 is that of another bundled pipeline
    if taken.is_dir():
        trained = json.loads((taken / "keypoints" / "config.json").read_text("utf-8"))
    else:
        trained = stored_config(recipe.with_stem("keypoints"))["model"]
    assert keypoints["transformer"]["depth"] == (flags.keypoint_blocks or trained["transformer"]["depth"])
