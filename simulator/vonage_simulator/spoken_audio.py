"""Audio of a WAV file that the person on a leg speaks, at any speed of the clock.

Nothing recognizes it: only what is said as a text has a transcript.
"""

from array import array
from functools import partial

from .audio import RATE
from .incoming_audio import IncomingAudio
from .legs import Leg, VoiceBegan, VoiceEnded, listeners_of
from .playback import interrupt_prompt
from .state import SimulatorState
from .websocket_measures import is_loud

FRAME_SAMPLES = RATE // 50
FRAME_SECONDS = 0.02
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
            clock.call_at(at, partial(_start_voice, state, leg, at))
        if number == last:
            clock.call_at(end, partial(_end_voice, state, leg, end))


def _start_voice(state: SimulatorState, leg: Leg, at: float) -> None:
    if leg.is_over:
        return
    leg.has_voice = True
    _report(state, leg, "started")
    interrupt_prompt(leg)
    leg.publish(VoiceBegan(at))


def _end_voice(state: SimulatorState, leg: Leg, at: float) -> None:
    if leg.is_over:
        return
    leg.has_voice = False
    _report(state, leg, "ended")
    leg.publish(VoiceEnded(at))


def _report(state: SimulatorState, leg: Leg, change: str) -> None:
    heard_by = [listener.uuid for listener in listeners_of(leg)]
    state.journal.write("voice", uuid=leg.uuid, state=change, heard_by=heard_by)


def _frames(pcm: bytes) -> list[array[int]]:
    samples = array("h", pcm)
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]
