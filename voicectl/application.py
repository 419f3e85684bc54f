"""The Vonage application of a stack: its target settings, differences, and how to restore it.

An update replaces the whole application at Vonage, so each one starts from the current settings.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from voicectl import stack_secrets
from voicectl.command_line import command_line
from voicectl.errors import AccountApiError, NotConfiguredError
from voicectl.output import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicectl.context import Context

# Only Vonage sets these, or keeps them if an update omits them.
_NOT_SENT = ("id", "keys", "_links")
_CONNECT_MS = 1000


class WebhookConfig(NamedTuple):
    """A voice webhook: the stack's output with its address, and its timeout in milliseconds.

    The timeouts are Vonage's maximum and default (Application API: connection_timeout,
    socket_timeout). The functions finish in less time.
    """

    output: str
    socket_ms: int


WEBHOOKS = {
    "answer_url": WebhookConfig("AnswerUrl", 5000),
    "event_url": WebhookConfig("EventUrl", 10_000),
    "fallback_answer_url": WebhookConfig("FallbackUrl", 5000),
}


def id_of(context: Context) -> str | None:
    """Return the id of the stack's application, or None if there is none yet.

    1. The id in the settings.
    2. The id in the stack's secret, written by `up`.
    """
    if context.settings.application_id:
        return context.settings.application_id
    stack = context.stack
    return stack_secrets.read(stack, stack.application_secret).get("application_id") or None


def needed_id(context: Context) -> str:
    """Return the id of the stack's application.

    Raises
    ------
    NotConfiguredError
        If there is none yet.
    """
    found = id_of(context)
    if found is None:
        raise NotConfiguredError(
            f"the stack has no Vonage application yet. Run `{command_line('up')}`."
        )
    return found


def read(context: Context, application_id: str) -> dict[str, Any]:
    """Return an application as Vonage has it.

    Raises
    ------
    AccountApiError
        If it cannot be read, or does not exist.
    """
    try:
        return context.account.application(application_id)
    except AccountApiError as error:
        if error.status != 404:
            raise
        raise AccountApiError(
            f"this Vonage account has no application {application_id}. Correct"
            " VONAGE_APPLICATION_ID, or remove it and let `up` create an application.",
            404,
        ) from None


def voice_of(application: Mapping[str, Any]) -> dict[str, Any]:
    """Return an application's voice settings, or an empty dict."""
    voice = (application.get("capabilities") or {}).get("voice")
    return voice if isinstance(voice, dict) else {}


def address_of(application: Mapping[str, Any], name: str) -> str | None:
    """Return the address of a voice webhook, or None."""
    webhook = (voice_of(application).get("webhooks") or {}).get(name) or {}
    return webhook.get("address") or None


def with_webhooks(application: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return an application with its voice webhooks at these addresses, by POST, signed."""
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


def restored(application: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return an application with its earlier voice webhooks and signing."""
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
    """Return what an update changes, for display."""
    found = []
    for name, webhook in WEBHOOKS.items():
        before, after = _webhook(old, name), _webhook(new, name)
        label = name.replace("_", " ")
        for what, key, default in (
            (label, "address", None),
            (f"{label}, method", "http_method", None),
            (f"{label}, connection timeout (ms)", "connect", _CONNECT_MS),
            (f"{label}, socket timeout (ms)", "socket_timeout", webhook.socket_ms),
        ):
            # Vonage omits values that are the default.
            one, other = (side.get(key) or (default if side else None) for side in (before, after))
            if one != other:
                found.append(Change(what, _text(one), _text(other)))
    signed = voice_of(old).get("signed_callbacks"), voice_of(new).get("signed_callbacks")
    if signed[0] != signed[1]:
        found.append(Change("signed callbacks", _switch(signed[0]), _switch(signed[1])))
    return found


def sendable(application: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an update sends: everything that was read, without what only Vonage sets."""
    return {name: value for name, value in application.items() if name not in _NOT_SENT}


def public_key_of(application: Mapping[str, Any]) -> str | None:
    """Return the public key that Vonage verifies tokens with, or None."""
    return (application.get("keys") or {}).get("public_key") or None


def _webhook(application: Mapping[str, Any], name: str) -> dict[str, Any]:
    webhook = (voice_of(application).get("webhooks") or {}).get(name) or {}
    if not webhook.get("address"):
        return {}
    return {**webhook, "connect": webhook.get(_connect_name(webhook))}


def _connect_name(webhook: Mapping[str, Any]) -> str:
    """Return the field of the connection timeout: Vonage uses both names."""
    return "connect_timeout" if "connect_timeout" in webhook else "connection_timeout"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _switch(value: object) -> str:
    return {True: "on", False: "off"}.get(bool(value), "off") if value is not None else "not set"
