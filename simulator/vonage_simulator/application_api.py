"""The Application API, version 2.

Unknown members are ignored: Node's `updateApplication` and the CLI send `id`.
"""

import math
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from . import account as accounts
from . import authentication, json_fields
from .account import Application
from .errors import ApiError, problem
from .http_helpers import read_object
from .json_fields import FieldError
from .settings import HOSTS_OF_REGIONS, Method, WebhookTarget
from .state import SimulatorState

# Timeouts of each webhook in milliseconds: minimum, maximum, default.
CONNECT_RANGE = (300, 1000, 1000)
SOCKET_RANGES = {
    "answer_url": (1000, 5000, 5000),
    "fallback_answer_url": (1000, 5000, 5000),
    "event_url": (1000, 10_000, 10_000),
}
DEFAULT_METHODS: dict[str, Method] = {
    "answer_url": "GET",
    "fallback_answer_url": "GET",
    "event_url": "POST",
}


class ApplicationApi:
    """Request handlers; all require the account's API key and secret."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        return [
            web.get("/v2/applications", self.list_applications),
            web.post("/v2/applications", self.create),
            web.get("/v2/applications/{id}", self.read),
            web.put("/v2/applications/{id}", self.update),
            web.delete("/v2/applications/{id}", self.delete),
        ]

    async def list_applications(self, request: web.Request) -> web.Response:
        """Return one page of the account's applications."""
        self._authorize(request)
        query = dict(request.query)
        try:
            size = json_fields.integer(query, "page_size", 10, 1, 100) or 10
            page = json_fields.integer(query, "page", 1, 1, 1_000_000) or 1
        except FieldError as error:
            raise self._invalid(error) from error
        applications = list(self._state.account.applications.values())
        pages = max(1, math.ceil(len(applications) / size))

        def link(number: int) -> dict[str, str]:
            values = urlencode({"page_size": size, "page": number})
            return {"href": f"/v2/applications?{values}"}

        links = {"self": link(page), "first": link(1), "last": link(pages)}
        if page > 1:
            links["prev"] = link(page - 1)
        if page < pages:
            links["next"] = link(page + 1)
        on_page = applications[(page - 1) * size : page * size]
        body = {
            "page_size": size,
            "page": page,
            "total_items": len(applications),
            "total_pages": pages,
            "_embedded": {"applications": [view(application) for application in on_page]},
            "_links": links,
        }
        return web.json_response(body)

    async def create(self, request: web.Request) -> web.Response:
        """Create an application.

        If the request has no public key, create a key pair and return its private key once.
        """
        self._authorize(request)
        fields = await self._read_object(request)
        private_key = None
        try:
            public_key = _public_key(fields)
            if public_key is None:
                private_key, public_key = accounts.make_keys()
            pem, key = accounts.public_key_of(public_key)
            application = Application(
                id=self._state.make_uuid(), name="", public_key_pem=pem, public_key=key
            )
            _apply(application, fields)
        except FieldError as error:
            raise self._invalid(error) from error
        except ValueError as error:
            raise self._invalid(_public_key_error()) from error
        self._state.account.applications[application.id] = application
        body = view(application)
        if private_key is not None:
            body["keys"]["private_key"] = private_key
        return web.json_response(body, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """Return one application."""
        return web.json_response(view(self._application(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Replace an application's settings, and its public key if the request has one."""
        application = self._application(request)
        fields = await self._read_object(request)
        try:
            public_key = _public_key(fields)
            keys = None if public_key is None else accounts.public_key_of(public_key)
            _apply(application, fields)
        except FieldError as error:
            raise self._invalid(error) from error
        except ValueError as error:
            raise self._invalid(_public_key_error()) from error
        if keys is not None:
            application.public_key_pem, application.public_key = keys
        return web.json_response(view(application))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an application and unlink its numbers."""
        application = self._application(request)
        account = self._state.account
        del account.applications[application.id]
        for number in account.numbers_of(application):
            account.numbers[number] = None
        return web.Response(status=204)

    # Shared by the handlers

    def _authorize(self, request: web.Request) -> None:
        header = request.headers.get("Authorization")
        if not authentication.has_basic(self._state.account, header, dict(request.query)):
            raise problem(
                401,
                "unauthorized",
                "Invalid credentials supplied",
                "You did not provide correct credentials.",
                self._state.trace_id(),
            )

    def _application(self, request: web.Request) -> Application:
        self._authorize(request)
        application = self._state.account.applications.get(request.match_info["id"])
        if application is None:
            raise problem(
                404,
                "not-found",
                "Not Found",
                "There is no such application.",
                self._state.trace_id(),
            )
        return application

    async def _read_object(self, request: web.Request) -> dict[str, Any]:
        try:
            return await read_object(request)
        except ApiError as error:
            raise self._invalid(FieldError("body", "must be a JSON object")) from error

    def _invalid(self, error: FieldError) -> ApiError:
        return problem(
            400,
            "payload-validation",
            "Bad Request",
            "The request failed due to validation errors",
            self._state.trace_id(),
            invalid_parameters=[{"name": error.name, "reason": error.reason}],
        )


def view(application: Application) -> dict[str, Any]:
    """Build the API's JSON for an application, without its private key."""
    return {
        "id": application.id,
        "name": application.name,
        "keys": {"public_key": application.public_key_pem},
        "capabilities": application.capabilities,
        "privacy": application.privacy,
        "_links": {"self": {"href": f"/v2/applications/{application.id}"}},
    }


def capabilities_of(application: Application) -> dict[str, Any]:
    """Build the `capabilities` JSON of an application that was not created through the API."""
    webhooks = {
        name: {
            "address": webhook.url,
            "http_method": webhook.method,
            "connection_timeout": webhook.connect_ms,
            "socket_timeout": webhook.read_ms,
        }
        for name, webhook in (
            ("answer_url", application.answer),
            ("fallback_answer_url", application.fallback),
            ("event_url", application.event),
        )
        if webhook is not None
    }
    voice = {
        "webhooks": webhooks,
        "signed_callbacks": application.signed,
        "region": application.region,
    }
    return {"voice": voice}


def _apply(application: Application, fields: dict[str, Any]) -> None:
    """Validate all fields, then update the application."""
    name = json_fields.string(fields, "name", 255)
    if name is None:
        raise FieldError("name", "is required")
    capabilities = json_fields.mapping(fields, "capabilities") or {}
    voice = json_fields.mapping(capabilities, "voice")
    webhooks: dict[str, WebhookTarget] = {}
    signed, region = True, ""
    hours = days = None
    if voice is not None:
        webhooks = _webhooks(json_fields.mapping(voice, "webhooks") or {})
        signed = json_fields.boolean(voice, "signed_callbacks", default=True)
        region = json_fields.choice(voice, "region", "", tuple(HOSTS_OF_REGIONS)) or ""
        hours = json_fields.integer(voice, "conversations_ttl", None, 1, 9000)
        days = json_fields.integer(voice, "leg_persistence_time", None, 1, 31)
    privacy = json_fields.mapping(fields, "privacy")
    improve_ai = json_fields.boolean(privacy or {}, "improve_ai", default=True)
    application.name = name
    application.answer = webhooks.get("answer_url")
    application.event = webhooks.get("event_url")
    application.fallback = webhooks.get("fallback_answer_url")
    application.signed = signed
    application.region = region
    application.conversations_kept_for = None if hours is None else hours * 3600.0
    application.calls_kept_for = None if days is None else days * 86400.0
    application.capabilities = capabilities
    if privacy is not None:
        application.privacy = {"improve_ai": improve_ai}


def _webhooks(fields: dict[str, Any]) -> dict[str, WebhookTarget]:
    targets = {}
    for name in SOCKET_RANGES:
        webhook_fields = json_fields.mapping(fields, name)
        if webhook_fields is None or webhook_fields.get("address") in (None, ""):
            continue
        if not json_fields.is_url(webhook_fields["address"]):
            raise FieldError(f"capabilities.voice.webhooks.{name}.address", "must be a URL")
        # Older versions of the API description say connection_timeout, newer ones connect_timeout.
        connect_name = (
            "connect_timeout" if "connect_timeout" in webhook_fields else "connection_timeout"
        )
        low, high, default = CONNECT_RANGE
        connect = json_fields.integer(webhook_fields, connect_name, default, low, high)
        low, high, default = SOCKET_RANGES[name]
        read = json_fields.integer(webhook_fields, "socket_timeout", default, low, high)
        method = json_fields.method(webhook_fields, "http_method", DEFAULT_METHODS[name])
        targets[name] = WebhookTarget(
            url=webhook_fields["address"],
            method="GET" if method == "GET" else "POST",
            connect_ms=connect or CONNECT_RANGE[2],
            read_ms=read or default,
        )
    return targets


def _public_key(fields: dict[str, Any]) -> str | None:
    keys = json_fields.mapping(fields, "keys") or {}
    public_key = json_fields.string(keys, "public_key")
    if public_key is not None and "PUBLIC KEY" not in public_key:
        raise _public_key_error()
    return public_key


def _public_key_error() -> FieldError:
    return FieldError("keys.public_key", "must be a public key in PEM")
