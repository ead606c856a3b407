"""Sentences and known frames as conditions, and what networks see of them."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff import ClassifierFreeGuidance
from anchordiff.domains.video import CLIPTextEncoder, TextCondition, TextEncoder, WordEncoder, open_text

SENTENCES = ["a big red circle moves left", "a small cyan triangle moves up"]


@pytest.fixture
def condition(words):
    return TextCondition.from_text(SENTENCES, words)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_words_are_told_apart_and_keep_their_order(words):
    encoded = words.encode(["a red circle", "circle red"])
    assert encoded.tokens.shape == (2, 3, words.token_size)
    assert encoded.visible.tolist() == [[True, True, True], [True, True, False]]
    assert torch.equal(encoded.tokens[0, 1, :-1], encoded.tokens[1, 1, :-1])
    assert encoded.tokens[0, 2, -1] > encoded.tokens[0, 1, -1]
    assert isinstance(words, TextEncoder)
    again = open_text(words.id)
    assert isinstance(again, WordEncoder)
    assert again.words == words.words


def test_a_sentence_is_told_the_same_beside_longer_ones(words):
    (alone, together) = words.encode(["a circle"]), words.encode(["a circle", SENTENCES[0]])
    assert torch.equal(alone.tokens[0], together.tokens[0, :2])
    assert torch.equal(alone.pooled[0], together.pooled[0])


def test_what_a_word_encoder_cannot_read_is_named(words):
    with pytest.raises(
        ValueError, match=r"sentences must be made of the words .*, found 'huge' in 'a huge circle'"
    ):
        words.encode(["a big circle", "a huge circle"])
    with pytest.raises(ValueError, match="sentences must have at least one word"):
        words.encode(["a", " "])
    with pytest.raises(ValueError, match="words must be different ones"):
        WordEncoder(["a", "a"])
    with pytest.raises(ValueError, match="words must hold no blanks, found 'a b'"):
        WordEncoder(["a b"])


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A tiny real CLIP text model with a tokenizer of a few words."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdeghilmnorstuv"]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {token: place for place, token in enumerate(tokens)}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=12)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokens), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1, projection_dim=16,
    )  # fmt: skip
    transformers.CLIPTextModel(config).save_pretrained(folder)
    return folder


def test_clips_text_model_is_read_as_transformers_reads_it(clip_folder):
    encoder = CLIPTextEncoder.from_pretrained(clip_folder)
    assert (encoder.id, encoder.token_size) == (str(clip_folder), 16)
    encoded = encoder.encode(["a red line", "a line"])
    assert encoded.tokens.shape == (2, encoded.visible.shape[1], 16)
    assert encoded.visible.sum(dim=1).tolist()[0] > encoded.visible.sum(dim=1).tolist()[1]
    alone = encoder.encode(["a line"])
    count = int(alone.visible.sum())
    torch.testing.assert_close(alone.tokens[0, :count], encoded.tokens[1, :count], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone.pooled[0], encoded.pooled[1], atol=1e-5, rtol=1e-5)
    assert TextCondition.from_text("a line", encoder).tokens.shape[2] == 16
    long = encoder.encode(["a " * 40])
    assert long.tokens.shape[1] == 12


@settings(max_examples=10)
@given(junk=st.sampled_from([0.0, 1e6, float("inf"), float("nan")]), more=st.integers(1, 3))
def test_places_that_are_not_visible_do_not_matter(tiny_encoder_of_clips, words, junk, more):
    condition = TextCondition.from_text(["a red circle moves left", "a circle moves"], words)
    rest = torch.full((2, more, words.token_size), junk)
    longer = replace(
        condition,
        tokens=torch.cat([condition.tokens.masked_fill(~condition.visible[..., None], junk), rest], dim=1),
        visible=torch.cat([condition.visible, torch.zeros(2, more, dtype=torch.bool)], dim=1),
    )
    longer.check()
    first, second = tiny_encoder_of_clips(condition), tiny_encoder_of_clips(longer)
    torch.testing.assert_close(first.scalars, second.scalars)
    count = first.keys.shape[2]
    for row in range(2):
        there = first.visible[row]
        torch.testing.assert_close(
            first.keys[row][:, there], second.keys[row][:, :count][:, there], atol=1e-5, rtol=1e-5
        )


def test_without_a_sentence_no_sentence_matters(tiny_pipeline, condition):
    lost = condition.without_guided()
    other = replace(lost, tokens=lost.tokens.flip(0), pooled=lost.pooled.flip(0))
    first, second = (
        tiny_pipeline.generate(given, num_samples=2, generator=generator()).trajectory
        for given in (lost, other)
    )
    assert torch.equal(first, second)
    told = tiny_pipeline.generate(condition, num_samples=2, generator=generator()).trajectory
    assert float((told - first).abs().max()) > 1e-3
    half = condition.without_text(torch.tensor([True, False]))
    mixed = tiny_pipeline.generate(half, num_samples=2, generator=generator()).trajectory
    torch.testing.assert_close(mixed[:2], first[:2], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mixed[2:], told[2:], atol=1e-4, rtol=1e-4)


def test_guidance_leads_away_from_clips_without_a_sentence(tiny_pipeline, condition):
    def made(*weights):
        guidance = [ClassifierFreeGuidance(weight) for weight in weights]
        return tiny_pipeline.generate(condition, guidance=guidance, generator=generator()).keypoints

    plain = made()
    torch.testing.assert_close(made(1.0), plain, atol=1e-4, rtol=1e-4)
    without = tiny_pipeline.generate(condition.without_guided(), generator=generator()).keypoints
    torch.testing.assert_close(made(0.0), without, atol=1e-4, rtol=1e-4)
    assert float((made(3.0) - without).norm()) > float((plain - without).norm())


@pytest.mark.parametrize("steps", [[0], [0, 15], [3, 9]])
def test_known_frames_come_back_bit_by_bit(tiny_pipeline, condition, steps):
    known = torch.randn(2, 16, 256, generator=generator(1))
    chosen = torch.zeros(2, 16, dtype=torch.bool)
    chosen[:, steps] = True
    given = condition.with_frames(known, chosen)
    out = tiny_pipeline.generate(given, num_samples=3, generator=generator())
    for step in steps:
        assert torch.equal(out.trajectory[:, step], known[:, step].repeat_interleave(3, dim=0))
    free = out.trajectory[:, [step for step in range(16) if step not in steps]]
    assert float((free - known.repeat_interleave(3, dim=0)[:, : free.shape[1]]).abs().min()) > 0
    without = tiny_pipeline.generate(condition, num_samples=3, generator=generator())
    assert float((without.trajectory - out.trajectory)[:, 5].abs().max()) > 1e-3


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_named(tiny_pipeline, condition, words):
    known = torch.zeros(2, 16, 256)
    for make, told in (
        (lambda: TextCondition.from_text([], words), "sentences must hold at least one"),
        (lambda: TextCondition.from_text([3], words), "sentences must be a str, found 3"),
        (
            lambda: TextCondition.make("a circle"),
            "condition must be a TextCondition, or sentences and a text encoder",
        ),
        (lambda: replace(condition, visible=condition.visible[:, :2]).check(), "visible must have the shape"),
        (
            lambda: replace(condition, pooled=condition.pooled[:1]).check(),
            "pooled must have 2 elements, as tokens",
        ),
        (lambda: replace(condition, pooled=condition.pooled * torch.nan).check(), "pooled must be finite"),
        (
            lambda: replace(condition, known=known).check(),
            "known and is_known must be given together, found no is_known",
        ),
        (
            lambda: condition.with_frames(known, torch.zeros(2, 4, dtype=torch.bool)),
            r"steps must have the shape \(2, 16\)",
        ),
        (
            lambda: tiny_pipeline.generate(
                condition.with_frames(known[..., :8], torch.ones(2, 16, dtype=torch.bool))
            ),
            "known must have 256 numbers a frame, found 8",
        ),
        (
            lambda: tiny_pipeline.generate(replace(condition, tokens=condition.tokens[..., :5])),
            "tokens must have 18 features, as the weights, found 5",
        ),
    ):
        with pytest.raises(ValueError, match=told):
            make()
