"""`anchordiff data didemo fetch`, `download` and `precompute`."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from anchordiff.checks import check_integer, check_number
from anchordiff.cli._output import WorkError, check_out, show_table, working
from anchordiff.domains.video.config import DEFAULT_CODEC, DEFAULT_TEXT
from anchordiff.domains.video.didemo.metadata import (
    ADDRESS,
    CHUNK_SECONDS,
    Split,
    Ties,
    read_captions,
    read_hashes,
    read_licences,
)

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[STR ...]")]


@dataclass(frozen=True, kw_only=True)
class DidemoFetch:
    """Download DiDeMo's metadata: sentences, times, licences. Each file is checked by its git blob hash.

    Attributes:
        out: folder of the data set.
        address: of the folder that the files are in.
    """

    out: Path
    address: str = ADDRESS

    def execute(self) -> None:
        """Get what is missing."""
        from anchordiff.domains.video.didemo.download import fetch_metadata

        check_out(self.out)
        fetched = fetch_metadata(self.out, address=self.address)
        told = ", ".join(fetched) or "nothing: all files were there"
        sys.stdout.write(f"downloaded to {self.out}: {told}\n")


@dataclass(frozen=True, kw_only=True)
class DidemoDownload:
    """Download DiDeMo's videos. A call that was stopped goes on where it was; manifest.jsonl tells what is missing.

    Ends with 1 where a video could not be had for another reason than that the source does not have it.

    Attributes:
        out: folder of the data set, which `data didemo fetch` has filled.
        source: "aws", the multimedia-commons bucket; "hf", a data set on the Hub; or "folder". In the latter two a
            video is called by its id: 6060447507.mp4.
        place: address of another server that has the bucket's keys; id of the data set on the Hub; or the folder.
        split: whose videos are downloaded.
        limit: at most so many.
        licenses: only videos of these, as "by by-sa"; all if left out.
        threads: videos at a time.
    """

    out: Path
    source: Literal["aws", "hf", "folder"] = "aws"
    place: str | None = None
    split: Split = "train"
    limit: int | None = None
    licenses: Names = ()
    threads: int = 4

    def execute(self) -> None:
        """Get what is missing."""
        from anchordiff.domains.video.didemo import download

        check_integer("--threads", self.threads)
        if self.limit is not None:
            check_integer("--limit", self.limit)
        if self.place is None and self.source != "aws":
            raise ValueError(f"--place must be given with --source {self.source}")
        place = self.place or ""
        licences = read_licences(self.out)
        videos = download.choose_videos(
            read_captions(self.out, self.split), licences, allowed=self.licenses, limit=self.limit
        )
        if self.source == "aws":
            get = download.from_aws(read_hashes(self.out), address=self.place)
        else:
            get = download.from_hub(place) if self.source == "hf" else download.from_folder(place)
        done = download.download_videos(self.out, videos, get, licences=licences, threads=self.threads)
        show_table(
            {
                "videos": f"{done.whole} of {len(videos)} in {self.out / download.VIDEOS}",
                "missing": f"{done.missing}",
                "failed": f"{done.failed}",
                "manifest": str(self.out / download.MANIFEST),
            }
        )
        if done.failed:
            raise WorkError(
                f"{done.failed} videos could not be had; call again: what there is of them is kept"
            )


@dataclass(frozen=True, kw_only=True)
class DidemoPrecompute:
    """Cut a clip out of its video for each sentence, and write latents and text features for training.

    A call that was stopped goes on where it was. Sentences whose video is missing, broken or too short, or whose moment
    people do not agree on, are left out and counted.

    Attributes:
        out: folder of the cache.
        data: folder of the data set, with metadata and videos.
        split: whose sentences.
        ties: where people gave several moments equally often, skip the sentence, or take the first or the shortest.
        seconds: that a clip lasts.
        frames: of each clip.
        size: rows and columns of its pictures, in pixels.
        codec: what makes latents of pictures: "none" for pixels, a folder, or an id on the Hub.
        text: what makes features of sentences: folder or id on the Hub of a CLIP text model.
        limit: at most so many clips.
        shard_size: clips a shard.
    """

    out: Path
    data: Path
    split: Split = "train"
    ties: Ties = "skip"
    seconds: float = CHUNK_SECONDS
    frames: int = 16
    size: tuple[int, int] = (128, 128)
    codec: str = DEFAULT_CODEC
    text: str = DEFAULT_TEXT
    limit: int | None = None
    shard_size: int = 256

    def execute(self) -> None:
        """Write what is missing."""
        check_number("--seconds", self.seconds, above=0.0)
        counts = {"frames": self.frames, "shard-size": self.shard_size, "limit": self.limit}
        for name, value in (*counts.items(), *(("size", side) for side in self.size)):
            if value is not None:
                check_integer(f"--{name}", value)
        check_out(self.out)
        from anchordiff.domains.video.didemo.moments import write_moments

        began = time.perf_counter()
        with working():
            moments = write_moments(
                self.out,
                self.data,
                split=self.split,
                ties=self.ties,
                seconds=self.seconds,
                frames=self.frames,
                size=self.size,
                codec=self.codec,
                text=self.text,
                limit=self.limit,
                shard_size=self.shard_size,
            )
        form = moments.format
        left_out = ", ".join(f"{count} {reason}" for reason, count in moments.skipped.items())
        show_table(
            {
                "clips": f"{moments.clips} of {form.frames} frames, {form.rows}×{form.cols}",
                "left out": left_out or "none",
                "latents": f"{form.channels}×{form.height}×{form.width}, {form.codec}",
                "text": form.text,
                "folder": str(self.out),
                "seconds": f"{time.perf_counter() - began:.1f}",
            }
        )
