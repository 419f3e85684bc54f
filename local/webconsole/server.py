"""The web console of the local platform: the simulator's, with flows, logs, items and messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.aws.lambda_service import source_fingerprint
from local.webconsole.admin_routes import AdminRoutes
from local.webconsole.flow_routes import FlowRoutes, watch_files
from local.webconsole.request_views import full_view, summary_view
from local.webconsole.storage_routes import StorageRoutes
from local.webconsole.webhook_routes import WebhookRoutes
from vonage_simulator.console import ConsoleServer
from vonage_simulator.console.responses import HttpError

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import aiohttp

    from local.aws.lambda_service import LogLine
    from local.aws.outbox import Outbox
    from local.aws.request_log import LoggedRequest, RequestLog
    from local.explore.report import FlowReport
    from local.samples.signing import Signer

_LINE_LIMIT = 16 * 1024  # characters of a log line; the request log has all of it


@dataclass(frozen=True)
class ConsoleContext:
    """The parts of the local platform that the web console uses.

    Attributes
    ----------
    about
        The fields of ``GET /api/stack`` without ``platform``; contains no secrets.
    secrets
        Secrets to remove from every response.
    signer
        Signs webhooks as the simulator does.
    request_log
        The recent requests to the API.
    listen
        Registers a callable that gets every log line of a function.
    code
        The folder of the functions; the flows are in its subfolder ``flows``.
    explore
        Explores every path of a flow, given its name and its handlers.
    outbox
        The mails and events that the stack sent.
    dynamodb, s3
        boto3 clients.
    sign
        Signs a request to the admin API, given its method and path, and returns its headers.
    """

    about: Mapping[str, Any]
    secrets: tuple[str, ...]
    signer: Signer
    request_log: RequestLog
    listen: Callable[[Callable[[LogLine], None]], None]
    code: Path
    explore: Callable[[dict[str, Any]], Awaitable[FlowReport]]
    outbox: Outbox
    dynamodb: Any
    s3: Any
    sign: Callable[[str, str], Mapping[str, str]]


class WebConsole(ConsoleServer):
    """The server of the local platform's web console.

    Parameters
    ----------
    context
        The parts of the platform to use.
    """

    page_folders = (Path(__file__).with_name("page"),)

    def __init__(self, context: ConsoleContext) -> None:
        super().__init__(context.about, context.secrets)
        self._context = context

    async def start(self, listening: socket.socket) -> None:
        """Serve requests on a socket that is bound to a loopback address."""
        code = self._context.code
        fingerprint = await asyncio.to_thread(source_fingerprint, code)
        await super().start(listening)
        self._context.request_log.listen(lambda one: self.feed.publish(self._request_message(one)))
        self._context.listen(lambda line: self.feed.publish(_log_message(line)))
        watcher = asyncio.create_task(watch_files(code, fingerprint, self._publish_code_change))
        self.exit.push_async_callback(_cancel, watcher)

    def earlier_messages(self) -> Iterable[dict[str, Any]]:
        """Return a message for each recent API request."""
        return map(self._request_message, self._context.request_log)

    def add_routes(self, app: web.Application, session: aiohttp.ClientSession) -> None:
        """Add the routes of flows, stored data, webhooks and the admin API."""
        context, about, responder = self._context, self.about, self.responder
        number = next((one["number"] for one in about["numbers"]), "")
        webhooks = WebhookRoutes(
            *(about["api_url"], session, context.signer, context.request_log, context.code),
            *(number, responder),
        )
        parts = (
            StorageRoutes(context.dynamodb, context.s3, about["table"], about["bucket"], responder),
            webhooks,
            FlowRoutes(context.code / "flows", webhooks.fetch_ncco, context.explore, responder),
            AdminRoutes(about["api_url"], session, context.sign),
        )
        for part in parts:
            app.add_routes(part.routes())
        app.add_routes(
            [
                web.get("/api/exchanges/{id}", self._exchange, allow_head=False),
                web.get("/api/outbox", self._mails, allow_head=False),
                web.get("/api/events", self._events, allow_head=False),
            ]
        )

    def _publish_code_change(self) -> None:
        self.feed.publish({"type": "flows"})

    async def _mails(self, _request: web.Request) -> web.Response:
        return self.responder.json(list(self._context.outbox.mails))

    async def _events(self, _request: web.Request) -> web.Response:
        return self.responder.json(list(self._context.outbox.events))

    async def _exchange(self, request: web.Request) -> web.Response:
        logged = self._context.request_log.get(request.match_info["id"])
        if logged is None:
            raise HttpError(404, "Not Found", "unknown id, or the request is no longer logged")
        return self.responder.json(full_view(logged, self._context.code))

    def _request_message(self, request: LoggedRequest) -> dict[str, Any]:
        return {"type": "exchange", "exchange": summary_view(request, self._context.code)}


def _log_message(line: LogLine) -> dict[str, Any]:
    return {
        "type": "log",
        "function": line.function,
        "request_id": line.request_id,
        "text": line.text[:_LINE_LIMIT],
    }


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
