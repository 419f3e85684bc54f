"""JSON Schema of the rules that validate requests, read from the rules themselves.

A rule is a closure: `whole(1, 120)` returns a function that keeps 1 and 120. Reading them here
needs no metadata in the deployed code, for which a caller would wait at a cold start.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from calls import validation
from voicekit.ncco import rules, ssml, value_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from voicekit.ncco.value_rules import Rule

    Schema = dict[str, Any]

_NO_CONTROL = r"^[^\x00-\x1F\x7F-\x9F]*$"
_NOT_XML = r"\x00-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF"


class RuleWithoutSchema(Exception):
    """A rule that this module cannot describe; add it here."""


def schema(rule: Rule, *, in_ncco: bool = False) -> Schema:
    """Return the JSON Schema of a rule.

    Parameters
    ----------
    rule
        The rule.
    in_ncco
        Whether numbers and booleans may be in quotes, as in NCCOs.

    Raises
    ------
    RuleWithoutSchema
        If this module does not know how the rule was made.
    """
    if rule in _REFERENCES:
        return {"$ref": f"#/components/schemas/{_REFERENCES[rule]}"}
    made = _inline(rule, in_ncco)
    if in_ncco and rule in value_rules.TEXT_FORMS:
        pattern = f"^(?:{value_rules.TEXT_FORMS[rule]})$"
        made |= {"type": [made["type"], "string"], "pattern": pattern}
    return made


def _inline(rule: Rule, in_ncco: bool = False) -> Schema:
    if rule in _FIXED:
        return dict(_FIXED[rule])
    maker = _MAKERS.get(rule.__qualname__.partition(".")[0])
    if maker is None:
        raise RuleWithoutSchema(rule.__qualname__)
    return maker(_kept(rule), in_ncco)


def _kept(rule: Rule) -> Mapping[str, Any]:
    """Return the values that a rule got when it was made."""
    return inspect.getclosurevars(rule).nonlocals


def schema_of_object(
    fields: Mapping[str, Rule],
    required: Iterable[str] = (),
    *,
    in_ncco: bool = False,
    kind: tuple[str, str] | None = None,
) -> Schema:
    """Return the schema of an object with these fields and no other.

    Parameters
    ----------
    fields
        The rule of each field.
    required
        The fields that it must have.
    in_ncco
        As in `schema`.
    kind
        The name and the value of a field that distinguishes this object from others.
    """
    properties = {name: schema(rule, in_ncco=in_ncco) for name, rule in fields.items()}
    names = list(required)
    if kind is not None:
        properties = {kind[0]: {"const": kind[1]}} | properties
        names = [kind[0], *names]
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": names} if names else {})


def components() -> dict[str, Schema]:
    """Return the schemas that others refer to by name."""
    actions = {f"Ncco{name.title()}": name for name in rules.ACTIONS}
    endpoints = {f"NccoEndpoint{name.title()}": name for name in rules.ENDPOINTS}
    callees = {f"Endpoint{name.title()}": name for name in validation.ENDPOINTS}
    return {
        "Ncco": {
            "description": "A Nexmo Call Control Object: the actions of a call, in their order."
            " The reference of Vonage has rules between options as well, which this schema omits.",
            "type": "array",
            "items": _one_of("action", actions),
            "minItems": 1,
            "maxItems": rules.MOST_ACTIONS,
        },
        **{name: _kind_of_ncco("action", kind, rules.ACTIONS) for name, kind in actions.items()},
        "NccoEndpoint": _one_of("type", endpoints),
        **{name: _kind_of_ncco("type", kind, rules.ENDPOINTS) for name, kind in endpoints.items()},
        "Endpoint": _one_of("type", callees),
        **{name: _callee(kind) for name, kind in callees.items()},
        "Url": _inline(value_rules.url),
        "Caller": schema_of_object(validation.CALLER, validation.CALLER),
        "Text": {
            "description": f"A text to speak: at most {ssml.LONGEST_SPOKEN} characters, or one"
            " well-formed SSML element <speak>, whose tags do not count.",
            "type": "string",
            "anyOf": [
                {
                    "maxLength": ssml.LONGEST_SPOKEN,
                    "pattern": rf"^\s*[^\s{_NOT_XML}][^{_NOT_XML}]*$",
                },
                {"maxLength": ssml.LONGEST_WRITTEN, "pattern": rf"^\s*<speak[^{_NOT_XML}]*$"},
            ],
        },
    }


def _one_of(tag: str, kinds: Mapping[str, str]) -> Schema:
    references = {name: f"#/components/schemas/{name}" for name in kinds}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {
            "propertyName": tag,
            "mapping": {kind: references[name] for name, kind in kinds.items()},
        },
    }


def _kind_of_ncco(tag: str, kind: str, kinds: Mapping[str, Rule]) -> Schema:
    options, required = _options(kinds[kind])
    return schema_of_object(options, required, in_ncco=True, kind=(tag, kind))


def _callee(kind: str) -> Schema:
    """Return an endpoint as the Voice API writes it: fewer options, and some other names."""
    options, required = _options(rules.ENDPOINTS[kind])
    names = validation.ENDPOINTS[kind]
    fields = {name: options[validation.NCCO_NAMES.get(name, name)] for name in names}
    # A SIP endpoint has either a URI, or a user and a domain, which only NCCOs have.
    return schema_of_object(fields, required or names[:1], kind=("type", kind))


def _options(rule: Rule) -> tuple[Mapping[str, Rule], tuple[str, ...]]:
    return _kept(rule)["options"], _kept(rule)["required"]


def _range(kind: str) -> Callable[[Mapping[str, Any], bool], Schema]:
    def make(values: Mapping[str, Any], _in_ncco: bool) -> Schema:
        unit = values.get("unit")
        made: Schema = {"type": kind, "minimum": values["low"], "maximum": values["high"]}
        return made | ({"description": f"In {unit}."} if unit else {})

    return make


def _choices(values: Mapping[str, Any], _in_ncco: bool) -> Schema:
    choices = list(values["choices"])
    made: Schema = {"type": "string", "enum": choices}
    # Two spellings of a value would be one name in a generated client.
    in_lower_case = values["allowed"].difference(choices)
    return made | ({"description": "Lower case passes too."} if in_lower_case else {})


def _text(values: Mapping[str, Any], _in_ncco: bool) -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": values["most"],
        "pattern": _NO_CONTROL,
    }


def _pattern(values: Mapping[str, Any], _in_ncco: bool) -> Schema:
    made: Schema = {"type": "string", "pattern": f"^{_without_flags(values['pattern'])}$"}
    return made | ({"maxLength": values["most"]} if "most" in values else {})


def _array(values: Mapping[str, Any], _in_ncco: bool) -> Schema:
    # Quotes are allowed around the options of an action, and not inside arrays.
    items = schema(values["item"])
    limits = {"minItems": values["least"], "maxItems": values["most"]}
    return {"type": "array", "items": items, **limits}


def _nested(values: Mapping[str, Any], in_ncco: bool) -> Schema:
    return schema_of_object(values["options"], values["required"], in_ncco=in_ncco)


def _without_flags(pattern: str) -> str:
    """Return a pattern without Python's inline flag, which JSON Schema (ECMA 262) lacks."""

    def either_case(part: re.Match[str]) -> str:
        return re.sub("[a-z]", lambda letter: f"[{letter[0].upper()}{letter[0]}]", part[1])

    return re.sub(r"\(\?i:([a-z?]+)\)", either_case, pattern)


_MAKERS: dict[str, Callable[[Mapping[str, Any], bool], Schema]] = {
    "whole": _range("integer"),
    "_whole_text": _range("integer"),
    "number": _range("number"),
    "one_of": _choices,
    "text": _text,
    "_matching": _pattern,
    "array": _array,
    "_object_rule": _nested,
}
_REFERENCES: dict[Rule, str] = {
    validation._ncco: "Ncco",
    validation._endpoint: "Endpoint",
    validation._caller: "Caller",
    rules.endpoint: "NccoEndpoint",
    ssml.spoken: "Text",
    value_rules.url: "Url",
}
_URL: Schema = {"$ref": "#/components/schemas/Url"}
_FIXED: dict[Rule, Schema] = {
    value_rules.flag: {"type": "boolean"},
    value_rules.talk_level: {
        **_range("number")(_kept(value_rules._volume), False),
        "description": "In steps of 0.1.",
    },
    value_rules.free_json: {
        "type": "object",
        "description": f"Any JSON values, nested at most {value_rules.DEEPEST} levels deep.",
    },
    value_rules.websocket_headers: {
        "type": "object",
        "description": "Any JSON values, of at most 512 bytes as JSON.",
    },
    value_rules.sip_headers: {
        "type": "object",
        "propertyNames": {"pattern": f"^{value_rules._HEADER_NAME}$"},
        "additionalProperties": _text(_kept(value_rules.header_value), False),
    },
    value_rules.ringback_tone: {
        "anyOf": [_URL, {"type": "array", "items": _URL, "minItems": 1, "maxItems": 1}],
        "description": "A URL, or an array with one.",
    },
    # The document does not name the deployed call flows, which are yours.
    validation._flow: {
        "type": "string",
        "description": "A deployed call flow.",
        "examples": ["greet"],
    },
    validation._day: {"type": "string", "format": "date"},
    validation._time: {
        "type": "string",
        "format": "date-time",
        "description": "Other forms of ISO 8601 pass too.",
    },
}
