"""The results of the builders, parsed by the models of the official Python SDK.

A model silently drops unknown options. So each test compares the whole action, and KNOWN_GAPS lists
every option that the SDK lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from vonage_voice.models import ncco as official

from voicekit import ncco

if TYPE_CHECKING:
    from pydantic import BaseModel

URL = "https://example.com/hook"
LEG = "0779a56d-002f-4c7f-87f8-2ef5fe84ab79"
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"

TRANSCRIPTION = ncco.transcription(
    language="en-GB", event_url=URL, event_method="POST", sentiment_analysis=True
)
EVERYTHING: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "talk": (
        official.Talk,
        ncco.talk(
            "Hello",
            language="en-GB",
            style=1,
            premium=True,
            loop=0,
            level=-0.5,
            barge_in=True,
            provider="Polly",
            provider_options={"engine": "neural"},
        ),
    ),
    "stream": (official.Stream, ncco.stream(URL, loop=2, level=0.5, barge_in=False)),
    "input": (
        official.Input,
        ncco.input(
            dtmf=ncco.dtmf(time_out=10, max_digits=20, submit_on_hash=True),
            speech=ncco.speech(
                uuid=LEG,
                end_on_silence=0.4,
                language="en-GB",
                context=["yes", "no"],
                start_timeout=1,
                max_duration=60,
                save_audio=True,
                sensitivity=100,
                provider="google",
                provider_options={"model": "phone_call"},
            ),
            mode="synchronous",
            event_url=URL,
            event_method="POST",
        ),
    ),
    "record": (
        official.Record,
        ncco.record(
            format="wav",
            split="conversation",
            channels=32,
            end_on_silence=3,
            end_on_key="#",
            time_out=7200,
            beep_start=True,
            event_url=URL,
            event_method="POST",
            transcription=TRANSCRIPTION,
        ),
    ),
    "conversation": (
        official.Conversation,
        ncco.conversation(
            "room",
            music_on_hold_url=URL,
            start_on_enter=False,
            end_on_exit=True,
            record=True,
            can_speak=[LEG],
            can_hear=[],
            mute=False,
            event_url=URL,
            event_method="GET",
            transcription=TRANSCRIPTION,
        ),
    ),
    "connect to a phone": (
        official.Connect,
        ncco.connect(
            ncco.phone(
                "447700900000",
                dtmf_answer="1p2#",
                on_answer=ncco.on_answer(URL, ringback_tone=URL),
                shaken="identity",
            ),
            from_="447700900001",
            random_from_number=False,
            event_type="synchronous",
            timeout=45,
            limit=7200,
            machine_detection="hangup",
            advanced_machine_detection=ncco.advanced_machine_detection(
                behavior="continue", mode="detect_beep", beep_timeout=45
            ),
            event_url=URL,
            event_method="POST",
        ),
    ),
    "connect to an app user": (
        official.Connect,
        ncco.connect(ncco.app("jamie"), random_from_number=True),
    ),
    "connect to a websocket": (
        official.Connect,
        ncco.connect(
            ncco.websocket(
                "wss://example.com/socket",
                content_type="audio/l16;rate=24000",
                headers={"customer": 7},
                authorization=ncco.authorization("custom", "Bearer abc"),
            ),
            from_="447700900001",
        ),
    ),
    "connect to a SIP address": (
        official.Connect,
        ncco.connect(
            ncco.sip(
                "sip:rebekka@sip.example.com;transport=tls",
                headers={"location": "New York"},
                standard_headers={"User-to-User": "342342ef34;encoding=hex"},
            ),
            from_="447700900001",
        ),
    ),
    "connect to a VBC extension": (
        official.Connect,
        ncco.connect(ncco.vbc("1234"), from_="447700900001"),
    ),
    "notify": (
        official.Notify,
        ncco.notify({"foo": {"bar": [1, None]}}, event_url=URL, event_method="POST"),
    ),
    "wait": (official.Wait, ncco.wait(0.1)),
    "transfer": (
        official.Transfer,
        ncco.transfer(CONVERSATION, can_hear=[LEG], can_speak=[LEG], mute=False),
    ),
}
# Options that Vonage documents and the SDK (vonage-voice 1.5) drops.
KNOWN_GAPS = {
    "talk": {"provider", "providerOptions"},
    "input": {"mode", "speech.provider", "speech.providerOptions"},
    "record": {"transcription"},
    "conversation": {"transcription"},
}


def sdk_names(value: Any) -> Any:
    """Rename two options that are not valid Python names to the names that the SDK expects."""
    own = {"from": "from_", "content-type": "contentType"}
    if isinstance(value, dict):
        return {own.get(name, name): sdk_names(part) for name, part in value.items()}
    return [sdk_names(part) for part in value] if isinstance(value, list) else value


def without(action: dict[str, Any], gaps: set[str]) -> dict[str, Any]:
    rest = dict(action)
    for name, part in action.items():
        if isinstance(part, dict):
            inner = {gap.removeprefix(f"{name}.") for gap in gaps if gap.startswith(f"{name}.")}
            rest[name] = without(part, inner)
    return {name: part for name, part in rest.items() if name not in gaps}


@pytest.mark.parametrize("what", EVERYTHING)
def test_the_official_sdk_parses_every_option_of_an_action(what: str) -> None:
    model, action = EVERYTHING[what]
    read = model.model_validate(sdk_names(action))
    parsed = read.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert parsed == without(action, KNOWN_GAPS.get(what, set()))


def test_the_ringback_tone_array_of_the_official_sdk_is_accepted() -> None:
    # Known gap: the SDK rejects the bare URL that the reference shows and that we build.
    action = ncco.connect(ncco.app("jamie"), from_="447700900001")
    as_array = {**action, "ringbackTone": [URL]}
    read = official.Connect.model_validate(sdk_names(as_array))
    assert ncco.check([read.model_dump(mode="json", by_alias=True, exclude_none=True)])


def test_the_official_sdk_does_not_know_sip_by_user_and_domain() -> None:
    # Known gap: the SDK parses this as an app user and drops the domain.
    action = ncco.connect(ncco.sip(user="rebekka", domain="example.com"), from_="447700900001")
    read = official.Connect.model_validate(sdk_names(action))
    assert "domain" not in read.model_dump(mode="json")["endpoint"][0]


def test_only_the_official_sdk_rejects_a_beep_timeout_below_45() -> None:
    # Known gap: the API description, which is newer, starts at 30.
    detection = ncco.advanced_machine_detection(beep_timeout=30)
    action = ncco.connect(ncco.app("a"), from_="447700900001", advanced_machine_detection=detection)
    with pytest.raises(ValueError, match="beep_timeout"):
        official.Connect.model_validate(sdk_names(action))


def test_every_action_is_compared() -> None:
    assert {action["action"] for _, action in EVERYTHING.values()} == {
        "talk",
        "stream",
        "input",
        "record",
        "conversation",
        "connect",
        "notify",
        "wait",
        "transfer",
    }
