"""DiDeMo's metadata: which moment is meant, which video, and who may use it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.video.didemo.metadata import (
    BLOBS,
    aws_address,
    git_blob_hash,
    majority_moment,
    read_captions,
    read_hashes,
    read_licences,
    video_id,
)
from anchordiff.errors import CorruptFileError

moments = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda ends: (min(ends), max(ends)))


@pytest.mark.parametrize(
    ("times", "skipped", "first", "shortest"),
    [
        ([(1, 1), (1, 1), (1, 1), (0, 0)], (1, 1), (1, 1), (1, 1)),
        ([(2, 4), (0, 0), (2, 4), (1, 1)], (2, 4), (2, 4), (2, 4)),
        ([(1, 2), (0, 0), (1, 2), (0, 0)], None, (1, 2), (0, 0)),
        ([(3, 3), (0, 0), (0, 0), (3, 3)], None, (3, 3), (3, 3)),
        ([(0, 0), (1, 1), (2, 2), (3, 3)], None, None, None),
        ([(5, 5)], None, None, None),
    ],
)
def test_the_moment_that_most_people_gave(times, skipped, first, shortest):
    assert majority_moment(times) == skipped
    assert majority_moment(times, ties="first") == first
    assert majority_moment(times, ties="shortest") == shortest


@given(times=st.lists(moments, min_size=1, max_size=8))
def test_no_other_moment_was_given_more_often(times):
    for ties in ("skip", "first", "shortest"):
        found = majority_moment(times, ties=ties)
        counts = sorted((times.count(moment) for moment in set(times)), reverse=True)
        if found is None:
            assert counts[0] < 2 or (ties == "skip" and counts[:2] == [counts[0]] * 2)
        else:
            assert times.count(found) == counts[0] >= 2


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="times must hold at least one moment"):
        majority_moment([])


def record(**changes):
    return {
        "annotation_id": 7, "description": " the  cat\njumps", "dl_link": "http://x?id=6060447507", "num_segments": 6,
        "times": [[1, 1], [1, 1], [1, 1], [0, 0]], "video": "35034348999@N01_6060447507_dc1a90b8ef.mov", **changes,
    }  # fmt: skip


def test_sentences_are_read(tmp_path):
    endless = record(video="79785633@N03_7901361222_8bb0dfc88f.", annotation_id=8)
    (tmp_path / "val_data.json").write_text(json.dumps([record(), endless]))
    first, second = read_captions(tmp_path, "val")
    assert (first.text, first.video_id, first.annotation_id) == ("the cat jumps", "6060447507", 7)
    assert (first.num_chunks, first.moment()) == (6, (1, 1))
    assert second.video_id == "7901361222"
    with pytest.raises(ValueError, match=r"video must be user_id_secret\.ending, found 'cat\.mov'"):
        video_id("cat.mov")


@pytest.mark.parametrize(
    "content",
    ["{", "{}", "[3]", json.dumps([record(times=[[1]])]), json.dumps([record(video="a")]), '[{"video": 1}]'],
)
def test_other_files_are_told(tmp_path, content):
    (tmp_path / "train_data.json").write_text(content)
    if content == "{}":
        assert read_captions(tmp_path, "train") == []
        return
    with pytest.raises(CorruptFileError, match=r"train_data\.json does not hold DiDeMo's sentences"):
        read_captions(tmp_path, "train")


def test_hashes_and_licences_are_read(tmp_path):
    (tmp_path / "yfcc100m_hash.txt").write_text("6010978700\t5b85c5f26\n5277035407\tfd5ae8bb8677\n")
    assert read_hashes(tmp_path) == {"6010978700": "5b85c5f26", "5277035407": "fd5ae8bb8677"}
    assert aws_address("fd5ae8bb8677").endswith("/data/videos/mp4/fd5/ae8/fd5ae8bb8677.mp4")
    lines = [
        "VideoID\t\tOriginal Download Link\t\tLicense",
        "4505539716\thttp://f.com/videos/a/4505539716/play\thttp://creativecommons.org/licenses/by/2.0/",
        "6000978367\thttp://f.com/videos/b/6000978367/play\thttp://creativecommons.org/licenses/by-nc-nd/2.0/",
    ]
    (tmp_path / "video_licenses.txt").write_text("\n".join(lines))
    found = read_licences(tmp_path)
    assert [licence.name for licence in found.values()] == ["by", "by-nc-nd"]
    assert found["4505539716"].source == "http://f.com/videos/a/4505539716/play"
    (tmp_path / "video_licenses.txt").write_text("head\n1\t2\n")
    with pytest.raises(CorruptFileError, match="line 2 must have 3 columns, found 2"):
        read_licences(tmp_path)


def test_blob_hashes_are_gits():
    assert git_blob_hash(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert set(BLOBS) == {
        "train_data.json", "val_data.json", "test_data.json", "yfcc100m_hash.txt", "video_licenses.txt",
    }  # fmt: skip
    assert all(len(blob) == 40 for blob in BLOBS.values())
