"""The command line: `anchordiff <command> [flags]`.

Each command is a frozen dataclass whose fields are its flags. Its module is imported when it is called,
so that `anchordiff --help` answers at once.

Example:
    >>> main(["train", "--help"])  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    usage: anchordiff train <command> [flags]
    ...
    0
"""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

__all__ = ["main"]

PACKAGE: Final = "anchordiff.cli"

# Words of the command, module, class, one line of help.
COMMANDS: Final = (
    ("generate", "generate", "Generate", "Plan, and draw the plan."),
    ("evaluate", "evaluate", "Evaluate", "Compare a pipeline with its baselines on held-out samples."),
    ("sample keypoints", "sample", "SampleKeypoints", "Draw keypoints with stage 1 alone."),
    ("train keypoints", "train", "TrainKeypoints", "Train stage 1, the diffusion over keypoints."),
    ("train denoiser", "train", "TrainDenoiser", "Train stage 2, the pass from coarse to fine."),
    ("train pipeline", "train", "TrainPipeline", "Train both stages and join them."),
    ("train codec", "codec", "TrainCodec", "Train an autoencoder of frames."),
    ("bundle", "bundle", "Bundle", "Join two trained stages into a pipeline's folder."),
    ("data particle", "data", "DataParticle", "Write shards of particle-maze samples."),
    ("data shapes", "data", "DataShapes", "Draw captioned clips of moving shapes, and encode them."),
    ("data films", "films", "DataFilms", "Cut clips out of your own films, and encode them with sentences."),
    ("data didemo fetch", "didemo", "DidemoFetch", "Download DiDeMo's metadata."),
    ("data didemo download", "didemo", "DidemoDownload", "Download DiDeMo's videos."),
    ("data didemo precompute", "didemo", "DidemoPrecompute", "Encode DiDeMo's sentences and their clips."),
    ("data pointmaze", "data", "DataPointmaze", "Make a PointMaze data set of Minari's with MuJoCo."),
    ("config", "config", "Config", "Print a command's flags and defaults, as a file for --config."),
)
_LEAST_COLUMNS: Final = 40
_HELP: Final = ("-h", "--help")


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: words after `anchordiff`; those of the process by default.

    Returns:
        0 where the command went well, 1 where something it needed failed or it found no valid plan, 2 where the
        arguments are wrong, 130 where it was interrupted, 141 where the reader of its output is gone.
    """
    with _steady_streams():
        try:
            code = _dispatch(list(sys.argv[1:] if args is None else args))
            sys.stdout.flush()
        except BrokenPipeError:
            # As other commands do it: silently. What is left in the buffer has nowhere to go, at exit neither.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except OSError as error:
            sys.stderr.write(f"anchordiff: standard output cannot be written to: {error}\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        return code


@contextmanager
def _steady_streams() -> Iterator[None]:
    """Let no closed stream, no poor alphabet and no narrow terminal stop a command."""
    streams = sys.stdout, sys.stderr
    kept = [getattr(stream, "errors", None) for stream in streams]
    width = os.environ.get("COLUMNS")
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        # Python has none where the file descriptor was closed before it started.
        sys.stdout, sys.stderr = (nowhere if stream is None else stream for stream in streams)
        for stream in streams:
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        if shutil.get_terminal_size().columns < _LEAST_COLUMNS:
            os.environ["COLUMNS"] = str(_LEAST_COLUMNS)  # the parser's boxes never end below
        try:
            yield
        finally:
            for stream, errors in zip(streams, kept, strict=True):
                if isinstance(stream, io.TextIOWrapper):
                    stream.reconfigure(errors=errors)
            sys.stdout, sys.stderr = streams
            if width is None:
                os.environ.pop("COLUMNS", None)
            else:
                os.environ["COLUMNS"] = width


def _dispatch(words: list[str]) -> int:
    """Run the command that the words name."""
    if words == ["--version"]:
        from anchordiff.version import __version__

        _say(f"anchordiff {__version__}")
        return 0
    for name, module, cls, _ in COMMANDS:
        parts = name.split()
        if words[: len(parts)] == parts:
            from anchordiff.cli._deferred import defer_torch

            defer_torch()  # before anything imports it
            from anchordiff.cli._run import run_command

            return run_command(name, f"{PACKAGE}.{module}", cls, words[len(parts) :])
    return _explain(words)


def _explain(words: Sequence[str]) -> int:
    """Print what commands there are, below the group that the words name."""
    asked = not words or words[-1] in _HELP
    group = [word for word in words if word not in _HELP]
    found = [(name, line) for name, _, _, line in COMMANDS if name.split()[: len(group)] == group]
    if not found:
        known = ", ".join(name for name, *_ in COMMANDS)
        _say(f"anchordiff: command must be one of {known}; found {' '.join(group)!r}", sys.stderr)
        return 2
    stream = sys.stdout if asked else sys.stderr
    width = max(len(name) for name, _ in found)
    _say(f"usage: {' '.join(['anchordiff', *group])} <command> [flags]\n", stream)
    if not group:
        _say("Plan trajectories with diffusion over sparse anchors and one denoising pass.\n", stream)
    for name, line in found:
        _say(f"  {name:<{width}}  {line}", stream)
    _say(
        "\nFlags of a command: anchordiff <command> [--domain maze|mazes|pointmaze|vector|video] --help",
        stream,
    )
    _say("Flags from a file:  anchordiff <command> --config FILE.toml [flags that go before its own]", stream)
    return 0 if asked and (words or not group) else 2


def _say(text: str, stream: TextIO | None = None) -> None:
    (sys.stdout if stream is None else stream).write(text + "\n")
