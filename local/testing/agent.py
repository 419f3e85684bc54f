"""The voice agent of a test: what it does, and what a call measured of an agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.testing.agent_server import DEFAULT, AgentBehavior, spoken
from vonage_simulator import audio
from vonage_simulator.websocket_measures import AgentTurn, turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.testing.agent_server import AgentServer
    from vonage_simulator.legs import Leg


class ScriptedAgent:
    """The far end of a WebSocket, which a flow connects callers to. By default, it greets.

    What is set applies to the connections that follow, until the end of the test.
    """

    def __init__(self, server: AgentServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """Its URL; flows have it as ``call.settings.agent``."""
        return self._server.url

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The text messages that it received; the first has the headers of the endpoint."""
        return list(self._server.messages)

    def says(self, wav_or_text: str | Path) -> None:
        """Answer, and speak a WAV file, or a text as a tone of its length."""
        self._server.behavior = AgentBehavior("says", pcm=samples_of(wav_or_text))

    def is_silent(self) -> None:
        """Answer, and send nothing."""
        self._server.behavior = AgentBehavior("is_silent")

    def refuses(self, status: int = 401) -> None:
        """Refuse the connection with an HTTP status."""
        self._server.behavior = AgentBehavior("refuses", status=status)

    def hangs(self) -> None:
        """Accept the connection and never respond; the simulator waits 3 real seconds for it."""
        self._server.behavior = AgentBehavior("hangs")

    def closes(self, after: float = 0.0) -> None:
        """Close the connection; with ``after``, greet, and close after simulated seconds."""
        self._server.behavior = AgentBehavior("closes", after=after, pcm=_greeting(after))

    def dies(self, after: float = 0.0) -> None:
        """Break the connection without closing it; ``after`` as for `closes`."""
        self._server.behavior = AgentBehavior("dies", after=after, pcm=_greeting(after))

    def sends_wrong_frames(self) -> None:
        """Send audio that is not a frame of 20 ms: Vonage ends the leg."""
        self._server.behavior = AgentBehavior("sends_wrong_frames")

    def floods(self) -> None:
        """Send 80 seconds of audio at once; Vonage keeps about a minute of it."""
        self._server.behavior = AgentBehavior("floods")


@dataclass(frozen=True)
class AgentMeasures:
    """What a call measured of the agent that it was connected to.

    Attributes
    ----------
    first_audio
        Seconds from the connection to the first audible audio; None if there was none.
    audible
        When it was audible: pairs of seconds from the connection. A pause of up to 0.3 s, as
        between two words, does not end it.
    turns
        What the agent did about each thing that the caller said: ``response``, ``cleared``,
        ``silenced`` and ``talked_over``, in seconds.
    keys
        The DTMF digits that reached it.
    wrong_frames
        The number of messages that were not a frame of 20 ms.
    most_frames
        The largest number of frames that it sent in one second.
    underruns
        How often its audio ran out within an utterance.
    """

    first_audio: float | None
    audible: list[tuple[float, float]]
    turns: list[AgentTurn]
    keys: list[str]
    wrong_frames: int
    most_frames: int
    underruns: int


def measures_of(leg: Leg, caller: Leg, journal: Iterable[dict[str, Any]]) -> AgentMeasures:
    """Return what was measured so far on an agent's leg."""
    measures = leg.websocket.measures
    begin = measures.connected_at
    return AgentMeasures(
        first_audio=measures.first_audio,
        audible=[(round(it.begin - begin, 3), round(it.end - begin, 3)) for it in measures.audible],
        turns=turns_of(leg, caller, journal),
        keys=list(measures.digits),
        wrong_frames=measures.wrong_frames,
        most_frames=measures.most_frames_per_second,
        underruns=measures.underruns,
    )


def _greeting(after: float) -> bytes:
    return DEFAULT.pcm if after else b""


def is_file(wav_or_text: str | Path) -> bool:
    """Return whether something to say is a WAV file, not a text."""
    return isinstance(wav_or_text, Path) or wav_or_text.endswith(".wav")


def samples_of(wav_or_text: str | Path) -> bytes:
    """Return the samples of a WAV file, or a tone for a text; 16-bit mono at 16 kHz.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not a WAV file with 16-bit samples.
    """
    if not is_file(wav_or_text):
        return spoken(str(wav_or_text))
    pcm = audio.pcm_of(Path(wav_or_text).read_bytes())
    if not pcm:
        raise ValueError(f"{wav_or_text}: not a WAV file with 16-bit samples")
    return pcm
