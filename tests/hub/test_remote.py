"""Push, download and offline use, with the real client against a server on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    script = Path(__file__).with_name("hub_session.py")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
    }
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("hub")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_push_is_one_commit_of_the_whole_folder(seen):
    assert seen["files"] == [
        "README.md",
        "denoiser/config.json",
        "denoiser/model.safetensors",
        "keypoints/config.json",
        "keypoints/model.safetensors",
        "model_index.json",
    ]
    # An empty first commit, two to the main branch, one or two to the other.
    total, first_is_there = seen["commits"]
    assert first_is_there
    assert total in (4, 5)


def test_the_card_of_an_earlier_push_stays(seen):
    assert seen["card"] == "# A planner\n"


def test_a_download_takes_all_files_from_one_commit(seen):
    assert seen["resolutions"] == 1
    assert seen["one_commit"]
    assert seen["latest"] == [6, True]


def test_revisions(seen):
    assert seen["by_commit"] == 5
    assert seen["by_branch"] == 7
    assert seen["no_revision"] == "RevisionNotFoundError"


def test_tokens(seen):
    assert seen["stage"] == "KeypointDiffusion"
    assert seen["no_token"] == seen["no_repository"] == "RepositoryNotFoundError"
    assert seen["unwritten"] != "nothing"


def test_a_part_alone(seen):
    assert seen["part"] == 6
    assert seen["part_files"] == ["keypoints"]


def test_a_push_takes_the_logs_of_a_folder_along(seen):
    pushed = seen["with_folder"]
    assert pushed["files"] == [
        "README.md",
        "denoiser/config.json",
        "denoiser/model.safetensors",
        "keypoints/config.json",
        "keypoints/model.safetensors",
        "keypoints/training/log.jsonl",
        "model_index.json",
    ]
    assert pushed["log"] == "# keypoints/training/log.jsonl\n"
    assert pushed["card"] == "# README.md\n"
    assert pushed["same"]


def test_a_download_that_breaks_off_is_told_in_one_line_and_goes_on(seen):
    name, text, alone = seen["cut"]["said"]
    assert name == "DownloadError"
    assert alone
    assert "\n" not in text
    assert "lab/planner was not downloaded whole" in text
    assert "call again" in text
    assert seen["cut"]["loaded"] == 6
    assert [path.split("/", 1)[1] for path in seen["cut"]["again"]] == ["denoiser/model.safetensors"]


def test_offline(seen):
    assert seen["not_cached"] == "LocalEntryNotFoundError"
    assert seen["offline"] == seen["unreachable"] == 6
    assert seen["offline_branch"] == 7
