"""Point an application's webhooks at a tunnel, and restore them."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from voicectl import application as applications
from voicectl import restore_points
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError
from voicectl.tunnel_program import PublicTunnel, installed_program, public_tunnel
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import SimpleNamespace

    from voicectl.context import Context
    from voicectl.output import Change

_PORT = 8800
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")

PATHS = {
    "answer_url": "/webhooks/answer",
    "event_url": "/webhooks/event",
    "fallback_answer_url": "/webhooks/fallback",
}


public_url_option = click.option(
    "--public-url",
    metavar="URL",
    help="public URL that you forward to the port, such as https://example.ngrok.app (default:"
    " start cloudflared or ngrok)",
)
port_option = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    metavar="PORT",
    help="local port that the tunnel forwards to",
    show_default=True,
)


def print_rejected(context: Context) -> Callable[[str], None]:
    """Return a function that prints why a request was rejected."""

    def report(reason: str) -> None:
        context.output.line(f"rejected a request: {reason}", "yellow")

    return report


def own_secrets(context: Context) -> SigningSecrets:
    """Return the secrets that sign the webhooks of the application in the settings.

    Raises
    ------
    VoicectlError
        If a setting is missing.
    """
    need = context.settings.need
    application_id = need("application_id")
    return SigningSecrets((need("signature_secret"),), need("api_key"), application_id)


@contextlib.contextmanager
def open_tunnel(
    options: SimpleNamespace, context: Context, application_id: str
) -> Iterator[PublicTunnel]:
    """Open a tunnel, after restoring what a killed one left; with ``--dry-run``, show its URL.

    Raises
    ------
    VoicectlError
        If the public URL is invalid, another tunnel is running, or the program fails.
    """
    public_url = options.public_url
    if public_url is not None:
        public_url = checked_url(public_url, local=context.local is not None)
    if options.dry_run:
        shown = public_url or f"https://the-url-of-{installed_program().name}"
        yield PublicTunnel(shown, threading.Event())
        return
    restore_stale(context, application_id)
    with public_tunnel(public_url, options.port) as tunnel:
        yield tunnel


def checked_url(text: str, *, local: bool) -> str:
    """Return a public address without a trailing slash.

    Raises
    ------
    VoicectlError
        If it is not https with a host and nothing after it.
    """
    parts = urlsplit(text)
    schemes = ("https", "http") if local else ("https",)
    if (
        parts.scheme not in schemes
        or not _HOST.fullmatch(parts.netloc)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise VoicectlError(
            f"{text!r} is not a public URL: expected only a scheme and a host, such as"
            " https://example.ngrok.app"
        )
    return f"{parts.scheme}://{parts.netloc}"


def plan_redirect(
    context: Context, application_id: str, public_url: str, method: str = "POST"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the application as it is now, and with its webhooks at the public address."""
    present = applications.read(context, application_id)
    addresses = {name: public_url + path for name, path in PATHS.items()}
    target = applications.with_webhooks(present, addresses)
    for webhook in target["capabilities"]["voice"]["webhooks"].values():
        webhook["http_method"] = method
    return present, target


@contextlib.contextmanager
def redirected(
    context: Context,
    application_id: str,
    public_url: str,
    present: Mapping[str, Any],
    target: Mapping[str, Any],
) -> Iterator[None]:
    """Redirect the webhooks while the context lasts.

    The old values are written to a file first, so that they can be restored after a crash.
    """
    path = restore_points.path_of(context.folder, "tunnel", application_id)
    saved = {
        "application_id": application_id,
        "application": dict(present),
        "public_url": public_url,
        "local": context.local is not None,
        "kept_at": context.now(),
        **restore_points.this_process(),
    }
    restore_points.write(path, saved)
    try:
        context.account.update(application_id, applications.sendable(target))
        yield
    finally:
        try:
            restore(context, path, saved)
        except VoicectlError as error:
            raise VoicectlError(
                f"could not restore the webhooks ({error}). Run `{command_line('restore')}` as"
                " soon as possible."
            ) from None


def restore_stale(context: Context, application_id: str) -> None:
    """Restore the webhooks that a killed tunnel redirected.

    Raises
    ------
    VoicectlError
        If the tunnel is still running.
    """
    path = restore_points.path_of(context.folder, "tunnel", application_id)
    saved = restore_points.read(path)
    if saved is None:
        return
    if restore_points.is_running(saved):
        raise VoicectlError(
            f"a tunnel is running (process {saved['process']}). Stop it: it restores the webhooks"
            " itself."
        )
    changes = restore(context, path, saved)
    context.output.line("a tunnel was killed; restored its webhooks:")
    context.output.changes(changes)


def restore(context: Context, path: Path, saved: Mapping[str, Any]) -> list[Change]:
    """Restore what a tunnel replaced, delete its file, and return the changes.

    Webhooks that were changed after the tunnel started stay as they are.
    """
    application_id = str(saved["application_id"])
    present = applications.read(context, application_id)
    changes: list[Change] = []
    if applications.address_of(present, "answer_url") == saved["public_url"] + PATHS["answer_url"]:
        back = applications.restored(present, saved["application"])
        changes = applications.differences(present, back)
        context.account.update(application_id, applications.sendable(back))
    elif applications.differences(present, saved["application"]):
        context.output.warn("the webhooks were changed after the tunnel started; left unchanged")
    path.unlink(missing_ok=True)
    return changes
