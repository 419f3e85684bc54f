"""Pointing an application's webhooks elsewhere for a while, and putting them back for certain."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voicectl import application as applications
from voicectl import restore_points
from voicectl.errors import VoicectlError
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from voicectl.context import Context
    from voicectl.output import Change

_PORT = 8800
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")

PATHS = {
    "answer_url": "/webhooks/answer",
    "event_url": "/webhooks/event",
    "fallback_answer_url": "/webhooks/fallback",
}


def takes_address(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how webhooks come to this machine."""
    parser.add_argument(
        "--public-url",
        required=True,
        metavar="URL",
        help="the address that your tunnel gave, such as https://example.ngrok.app",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=_PORT,
        help="where your tunnel leads to on this machine (%(default)s)",
    )


def tunnel_target(options: argparse.Namespace, context: Context) -> tuple[str, SigningSecrets]:
    """Give the public address, and who signs the webhooks that come from there.

    Raises
    ------
    ConnectError
        If the address is none, or a setting is missing.
    """
    settings = context.settings
    public_url = checked_url(options.public_url, local=context.local is not None)
    application_id = settings.need("application_id")
    return public_url, SigningSecrets(
        (settings.need("signature_secret"),), settings.need("api_key"), application_id
    )


def checked_url(text: str, *, local: bool) -> str:
    """Give a public address without a slash at its end.

    Raises
    ------
    ConnectError
        If it is none: https, a host, nothing behind it.
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
        raise VoicectlError(f"{text} is no address such as https://example.ngrok.app")
    return f"{parts.scheme}://{parts.netloc}"


def plan_redirect(
    context: Context, application_id: str, public_url: str, method: str = "POST"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the application as it is, and as it is to be while its webhooks lead elsewhere."""
    present = applications.read(context, application_id)
    addresses = {name: public_url + path for name, path in PATHS.items()}
    wanted = applications.wired(present, addresses)
    for webhook in wanted["capabilities"]["voice"]["webhooks"].values():
        webhook["http_method"] = method
    return present, wanted


@contextlib.contextmanager
def redirected(
    context: Context,
    application_id: str,
    public_url: str,
    present: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> Iterator[None]:
    """Have the webhooks lead elsewhere while the context lasts.

    What they were is kept in a file first, so that it can be put back after a crash too.
    """
    path = restore_points.path_of(context.folder, "tunnel", application_id)
    kept = {
        "application_id": application_id,
        "application": dict(present),
        "public_url": public_url,
        "local": context.local is not None,
        "kept_at": context.now(),
        **restore_points.this_process(),
    }
    restore_points.write(path, kept)
    try:
        context.account.update(application_id, applications.sendable(wanted))
        yield
    finally:
        try:
            restore(context, path, kept)
        except VoicectlError as error:
            raise VoicectlError(
                f"the webhooks could not be put back ({error}): run `restore` as soon as you can"
            ) from None


def restore_stale(context: Context, application_id: str) -> None:
    """Put back what a tunnel replaced that was killed.

    Raises
    ------
    ConnectError
        If it was not killed, but runs.
    """
    path = restore_points.path_of(context.folder, "tunnel", application_id)
    kept = restore_points.read(path)
    if kept is None:
        return
    if restore_points.runs(kept):
        raise VoicectlError(
            f"a tunnel runs (process {kept['process']}): end it, and it puts back the webhooks"
            " itself"
        )
    context.output.line("a tunnel was killed; its webhooks go back to where they led before it")
    context.output.changes(restore(context, path, kept))


def restore(context: Context, path: Path, kept: Mapping[str, Any]) -> list[Change]:
    """Put back what a tunnel replaced, and forget it; give what changed.

    Where somebody has pointed the webhooks elsewhere since, they are left alone.
    """
    application_id = str(kept["application_id"])
    present = applications.read(context, application_id)
    changes: list[Change] = []
    if applications.address_of(present, "answer_url") == kept["public_url"] + PATHS["answer_url"]:
        back = applications.put_back(present, kept["application"])
        changes = applications.differences(present, back)
        context.account.update(application_id, applications.sendable(back))
    elif applications.differences(present, kept["application"]):
        context.output.warn(
            "somebody has pointed the webhooks elsewhere since; they are left alone"
        )
    path.unlink(missing_ok=True)
    return changes
