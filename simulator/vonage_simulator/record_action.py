"""Starting and stopping recordings, and the events that tell of them."""

from . import webhook_payloads
from .audio import Clip
from .clock import Inbox
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
from .playback import beep
from .recordings import ActiveRecording
from .settings import WebhookTarget
from .state import SimulatorState
from .webhook_sender import compact

# A recording without a limit of its own is as long as a call can be.
LONGEST_SECONDS = 7200.0


def target_of(leg: Leg, callback: Callback) -> WebhookTarget | None:
    """Where an action reports to: its own eventUrl, else the application's event_url."""
    if callback.url is None:
        return leg.application.event
    return WebhookTarget(
        callback.url, "GET" if callback.method == "GET" else "POST", read_ms=10_000
    )


async def record(platform: SimulatorState, leg: Leg, action: Record) -> None:
    """Run a record action: to its end when it has a condition, else only its start."""
    if action.beep:
        await beep(platform, leg).finish()
    tape = start(
        platform,
        leg,
        None,
        action.callback,
        action.transcription,
        audio_format=action.audio_format,
        split=action.split,
        channels=action.channels,
    )
    if action.blocks:
        await _until_done(leg, action)
        stop(platform, tape)


def start(
    platform: SimulatorState,
    leg: Leg,
    room: Conversation | None,
    callback: Callback,
    transcription: Transcription | None,
    *,
    audio_format: str = "mp3",
    split: bool = False,
    channels: int = 1,
) -> ActiveRecording:
    """Begin to record a leg, or a room."""
    tape = ActiveRecording(
        recording_uuid=platform.make_uuid(),
        leg=leg,
        room=room,
        audio_format=audio_format,
        channels=channels,
        split=split,
        begin=platform.clock.now(),
        callback=callback,
        transcription=transcription,
    )
    if room is None:
        leg.tapes.append(tape)
        leg.keepers.append(tape.keeper)
    else:
        room.tape = tape
        room.keepers.append(tape.keeper)
    _write(platform, tape, state="started")
    return tape


def _write(platform: SimulatorState, tape: ActiveRecording, **more: str) -> None:
    about = {"uuid": tape.leg.uuid, "recording_uuid": tape.recording_uuid}
    platform.journal.write("recording", **about, **more)


def stop(platform: SimulatorState, tape: ActiveRecording) -> None:
    """End a recording; its file and its event follow by themselves."""
    if tape.end is not None:
        return
    end = min(platform.clock.now(), tape.begin + LONGEST_SECONDS)
    tape.stop(end)
    if tape.room is None:
        tape.leg.tapes.remove(tape)
        tape.leg.keepers.remove(tape.keeper)
    else:
        tape.room.tape = None
        tape.room.keepers.remove(tape.keeper)
    tracks = tape.tracks()
    tape.keeper.let_go()
    delay = platform.chance.uniform(*platform.settings.record_event_delay)
    if platform.faults.strikes("record_late"):
        delay += platform.faults.value("record_late")
    file_id = platform.make_uuid()
    _write(platform, tape, state="ended", file_id=file_id)
    platform.spawn(_deliver(platform, tape, tracks, file_id, end + delay))


async def _until_done(leg: Leg, action: Record) -> None:
    """Wait for the key, the silence or the time that ends a recording."""
    clock = leg.clock
    began = clock.now()
    latest = began + (action.time_out or LONGEST_SECONDS)
    watcher = leg_watcher(leg)
    quiet_since = _quiet_since(leg, began)
    try:
        while True:
            until = latest
            if action.end_on_silence is not None and quiet_since is not None:
                until = min(latest, quiet_since + action.end_on_silence)
            doing = await watcher.get(until)
            if doing is None:
                return
            if isinstance(doing, Digit) and doing.digit == action.end_on_key:
                return
            if isinstance(doing, SpeechBegan | VoiceBegan):
                quiet_since = None
            elif isinstance(doing, SpeechEnded | VoiceEnded):
                quiet_since = _quiet_since(leg, doing.at)
    finally:
        leg.watchers.discard(watcher)


def _quiet_since(leg: Leg, at: float) -> float | None:
    """Since when nothing is said on a leg where something ended at that time; None while it is."""
    if leg.has_voice or leg.speaking_until > max(at, leg.clock.now()):
        return None
    return max(at, leg.speaking_until)


def leg_watcher(leg: Leg) -> Inbox[LegInput]:
    """An inbox that gets what the person on the leg does, until it is discarded."""
    watcher: Inbox[LegInput] = Inbox(leg.clock)
    leg.watchers.add(watcher)
    return watcher


async def _deliver(
    platform: SimulatorState,
    tape: ActiveRecording,
    tracks: list[list[Clip]],
    file_id: str,
    at: float,
) -> None:
    end = tape.begin if tape.end is None else tape.end
    application = tape.leg.application
    stored = await platform.recordings.add_audio(
        file_id, application.id, tape.audio_format, end - tape.begin, tracks
    )
    await platform.clock.sleep_until(at)
    size, url = stored.size, file_url(platform, file_id)
    if platform.faults.strikes("record_empty"):
        size, url = 0, ""
    if platform.faults.strikes("record_wrong_size"):
        size += int(platform.faults.value("record_wrong_size"))
    conversation = tape.leg.conversation if tape.room is None else tape.room
    fields = {
        "start_time": webhook_payloads.without_milliseconds(tape.begin),
        "recording_url": url,
        "size": size,
        "recording_uuid": tape.recording_uuid,
        "end_time": webhook_payloads.without_milliseconds(end),
        "conversation_uuid": conversation.uuid,
        "timestamp": webhook_payloads.with_milliseconds(platform.clock.now()),
    }
    platform.report(tape.leg, target_of(tape.leg, tape.callback), fields, "record")
    if tape.transcription is not None:
        await platform.clock.sleep(platform.settings.transcription_delay)
        _transcribe(platform, tape, conversation)


def _transcribe(
    platform: SimulatorState, tape: ActiveRecording, conversation: Conversation
) -> None:
    file_id = platform.make_uuid()
    platform.recordings.add_text(file_id, tape.leg.application.id, _transcript(platform, tape))
    fields = {
        "conversation_uuid": conversation.uuid,
        "type": "record",
        "recording_uuid": tape.recording_uuid,
        "status": "transcribed",
        "transcription_url": file_url(platform, file_id),
        "timestamp": webhook_payloads.with_milliseconds(platform.clock.now()),
    }
    callback = tape.transcription.callback
    target = target_of(tape.leg, callback if callback.url is not None else tape.callback)
    platform.report(tape.leg, target, fields, "transcription")


def _transcript(platform: SimulatorState, tape: ActiveRecording) -> bytes:
    end = tape.begin if tape.end is None else tape.end
    channels = []
    for _, sounds in tape.said():
        sentences = []
        for sound in sounds:
            if sound.end is None or sound.end <= tape.begin:
                continue
            text = str(sound.details["text"])
            words = text.split()
            length = (sound.end - sound.begin) * 1000 / max(1, len(words))
            first = (sound.begin - tape.begin) * 1000
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
        channels.append({"transcript": sentences, "duration": round((end - tape.begin) * 1000)})
    document = {"ver": "1.0.0", "request_id": platform.make_uuid(), "channels": channels}
    return compact(document)


def file_url(platform: SimulatorState, file_id: str) -> str:
    """Where a file is fetched.

    The Python SDK only fetches addresses that contain nexmo.com or vonage.com: hence the query.
    """
    return f"{platform.base_url}/v1/files/{file_id}?h=api.nexmo.com"
