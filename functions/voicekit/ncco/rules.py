"""The table of what each action and endpoint may hold, and `check`, which reads it.

The builders read the same table, so that no rule is written twice. Source of every range without
another note: Vonage NCCO reference.
"""

from __future__ import annotations

import json

from voicekit.ncco.ssml import spoken
from voicekit.ncco.value_rules import (
    LARGEST_WHOLE,
    array,
    as_object,
    conversation_id,
    expect,
    fail,
    flag,
    free_json,
    header_value,
    hints,
    host,
    key,
    keys,
    language,
    legs,
    name,
    number,
    one_leg,
    one_of,
    one_url,
    phone_number,
    ringback_tone,
    shown,
    sip_headers,
    sip_uri,
    sip_user,
    talk_level,
    url,
    websocket_headers,
    websocket_uri,
    whole,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from voicekit.ncco.value_rules import Rule

    Across = Callable[[str, dict[str, Any]], None]

# Nothing is documented. A caller hears the actions one after the other; an NCCO of more than a
# hundred is a loop gone wrong, and refusing it is kinder than playing it.
MOST_ACTIONS = 100
# What the webhook and API doors take in as a body, so that no inline NCCO passes there only to
# be refused here.
LARGEST_NCCO = 256 * 1024

_seconds_of_a_call = whole(1, 7200, "seconds")
_times = whole(0, LARGEST_WHOLE)
_method = one_of("GET", "POST")
_callback = {"eventUrl": one_url, "eventMethod": _method}


def _object_rule(
    options: Mapping[str, Rule], required: tuple[str, ...] = (), across: Across | None = None
) -> Rule:
    """Allow an object of these options; `across` holds what concerns several of them."""

    def rule(where: str, value: Any) -> None:
        as_object(where, value)
        for option, content in value.items():
            if option not in options:
                known = ", ".join(options)
                fail(f"{where}.{shown(option)}", f"is no option here; there are {known}")
            options[option](f"{where}.{option}", content)
        for option in required:
            if option not in value:
                fail(f"{where}.{option}", "is missing")
        if across:
            across(where, value)

    return rule


# Rules across the options of one object


def _not_mute_and_can_speak(where: str, value: dict[str, Any]) -> None:
    # mute: false says nothing, so it may stand beside canSpeak.
    if value.get("mute") and "canSpeak" in value:
        fail(f"{where}.mute", "cannot be true together with canSpeak")


def _conversation(where: str, value: dict[str, Any]) -> None:
    _not_mute_and_can_speak(where, value)
    if "transcription" in value and not value.get("record"):
        fail(f"{where}.transcription", "needs record to be true")


def _record(where: str, value: dict[str, Any]) -> None:
    if "channels" in value and "split" not in value:
        fail(f"{where}.channels", "needs split to be conversation")


def _connect(where: str, value: dict[str, Any]) -> None:
    if value.get("randomFromNumber") and "from" in value:
        fail(f"{where}.randomFromNumber", "cannot be true together with from")


def _input(where: str, value: dict[str, Any]) -> None:
    kinds = value["type"]
    if len(set(kinds)) < len(kinds):
        fail(f"{where}.type", "names the same kind twice")
    for kind in ("dtmf", "speech"):
        if kind in value and kind not in kinds:
            fail(f"{where}.{kind}", f"needs {kind} among the type")
    if value.get("mode") == "asynchronous":
        if kinds != ["dtmf"]:
            fail(f"{where}.mode", "can be asynchronous only where the type is dtmf alone")
        if value.get("dtmf"):
            fail(f"{where}.dtmf", "must have no settings where the mode is asynchronous")


def _authorization(where: str, value: dict[str, Any]) -> None:
    custom = value.get("type") == "custom"
    if custom and "value" not in value:
        fail(f"{where}.value", "is missing, and type custom needs it")
    if not custom and "value" in value:
        fail(f"{where}.value", "is only for type custom")


def _sip(where: str, value: dict[str, Any]) -> None:
    if not ("uri" in value) ^ ("user" in value or "domain" in value):
        fail(where, "must have either uri, or user and domain")
    if ("user" in value) ^ ("domain" in value):
        fail(where, "must have user and domain together")


# Parts of actions

dtmf = _object_rule(
    {"timeOut": whole(0, 10, "seconds"), "maxDigits": whole(1, 20), "submitOnHash": flag}
)
speech = _object_rule(
    {
        "uuid": one_leg,
        "endOnSilence": number(0.4, 10.0, "seconds"),
        "language": language,
        "context": hints,
        "startTimeout": whole(1, 60, "seconds"),
        "maxDuration": whole(1, 60, "seconds"),
        "saveAudio": flag,
        # The reference says 10 to 100 and the official Python SDK 0 to 100: the wider of the two.
        "sensitivity": whole(0, 100),
        "provider": one_of("deepgram", "google"),
        "providerOptions": free_json,
    }
)
transcription = _object_rule({"language": language, **_callback, "sentimentAnalysis": flag})
advanced_machine_detection = _object_rule(
    {
        "behavior": one_of("continue", "hangup"),
        "mode": one_of("default", "detect", "detect_beep"),
        # The SDKs start at 45; the API description, which is newer, at 30.
        "beep_timeout": whole(30, 120, "seconds"),
    }
)
on_answer = _object_rule({"url": url, "ringbackTone": url}, required=("url",))
authorization = _object_rule(
    {"type": one_of("vonage", "custom"), "value": header_value}, across=_authorization
)

ENDPOINTS: dict[str, Rule] = {
    "phone": _object_rule(
        {
            "number": phone_number,
            "dtmfAnswer": keys,
            "onAnswer": on_answer,
            "shaken": header_value,
        },
        required=("number",),
    ),
    "app": _object_rule({"user": name}, required=("user",)),
    "websocket": _object_rule(
        {
            "uri": websocket_uri,
            "content-type": one_of(
                "audio/l16;rate=8000", "audio/l16;rate=16000", "audio/l16;rate=24000"
            ),
            "headers": websocket_headers,
            "authorization": authorization,
        },
        required=("uri", "content-type"),
    ),
    "sip": _object_rule(
        {
            "uri": sip_uri,
            "user": sip_user,
            "domain": host,
            "headers": sip_headers,
            "standardHeaders": sip_headers,
        },
        across=_sip,
    ),
    "vbc": _object_rule({"extension": name}, required=("extension",)),
}


def endpoint(where: str, value: Any) -> None:
    """Allow one endpoint of a connect action."""
    kind, options = _split_kind(where, value, "type", ENDPOINTS)
    ENDPOINTS[kind](where, options)


ACTIONS: dict[str, Rule] = {
    "talk": _object_rule(
        {
            "text": spoken,
            "bargeIn": flag,
            "loop": _times,
            "level": talk_level,
            "language": language,
            "style": whole(0, LARGEST_WHOLE),
            "premium": flag,
            # Deprecated for language and style: let through where it comes in, not built.
            "voiceName": name,
            "provider": one_of("ElevenLabs", "Google", "Polly"),
            "providerOptions": free_json,
        },
        required=("text",),
    ),
    "stream": _object_rule(
        # The reference gives the step of 0.1 for the level of talk alone.
        {"streamUrl": one_url, "level": number(-1, 1), "bargeIn": flag, "loop": _times},
        required=("streamUrl",),
    ),
    "input": _object_rule(
        {
            "type": array(one_of("dtmf", "speech"), 2, 1),
            "mode": one_of("synchronous", "asynchronous"),
            "dtmf": dtmf,
            "speech": speech,
            **_callback,
        },
        required=("type",),
        across=_input,
    ),
    "record": _object_rule(
        {
            "format": one_of("mp3", "wav", "ogg"),
            "split": one_of("conversation"),
            "channels": whole(1, 32),
            "endOnSilence": whole(3, 10, "seconds"),
            "endOnKey": key,
            "timeOut": whole(3, 7200, "seconds"),
            "beepStart": flag,
            **_callback,
            "transcription": transcription,
        },
        across=_record,
    ),
    "conversation": _object_rule(
        {
            "name": name,
            "musicOnHoldUrl": one_url,
            "startOnEnter": flag,
            "endOnExit": flag,
            "record": flag,
            "canSpeak": legs,
            "canHear": legs,
            "mute": flag,
            **_callback,
            "transcription": transcription,
        },
        required=("name",),
        across=_conversation,
    ),
    "connect": _object_rule(
        {
            "endpoint": array(endpoint, 1, 1),
            "from": phone_number,
            "randomFromNumber": flag,
            "eventType": one_of("synchronous"),
            # No range is documented for timeout; nothing rings longer than a call may last.
            "timeout": _seconds_of_a_call,
            "limit": _seconds_of_a_call,
            "machineDetection": one_of("continue", "hangup"),
            "advancedMachineDetection": advanced_machine_detection,
            **_callback,
            "ringbackTone": ringback_tone,
        },
        required=("endpoint",),
        across=_connect,
    ),
    "notify": _object_rule({"payload": free_json, **_callback}, required=("payload", "eventUrl")),
    # Vonage would take a value outside for the nearest one inside; a wait that is not the one
    # that was written is a mistake all the same.
    "wait": _object_rule({"timeout": number(0.1, 7200, "seconds")}),
    "transfer": _object_rule(
        {"conversationId": conversation_id, "canHear": legs, "canSpeak": legs, "mute": flag},
        required=("conversationId",),
        across=_not_mute_and_can_speak,
    ),
}


def _action(where: str, value: Any) -> None:
    as_object(where, value)
    named = value.get("action")
    if type(named) is str and named == "pay":
        fail(
            f"{where}.action",
            "pay is retired: Vonage takes no card payments in an NCCO; collect input and pay "
            "through a payment provider instead",
        )
    kind, options = _split_kind(where, value, "action", ACTIONS)
    ACTIONS[kind](f"{where}.{kind}", options)


def _split_kind(
    where: str, value: Any, tag: str, kinds: Mapping[str, Rule]
) -> tuple[str, dict[str, Any]]:
    """Give the kind of an action or endpoint, and its options without the tag that tells it."""
    as_object(where, value)
    kind = value.get(tag)
    one_of(*kinds)(f"{where}.{tag}", kind)
    return kind, {option: value[option] for option in value if option != tag}


def _check_barge_in(ncco: list[dict[str, Any]]) -> None:
    # Only actions of the same kind may stand between: that is how the reference words it for talk
    # and for stream, and it is the one reading that cannot be refused by Vonage.
    for position, action in enumerate(ncco):
        if not action.get("bargeIn"):
            continue
        kind = action["action"]
        others = (later["action"] for later in ncco[position + 1 :] if later["action"] != kind)
        if next(others, None) != "input":
            fail(
                f"[{position}].{kind}.bargeIn",
                f"needs an input action as the next one that is not {kind}",
            )


def check(ncco: object) -> list[dict[str, Any]]:
    """Give an NCCO back as it came, if it is one that Vonage documents.

    The same table as for the builders, and what concerns several actions. Strict: numbers and
    truth values in quotes, bare strings where an array belongs and unknown options are refused,
    also where the platform is said to put up with some of them. `connect.ringbackTone` alone is
    taken in two shapes, as a URL and as an array with one.

    Parameters
    ----------
    ncco
        Any object at all: what a flow returned, what came in with a request. An empty list is an
        NCCO: it lets the call go on, or end.

    Returns
    -------
    list
        The same list; `json.dumps(…, allow_nan=False)` writes it, in at most 256 KiB.

    Raises
    ------
    NccoError
        If it is no NCCO, with the position, the action and the option in front:
        `[2].talk.text: is missing`. Nothing else is ever raised.
    """
    expect("ncco", ncco, list, "an array")
    actions: Any = ncco
    if len(actions) > MOST_ACTIONS:
        fail("ncco", f"must have at most {MOST_ACTIONS} actions, and has {len(actions)}")
    for position, action in enumerate(actions):
        _action(f"[{position}]", action)
    _check_barge_in(actions)
    size = len(json.dumps(actions, allow_nan=False))
    if size > LARGEST_NCCO:
        fail("ncco", f"must have at most {LARGEST_NCCO} bytes as JSON, and has {size}")
    checked: list[dict[str, Any]] = actions
    return checked
