from pathlib import Path

import pytest

from anchordiff.hub import bundled_names, from_pretrained, save_pretrained, sources


@pytest.fixture
def bundled(keypoints, tmp_path, monkeypatch):
    """An installation with one bundled model, "tiny", whose five anchors tell it from others."""
    package = tmp_path / "package"
    save_pretrained(keypoints, package / "weights" / "tiny")
    (package / "weights" / "notes").mkdir()
    monkeypatch.setattr(sources, "files", lambda name: package)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_bundled_names(bundled, monkeypatch):
    assert bundled_names() == ["tiny"]
    assert from_pretrained("tiny").config.num_keypoints == 5
    monkeypatch.setattr(sources, "files", lambda name: bundled)
    assert bundled_names() == []


def test_a_bundled_name_comes_before_a_folder(bundled, pipe):
    pipe.save_pretrained(bundled / "tiny")
    assert hasattr(from_pretrained("tiny").config, "num_keypoints")
    assert from_pretrained("./tiny").config == pipe.config
    assert from_pretrained(bundled / "tiny").config == pipe.config


def test_a_folder_comes_before_a_hub_id(bundled, pipe):
    pipe.save_pretrained(bundled / "org" / "repo")
    assert from_pretrained("org/repo").config == pipe.config


def test_what_is_nothing_is_refused_with_the_choices(bundled):
    with pytest.raises(ValueError, match=r"bundled name \('tiny'\), a folder or an id 'org/repo'.*'tinny'"):
        from_pretrained("tinny")
    for path in ("./tinny", "/nowhere/at/all", bundled / "tinny"):
        with pytest.raises(FileNotFoundError, match="source must be a folder"):
            from_pretrained(path)
    with pytest.raises(FileNotFoundError, match=r"model_index.json .* or config.json .*, found neither"):
        from_pretrained(bundled)
    with pytest.raises(FileNotFoundError, match="found neither"):
        from_pretrained("tiny", subfolder="keypoints")


def test_revisions_are_for_the_hub(bundled):
    with pytest.raises(
        ValueError, match="revision must be left out where source is not on the Hub, found 'v1'"
    ):
        from_pretrained("tiny", revision="v1")
    assert from_pretrained("tiny", local_files_only=True).config.num_keypoints == 5


def test_a_hub_id_that_fails_may_be_a_mistyped_folder(bundled, monkeypatch):
    def unreachable(repo_id, **options):
        raise ConnectionError("check your internet connection")

    monkeypatch.setattr(sources, "_download", unreachable)
    with pytest.raises(ConnectionError, match="internet") as caught:
        from_pretrained("runs/pipelin")
    assert caught.value.__notes__ == ["there is no folder runs/pipelin here"]


def test_a_path_is_a_folder_alone(bundled):
    with pytest.raises(FileNotFoundError, match="source must be a folder where it is a Path, found 'tiny'"):
        from_pretrained(Path("tiny"))


@pytest.mark.parametrize(
    ("source", "is_remote"),
    [
        ("lab/planner", True),
        ("lab/planner-2.0", True),
        ("../planner", False),
        ("a/b/c", False),
        ("~/x", False),
    ],
)
def test_what_looks_like_a_hub_id(source, is_remote, monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "_download", lambda repo_id, **options: asked.append(repo_id))
    if is_remote:
        sources.locate(source)
        assert asked == [source]
    else:
        with pytest.raises(FileNotFoundError):
            sources.locate(source)
