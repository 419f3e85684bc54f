"""docs/ncco.md, written from the rules: ``python -m tests.docs.ncco_reference``.

The options, their types and their ranges come from `voicekit.ncco.rules`: a rule is a closure that
keeps its limits. The arguments and the notes come from the builders. Vonage's defaults, and the
sources other than its NCCO reference, are written here, because the deployed code needs neither.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicekit import ncco
from voicekit.ncco import rules, ssml, value_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicekit.ncco.value_rules import Rule

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs/ncco.md"
EXAMPLES = ROOT / "docs/examples/ncco.py"

NESTED = ("dtmf", "speech", "transcription", "advanced_machine_detection", "on_answer")
OBJECTS: dict[str, Rule] = {
    **rules.ACTIONS,
    **rules.ENDPOINTS,
    **{name: getattr(rules, name) for name in (*NESTED, "authorization")},
}
"""The rule of each action, endpoint and nested option, which has the name of its builder."""

_EVENT_URL = "the event URL of the application"
_TEXTS = {
    **{f"{action}.eventUrl": _EVENT_URL for action in ("input", "record", "conversation")},
    "connect.eventUrl": _EVENT_URL,
    "speech.uuid": "the first leg",
}
DEFAULTS = {
    **{f"{kind}.bargeIn": "false" for kind in ("talk", "stream")},
    **{f"{kind}.loop": "1" for kind in ("talk", "stream")},
    **{f"{kind}.level": "0" for kind in ("talk", "stream")},
    **{
        f"{kind}.eventMethod": "POST"
        for kind in ("input", "record", "conversation", "connect", "notify")
    },
    **{f"{kind}.mute": "false" for kind in ("conversation", "transfer")},
    "talk.language": "en-US",
    "talk.style": "0",
    "talk.premium": "false",
    "input.mode": "synchronous",
    "dtmf.timeOut": "3",
    "dtmf.maxDigits": "4",
    "dtmf.submitOnHash": "false",
    "speech.endOnSilence": "2",
    "speech.language": "en-US",
    "speech.startTimeout": "10",
    "speech.maxDuration": "60",
    "speech.saveAudio": "false",
    "speech.sensitivity": "90",
    "record.format": "mp3",
    "record.beepStart": "false",
    "conversation.startOnEnter": "true",
    "conversation.endOnExit": "false",
    "conversation.record": "false",
    "connect.randomFromNumber": "false",
    "connect.timeout": "60",
    "connect.limit": "7200",
    "advanced_machine_detection.behavior": "continue",
    "advanced_machine_detection.mode": "detect",
    "wait.timeout": "10",
}
"""What Vonage uses without the option, as in JSON, by `object.option`."""

SOURCES = {
    "speech.sensitivity": "Python SDK; the reference says 10 to 100",
    "advanced_machine_detection.beep_timeout": "API description; the SDKs say 45 to 120",
    "connect.timeout": "ours: the longest call",
    "connect.ringbackTone": "reference; the Python SDK sends an array",
    "stream.level": "reference, without a step",
    "wait.timeout": "reference; Vonage changes a value out of range, and here it is an error",
}
"""The source of a range, if it is not the NCCO reference, or not as it says."""

# Vonage has no limits for the length of these; ours exclude unreasonable values.
_OUR_LENGTH = {
    value_rules.name,
    value_rules.header_value,
    value_rules.keys,
    value_rules.sip_headers,
    value_rules.hints,
    value_rules.free_json,
}
_ARGUMENTS = {
    "stream.streamUrl": "`url`",
    "connect.from": "`from_`",
    "authorization.type": "`kind`",
    "input.type": "follows from `dtmf` and `speech`",
    "talk.voiceName": "none: deprecated",
}
_URL = "an absolute [URL](#values)"
_FIXED: dict[Rule, tuple[str, str]] = {
    value_rules.flag: ("boolean", "true or false"),
    value_rules.talk_level: ("number", "-1 to 1 in steps of 0.1"),
    value_rules.url: ("string", _URL),
    value_rules.websocket_uri: ("string", "an absolute [ws: or wss: URL](#values)"),
    value_rules.ringback_tone: ("string, or array of 1 string", _URL),
    value_rules.key: ("string", "a digit, `*` or `#`"),
    value_rules.free_json: (
        "object",
        f"any JSON of at most {value_rules.DEEPEST} levels and"
        f" {value_rules.LARGEST_FREE_JSON // 1024} KiB",
    ),
    value_rules.websocket_headers: (
        "object",
        f"any JSON of at most {value_rules.LARGEST_WEBSOCKET_HEADERS} bytes",
    ),
    value_rules.sip_headers: (
        "object",
        f"names and values of SIP headers, of at most {value_rules.LONGEST_HEADER:,} characters"
        " together",
    ),
    ssml.spoken: (
        "string",
        f"1 to {ssml.LONGEST_SPOKEN:,} characters without tags; tags only in one `<speak>` element",
    ),
    rules.endpoint: ("object", "an [endpoint](#endpoints)"),
}


class UnknownRule(Exception):
    """A rule that this module cannot describe; add it here."""


def kept(rule: Rule) -> Mapping[str, Any]:
    """Return the values that a rule got when it was made."""
    return inspect.getclosurevars(rule).nonlocals


def described(rule: Rule) -> tuple[str, str]:
    """Return the type and the allowed values of a rule.

    Raises
    ------
    UnknownRule
        If this module does not know how the rule was made.
    """
    if rule in _FIXED:
        return _FIXED[rule]
    for name, nested in OBJECTS.items():
        if rule is nested:
            return "object", f"the options of [{name}](#{name})"
    values = kept(rule)
    match rule.__qualname__.partition(".")[0]:
        case "whole":
            return "integer", _range(values)
        case "number":
            return "number", _range(values)
        case "one_of":
            choices = ", ".join(f"`{choice}`" for choice in values["choices"])
            either = values["allowed"] > set(values["choices"])
            return "string", f"{choices}, or in lower case" if either else choices
        case "text":
            return "string", f"1 to {values['most']:,} characters"
        case "_matching":
            return "string", values["allowed"].replace("*", r"\*")
        case "array":
            kind, allowed = described(values["item"])
            plural = kind if values["most"] == 1 else f"{kind}s"
            least = values["least"] or "at most"
            count = f"{least} to {values['most']}".replace("most to", "most")
            if values["least"] == values["most"]:
                count = str(least)
            return f"array of {count} {plural}", allowed
    raise UnknownRule(rule.__qualname__)


def _range(values: Mapping[str, Any]) -> str:
    unit = values["unit"] and f" {values['unit']}"
    if values["high"] == value_rules.LARGEST_WHOLE:
        return f"from {values['low']}{unit}"
    return f"{values['low']:g} to {values['high']:g}{unit}"


def argument(name: str, option: str) -> str:
    """Return the argument of a builder for an option, as Markdown.

    Raises
    ------
    UnknownRule
        If the builder has no such argument.
    """
    if f"{name}.{option}" in _ARGUMENTS:
        return _ARGUMENTS[f"{name}.{option}"]
    found = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", option).replace("-", "_")
    if found not in inspect.signature(getattr(ncco, name)).parameters:
        raise UnknownRule(f"{name}.{option}")
    return f"`{found}`"


def rows(name: str) -> Iterator[str]:
    """Yield the rows of the table of an object: a row for each option."""
    values = kept(OBJECTS[name])
    for option, rule in values["options"].items():
        path = f"{name}.{option}"
        kind, allowed = described(rule)
        default = f"`{DEFAULTS[path]}`" if path in DEFAULTS else _TEXTS.get(path, "")
        if option in values["required"]:
            default = "**required**"
        ours = "reference, length: ours" if rule in _OUR_LENGTH else "reference"
        source = SOURCES.get(path, ours)
        cells = (f"`{option}`", argument(name, option), kind, allowed, default, source)
        yield f"| {' | '.join(cells)} |"


def notes(name: str) -> Iterator[str]:
    """Yield what the builder's docstring says: its summary, and a list of its arguments."""
    summary, _, rest = (inspect.getdoc(getattr(ncco, name)) or "").partition("\n\n")
    summary = summary.replace("\n", " ").removeprefix("Return ")
    yield summary[0].upper() + summary[1:]
    parameters = re.search(r"Parameters\n-+\n(.*?)(?:\n\n|\Z)", rest, re.DOTALL)
    if not parameters:
        return
    yield ""
    for names, text in re.findall(r"^(\S.*)\n((?:    .*\n?)+)", parameters[1], re.MULTILINE):
        shown = ", ".join(f"`{one}`" for one in names.split(", "))
        yield f"- {shown}: {' '.join(text.split())}"


def example(name: str) -> str | None:
    """Return the source of the example of an action or endpoint."""
    source = EXAMPLES.read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(source, node)
    return None


def _section(name: str) -> Iterator[str]:
    yield f"### {name}\n"
    yield from notes(name)
    yield "\n| option | argument | type | allowed | default | source |\n|---|---|---|---|---|---|"
    yield from rows(name)
    found = example(name)
    if found:
        yield f"\n<!-- file: {EXAMPLES.relative_to(ROOT)} -->\n```python\n{found}\n```"
    yield ""


def page() -> str:
    """Return the text of docs/ncco.md."""
    parts = [_INTRODUCTION, "## Actions\n"]
    parts += [line for name in rules.ACTIONS for line in _section(name)]
    parts += ["## Endpoints\n", "The `endpoint` of [connect](#connect) is one of these.\n"]
    parts += [line for name in rules.ENDPOINTS for line in _section(name)]
    parts += ["## Nested options\n"]
    parts += [line for name in (*NESTED, "authorization") for line in _section(name)]
    return "\n".join([*parts, _VALUES])


_INTRODUCTION = f"""\
<!-- Do not edit: python -m tests.docs.ncco_reference writes this page from the rules. -->
# NCCO reference

A call flow returns an NCCO: an array of at most {rules.MOST_ACTIONS} actions, and of at most
{rules.LARGEST_NCCO // 1024} KiB as JSON. `voicekit.ncco` has one function for each action, each
endpoint of `connect`, and each nested option. Each returns a dict with Vonage's option names. An
option that you don't pass isn't sent, and Vonage's default applies.

A value that isn't allowed raises an `NccoError` when the flow creates the action. The error names
the action, the option, and the allowed values. In an NCCO that you write as JSON, numbers and
booleans may be in quotes.

The source of the allowed values is Vonage's
[NCCO reference](https://developer.vonage.com/en/voice/voice-api/ncco-reference), unless the last
column says something else. *Ours* is a limit of this application, where Vonage documents none.
"""
_VALUES = f"""\
## Values

- A URL is absolute and in ASCII. It has `http:` or `https:`, no user info, and at most
  {value_rules.LONGEST_URL:,} characters; this limit is ours. The URL of a WebSocket has `ws:` or
  `wss:`.
- `call.url("dtmf")` returns the URL of a function of the same flow
  ([flows.md](flows.md#functions-of-a-flow)).
- A phone number has no plus sign: 447700900000. Which numbers a flow may call is set by the
  parameters of the stack ([deploy.md](deploy.md)).
- Vonage no longer supports `pay`. No action hangs up: Vonage does, after the last action.
"""

if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
