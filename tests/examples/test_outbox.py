"""The example's outbox: exact frames, pacing, and what is ahead of the caller's ear."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.bot.outbox import Outbox


def everything(outbox: Outbox) -> list[bytes | str]:
    """Return all messages, taken over ten minutes."""
    return list(itertools.chain.from_iterable(outbox.take(n / 10) for n in range(6000)))


@pytest.mark.parametrize(("rate", "size"), [(8_000, 320), (16_000, 640), (24_000, 960)])
def test_a_frame_is_20_ms_of_the_rate(rate: int, size: int) -> None:
    outbox = Outbox(rate)
    outbox.add_audio(bytes(2 * size))
    assert [len(one) for one in outbox.take(0)] == [size, size]


def test_another_rate_is_an_error() -> None:
    with pytest.raises(ValueError, match="rate is 44100; expected one of"):
        Outbox(44_100)


@given(st.lists(st.binary(max_size=2000), max_size=20), st.sampled_from([8_000, 16_000, 24_000]))
def test_any_pieces_become_exact_frames_with_silence_only_at_the_end(
    pieces: list[bytes], rate: int
) -> None:
    outbox = Outbox(rate)
    for piece in pieces:
        outbox.add_audio(piece)
    outbox.flush()
    frames = [one for one in everything(outbox) if isinstance(one, bytes)]
    assert {len(frame) for frame in frames} <= {outbox.frame_bytes}
    sent, given_audio = b"".join(frames), b"".join(pieces)
    assert sent[: len(given_audio)] == given_audio
    padding = sent[len(given_audio) :]
    assert len(padding) < outbox.frame_bytes
    assert not any(padding)


def test_a_part_of_a_frame_waits_for_the_rest() -> None:
    outbox = Outbox()
    outbox.add_audio(bytes(639))
    assert outbox.take(0) == []
    outbox.add_audio(b"\1")
    assert outbox.take(0) == [bytes(639) + b"\1"]


@pytest.mark.parametrize("every", [0.005, 0.02, 0.1])
def test_at_most_150_messages_go_out_in_any_second_and_never_less_than_is_played(
    every: float,
) -> None:
    outbox = Outbox()
    outbox.add_audio(bytes(640 * 900))
    sent: list[float] = []
    for n in range(round(8 / every)):
        sent += [n * every] * len(outbox.take(n * every))
        assert len(sent) >= min(900, 50 * n * every)
    assert len(sent) == 900
    assert max(sum(at <= one < at + 1 for one in sent) for at in sent) <= 150


def test_a_silent_minute_allows_no_burst_above_the_limit() -> None:
    outbox = Outbox()
    outbox.take(60)
    outbox.add_audio(bytes(640 * 900))
    assert len(outbox.take(60)) + len(outbox.take(60.99)) <= 150


def test_at_most_20_seconds_are_ahead() -> None:
    outbox = Outbox()
    outbox.add_audio(bytes(640 * 3000))
    sent = 0
    for n in range(400):
        sent += len(outbox.take(n / 10))
        assert sent * 0.02 <= n / 10 + 20.001
    assert sent * 0.02 == pytest.approx(39.9 + 20, abs=0.05)


def test_clear_forgets_what_waits_and_what_is_ahead() -> None:
    outbox = Outbox()
    outbox.add_audio(bytes(640 * 1200) + b"part")
    for n in range(100):
        outbox.take(n / 10)  # 20 s are ahead
    outbox.clear()
    outbox.flush()
    assert outbox.take(10) == []
    outbox.add_audio(b"\1" * 640)
    assert outbox.take(10) == [b"\1" * 640]


def test_a_text_comes_behind_the_audio_before_it() -> None:
    outbox = Outbox()
    outbox.add_audio(b"\1" * 650)
    outbox.add_text("played")
    outbox.add_audio(b"\2" * 640)
    frames = [b"\1" * 640, (b"\1" * 10).ljust(640, b"\0")]
    assert outbox.take(0) == [*frames, "played", b"\2" * 640]
