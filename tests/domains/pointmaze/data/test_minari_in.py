"""Where data sets come from: what is not there is downloaded where asked, or the error says how to get it."""

import os
import re
import shutil

import numpy as np
import pytest
from minari.storage import hosting

from anchordiff.domains.pointmaze.data import read_minari

ID = "anchordiff/pointmaze/umaze-dfs-v0"


def test_a_data_set_that_is_not_local_is_downloaded_where_asked(
    minari_folder, recording, tmp_path, monkeypatch
):
    root, asked = tmp_path / "root", []

    def download(dataset_id, **options):
        asked.append((dataset_id, os.environ["MINARI_DATASETS_PATH"]))
        shutil.copytree(minari_folder, root, dirs_exist_ok=True)

    monkeypatch.setattr(hosting, "download_dataset", download)
    with pytest.raises(FileNotFoundError):
        read_minari(ID, root=root, cache=tmp_path / "cache", progress=False)
    for _ in range(2):  # the second time it is local
        found = read_minari(ID, root=root, cache=tmp_path / "cache", download=True, progress=False)
        np.testing.assert_array_equal(found.observations, recording.observations)
    assert asked == [(ID, str(root))]


@pytest.mark.parametrize(
    ("dataset_id", "way"),
    [
        (
            "anchordiff/pointmaze/large-dfs-v0",
            "`anchordiff data pointmaze --maze large --flavour dfs{}` makes it",
        ),
        (
            "D4RL/pointmaze/umaze-v2",
            "`minari download D4RL/pointmaze/umaze-v2` fetches .* pointmaze{}` makes",
        ),
    ],
)
def test_a_missing_data_set_says_how_to_get_it(tmp_path, monkeypatch, dataset_id, way):
    root = tmp_path / "of sets"
    asked = re.escape(f" --out '{root}'")
    with pytest.raises(FileNotFoundError, match=f"found none of '{dataset_id}'; {way.format(asked)}"):
        read_minari(dataset_id, root=root)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    with pytest.raises(FileNotFoundError, match=f"of sets, found none of .*; {way.format('')}"):
        read_minari(dataset_id)
