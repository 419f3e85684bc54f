"""Learns from one real call what Vonage's pages leave open, for the simulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicectl import application as applications
from voicectl import restore_points, webhook_redirect
from voicectl.capture_app import CaptureApp, Observation, ReceivedWebhook, findings, redacted
from voicectl.errors import VoicectlError
from voicectl.webhook_listener import listening

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "capture"
HELP = "learn from one real call what Vonage's pages leave open, for the simulator"
_PATIENCE = 300  # seconds from the start to the end of the call
_LOOK_EVERY = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    webhook_redirect.takes_address(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("calibration.json"),
        metavar="FILE",
        help="the calibration file that is written (%(default)s)",
    )
    parser.add_argument(
        "--patience",
        type=int,
        default=_PATIENCE,
        metavar="SECONDS",
        help="how long the call is waited for (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Have the webhooks lead here for one call, and write what it showed."""
    output = context.output
    public_url, secrets = webhook_redirect.tunnel_target(options, context)
    application_id = secrets.application_id
    if not options.dry_run:
        webhook_redirect.restore_stale(context, application_id)
    present, wanted = webhook_redirect.plan_redirect(context, application_id, public_url)
    # By GET, since it is the hash of GET requests that is open; events stay with POST.
    for name in ("answer_url", "fallback_answer_url"):
        applications.voice_of(wanted)["webhooks"][name]["http_method"] = "GET"
    output.line("for one call (whoever else rings meanwhile takes part in it):")
    output.changes(applications.differences(present, wanted))
    if options.dry_run:
        output.result({"changed": False})
        return 0
    if not output.confirm("Point the application's webhooks there?"):
        return 1
    script = CaptureApp(public_url, context.now)
    with (
        listening(options.port, secrets, script, context.now, _refused(context)),
        webhook_redirect.redirected(context, application_id, public_url, present, wanted),
    ):
        _guide(context)
        _wait(options, script)
    if not script.came:
        raise VoicectlError(
            "no webhook came: does the tunnel lead to this port, and the number to this"
            " application (`doctor`)?"
        )
    return _write(options, context, script.came)


def _guide(context: Context) -> None:
    number = context.settings.number or "your number"
    for line in (
        f"1. Ring {number}. It takes some seconds until somebody speaks: that is measured too.",
        "2. Press one key when you are asked to.",
        "3. Say a few words after the tone, and press #.",
        "4. Wait until the call ends.",
    ):
        context.output.line(line, "bold")


def _wait(options: argparse.Namespace, script: CaptureApp) -> None:
    end = time.monotonic() + options.patience
    while time.monotonic() < end and not script.over.wait(_LOOK_EVERY):
        pass


def _write(options: argparse.Namespace, context: Context, came: list[ReceivedWebhook]) -> int:
    found = findings(came)
    shown = [one for one in found if one.value is not None]
    content: dict[str, Any] = {
        "captured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(context.now())),
        "settings": {one.setting: one.value for one in shown if one.setting is not None},
        "observed": {one.question: one.value for one in found},
        "webhooks": redacted(came),
    }
    restore_points.write(options.out.resolve(), content)
    context.output.table(("question", "answer"), [_row(one) for one in found])
    context.output.line(
        f"{options.out} is written: python -m local --calibration {options.out}", "green"
    )
    context.output.result({"file": str(options.out), **content})
    return 0


def _row(finding: Observation) -> tuple[str, object]:
    return finding.question, "not shown" if finding.value is None else finding.value


def _refused(context: Context) -> Any:
    def say(reason: str) -> None:
        context.output.line(f"refused: {reason}", "yellow")

    return say
