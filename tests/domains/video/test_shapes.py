"""Moving shapes: what is said is what is drawn, and what image analysis sees."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from anchordiff.domains.video import CAPTIONS, ShapeCaption, draw_clips, read_shape
from anchordiff.domains.video.shape_sets import SEEN, UNSEEN, WORDS
from anchordiff.domains.video.shapes import COLOURS, FRAMES, SIDE

ATTRIBUTES = ("size", "colour", "shape", "direction")


def test_every_caption_is_seen_as_it_is_drawn():
    for number, caption in enumerate(CAPTIONS):
        clips, said = draw_clips(number, np.arange(2), (caption,))
        assert said == [caption] * 2
        for clip in clips:
            assert all(read_shape(clip).agrees(caption).values()), caption


def test_clips_depend_on_the_seed_and_the_index_alone():
    whole, said = draw_clips(1, np.arange(6))
    part, told = draw_clips(1, np.array([4, 2]))
    assert np.array_equal(part, whole[[4, 2]])
    assert told == [said[4], said[2]]
    assert not np.array_equal(draw_clips(2, np.arange(1))[0], whole[:1])
    assert whole.shape == (6, FRAMES, SIDE, SIDE, 3)


def test_edges_are_anti_aliased_and_the_ground_is_grey():
    clips, said = draw_clips(0, np.arange(30))
    for clip, caption in zip(clips, said, strict=True):
        assert len({*clip[:, 0, 0].ravel().tolist()}) == 1  # a corner is ground in every frame
        colour = np.rint(255 * np.array(COLOURS[caption.colour]))
        covered = np.abs(clip[0] - colour).max(axis=2) == 0
        ground = np.abs(clip[0] - clip[0, 0, 0]).max(axis=2) == 0
        assert covered.any()
        assert (~covered & ~ground).sum() > 4  # pixels between


def test_a_clip_that_is_disturbed_is_still_seen_and_one_of_nothing_is_not():
    clips, said = draw_clips(5, np.arange(40))
    noise = np.random.default_rng(0).normal(0, 6, clips.shape)
    noisy = np.clip(clips + noise, 0, 255).astype(np.uint8)
    agreed = [
        all(read_shape(clip).agrees(caption).values()) for clip, caption in zip(noisy, said, strict=True)
    ]
    assert np.mean(agreed) > 0.9
    nothing = read_shape(np.full((FRAMES, SIDE, SIDE, 3), 90, np.uint8))
    assert nothing == replace(nothing, size=None, colour=None, shape=None, direction=None)
    assert not any(nothing.agrees(said[0]).values())


def test_the_other_way_round_is_the_other_direction():
    clips, said = draw_clips(7, np.arange(10))
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for clip, caption in zip(clips, said, strict=True):
        assert read_shape(clip[::-1]).direction == opposite[caption.direction]


def test_captions_are_read_as_they_are_written():
    assert len(CAPTIONS) == len({str(caption) for caption in CAPTIONS}) == 144
    assert all(ShapeCaption.parse(str(caption)) == caption for caption in CAPTIONS)
    assert {word for caption in CAPTIONS for word in str(caption).split()} == set(WORDS)
    for text in ("a red circle moves left", "a big red circle flies left", "a huge red circle moves left"):
        with pytest.raises(ValueError, match="must be"):
            ShapeCaption.parse(text)
    with pytest.raises(ValueError, match="captions must hold at least one"):
        draw_clips(0, np.arange(1), ())


def test_what_is_kept_back_is_made_of_pairs_that_are_learnt():
    assert len(UNSEEN) == 24
    assert len(SEEN) == 120
    assert not set(SEEN) & set(UNSEEN)
    for first, second in combinations(ATTRIBUTES, 2):
        learnt = {(getattr(c, first), getattr(c, second)) for c in SEEN}
        assert learnt == {(getattr(c, first), getattr(c, second)) for c in CAPTIONS}


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_clip_is_refused():
    for clip in (np.zeros((4, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), [[0]]):
        with pytest.raises(ValueError, match=r"clip must be a uint8 array \(frames, rows, cols, 3\)"):
            read_shape(clip)
