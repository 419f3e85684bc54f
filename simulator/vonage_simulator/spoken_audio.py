"""Audio of a WAV file that the person on a leg speaks, at any speed of the clock.

Nothing recognizes it: only what is said as a text has a transcript.
"""

from array import array
from collections.abc import Callable
from functools import partial

from .audio import RATE
from .incoming_audio import IncomingAudio
from .legs import Leg
from .state import SimulatorState
from .voice_activity import begin_voice, end_voice, is_loud
from .websocket_audio import FRAME_SECONDS

FRAME_SAMPLES = RATE // 50
# Audio that is added at its own time would be late whenever this process is.
LEAD_SECONDS = 0.1


def loud_part(pcm: bytes) -> tuple[int, int] | None:
    """Return the first and the last frame of 20 ms with a voice; None if there is none."""
    loud = [number for number, frame in enumerate(_frames(pcm)) if is_loud(frame)]
    return (loud[0], loud[-1]) if loud else None


def speak_audio(state: SimulatorState, leg: Leg, pcm: bytes) -> float:
    """Queue audio, 16-bit mono at 16 kHz, after what the person is saying; return when it ends."""
    begin = max(state.clock.now(), leg.speaking_until)
    leg.speaking_until = begin + len(pcm) / 2 / RATE
    state.spawn(_speak(state, leg, pcm, begin))
    return leg.speaking_until


async def _speak(state: SimulatorState, leg: Leg, pcm: bytes, begin: float) -> None:
    """Add each frame a little before it begins: a WebSocket leg sends it with its next frame."""
    clock = state.clock
    incoming_audio = IncomingAudio(leg, leg.tone)
    first, last = loud_part(pcm) or (-1, -1)
    for number, frame in enumerate(_frames(pcm)):
        at = begin + number * FRAME_SECONDS
        end = at + len(frame) / RATE
        if (due := max(begin, at - LEAD_SECONDS)) > clock.now():
            await clock.sleep_until(due)
        if leg.is_over:
            return
        incoming_audio.add_audio(frame.tobytes(), at, end)
        if number == first:
            clock.call_at(at, partial(_change_voice, begin_voice, state, leg, at))
        if number == last:
            clock.call_at(end, partial(_change_voice, end_voice, state, leg, end))


def _change_voice(
    change: Callable[[SimulatorState, Leg, float], None],
    state: SimulatorState,
    leg: Leg,
    at: float,
) -> None:
    if not leg.is_over:
        change(state, leg, at)


def _frames(pcm: bytes) -> list[array[int]]:
    samples = array("h", pcm)
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]
