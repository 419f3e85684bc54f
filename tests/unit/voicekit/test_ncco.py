"""voicekit.ncco: every option at and beyond the ends of its range, and the files in ncco/good and
ncco/bad, one for each rule."""

from __future__ import annotations

import doctest
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from voicekit import ncco
from voicekit.ncco import actions, ssml

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

FIXTURES = Path(__file__).parent / "ncco"
URL = "https://example.com/hook"
PHONE = ncco.phone("447700900000")
LEG = "0779a56d-002f-4c7f-87f8-2ef5fe84ab79"

Build = Any  # a builder called with values of any type, right or wrong


def websocket(**options: Any) -> Any:
    return ncco.websocket("wss://example.com/socket", **options)


def conversation(**options: Any) -> Any:
    return ncco.conversation("room", **options)


def notify(**options: Any) -> Any:
    return ncco.notify(**({"payload": {}, "event_url": URL} | options))


def record_channels(value: Any) -> Any:
    return ncco.record(split="conversation", channels=value)


def detection(**options: Any) -> Any:
    return ncco.advanced_machine_detection(**options)


# Option, builder, lowest and highest value.
WHOLE: list[tuple[str, Build, int, int]] = [
    ("talk.loop", lambda v: ncco.talk("Hi", loop=v), 0, 2**31 - 1),
    ("talk.style", lambda v: ncco.talk("Hi", style=v), 0, 2**31 - 1),
    ("stream.loop", lambda v: ncco.stream(URL, loop=v), 0, 2**31 - 1),
    ("input.dtmf.timeOut", lambda v: ncco.dtmf(time_out=v), 0, 10),
    ("input.dtmf.maxDigits", lambda v: ncco.dtmf(max_digits=v), 1, 20),
    ("input.speech.startTimeout", lambda v: ncco.speech(start_timeout=v), 1, 60),
    ("input.speech.maxDuration", lambda v: ncco.speech(max_duration=v), 1, 60),
    ("input.speech.sensitivity", lambda v: ncco.speech(sensitivity=v), 0, 100),
    ("record.channels", record_channels, 1, 32),
    ("record.endOnSilence", lambda v: ncco.record(end_on_silence=v), 3, 10),
    ("record.timeOut", lambda v: ncco.record(time_out=v), 3, 7200),
    ("connect.timeout", lambda v: ncco.connect(PHONE, timeout=v), 1, 7200),
    ("connect.limit", lambda v: ncco.connect(PHONE, limit=v), 1, 7200),
    ("connect.advancedMachineDetection.beep_timeout", lambda v: detection(beep_timeout=v), 30, 120),
]
# The same, and a step to a value out of range.
NUMBERS: list[tuple[str, Build, float, float, float]] = [
    ("talk.level", lambda v: ncco.talk("Hi", level=v), -1, 1, 0.1),
    ("stream.level", lambda v: ncco.stream(URL, level=v), -1, 1, 0.01),
    ("input.speech.endOnSilence", lambda v: ncco.speech(end_on_silence=v), 0.4, 10.0, 0.01),
    ("wait.timeout", ncco.wait, 0.1, 7200, 0.01),
]
FLAGS: list[tuple[str, Build]] = [
    ("talk.premium", lambda v: ncco.talk("Hi", premium=v)),
    ("talk.bargeIn", lambda v: ncco.talk("Hi", barge_in=v)),
    ("stream.bargeIn", lambda v: ncco.stream(URL, barge_in=v)),
    ("input.dtmf.submitOnHash", lambda v: ncco.dtmf(submit_on_hash=v)),
    ("input.speech.saveAudio", lambda v: ncco.speech(save_audio=v)),
    ("record.beepStart", lambda v: ncco.record(beep_start=v)),
    ("conversation.startOnEnter", lambda v: conversation(start_on_enter=v)),
    ("conversation.endOnExit", lambda v: conversation(end_on_exit=v)),
    ("conversation.record", lambda v: conversation(record=v)),
    ("conversation.mute", lambda v: conversation(mute=v)),
    ("connect.randomFromNumber", lambda v: ncco.connect(PHONE, random_from_number=v)),
    ("transfer.mute", lambda v: ncco.transfer("CON-1", mute=v)),
    ("transcription.sentimentAnalysis", lambda v: ncco.transcription(sentiment_analysis=v)),
]
METHODS = ["GET", "POST"]
CHOICES: list[tuple[str, Build, list[str]]] = [
    ("talk.provider", lambda v: ncco.talk("Hi", provider=v), ["ElevenLabs", "Google", "Polly"]),
    ("input.mode", lambda v: ncco.input(dtmf={}, mode=v), ["synchronous", "asynchronous"]),
    ("input.eventMethod", lambda v: ncco.input(dtmf={}, event_method=v), METHODS),
    ("input.speech.provider", lambda v: ncco.speech(provider=v), ["deepgram", "google"]),
    ("record.format", lambda v: ncco.record(format=v), ["mp3", "wav", "ogg"]),
    ("record.split", lambda v: ncco.record(split=v), ["conversation"]),
    ("record.endOnKey", lambda v: ncco.record(end_on_key=v), list("0123456789*#")),
    ("record.eventMethod", lambda v: ncco.record(event_method=v), METHODS),
    ("conversation.eventMethod", lambda v: conversation(event_method=v), METHODS),
    ("connect.eventMethod", lambda v: ncco.connect(PHONE, event_method=v), METHODS),
    ("connect.eventType", lambda v: ncco.connect(PHONE, event_type=v), ["synchronous"]),
    (
        "connect.machineDetection",
        lambda v: ncco.connect(PHONE, machine_detection=v),
        ["continue", "hangup"],
    ),
    (
        "connect.advancedMachineDetection.behavior",
        lambda v: detection(behavior=v),
        ["continue", "hangup"],
    ),
    (
        "connect.advancedMachineDetection.mode",
        lambda v: detection(mode=v),
        ["default", "detect", "detect_beep"],
    ),
    (
        "connect.endpoint[0].content-type",
        lambda v: websocket(content_type=v),
        [f"audio/l16;rate={rate}" for rate in (8000, 16000, 24000)],
    ),
    ("connect.endpoint[0].authorization.type", ncco.authorization, ["vonage"]),
    ("notify.eventMethod", lambda v: notify(event_method=v), METHODS),
    ("transcription.eventMethod", lambda v: ncco.transcription(event_method=v), METHODS),
]
LANGUAGES: list[tuple[str, Build]] = [
    ("talk.language", lambda v: ncco.talk("Hi", language=v)),
    ("input.speech.language", lambda v: ncco.speech(language=v)),
    ("transcription.language", lambda v: ncco.transcription(language=v)),
]
URLS: list[tuple[str, Build]] = [
    ("stream.streamUrl[0]", ncco.stream),
    ("input.eventUrl[0]", lambda v: ncco.input(dtmf={}, event_url=v)),
    ("record.eventUrl[0]", lambda v: ncco.record(event_url=v)),
    ("conversation.eventUrl[0]", lambda v: conversation(event_url=v)),
    ("conversation.musicOnHoldUrl[0]", lambda v: conversation(music_on_hold_url=v)),
    ("connect.eventUrl[0]", lambda v: ncco.connect(PHONE, event_url=v)),
    ("connect.ringbackTone", lambda v: ncco.connect(PHONE, ringback_tone=v)),
    ("connect.endpoint[0].onAnswer.url", ncco.on_answer),
    (
        "connect.endpoint[0].onAnswer.ringbackTone",
        lambda v: ncco.on_answer(URL, ringback_tone=v),
    ),
    ("notify.eventUrl[0]", lambda v: notify(event_url=v)),
    ("transcription.eventUrl[0]", lambda v: ncco.transcription(event_url=v)),
]
# Option, builder, the longest string allowed.
TEXTS: list[tuple[str, Build, str]] = [
    ("talk.text", ncco.talk, "x" * 1500),
    ("input.speech.context[0]", lambda v: ncco.speech(context=[v]), "x" * 255),
    ("conversation.name", ncco.conversation, "x" * 255),
    ("connect.endpoint[0].user", ncco.app, "x" * 255),
    ("connect.endpoint[0].extension", ncco.vbc, "1" * 255),
    ("connect.endpoint[0].shaken", lambda v: ncco.phone("447700900000", shaken=v), "x" * 8191),
    (
        "connect.endpoint[0].dtmfAnswer",
        lambda v: ncco.phone("447700900000", dtmf_answer=v),
        "1" * 255,
    ),
    (
        "connect.endpoint[0].authorization.value",
        lambda v: ncco.authorization("custom", v),
        "x" * 8191,
    ),
    ("connect.endpoint[0].number", ncco.phone, "1" * 15),
    ("connect.from", lambda v: ncco.connect(PHONE, from_=v), "1" * 15),
    ("transfer.conversationId", ncco.transfer, "CON-" + "1" * 64),
    ("input.speech.uuid[0]", lambda v: ncco.speech(uuid=v), "1" * 64),
    ("conversation.canSpeak[0]", lambda v: conversation(can_speak=[v]), "1" * 64),
    ("conversation.canHear[0]", lambda v: conversation(can_hear=[v]), "1" * 64),
    ("transfer.canSpeak[0]", lambda v: ncco.transfer("CON-1", can_speak=[v]), "1" * 64),
    ("transfer.canHear[0]", lambda v: ncco.transfer("CON-1", can_hear=[v]), "1" * 64),
    (
        "connect.endpoint[0].user",
        lambda v: ncco.sip(user=v, domain="example.com"),
        "x" * 255,
    ),
    ("connect.endpoint[0].domain", lambda v: ncco.sip(user="a", domain=v), "x" * 255),
    ("connect.endpoint[0].uri", ncco.sip, "sip:" + "x" * 2044),
    ("connect.endpoint[0].uri", ncco.websocket, "wss://" + "x" * 2042),
]
OBJECTS: list[tuple[str, Build]] = [
    ("talk.providerOptions", lambda v: ncco.talk("Hi", provider_options=v)),
    ("input.speech.providerOptions", lambda v: ncco.speech(provider_options=v)),
    ("input.dtmf", lambda v: ncco.input(dtmf=v)),
    ("input.speech", lambda v: ncco.input(speech=v)),
    ("record.transcription", lambda v: ncco.record(transcription=v)),
    ("conversation.transcription", lambda v: conversation(record=True, transcription=v)),
    (
        "connect.advancedMachineDetection",
        lambda v: ncco.connect(PHONE, advanced_machine_detection=v),
    ),
    ("connect.endpoint[0].headers", lambda v: websocket(headers=v)),
    ("connect.endpoint[0].authorization", lambda v: websocket(authorization=v)),
    ("connect.endpoint[0].headers", lambda v: ncco.sip("sip:a@example.com", headers=v)),
    (
        "connect.endpoint[0].standardHeaders",
        lambda v: ncco.sip("sip:a@example.com", standard_headers=v),
    ),
    ("notify.payload", lambda v: notify(payload=v)),
]
ARRAYS: list[tuple[str, Build]] = [
    ("input.speech.context", lambda v: ncco.speech(context=v)),
    ("conversation.canSpeak", lambda v: conversation(can_speak=v)),
    ("conversation.canHear", lambda v: conversation(can_hear=v)),
    ("transfer.canSpeak", lambda v: ncco.transfer("CON-1", can_speak=v)),
    ("transfer.canHear", lambda v: ncco.transfer("CON-1", can_hear=v)),
]


def error_of(build: Callable[[], object]) -> str:
    with pytest.raises(ncco.NccoError) as caught:
        build()
    return str(caught.value)


def each(rows: list[Any], second: Callable[[Any], list[Any]]) -> list[Any]:
    return [
        pytest.param(*row[:2], value, id=f"{row[0]}-{repr(value)[:20]}")
        for row in rows
        for value in second(row)
    ]


@pytest.mark.parametrize(
    ("option", "build", "value"),
    [
        *each(WHOLE, lambda row: [row[2], row[3]]),
        *each(NUMBERS, lambda row: [row[2], row[3], float(row[2]), float(row[3])]),
        *each(FLAGS, lambda _: [True, False]),
        *each(CHOICES, lambda row: row[2]),
        *each(LANGUAGES, lambda _: ["ar", "en-GB", "en-GB-WLS", "cmn-CN", "es-419"]),
        *each(URLS, lambda _: [URL, "http://127.0.0.1:8080/a?b=c&d=%20", "https://[::1]/"]),
        *each(URLS, lambda _: ["https://example.com/" + "x" * 2028]),
        *each(TEXTS, lambda row: [row[2]]),
        *each(ARRAYS, lambda _: [[]]),
    ],
)
def test_a_value_in_range_is_accepted_at_both_ends(
    option: str, build: Build, value: object
) -> None:
    found = build(value)
    last = option.rpartition(".")[2].removesuffix("[0]")
    assert found[last] in (value, [value])


@pytest.mark.parametrize(
    ("option", "build", "value"),
    [
        *each(WHOLE, lambda row: [row[2] - 1, row[3] + 1]),
        *each(NUMBERS, lambda row: [row[2] - row[4], row[3] + row[4], math.nan, math.inf]),
    ],
)
def test_a_number_out_of_range_raises_an_error_with_the_range(
    option: str, build: Build, value: float
) -> None:
    error = error_of(lambda: build(value))
    assert error.startswith(f"{option}: ")
    assert " is out of range; expected " in error


WRONG = [b"1", (), {1}, object(), "5"]


@pytest.mark.parametrize(
    ("option", "build", "value"),
    [
        *each(WHOLE, lambda row: [*WRONG, True, float(row[2]), [row[2]], {}]),
        *each(NUMBERS, lambda row: [*WRONG, True, [row[2]], {}]),
        *each(FLAGS, lambda _: [*WRONG, 0, 1, "true", [True], {}]),
        *each([*CHOICES, *LANGUAGES, *URLS], lambda _: [b"1", (), 1, True, [], {}, object()]),
        *each(TEXTS, lambda _: [b"1", (), 1, True, 1.5, [], {}, object()]),
        *each(OBJECTS, lambda _: [*WRONG, 1, True, []]),
        *each(ARRAYS, lambda _: [*WRONG, 1, True, {}, [1], [None]]),
    ],
)
def test_a_value_of_another_type_raises_an_error_with_its_option(
    option: str, build: Build, value: object
) -> None:
    assert error_of(lambda: build(value)).startswith(option)


@pytest.mark.parametrize(
    ("option", "build", "value"),
    [
        *each(CHOICES, lambda row: ["", row[2][0].swapcase() if row[2][0].isalpha() else "##"]),
        *each(LANGUAGES, lambda _: ["", "e", "en_GB", "en-", "en-GB\n", "\u0435n-GB"]),
        *each(TEXTS, lambda row: ["", row[2] + "1", row[2][:-1] + "\ud800", row[2][:-1] + "\x00"]),
        *each(ARRAYS, lambda _: [["1"] * 501]),
    ],
)
def test_a_string_that_is_not_allowed_raises_an_error_with_its_option(
    option: str, build: Build, value: object
) -> None:
    assert error_of(lambda: build(value)).startswith(option)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/webhooks/answer",
        "//example.com/",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com\\@evil.example/",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/\n",
        "https://example.com/%zz",
        "https://ex\u00e4mple.com/",
        "https://example.com/" + "x" * 2029,
    ],
)
@pytest.mark.parametrize(("option", "build"), URLS, ids=[option for option, _ in URLS])
def test_a_relative_or_ambiguous_url_is_rejected(option: str, build: Build, value: str) -> None:
    error = error_of(lambda: build(value))
    assert error.startswith(f"{option}: invalid value; expected an absolute http or https URL")


@pytest.mark.parametrize(
    "number",
    [
        "447700",
        "4477009000001234",
        "0447700900000",
        "+447700900000",
        "447700900000\n",
        "4477009 00000",
        "\u0664\u0664\u0667\u0667\u0660\u0660\u0669\u0660\u0660\u0660\u0660\u0660",
        "44770090000\u00b2",
    ],
)
def test_a_number_that_is_not_e164_is_rejected_and_not_repeated(number: str) -> None:
    error = error_of(lambda: ncco.phone(number))
    assert error.startswith("connect.endpoint[0].number: invalid value; expected E.164")
    assert number not in error


@pytest.mark.parametrize(
    "uri",
    ["sip:example.com", "sips:a@[::1]:5061", "sip:+44%20@example.com;transport=tls;media=srtp"],
)
def test_a_sip_uri_may_have_user_port_and_parameters(uri: str) -> None:
    assert ncco.sip(uri) == {"type": "sip", "uri": uri}


@pytest.mark.parametrize("uri", ["sip:", "sip:a@", "sip:a b@example.com", "tel:447700900000"])
def test_any_other_uri_is_not_a_sip_uri(uri: str) -> None:
    assert error_of(lambda: ncco.sip(uri)).startswith("connect.endpoint[0].uri: ")


def test_options_that_are_not_passed_are_left_out() -> None:
    found = [ncco.talk("Hi"), ncco.record(), ncco.wait(), ncco.connect(PHONE), ncco.dtmf()]
    assert found == [
        {"action": "talk", "text": "Hi"},
        {"action": "record"},
        {"action": "wait"},
        {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900000"}]},
        {},
    ]


def test_the_type_of_input_follows_from_its_options() -> None:
    kinds = [
        ncco.input(dtmf=ncco.dtmf())["type"],
        ncco.input(speech=ncco.speech())["type"],
        ncco.input(dtmf=ncco.dtmf(), speech=ncco.speech())["type"],
    ]
    assert kinds == [["dtmf"], ["speech"], ["dtmf", "speech"]]


def test_an_input_without_dtmf_and_speech_is_rejected() -> None:
    assert error_of(ncco.input) == "input.type: has 0 items; expected 1 to 2"


def test_tags_do_not_count_toward_the_1500_characters() -> None:
    text = "<speak>" + "<break time='1s'/>" * 100 + "x" * 1500 + "</speak>"
    assert ncco.talk(text)["text"] == text


def test_websocket_headers_are_limited_to_512_bytes_of_utf_8() -> None:
    fits, over = {"a": "ä" * 252}, {"a": "ä" * 253}
    assert websocket(headers=fits)["headers"] == fits
    assert error_of(lambda: websocket(headers=over)).endswith(
        ": has 514 bytes as JSON; expected at most 512"
    )


def test_sip_headers_are_limited_together() -> None:
    headers = {"a": "x" * 8000, "b": "x" * 200}
    error = error_of(lambda: ncco.sip("sip:a@example.com", headers=headers))
    assert error == (
        "connect.endpoint[0].headers: too large; expected at most 8191 characters together"
    )


def fixtures(folder: str) -> list[Any]:
    return [
        pytest.param(json.loads(path.read_text()), id=path.stem)
        for path in sorted((FIXTURES / folder).glob("*.json"))
    ]


@pytest.mark.parametrize("fixture", fixtures("good"))
def test_a_valid_ncco_is_returned_itself(fixture: dict[str, Any]) -> None:
    assert ncco.check(fixture["ncco"]) is fixture["ncco"]


@pytest.mark.parametrize(
    "name", [path.stem for path in (FIXTURES / "good").glob("*.json") if "quotes" not in path.stem]
)
def test_a_valid_ncco_without_values_in_quotes_is_unchanged(name: str) -> None:
    content = json.loads((FIXTURES / "good" / f"{name}.json").read_text())["ncco"]
    before = json.dumps(content)
    assert json.dumps(ncco.check(content)) == before


# Vonage takes numbers and booleans in quotes, and its own samples and PHP SDK send them.


def in_quotes(value: Any) -> Any:
    if isinstance(value, dict):
        free = ("payload", "headers", "providerOptions")
        return {name: one if name in free else in_quotes(one) for name, one in value.items()}
    if isinstance(value, list):
        return [in_quotes(one) for one in value]
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("fixture", fixtures("good"))
def test_numbers_and_booleans_in_quotes_are_replaced(fixture: dict[str, Any]) -> None:
    checked = ncco.check(in_quotes(fixture["ncco"]))
    assert json.dumps(checked) == json.dumps(ncco.check(fixture["ncco"]))


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [("timeout", "45", 45), ("limit", "7200", 7200), ("randomFromNumber", "true", True)],
)
def test_a_value_in_quotes_gets_its_type(option: str, text: str, value: object) -> None:
    (action,) = ncco.check([{"action": "connect", "endpoint": [PHONE], option: text}])
    assert (type(action[option]), action[option]) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    ["", " 45", "45 ", "045", "+45", "4.5", "4e1", "0x2d", "\u0664\u0665", "45\n", "9" * 5000],
)
def test_any_other_text_is_not_a_number(text: str) -> None:
    action = {"action": "connect", "endpoint": [PHONE], "timeout": text}
    assert error_of(lambda: ncco.check([action])).startswith("[0].connect.timeout: ")


@pytest.mark.parametrize("text", ["True", "1", "yes", "", " true", "null"])
def test_any_other_text_is_not_a_boolean(text: str) -> None:
    action = {"action": "record", "beepStart": text}
    assert error_of(lambda: ncco.check([action])).startswith("[0].record.beepStart: ")


def test_texts_that_look_like_numbers_stay_texts() -> None:
    actions: Any = [
        {"action": "talk", "text": "45"},
        {"action": "conversation", "name": "1", "canSpeak": ["1"]},
        {"action": "notify", "payload": {"loop": "1", "mute": "true"}, "eventUrl": [URL]},
        {"action": "record", "endOnKey": "1"},
        {"action": "connect", "from": "447700900001", "endpoint": [ncco.vbc("1001")]},
    ]
    before = json.dumps(actions)
    assert json.dumps(ncco.check(actions)) == before


@pytest.mark.parametrize("fixture", fixtures("bad"))
def test_an_invalid_ncco_raises_an_error_with_the_option_and_what_is_allowed(
    fixture: dict[str, Any],
) -> None:
    assert error_of(lambda: ncco.check(fixture["ncco"])) == fixture["error"]


def cyclic() -> Any:
    payload: dict[str, Any] = {}
    payload["self"] = payload
    return payload


def nested(depth: int) -> Any:
    payload: dict[str, Any] = {}
    for _ in range(depth):
        payload = {"a": [payload]}
    return payload


def multiplied() -> Any:
    """A few lists that expand to 8 ** 7 items as JSON."""
    part: list[Any] = []
    for _ in range(7):
        part = [part] * 8
    return {"a": part}


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (cyclic(), "nested too deeply, or contains itself; expected at most 16 levels"),
        (nested(100_000), "nested too deeply, or contains itself; expected at most 16 levels"),
        (multiplied(), "too large; expected at most 32768 characters"),
        ({"a": "x" * 32768}, "too large; expected at most 32768 characters"),
        ({"a": [0] * 32768}, "too large; expected at most 32768 characters"),
        ({"a": math.nan}, "has NaN or Infinity; expected finite numbers"),
        ({"a": -math.inf}, "has NaN or Infinity; expected finite numbers"),
        ({"a": 10**5000}, "has an integer out of range; expected 64-bit integers"),
        ({"a": "\udc00"}, "has a lone surrogate"),
        ({"\udc00": 1}, "has a lone surrogate"),
        ({"a": b"bytes"}, "has a value that is not JSON"),
        ({"a": (1, 2)}, "has a value that is not JSON"),
        ({"a": {1: 2}}, "has a key that is not a string"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_free_json_is_limited_and_must_be_json(payload: Any, error: str) -> None:
    assert error_of(lambda: notify(payload=payload)) == f"notify.payload: {error}"


class RaisesOnAccess(dict[str, Any]):
    """A dict whose attributes all raise."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class RaisesOnComparison:
    """An object whose comparisons all raise."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError(other)

    def __hash__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: True,
        lambda: 1,
        lambda: "[]",
        lambda: b"[]",
        lambda: (),
        lambda: {},
        lambda: {1},
        object,
        RaisesOnAccess,
        lambda: [None],
        lambda: [[]],
        lambda: [{}],
        lambda: [{1: 2}],
        lambda: [{"action": []}],
        lambda: [RaisesOnAccess()],
        lambda: [{"action": RaisesOnAccess()}],
        lambda: [{"action": RaisesOnComparison()}],
        lambda: [{"action": "talk", "text": RaisesOnAccess()}],
        lambda: [{"action": "notify", "payload": {"a": RaisesOnAccess()}, "eventUrl": [URL]}],
    ],
)
def test_any_object_that_is_not_an_ncco_is_rejected(make: Callable[[], object]) -> None:
    assert error_of(lambda: ncco.check(make()))


def test_a_number_of_thousands_of_digits_is_rejected_and_not_repeated() -> None:
    action = {"action": "talk", "text": "Hi", "loop": 10**5000}
    assert error_of(lambda: ncco.check([action])).startswith(
        "[0].talk.loop: the number is out of range"
    )


def test_an_unlikely_option_name_is_not_repeated() -> None:
    action = {"action": "wait", "447700900000\n": 1}
    assert error_of(lambda: ncco.check([action])).startswith("[0].wait.(a name not shown): ")


def test_an_ncco_larger_than_a_webhook_body_is_rejected() -> None:
    ncco_ = [ncco.notify({"a": "x" * 32_000}, event_url=URL)] * 9
    assert error_of(lambda: ncco.check(ncco_)).startswith("ncco: has 288")


def test_escaped_text_cannot_close_an_ssml_element() -> None:
    text = """</speak><break time="1s"/> 'Tom' & Jerry\x00\ud800"""
    escaped = "&lt;/speak&gt;&lt;break time=&quot;1s&quot;/&gt; &apos;Tom&apos; &amp; Jerry"
    assert ncco.escape(text) == escaped


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        ("447700900000", "4 4 7 7 0 0 9 0 0 0 0 0"),
        ("+4477", "+4 4 7 7"),
        ("Unknown", "Unknown"),
        ("", ""),
    ],
)
def test_a_spelled_number_has_spaces_between_its_digits(number: str, spelled: str) -> None:
    assert ncco.spell(number) == spelled


def test_the_package_exports_the_documented_names() -> None:
    assert ncco.__all__ == [
        "Action",
        "NccoError",
        "advanced_machine_detection",
        "app",
        "authorization",
        "check",
        "connect",
        "conversation",
        "dtmf",
        "escape",
        "input",
        "notify",
        "on_answer",
        "phone",
        "record",
        "sip",
        "speech",
        "spell",
        "stream",
        "talk",
        "transcription",
        "transfer",
        "vbc",
        "wait",
        "websocket",
    ]
    assert all(f"`{name}`" in str(ncco.__doc__) for name in ncco.__all__)


@pytest.mark.parametrize("module", [ncco, actions, ssml], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_work(module: ModuleType) -> None:
    found = doctest.testmod(module, extraglobs=vars(ncco))
    assert found.attempted
    assert not found.failed


def test_importing_it_loads_only_json_re_and_its_own_modules() -> None:
    # A caller waits in silence for this import.
    code = "import __future__, json, re, sys; old = set(sys.modules); import voicekit.ncco; "
    code += "print(*sorted(set(sys.modules) - old))"
    functions = Path(ncco.__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(functions)!r}); {code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    own = (
        "",
        ".ncco",
        *(f".ncco.{name}" for name in ["actions", "components", "rules", "ssml", "value_rules"]),
    )
    assert found.stdout.split() == [f"voicekit{name}" for name in own]
