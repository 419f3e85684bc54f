"""The `record` action: start and stop recordings, and send their events."""

from . import webhook_payloads
from .audio import Clip
from .clock import Inbox
from .event_urls import event_target
from .legs import (
    Conversation,
    Digit,
    Leg,
    LegInput,
    SpeechBegan,
    SpeechEnded,
    VoiceBegan,
    VoiceEnded,
)
from .ncco import Callback, Record, Transcription
from .playback import play_beep
from .recordings import ActiveRecording
from .state import SimulatorState
from .webhook_sender import compact_json

# Limit of a recording without timeOut: the longest call.
LONGEST_SECONDS = 7200.0


async def record(state: SimulatorState, leg: Leg, action: Record) -> None:
    """Run a record action: until its condition ends it, or only its start if it has none."""
    if action.beep:
        await play_beep(state, leg).finish()
    recording = start(
        state,
        leg,
        None,
        action.callback,
        action.transcription,
        audio_format=action.audio_format,
        split=action.split,
        channels=action.channels,
    )
    if action.blocks:
        await _wait_for_end(leg, action)
        stop(state, recording)


def start(
    state: SimulatorState,
    leg: Leg,
    named_conversation: Conversation | None,
    callback: Callback,
    transcription: Transcription | None,
    *,
    audio_format: str = "mp3",
    split: bool = False,
    channels: int = 1,
) -> ActiveRecording:
    """Start recording a leg or a named conversation."""
    recording = ActiveRecording(
        recording_uuid=state.make_uuid(),
        leg=leg,
        named_conversation=named_conversation,
        audio_format=audio_format,
        channels=channels,
        split=split,
        begin=state.clock.now(),
        callback=callback,
        transcription=transcription,
    )
    if named_conversation is None:
        leg.recordings.append(recording)
        leg.audio_holds.append(recording.audio_hold)
    else:
        named_conversation.recording = recording
        named_conversation.audio_holds.append(recording.audio_hold)
    _write_entry(state, recording, "started")
    return recording


def _write_entry(
    state: SimulatorState, recording: ActiveRecording, recording_state: str, **details: str
) -> None:
    state.journal.write(
        "recording",
        uuid=recording.leg.uuid,
        recording_uuid=recording.recording_uuid,
        state=recording_state,
        **details,
    )


def stop(state: SimulatorState, recording: ActiveRecording) -> None:
    """Stop a recording; its file and its event follow in the background."""
    if recording.end is not None:
        return
    end = min(state.clock.now(), recording.begin + LONGEST_SECONDS)
    recording.stop(end)
    if recording.named_conversation is None:
        recording.leg.recordings.remove(recording)
        recording.leg.audio_holds.remove(recording.audio_hold)
    else:
        recording.named_conversation.recording = None
        recording.named_conversation.audio_holds.remove(recording.audio_hold)
    tracks = recording.tracks()
    recording.audio_hold.release()
    delay = state.rng.uniform(*state.settings.record_event_delay)
    faults: list[str] = []
    if state.faults.is_triggered("record_late", faults):
        delay += state.faults.value("record_late")
    file_id = state.make_uuid()
    _write_entry(state, recording, "ended", file_id=file_id)
    state.spawn(_store_and_report(state, recording, tracks, file_id, end + delay, faults))


async def _wait_for_end(leg: Leg, action: Record) -> None:
    """Wait for the digit, the silence or the timeout that ends a recording."""
    clock = leg.clock
    began = clock.now()
    latest = began + (action.time_out or LONGEST_SECONDS)
    watcher = watch_leg(leg)
    quiet_since = _quiet_since(leg, began)
    try:
        while True:
            until = latest
            if action.end_on_silence is not None and quiet_since is not None:
                until = min(latest, quiet_since + action.end_on_silence)
            leg_input = await watcher.get(until)
            if leg_input is None:
                return
            if isinstance(leg_input, Digit) and leg_input.digit == action.end_on_key:
                return
            if isinstance(leg_input, SpeechBegan | VoiceBegan):
                quiet_since = None
            elif isinstance(leg_input, SpeechEnded | VoiceEnded):
                quiet_since = _quiet_since(leg, leg_input.at)
    finally:
        leg.watchers.discard(watcher)


def _quiet_since(leg: Leg, at: float) -> float | None:
    """Return since when the leg is silent, if something ended at that time; None while it isn't."""
    if leg.has_voice or leg.speaking_until > max(at, leg.clock.now()):
        return None
    return max(at, leg.speaking_until)


def watch_leg(leg: Leg) -> Inbox[LegInput]:
    """Return an inbox of the person's input, until it is discarded."""
    watcher: Inbox[LegInput] = Inbox(leg.clock)
    leg.watchers.add(watcher)
    return watcher


async def _store_and_report(
    state: SimulatorState,
    recording: ActiveRecording,
    tracks: list[list[Clip]],
    file_id: str,
    at: float,
    faults: list[str],
) -> None:
    end = recording.begin if recording.end is None else recording.end
    stored = await state.recordings.add_audio(
        file_id, recording.leg, recording.audio_format, end - recording.begin, tracks
    )
    await state.clock.sleep_until(at)
    size, url = stored.size, file_url(state, file_id)
    if state.faults.is_triggered("record_empty", faults):
        size, url = 0, ""
    if state.faults.is_triggered("record_wrong_size", faults):
        size += int(state.faults.value("record_wrong_size"))
    conversation = recording.conversation
    fields = {
        "start_time": webhook_payloads.without_milliseconds(recording.begin),
        "recording_url": url,
        "size": size,
        "recording_uuid": recording.recording_uuid,
        "end_time": webhook_payloads.without_milliseconds(end),
        "conversation_uuid": conversation.uuid,
        "timestamp": webhook_payloads.with_milliseconds(state.clock.now()),
    }
    target = event_target(recording.leg, recording.callback)
    state.report(recording.leg, target, fields, "record", faults)
    if recording.transcription is not None:
        await state.clock.sleep(state.settings.transcription_delay)
        _transcribe(state, recording, conversation)


def _transcribe(
    state: SimulatorState, recording: ActiveRecording, conversation: Conversation
) -> None:
    file_id = state.make_uuid()
    state.recordings.add_text(file_id, recording.leg, _transcript(state, recording))
    fields = {
        "conversation_uuid": conversation.uuid,
        "type": "record",
        "recording_uuid": recording.recording_uuid,
        "status": "transcribed",
        "transcription_url": file_url(state, file_id),
    }
    callbacks = (recording.transcription.callback, recording.callback)
    target = event_target(recording.leg, *callbacks)
    state.report(recording.leg, target, fields, "transcription")


def _transcript(state: SimulatorState, recording: ActiveRecording) -> bytes:
    end = recording.begin if recording.end is None else recording.end
    channels = []
    for _, sounds in recording.said():
        sentences = []
        for sound in sounds:
            if sound.end is None or sound.end <= recording.begin:
                continue
            text = str(sound.details["text"])
            words = text.split()
            length = (sound.end - sound.begin) * 1000 / max(1, len(words))
            first = (sound.begin - recording.begin) * 1000
            sentences.append(
                {
                    "sentence": text,
                    "raw_sentence": text.lower(),
                    "duration": round((sound.end - sound.begin) * 1000),
                    "timestamp": round(first),
                    "words": [
                        {
                            "word": word,
                            "start_time": round(first + position * length),
                            "end_time": round(first + (position + 1) * length),
                            "confidence": 0.97,
                        }
                        for position, word in enumerate(words)
                    ],
                }
            )
        channels.append(
            {"transcript": sentences, "duration": round((end - recording.begin) * 1000)}
        )
    document = {"ver": "1.0.0", "request_id": state.make_uuid(), "channels": channels}
    return compact_json(document)


def file_url(state: SimulatorState, file_id: str) -> str:
    """Return the URL of a stored file.

    The Python SDK only fetches URLs that contain nexmo.com or vonage.com: hence the query.
    """
    return f"{state.base_url}/v1/files/{file_id}?h=api.nexmo.com"
