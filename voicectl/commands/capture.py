"""``capture``: measure undocumented behavior of Vonage with one real call, for the simulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import requests

from voicectl import agent_capture_app, restore_points, webhook_redirect
from voicectl import application as applications
from voicectl.agent_capture_app import AgentCaptureApp
from voicectl.application_token import application_token
from voicectl.capture_app import (
    CaptureApp,
    Observation,
    ReceivedWebhook,
    RecordingApp,
    findings,
    redacted,
)
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError
from voicectl.webhook_listener import listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from voicectl.context import Context
    from voicekit.signature import SigningSecrets

_OUT = Path("calibration.json")
_VOICE_API = "https://api.nexmo.com"
_PATIENCE = 300  # seconds from the start to the end of the call
_POLL_INTERVAL = 1.0  # seconds


@command(
    "capture",
    help="measure undocumented behavior of Vonage with one real call, for the simulator",
    examples=("voicectl capture", "voicectl capture --agent", "voicectl capture --public-url URL"),
)
@click.option(
    "--agent",
    is_flag=True,
    help="measure WebSocket connections instead, as the agent flow uses them",
)
@webhook_redirect.public_url_option
@webhook_redirect.port_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=_OUT,
    metavar="FILE",
    help="write the calibration to this file",
    show_default=True,
)
@click.option(
    "--patience",
    type=int,
    default=_PATIENCE,
    metavar="SECONDS",
    help="wait this long for the call",
    show_default=True,
)
def capture(options: SimpleNamespace, context: Context) -> int:
    """Redirect the webhooks to this process for one call, and write the findings."""
    secrets = webhook_redirect.own_secrets(context)
    if options.agent and options.out == _OUT:
        options.out = Path("agent-capture.json")
    with webhook_redirect.open_tunnel(options, context, secrets.application_id) as public:
        return _capture(options, context, secrets, public.url)


def _capture(
    options: SimpleNamespace, context: Context, secrets: SigningSecrets, public_url: str
) -> int:
    output, application_id = context.output, secrets.application_id
    present, target = webhook_redirect.plan_redirect(context, application_id, public_url)
    if not options.agent:
        # By GET, since the hash of GET requests is undocumented; event webhooks stay with POST.
        for name in ("answer_url", "fallback_answer_url"):
            applications.voice_of(target)["webhooks"][name]["http_method"] = "GET"
    output.line("for one call (other calls at the same time are captured too):")
    output.changes(applications.differences(present, target))
    if options.dry_run:
        output.result({"changed": False})
        return 0
    if not output.confirm("Point the application's webhooks there?"):
        return 1
    agent = AgentCaptureApp(public_url, context.now, _muting(context)) if options.agent else None
    app = agent or CaptureApp(public_url, context.now)
    rejected = webhook_redirect.print_rejected(context)
    with (
        listening(options.port, secrets, app, context.now, rejected, agent),
        webhook_redirect.redirected(context, application_id, public_url, present, target),
    ):
        _guide(context, _AGENT_GUIDE if agent else _GUIDE)
        _wait(options, app)
    if not app.received:
        raise VoicectlError(
            "no webhook arrived. Check that the tunnel forwards to this port, and that the number"
            f" is linked to this application (`{command_line('doctor')}`)."
        )
    found = agent_capture_app.findings(agent) if agent else findings(app.received)
    return _write(options, context, found, app.received)


_GUIDE = (
    "1. Call {number}. The first prompt takes some seconds: that delay is measured too.",
    "2. Press one digit when prompted.",
    "3. Say a few words after the tone, and press #.",
    "4. Wait until the call ends.",
)
_AGENT_GUIDE = (
    "1. Call {number} from a phone with some noise around it.",
    "2. Stay on the line for half a minute, whatever you hear.",
    "3. Hang up when prompted, or after two minutes.",
)


def _guide(context: Context, lines: tuple[str, ...]) -> None:
    number = context.settings.number or "your number"
    for line in lines:
        context.output.line(line.format(number=number), "bold")


def _muting(context: Context) -> Callable[[str, str], bool] | None:
    """Return what mutes a leg through Vonage's Voice API; None without a private key."""
    try:
        token, _ = application_token(context, _PATIENCE)
    except VoicectlError:
        context.output.line("without a private key, muting is not measured", "yellow")
        return None
    local = context.local
    url = str(local["vonage_tls_url"]) if local else _VOICE_API
    certificates = str(local["vonage_ca_file"]) if local else True

    def mute(uuid: str, action: str) -> bool:
        try:
            response = requests.put(
                f"{url}/v1/calls/{uuid}",
                json={"action": action},
                headers={"Authorization": f"Bearer {token}"},
                timeout=5,
                verify=certificates,
            )
        except requests.RequestException:
            return False
        return response.ok

    return mute


def _wait(options: SimpleNamespace, app: RecordingApp) -> None:
    end = time.monotonic() + options.patience
    while time.monotonic() < end and not app.over.wait(_POLL_INTERVAL):
        pass


def _write(
    options: SimpleNamespace,
    context: Context,
    found: list[Observation],
    received: list[ReceivedWebhook],
) -> int:
    shown = [one for one in found if one.value is not None]
    content: dict[str, Any] = {
        "captured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(context.now())),
        "settings": {one.setting: one.value for one in shown if one.setting is not None},
        "observed": {one.question: one.value for one in found},
        "webhooks": redacted(received),
    }
    restore_points.write(options.out.resolve(), content)
    context.output.table(("question", "answer"), [_row(one) for one in found])
    use = "" if options.agent else f" Use it with `python -m local --calibration {options.out}`."
    context.output.line(f"wrote {options.out}.{use}", "green")
    context.output.result({"file": str(options.out), **content})
    return 0


def _row(finding: Observation) -> tuple[str, object]:
    return finding.question, "not shown" if finding.value is None else finding.value
