"""The options of each action and endpoint with their rules, and `check`, which applies them.

The builders use the same rules. The source of every range is the Vonage NCCO reference, unless a
comment names another.
"""

from __future__ import annotations

import json
import re

from voicekit.ncco.ssml import spoken
from voicekit.ncco.value_rules import (
    LARGEST_WHOLE,
    TEXT_FORMS,
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

    CrossCheck = Callable[[str, dict[str, Any]], None]

# Vonage documents no limit. An NCCO of more than a hundred actions is most likely a bug in a loop,
# and an error is better for callers than a hundred actions in a row.
MOST_ACTIONS = 100
# The size that webhooks and the admin API accept as a body, so that none accepts an inline NCCO
# that is rejected here.
LARGEST_NCCO = 256 * 1024

_encode = json.JSONEncoder(allow_nan=False).encode
_seconds_of_a_call = whole(1, 7200, "seconds")
_times = whole(0, LARGEST_WHOLE)
_method = one_of("GET", "POST")
_callback = {"eventUrl": one_url, "eventMethod": _method}


_OPTIONS: dict[Rule, Mapping[str, Rule]] = {}


def _object_rule(
    options: Mapping[str, Rule],
    required: tuple[str, ...] = (),
    cross_check: CrossCheck | None = None,
) -> Rule:
    """Return a rule for an object with these options; `cross_check` compares several of them."""

    def rule(where: str, value: Any) -> None:
        as_object(where, value)
        for option, content in value.items():
            if option not in options:
                allowed = ", ".join(options)
                fail(f"{where}.{shown(option)}", f"unknown option; allowed options: {allowed}")
            options[option](f"{where}.{option}", content)
        for option in required:
            if option not in value:
                fail(f"{where}.{option}", "missing required option")
        if cross_check:
            cross_check(where, value)

    _OPTIONS[rule] = options
    return rule


def _convert_text_forms(rule: Rule, value: Any) -> None:
    """Replace the numbers and booleans in quotes in an object, and in its nested options."""
    if type(value) is not dict:
        return
    rules = _OPTIONS.get(rule, {})
    for option, content in value.items():
        of_option = rules.get(option) if type(option) is str else None
        if of_option is None:
            continue
        if type(content) is dict:
            _convert_text_forms(of_option, content)
        elif (
            type(content) is str
            and of_option in TEXT_FORMS
            and re.fullmatch(TEXT_FORMS[of_option], content)
        ):
            value[option] = json.loads(content)


# Checks across the options of one object


def _not_mute_and_can_speak(where: str, value: dict[str, Any]) -> None:
    # mute: false has no effect, so it is allowed with canSpeak.
    if value.get("mute") and "canSpeak" in value:
        fail(f"{where}.mute", "cannot be true together with canSpeak")


def _conversation(where: str, value: dict[str, Any]) -> None:
    _not_mute_and_can_speak(where, value)
    if "transcription" in value and not value.get("record"):
        fail(f"{where}.transcription", "requires record to be true")


def _record(where: str, value: dict[str, Any]) -> None:
    if "channels" in value and "split" not in value:
        fail(f"{where}.channels", "requires split to be conversation")


def _connect(where: str, value: dict[str, Any]) -> None:
    if value.get("randomFromNumber") and "from" in value:
        fail(f"{where}.randomFromNumber", "cannot be true together with from")


def _input(where: str, value: dict[str, Any]) -> None:
    kinds = value["type"]
    if len(set(kinds)) < len(kinds):
        fail(f"{where}.type", "duplicate value; expected each of dtmf and speech at most once")
    for kind in ("dtmf", "speech"):
        if kind in value and kind not in kinds:
            fail(f"{where}.{kind}", f"requires {kind} in type")
    if value.get("mode") == "asynchronous":
        if kinds != ["dtmf"]:
            fail(f"{where}.mode", "asynchronous requires type to be only dtmf")
        if value.get("dtmf"):
            fail(f"{where}.dtmf", "has options; expected none if mode is asynchronous")


def _authorization(where: str, value: dict[str, Any]) -> None:
    custom = value.get("type") == "custom"
    if custom and "value" not in value:
        fail(f"{where}.value", "missing; required if type is custom")
    if not custom and "value" in value:
        fail(f"{where}.value", "not allowed unless type is custom")


def _sip(where: str, value: dict[str, Any]) -> None:
    if not ("uri" in value) ^ ("user" in value or "domain" in value):
        fail(where, "ambiguous or missing address; expected either uri, or user and domain")
    if ("user" in value) ^ ("domain" in value):
        fail(where, "incomplete address; expected both user and domain")


# Nested options

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
    {"type": one_of("vonage", "custom"), "value": header_value}, cross_check=_authorization
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
        cross_check=_sip,
    ),
    "vbc": _object_rule({"extension": name}, required=("extension",)),
}


def endpoint(where: str, value: Any) -> None:
    """Require an endpoint of a connect action."""
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
            # Deprecated in favor of language and style: accepted, but no builder has it.
            "voiceName": name,
            "provider": one_of("ElevenLabs", "Google", "Polly", or_lower_case=True),
            "providerOptions": free_json,
        },
        required=("text",),
    ),
    "stream": _object_rule(
        # The reference has the step of 0.1 only for the level of talk.
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
        cross_check=_input,
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
        cross_check=_record,
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
        cross_check=_conversation,
    ),
    "connect": _object_rule(
        {
            "endpoint": array(endpoint, 1, 1),
            "from": phone_number,
            "randomFromNumber": flag,
            "eventType": one_of("synchronous"),
            # Vonage documents no range for timeout; ringing is limited to the length of a call.
            "timeout": _seconds_of_a_call,
            "limit": _seconds_of_a_call,
            "machineDetection": one_of("continue", "hangup"),
            "advancedMachineDetection": advanced_machine_detection,
            **_callback,
            "ringbackTone": ringback_tone,
        },
        required=("endpoint",),
        cross_check=_connect,
    ),
    "notify": _object_rule({"payload": free_json, **_callback}, required=("payload", "eventUrl")),
    # Vonage replaces a value out of range by the nearest one in it; that is not the wait that the
    # flow asks for, so it is an error here.
    "wait": _object_rule({"timeout": number(0.1, 7200, "seconds")}),
    "transfer": _object_rule(
        {"conversationId": conversation_id, "canHear": legs, "canSpeak": legs, "mute": flag},
        required=("conversationId",),
        cross_check=_not_mute_and_can_speak,
    ),
}


_NOT_ACTIONS = {
    "pay": "Vonage no longer supports pay. Use input, and charge through a payment provider.",
    "hangup": "hangup is not an NCCO action. Leave it out: Vonage hangs up after the last action.",
}


def _action(where: str, value: Any) -> None:
    as_object(where, value)
    named = value.get("action")
    if type(named) is str and named in _NOT_ACTIONS:
        fail(f"{where}.action", _NOT_ACTIONS[named])
    if type(named) is str and named in ACTIONS:
        _convert_text_forms(ACTIONS[named], value)
    kind, options = _split_kind(where, value, "action", ACTIONS)
    ACTIONS[kind](f"{where}.{kind}", options)


def _split_kind(
    where: str, value: Any, tag: str, kinds: Mapping[str, Rule]
) -> tuple[str, dict[str, Any]]:
    """Return the kind of an action or endpoint, and its other options."""
    as_object(where, value)
    kind = value.get(tag)
    one_of(*kinds)(f"{where}.{tag}", kind)
    return kind, {option: value[option] for option in value if option != tag}


def _check_barge_in(ncco: list[dict[str, Any]]) -> None:
    # Only actions of the same kind may come before the input. The reference says so for talk and
    # for stream, and it is the one interpretation that Vonage cannot reject.
    for position, action in enumerate(ncco):
        if not action.get("bargeIn"):
            continue
        kind = action["action"]
        others = (later["action"] for later in ncco[position + 1 :] if later["action"] != kind)
        if next(others, None) != "input":
            fail(
                f"[{position}].{kind}.bargeIn",
                f"requires input as the next action other than {kind}",
            )


def check(ncco: object) -> list[dict[str, Any]]:
    """Return an NCCO, if it conforms to Vonage's reference.

    This applies the rules of the builders, and checks across actions. It rejects a bare string
    instead of an array, and unknown options, although Vonage is said to accept some of these.
    Only `connect.ringbackTone` may have two formats: a URL, and an array with one URL.

    Numbers and booleans in quotes, as in samples of Vonage and from its PHP SDK, are replaced in
    place: `"timeout": "45"` becomes 45.

    Parameters
    ----------
    ncco
        Any object, from a flow or a request. An empty list is a valid NCCO: the call continues, or
        ends.

    Returns
    -------
    list
        The same list, in which only such values changed. `json.dumps(…, allow_nan=False)` writes
        it in at most 256 KiB.

    Raises
    ------
    NccoError
        If it is not a valid NCCO. The text starts with position, action and option:
        `[2].talk.text: missing required option`. No other exception is raised.
    """
    expect("ncco", ncco, list, "an array")
    actions: Any = ncco
    if len(actions) > MOST_ACTIONS:
        fail("ncco", f"has {len(actions)} actions; expected at most {MOST_ACTIONS}")
    for position, action in enumerate(actions):
        _action(f"[{position}]", action)
    _check_barge_in(actions)
    size = len(_encode(actions))
    if size > LARGEST_NCCO:
        fail("ncco", f"has {size} bytes as JSON; expected at most {LARGEST_NCCO}")
    checked: list[dict[str, Any]] = actions
    return checked
