"""The Vonage application of a stack: what it is to be, what differs, and putting back what it was.

An update replaces a whole application at Vonage, so every one begins with what is there.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from voicectl import stack_secrets
from voicectl.errors import AccountApiError, VoicectlError
from voicectl.output import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicectl.context import Context

# What only Vonage sets, or what an update without it leaves as it is.
_NOT_SENT = ("id", "keys", "_links")
_CONNECT_MS = 1000


class WebhookConfig(NamedTuple):
    """A voice webhook: the stack's output with its address, and milliseconds to wait for it.

    The times are the longest that Vonage allows, and what it takes by itself (Application API:
    connection_timeout, socket_timeout). The functions end in less.
    """

    output: str
    socket_ms: int


WEBHOOKS = {
    "answer_url": WebhookConfig("AnswerUrl", 5000),
    "event_url": WebhookConfig("EventUrl", 10_000),
    "fallback_answer_url": WebhookConfig("FallbackUrl", 5000),
}


def id_of(context: Context) -> str | None:
    """Give the id of the stack's application; None where there is none yet.

    1. The one that the settings name.
    2. The one that the stack's secret names: `up` wrote it there.
    """
    if context.settings.application_id:
        return context.settings.application_id
    stack = context.stack
    return stack_secrets.read(stack, stack.application_secret).get("application_id") or None


def needed_id(context: Context) -> str:
    """Give the id of the stack's application.

    Raises
    ------
    ConnectError
        If there is none yet.
    """
    found = id_of(context)
    if found is None:
        raise VoicectlError("the stack has no Vonage application yet: run `python -m voicectl up`")
    return found


def read(context: Context, application_id: str) -> dict[str, Any]:
    """Read an application at Vonage.

    Raises
    ------
    ConnectError
        If it cannot be had; where it does not exist, the text says what to do.
    """
    try:
        return context.account.application(application_id)
    except AccountApiError as error:
        if error.status != 404:
            raise
        raise AccountApiError(
            f"this Vonage account has no application {application_id}: correct"
            " VONAGE_APPLICATION_ID, or leave it out and have `up` make one",
            404,
        ) from None


def voice_of(application: Mapping[str, Any]) -> dict[str, Any]:
    """Give an application's voice settings, empty where it has none."""
    voice = (application.get("capabilities") or {}).get("voice")
    return voice if isinstance(voice, dict) else {}


def address_of(application: Mapping[str, Any], name: str) -> str | None:
    """Give the address of a voice webhook, None where there is none."""
    webhook = (voice_of(application).get("webhooks") or {}).get(name) or {}
    return webhook.get("address") or None


def wired(application: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Give an application with its voice webhooks at these addresses, by POST, signed."""
    changed = copy.deepcopy(dict(application))
    capabilities = changed["capabilities"] = changed.get("capabilities") or {}
    voice = capabilities["voice"] = capabilities.get("voice") or {}
    webhooks = voice["webhooks"] = voice.get("webhooks") or {}
    for name, address in addresses.items():
        webhook = webhooks[name] = dict(webhooks.get(name) or {})
        webhook |= {"address": address, "http_method": "POST"}
        webhook[_connect_name(webhook)] = _CONNECT_MS
        webhook["socket_timeout"] = WEBHOOKS[name].socket_ms
    voice["signed_callbacks"] = True
    return changed


def put_back(application: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Give an application with the voice webhooks and the signing that it had before."""
    changed = copy.deepcopy(dict(application))
    capabilities = changed["capabilities"] = changed.get("capabilities") or {}
    before = (old.get("capabilities") or {}).get("voice")
    if before is None:
        capabilities.pop("voice", None)
        return changed
    voice = capabilities["voice"] = capabilities.get("voice") or {}
    for name in ("webhooks", "signed_callbacks"):
        if name in before:
            voice[name] = copy.deepcopy(before[name])
        else:
            voice.pop(name, None)
    return changed


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Give what an update changes, as the user is to see it."""
    found = []
    for name, webhook in WEBHOOKS.items():
        before, after = _webhook(old, name), _webhook(new, name)
        label = name.replace("_", " ")
        for what, key, default in (
            (label, "address", None),
            (f"{label}, method", "http_method", None),
            (f"{label}, milliseconds to connect", "connect", _CONNECT_MS),
            (f"{label}, milliseconds to answer", "socket_timeout", webhook.socket_ms),
        ):
            # What Vonage does not show has its default.
            one, other = (side.get(key) or (default if side else None) for side in (before, after))
            if one != other:
                found.append(Change(what, _text(one), _text(other)))
    signed = voice_of(old).get("signed_callbacks"), voice_of(new).get("signed_callbacks")
    if signed[0] != signed[1]:
        found.append(Change("signed callbacks", _switch(signed[0]), _switch(signed[1])))
    return found


def sendable(application: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an update sends: everything that was read, what only Vonage sets excepted."""
    return {name: value for name, value in application.items() if name not in _NOT_SENT}


def public_key_of(application: Mapping[str, Any]) -> str | None:
    """Give the public key that Vonage checks tokens with."""
    return (application.get("keys") or {}).get("public_key") or None


def _webhook(application: Mapping[str, Any], name: str) -> dict[str, Any]:
    webhook = (voice_of(application).get("webhooks") or {}).get(name) or {}
    if not webhook.get("address"):
        return {}
    return {**webhook, "connect": webhook.get(_connect_name(webhook))}


def _connect_name(webhook: Mapping[str, Any]) -> str:
    """Give the name of the timeout: it has been called both."""
    return "connect_timeout" if "connect_timeout" in webhook else "connection_timeout"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _switch(value: object) -> str:
    return {True: "on", False: "off"}.get(bool(value), "off") if value is not None else "not set"
