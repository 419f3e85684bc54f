"""A person's voice on a leg: how loud it is, and what happens when it begins and ends."""

from array import array
from operator import mul

from .legs import Leg, VoiceBegan, VoiceEnded, listeners_of
from .playback import interrupt_prompt
from .state import SimulatorState

LOUDNESS = 500  # root mean square of 16-bit samples: 36 dB below full scale


def is_loud(samples: array[int]) -> bool:
    """Return whether 16-bit samples are as loud as a voice."""
    energy: int = sum(map(mul, samples, samples))
    return energy >= LOUDNESS**2 * max(1, len(samples))


def begin_voice(state: SimulatorState, leg: Leg, at: float) -> None:
    """Begin a voice, which interrupts a prompt with bargeIn."""
    leg.has_voice = True
    _report(state, leg, "started")
    interrupt_prompt(leg)
    leg.publish(VoiceBegan(at))


def end_voice(state: SimulatorState, leg: Leg, at: float) -> None:
    """End the voice of a leg."""
    leg.has_voice = False
    _report(state, leg, "ended")
    leg.publish(VoiceEnded(at))


def _report(state: SimulatorState, leg: Leg, change: str) -> None:
    heard_by = [listener.uuid for listener in listeners_of(leg)]
    state.journal.write("voice", uuid=leg.uuid, state=change, heard_by=heard_by)
