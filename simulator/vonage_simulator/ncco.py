"""Parse NCCOs from JSON into actions; `ncco_runner` runs them.

The parser is lenient where Vonage is: numbers and booleans as text, unknown options ignored. It is
strict where Vonage is: an array of objects, known actions, URLs in arrays of one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import endpoints, json_fields
from .endpoints import Endpoint
from .errors import InvalidNcco
from .json_fields import FieldError

# Reason of the error event, whatever the error (webhook reference: errors).
SYNTAX_ERROR = "Syntax error in NCCO. Invalid value type or action."
TEXT_LENGTH = 1500
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Callback:
    """Where an action reports to; without a URL, the application's event_url."""

    url: str | None
    method: str


@dataclass(frozen=True)
class Talk:
    """The talk action: a text to speak; `loop` 0 repeats it indefinitely."""

    text: str
    language: str
    style: int
    premium: bool
    level: float
    loop: int
    barge_in: bool


@dataclass(frozen=True)
class Stream:
    """The stream action: an audio file to play; `loop` 0 repeats it indefinitely."""

    url: str
    level: float
    loop: int
    barge_in: bool


@dataclass(frozen=True)
class DtmfOptions:
    """How DTMF is collected; `time_out` in seconds."""

    time_out: float
    max_digits: int
    submit_on_hash: bool


@dataclass(frozen=True)
class SpeechOptions:
    """How speech is collected; times in seconds."""

    uuid: str | None
    end_on_silence: float
    start_timeout: float
    max_duration: float
    language: str
    save_audio: bool


@dataclass(frozen=True)
class Input:
    """The input action: collects DTMF, speech or both; `flat` is the older form without `type`."""

    dtmf: DtmfOptions | None
    speech: SpeechOptions | None
    asynchronous: bool
    flat: bool
    callback: Callback


@dataclass(frozen=True)
class Transcription:
    """Options of a recording's transcription."""

    callback: Callback
    language: str


@dataclass(frozen=True)
class Record:
    """The record action; it blocks only with a condition that ends it."""

    audio_format: str
    split: bool
    channels: int
    end_on_silence: float | None
    end_on_key: str | None
    time_out: float | None
    beep: bool
    callback: Callback
    transcription: Transcription | None

    @property
    def blocks(self) -> bool:
        """Whether the next action waits for its end (support article 235528528)."""
        conditions = (self.end_on_silence, self.end_on_key, self.time_out)
        return any(condition is not None for condition in conditions)


@dataclass(frozen=True)
class Conversation:
    """The conversation action: joins a named conversation."""

    name: str
    music_url: str | None
    start_on_enter: bool
    end_on_exit: bool
    record: bool
    mute: bool
    can_speak: tuple[str, ...] | None
    can_hear: tuple[str, ...] | None
    callback: Callback
    transcription: Transcription | None


@dataclass(frozen=True)
class MachineDetection:
    """Machine detection options; with `mode` default, detection runs while the NCCO does."""

    behavior: str
    mode: str
    beep_timeout: float | None

    @property
    def waits(self) -> bool:
        """Whether the first action waits for the result."""
        return self.mode != "default"


@dataclass(frozen=True)
class Connect:
    """The connect action: calls an endpoint and joins it to the call."""

    endpoint: Endpoint
    caller: str | None
    random_caller: bool
    synchronous: bool
    ring_time: float
    limit: float
    detection: MachineDetection | None
    callback: Callback
    ringback_url: str | None


@dataclass(frozen=True)
class Notify:
    """The notify action: sends a payload and waits for the response."""

    payload: dict[str, Any]
    callback: Callback


@dataclass(frozen=True)
class Wait:
    """The wait action: a pause."""

    seconds: float


@dataclass(frozen=True)
class Transfer:
    """The transfer action: moves every leg of this conversation to another."""

    conversation: str
    mute: bool
    can_speak: tuple[str, ...] | None
    can_hear: tuple[str, ...] | None


Action = Talk | Stream | Input | Record | Conversation | Connect | Notify | Wait | Transfer


@dataclass(frozen=True)
class Step:
    """An action of an NCCO, and the JSON it was parsed from."""

    action: Action
    source: dict[str, Any]


def parse(ncco: Any, websocket_header_bytes: int = 512) -> list[Step]:
    """Parse the actions of an NCCO; `websocket_header_bytes` limits an endpoint's headers.

    Raises
    ------
    InvalidNcco
        With the problem, and the action that has it.
    """
    if not isinstance(ncco, list):
        raise InvalidNcco("an NCCO must be an array")
    steps: list[Step] = []
    for position, fields in enumerate(ncco, 1):
        if not isinstance(fields, dict):
            raise InvalidNcco(f"action {position} is not an object")
        reader = READERS.get(str(fields.get("action")))
        if reader is None:
            raise InvalidNcco(f"action {position}: unknown action: {fields.get('action')!r}")
        try:
            action = reader(fields)
            if isinstance(action, Connect):
                action.endpoint.check_headers(websocket_header_bytes)
            steps.append(Step(action, fields))
        except FieldError as error:
            raise InvalidNcco(f"action {position} ({fields['action']}): {error}") from error
    return steps


def _talk(fields: dict[str, Any]) -> Talk:
    text = _required("text", json_fields.string(fields, "text", longest=100_000))
    is_markup = text.lstrip().startswith("<speak")
    if len(TAG.sub("", text) if is_markup else text) > TEXT_LENGTH:
        raise FieldError("text", f"can have up to {TEXT_LENGTH} characters, not counting tags")
    return Talk(
        text=text,
        language=json_fields.string(fields, "language") or "en-US",
        style=json_fields.integer(fields, "style", 0, 0, 1000) or 0,
        premium=json_fields.boolean(fields, "premium"),
        level=json_fields.number(fields, "level", 0.0, -1, 1) or 0.0,
        loop=loop_count(fields),
        barge_in=json_fields.boolean(fields, "bargeIn"),
    )


def _stream(fields: dict[str, Any]) -> Stream:
    return Stream(
        url=_required("streamUrl", json_fields.single_url(fields, "streamUrl")),
        level=json_fields.number(fields, "level", 0.0, -1, 1) or 0.0,
        loop=loop_count(fields),
        barge_in=json_fields.boolean(fields, "bargeIn"),
    )


def loop_count(fields: dict[str, Any]) -> int:
    """Return how often a talk or a stream is played; 0 repeats it indefinitely.

    Raises
    ------
    FieldError
        If it is not an integer of at least 0.
    """
    loop = json_fields.integer(fields, "loop", 1, 0, 1_000_000)
    return 1 if loop is None else loop


def _input(fields: dict[str, Any]) -> Input:
    callback = _callback(fields)
    if fields.get("type") is None:
        return Input(_dtmf(fields), None, asynchronous=False, flat=True, callback=callback)
    kinds = json_fields.strings(fields, "type") or ()
    if not kinds or not set(kinds) <= {"dtmf", "speech"}:
        raise FieldError("type", "must be an array of dtmf and speech")
    mode = json_fields.choice(fields, "mode", "synchronous", ("synchronous", "asynchronous"))
    settings = json_fields.mapping(fields, "dtmf") or {}
    if mode == "asynchronous":
        if "speech" in kinds:
            raise FieldError("mode", "asynchronous is only for dtmf")
        if settings:
            raise FieldError("dtmf", "must be empty in asynchronous mode")
    return Input(
        dtmf=_dtmf(settings) if "dtmf" in kinds else None,
        speech=_speech(json_fields.mapping(fields, "speech") or {}) if "speech" in kinds else None,
        asynchronous=mode == "asynchronous",
        flat=False,
        callback=callback,
    )


def _dtmf(fields: dict[str, Any]) -> DtmfOptions:
    time_out = json_fields.number(fields, "timeOut", 3.0, 0, 10)
    return DtmfOptions(
        time_out=3.0 if time_out is None else time_out,
        max_digits=json_fields.integer(fields, "maxDigits", 4, 1, 20) or 4,
        submit_on_hash=json_fields.boolean(fields, "submitOnHash"),
    )


def _speech(fields: dict[str, Any]) -> SpeechOptions:
    uuids = json_fields.strings(fields, "uuid") or ()
    if len(uuids) > 1:
        raise FieldError("uuid", "can have one leg")
    json_fields.strings(fields, "context")
    json_fields.number(fields, "sensitivity", None, 0, 100)
    return SpeechOptions(
        uuid=uuids[0] if uuids else None,
        end_on_silence=json_fields.number(fields, "endOnSilence", 2.0, 0.4, 10) or 2.0,
        start_timeout=json_fields.number(fields, "startTimeout", 10, 1, 60) or 10,
        max_duration=json_fields.number(fields, "maxDuration", 60, 1, 60) or 60,
        language=json_fields.string(fields, "language") or "en-US",
        save_audio=json_fields.boolean(fields, "saveAudio"),
    )


def _record(fields: dict[str, Any]) -> Record:
    split = json_fields.choice(fields, "split", None, ("conversation",)) is not None
    channels = json_fields.integer(fields, "channels", None, 1, 32)
    if not split:
        channels = 1  # channels without split has no effect (NCCO reference: record.channels)
    elif channels is None:
        channels = 2
    audio_format = json_fields.choice(fields, "format", None, ("mp3", "wav", "ogg"))
    if channels > 2:
        audio_format = "wav"
    return Record(
        audio_format=audio_format or "mp3",
        split=split,
        channels=channels,
        end_on_silence=json_fields.number(fields, "endOnSilence", None, 3, 10),
        end_on_key=json_fields.choice(fields, "endOnKey", None, tuple("0123456789*#")),
        time_out=json_fields.number(fields, "timeOut", None, 3, 7200),
        beep=json_fields.boolean(fields, "beepStart"),
        callback=_callback(fields),
        transcription=_transcription(fields),
    )


def _conversation(fields: dict[str, Any]) -> Conversation:
    mute = json_fields.boolean(fields, "mute")
    can_speak = json_fields.strings(fields, "canSpeak")
    if mute and can_speak is not None:
        raise FieldError("mute", "cannot be used together with canSpeak")
    record = json_fields.boolean(fields, "record")
    return Conversation(
        name=_required("name", json_fields.string(fields, "name")),
        music_url=json_fields.single_url(fields, "musicOnHoldUrl"),
        start_on_enter=json_fields.boolean(fields, "startOnEnter", default=True),
        end_on_exit=json_fields.boolean(fields, "endOnExit"),
        record=record,
        mute=mute,
        can_speak=can_speak,
        can_hear=json_fields.strings(fields, "canHear"),
        callback=_callback(fields),
        transcription=_transcription(fields) if record else None,
    )


def _connect(fields: dict[str, Any]) -> Connect:
    endpoint_list = fields.get("endpoint")
    if not isinstance(endpoint_list, list) or len(endpoint_list) != 1:
        raise FieldError("endpoint", "must be an array of exactly one endpoint")
    caller = json_fields.numeral(fields, "from")
    random_caller = json_fields.boolean(fields, "randomFromNumber")
    if random_caller and caller is not None:
        raise FieldError("randomFromNumber", "cannot be used together with from")
    ringback = fields.get("ringbackTone")
    if isinstance(ringback, list) and len(ringback) == 1:
        ringback = ringback[0]
    if ringback is not None and not json_fields.is_url(ringback):
        raise FieldError("ringbackTone", "must be a URL")
    return Connect(
        endpoint=endpoints.parse(endpoint_list[0]),
        caller=None if caller is None else caller.removeprefix("+"),
        random_caller=random_caller,
        synchronous=json_fields.choice(fields, "eventType", None, ("synchronous",)) is not None,
        ring_time=json_fields.number(fields, "timeout", 60, 1, 7200) or 60,
        limit=json_fields.number(fields, "limit", 7200, 1, 7200) or 7200,
        detection=parse_machine_detection(fields, "machineDetection", "advancedMachineDetection"),
        callback=_callback(fields),
        ringback_url=ringback,
    )


def parse_machine_detection(
    fields: dict[str, Any], plain_name: str, advanced_name: str
) -> MachineDetection | None:
    """Parse the machine detection options of an NCCO or a request; the advanced kind wins.

    Raises
    ------
    FieldError
        If a value is not allowed.
    """
    behaviors = ("continue", "hangup")
    plain = json_fields.choice(fields, plain_name, None, behaviors)
    advanced = json_fields.mapping(fields, advanced_name)
    if advanced is not None:
        modes = ("default", "detect", "detect_beep")
        return MachineDetection(
            behavior=json_fields.choice(advanced, "behavior", "continue", behaviors) or "continue",
            mode=json_fields.choice(advanced, "mode", "detect", modes) or "detect",
            beep_timeout=json_fields.number(advanced, "beep_timeout", None, 30, 120),
        )
    return None if plain is None else MachineDetection(plain, "detect", None)


def _notify(fields: dict[str, Any]) -> Notify:
    payload = json_fields.mapping(fields, "payload")
    if payload is None:
        raise FieldError("payload", "is required")
    _required("eventUrl", json_fields.single_url(fields, "eventUrl"))
    return Notify(payload, _callback(fields))


def _wait(fields: dict[str, Any]) -> Wait:
    # Values outside the range are clamped, not rejected (NCCO reference: wait.timeout).
    timeout = json_fields.number(fields, "timeout", 10.0, -1e12, 1e12)
    return Wait(min(max(10.0 if timeout is None else timeout, 0.1), 7200.0))


def _transfer(fields: dict[str, Any]) -> Transfer:
    mute = json_fields.boolean(fields, "mute")
    can_speak = json_fields.strings(fields, "canSpeak")
    if mute and can_speak is not None:
        raise FieldError("mute", "cannot be used together with canSpeak")
    conversation = _required("conversationId", json_fields.string(fields, "conversationId"))
    return Transfer(conversation, mute, can_speak, json_fields.strings(fields, "canHear"))


def _callback(fields: dict[str, Any]) -> Callback:
    url = json_fields.single_url(fields, "eventUrl")
    return Callback(url, json_fields.method(fields, "eventMethod", "POST"))


def _transcription(fields: dict[str, Any]) -> Transcription | None:
    options = json_fields.mapping(fields, "transcription")
    if options is None:
        return None
    return Transcription(_callback(options), json_fields.string(options, "language") or "en-US")


def _required(name: str, value: str | None) -> str:
    if value is None:
        raise FieldError(name, "is required")
    return value


READERS: dict[str, Callable[[dict[str, Any]], Action]] = {
    "talk": _talk,
    "stream": _stream,
    "input": _input,
    "record": _record,
    "conversation": _conversation,
    "connect": _connect,
    "notify": _notify,
    "wait": _wait,
    "transfer": _transfer,
}
