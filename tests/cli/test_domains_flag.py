"""`--domain`: what it names, what implies it, and what version 0.1 called it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.cli import main
from anchordiff.cli._domains import open_domain, take_domain, with_domain
from anchordiff.cli.generate import Generate
from anchordiff.cli.train import TrainKeypoints
from anchordiff.domains.domain import domain_names, find_domain

others = st.lists(
    st.sampled_from(
        ["--out", "x", "--seed", "3", "--maze", "a.txt", "--suite=particle-21", "medium", "--resume"]
    ),
    max_size=6,
).filter(lambda words: ("--maze", "medium") not in pairwise(words))


@given(before=others, after=others, name=st.sampled_from(["maze", "vector", "mine"]), joined=st.booleans())
def test_a_domain_is_taken_out_wherever_it_stands(before, after, name, joined):
    flag = [f"--domain={name}"] if joined else ["--domain", name]
    assert take_domain([*before, *flag, *after]) == (name, [*before, *after])


@given(words=others)
def test_without_the_flag_words_stay_as_they_are(words):
    assert take_domain(words) == (None, words)


@pytest.mark.parametrize(
    "words",
    [
        *(["--maze", maze] for maze in ("umaze", "medium", "large")),
        ["--maze=medium"],
    ],
)
def test_mazes_of_d4rl_name_their_domain(words):
    assert take_domain(["--out", "x", *words]) == ("pointmaze", ["--out", "x", *words])
    # What is said goes before what is implied.
    assert take_domain([*words, "--domain", "maze"]) == ("maze", words)


@pytest.mark.parametrize("suite", [["--suite", "maze2d"], ["--suite=maze2d"]])
def test_the_suite_of_d4rls_mazes_is_the_benchmark_of_their_domain(suite):
    for words in ([*suite, "--maze", "large"], ["--maze", "large", *suite]):
        assert take_domain(words) == ("pointmaze", ["--maze", "large"])
        assert take_domain([*words, "--domain", "pointmaze"]) == ("pointmaze", ["--maze", "large"])
        # Another domain has no such suite, and is left to say so.
        assert take_domain([*words, "--domain", "maze"]) == ("maze", words)


@pytest.mark.parametrize(
    "words", [["--maze", "./medium"], ["--maze=hard"], ["--suite", "particle-21"], ["medium"]]
)
def test_other_mazes_and_suites_do_not(words):
    assert take_domain(words) == (None, words)


def test_words_of_0_1_are_translated_and_said_so(capsys):
    recorded = ["--pointmaze.count", "3", "--pointmaze.lengths", "16", "40", "--model.horizon", "16"]
    today = ["--data.count", "3", "--data.lengths", "16", "40", "--model.horizon", "16"]
    for flag in (["--dataset", "pointmaze"], ["--dataset=pointmaze"]):
        assert take_domain([*flag, *recorded]) == ("pointmaze", today)
        assert take_domain([*recorded, *flag]) == ("pointmaze", today)
    said = capsys.readouterr().err
    assert said.count("--dataset pointmaze is called --domain pointmaze now, and its flags --data.*\n") == 4
    assert take_domain(["--dataset", "particle", "--data.rows", "9"]) == ("maze", ["--data.rows", "9"])
    # A name that 0.1 did not know either is left for the parser to refuse.
    assert take_domain(["--dataset", "minari"]) == (None, ["--dataset", "minari"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--domain"], "--domain must be one of maze, mazes, pointmaze, vector"),
        (["--domain", "--out", "x"], "--domain must be one of maze, mazes, pointmaze, vector"),
        (["--domain", "maze", "--domain=vector"], "--domain must be given once, found maze, vector"),
        (
            ["--domain", "maze", "--dataset", "pointmaze"],
            "--domain must be given once, found pointmaze, maze",
        ),
    ],
)
def test_a_flag_without_a_name_or_given_twice_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        take_domain(words)


@pytest.mark.parametrize(
    "command", ["generate", "evaluate", "train keypoints", "train denoiser", "train pipeline"]
)
def test_a_domain_that_there_is_not_is_refused_by_every_command(command, capsys):
    assert main([*command.split(), "--domain", "vectr", "--out", "x"]) == 2
    said = capsys.readouterr().err
    assert f"anchordiff {command}: --domain must be one of {', '.join(domain_names())}, found 'vectr'" in said


@pytest.mark.parametrize("command", ["bundle", "sample keypoints", "data particle", "data pointmaze"])
def test_commands_of_one_domain_have_no_flag_for_it(command, capsys):
    for flag in (["--domain", "maze"], ["--domain=vector", "--maze", "medium"]):
        assert main([*command.split(), *flag]) == 2
        assert f"--domain must be left out of {command}" in capsys.readouterr().err


@pytest.mark.parametrize("maze", [["--maze", "medium"], ["--maze=medium"]])
def test_a_maze_that_implies_a_domain_is_no_flag_of_another_kind(maze, tmp_path, capsys):
    # `data pointmaze` has a flag --maze of its own.
    assert main(["data", "pointmaze", *maze, "--steps", "0", "--out", str(tmp_path)]) == 2
    assert "--domain" not in capsys.readouterr().err


def test_each_domain_brings_flags_of_its_own(capsys):
    marks = {"maze": "--data.rows", "pointmaze": "--data.lengths", "vector": "--data.path"}
    for name, flag in marks.items():
        assert main(["train", "keypoints", "--domain", name, "--help"]) == 0
        said = capsys.readouterr().out
        for other in marks.values():
            assert (other in said) == (other == flag)
    assert main(["generate", "--maze", "medium", "--help"]) == 0
    assert "{umaze,medium,large}" in capsys.readouterr().out
    assert main(["train", "keypoints", "--dataset", "pointmaze", "--help"]) == 0
    assert "--data.most-detour" in capsys.readouterr().out


def test_a_commands_class_is_made_with_a_domains_fields():
    made = TrainKeypoints.for_domain("vector")
    assert issubclass(made, TrainKeypoints)
    assert made.domain == "vector"
    assert {"data", "model", "objective"} <= made.__dataclass_fields__.keys()
    assert "data" not in TrainKeypoints.__dataclass_fields__
    assert made.__doc__ == TrainKeypoints.__doc__
    plain = Generate.for_domain(None)
    assert plain.domain is None
    with_default = with_domain(Generate, "maze", {"level": (int, lambda: 7)})
    assert with_default(out=None).level == 7


def test_mazes_are_the_default():
    assert open_domain(None) is find_domain("maze")
    for name in domain_names():
        assert open_domain(name) is find_domain(name)


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (
            "train pipeline",
            [
                "--data.path",
                "--data.windows.way-points",
                "--keypoints.encoder.layers",
                "--even-share",
                "--keypoint-objective.repeats",
                "--denoiser-objective.step-weight",
            ],
        ),
        (
            "train denoiser",
            ["--data.angles", "--bootstrap.keypoints", "--objective.step-weight", "--model.states"],
        ),
        ("generate", ["--condition", "--low", "--high", "--num-samples"]),
        ("evaluate", ["--data.minari", "--full-sequence", "--candidates"]),
    ],
)
def test_help_names_the_flags_of_the_domain(command, flags, capsys):
    assert main([*command.split(), "--domain", "vector", "--help"]) == 0
    said = capsys.readouterr().out
    for flag in flags:
        assert flag in said
    assert "--maze" not in said
