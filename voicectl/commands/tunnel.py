"""``tunnel``: forward signed webhooks from Vonage to the local platform, and nothing else.

The listener verifies Vonage's signature, and signs each webhook with the local platform's secret,
so that simulated and real calls can run at the same time. In responses, the platform's local
address is replaced with the public one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from voicectl import application as applications
from voicectl import stack as stacks
from voicectl import webhook_redirect
from voicectl.cli import command
from voicectl.errors import VoicectlError
from voicectl.webhook_listener import ListenerResponse, ReceivedRequest, listening
from voicekit import webhook_signer
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import SimpleNamespace

    from voicectl.context import Context
    from voicectl.tunnel_program import PublicTunnel

_TIMEOUT = (2, 15)  # seconds; Vonage's own timeout is at most 10


@command(
    "tunnel",
    help="forward Vonage's webhooks to the local platform, with cloudflared or ngrok",
    examples=("voicectl tunnel", "voicectl tunnel --public-url https://example.ngrok.app"),
)
@webhook_redirect.public_url_option
@webhook_redirect.port_option
def tunnel(options: SimpleNamespace, context: Context) -> int:
    """Redirect the webhooks, forward them until Ctrl-C, and restore them."""
    secrets = webhook_redirect.own_secrets(context)
    stacks.local_file(context.folder.parent)  # raises if no platform is running
    with webhook_redirect.open_tunnel(options, context, secrets.application_id) as public:
        return _forward(options, context, secrets, public)


def _forward(
    options: SimpleNamespace, context: Context, secrets: SigningSecrets, public: PublicTunnel
) -> int:
    output, public_url, application_id = context.output, public.url, secrets.application_id
    present, target = webhook_redirect.plan_redirect(context, application_id, public_url)
    output.line("while the tunnel is open:")
    output.changes(applications.differences(present, target))
    if options.dry_run:
        shown = public_url if options.public_url else None
        output.result({"public_url": shown, "changed": False})
        return 0
    if not output.confirm("Point the application's webhooks there?"):
        return 1
    forward = Forward(context, context.folder.parent, public_url)
    with (
        listening(
            options.port, secrets, forward, context.now, webhook_redirect.print_rejected(context)
        ) as port,
        webhook_redirect.redirected(context, application_id, public_url, present, target),
    ):
        try:
            output.line(f"listening on http://127.0.0.1:{port} for {public_url}; Ctrl-C stops it")
            public.ended.wait()
        except KeyboardInterrupt:
            output.line("stopped; restoring the webhooks")
    output.line("restored the webhooks", "green")
    if public.ended.is_set():
        raise VoicectlError("the tunnel program has exited. Run the command again.")
    output.result({"public_url": public_url, "forwarded": forward.count})
    return 0


class Forward:
    """Forwards webhooks to the local platform, at its current address."""

    def __init__(self, context: Context, root: Path, public_url: str) -> None:
        self.count = 0
        self._context = context
        self._root = root
        self._public_url = public_url

    def __call__(self, request: ReceivedRequest) -> ListenerResponse:
        """Return the platform's response; 502 if none runs, so that Vonage uses the fallback."""
        start = time.monotonic()
        if request.covers is None:
            return ListenerResponse(401)
        try:
            response = self._forward(request, stacks.local_file(self._root))
        except (VoicectlError, requests.RequestException, KeyError):
            response = ListenerResponse(502)
        self.count += 1
        milliseconds = round((time.monotonic() - start) * 1000)
        self._context.output.line(
            f"{request.method} {request.path} {response.status} {milliseconds} ms"
        )
        return response

    def _forward(self, request: ReceivedRequest, local: Mapping[str, Any]) -> ListenerResponse:
        secrets = SigningSecrets(
            (local["signature_secret"],), local["api_key"], local["application_id"]
        )
        signed = webhook_signer.sign(
            secrets, request.method, request.query, request.body, self._context.now()
        )
        base = str(local["api_url"])
        query = f"?{request.query}" if request.query else ""
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            response = session.request(
                request.method,
                f"{base}{request.path}{query}",
                data=request.body or None,
                headers={"Authorization": signed, "Content-Type": "application/json"},
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        body = response.content.replace(base.encode(), self._public_url.encode())
        return ListenerResponse(
            response.status_code, body, response.headers.get("Content-Type", "application/json")
        )
