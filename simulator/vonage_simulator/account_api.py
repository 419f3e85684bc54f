"""The Application API, version 2, and the part of the Numbers API that links numbers."""

import math
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

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
APPLICATION_FIELDS = frozenset({"name", "keys", "capabilities", "privacy"})
CAPABILITIES = frozenset(
    {"voice", "messages", "rtc", "vbc", "verify", "network_apis", "video", "meetings"}
)
VOICE_FIELDS = frozenset(
    {"webhooks", "signed_callbacks", "conversations_ttl", "leg_persistence_time", "region",
     "payment_enabled", "payments"}
)  # fmt: skip


class AccountApi:
    """Request handlers; all require the account's API key and secret."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of both APIs."""
        return [
            web.get("/v2/applications", self.list_applications),
            web.post("/v2/applications", self.create),
            web.get("/v2/applications/{id}", self.read),
            web.put("/v2/applications/{id}", self.update),
            web.delete("/v2/applications/{id}", self.delete),
            web.get("/account/numbers", self.list_numbers),
            web.post("/number/update", self.update_number),
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

    async def list_numbers(self, request: web.Request) -> web.Response:
        """Return one page of the account's numbers, filtered."""
        self._authorize(request)
        query = dict(request.query)
        try:
            size = json_fields.integer(query, "size", 10, 1, 100) or 10
            index = json_fields.integer(query, "index", 1, 1, 1_000_000) or 1
            pattern_position = json_fields.integer(query, "search_pattern", 0, 0, 2)
        except FieldError as error:
            raise self._invalid(error) from error
        matches = [
            number
            for number, linked in self._state.account.numbers.items()
            if _number_matches(number, query.get("pattern", ""), pattern_position or 0)
            and query.get("application_id") in (None, linked)
            and query.get("has_application", "").lower()
            in ("", "true" if linked is not None else "false")
        ]
        if not matches:
            return web.json_response({})
        on_page = matches[(index - 1) * size : index * size]
        numbers = [self._number_view(number) for number in on_page]
        return web.json_response({"count": len(matches), "numbers": numbers})

    async def update_number(self, request: web.Request) -> web.Response:
        """Link a number to an application, or unlink it."""
        self._authorize(request)
        # Ignore the Content-Type: the Python SDK leaves that of an earlier request there.
        body = (await request.read()).decode("utf-8", "replace")
        form = dict(request.query) | dict(parse_qsl(body, keep_blank_values=True))
        number = form.get("msisdn", "")
        account = self._state.account
        linked = form.get("app_id") or form.get("voiceCallbackValue")
        if number not in account.numbers or not re.fullmatch(
            "[A-Za-z]{2}", form.get("country", "")
        ):
            return _number_status(420, "method failed")
        if linked and linked not in account.applications:
            return _number_status(420, "Invalid application id")
        account.numbers[number] = linked or None
        return _number_status(200, "success")

    def _number_view(self, number: str) -> dict[str, Any]:
        linked = self._state.account.numbers[number]
        body: dict[str, Any] = {
            "country": _country(number),
            "msisdn": number,
            "type": "mobile-lvn",
            "features": ["VOICE", "SMS"],
        }
        if linked is not None:
            body |= {
                "app_id": linked,
                "voiceCallbackType": "app",
                "voiceCallbackValue": linked,
            }
        return body

    # Shared by the handlers

    def _authorize(self, request: web.Request) -> None:
        header = request.headers.get("Authorization")
        if not authentication.has_basic(self._state.account, header, dict(request.query)):
            raise problem(
                401,
                "unauthorized",
                "Invalid credentials supplied",
                "You did not provide correct credentials.",
                self._instance(),
            )

    def _application(self, request: web.Request) -> Application:
        self._authorize(request)
        application = self._state.account.applications.get(request.match_info["id"])
        if application is None:
            raise problem(
                404, "not-found", "Not Found", "There is no such application.", self._instance()
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
            self._instance(),
            invalid_parameters=[{"name": error.name, "reason": error.reason}],
        )

    def _instance(self) -> str:
        return self._state.make_uuid().replace("-", "")


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
    _reject_unknown(fields, APPLICATION_FIELDS, "")
    name = json_fields.string(fields, "name", 255)
    if name is None:
        raise FieldError("name", "is required")
    capabilities = json_fields.mapping(fields, "capabilities") or {}
    _reject_unknown(capabilities, CAPABILITIES, "capabilities.")
    voice = json_fields.mapping(capabilities, "voice")
    webhooks: dict[str, WebhookTarget] = {}
    signed, region = True, ""
    if voice is not None:
        _reject_unknown(voice, VOICE_FIELDS, "capabilities.voice.")
        webhooks = _webhooks(json_fields.mapping(voice, "webhooks") or {})
        signed = json_fields.boolean(voice, "signed_callbacks", default=True)
        region = json_fields.choice(voice, "region", "", tuple(HOSTS_OF_REGIONS)) or ""
        json_fields.integer(voice, "conversations_ttl", 48, 1, 9000)
        json_fields.integer(voice, "leg_persistence_time", 2, 1, 31)
    privacy = json_fields.mapping(fields, "privacy")
    application.name = name
    application.answer = webhooks.get("answer_url")
    application.event = webhooks.get("event_url")
    application.fallback = webhooks.get("fallback_answer_url")
    application.signed = signed
    application.region = region
    application.capabilities = capabilities
    if privacy is not None:
        application.privacy = privacy


def _webhooks(fields: dict[str, Any]) -> dict[str, WebhookTarget]:
    _reject_unknown(fields, frozenset(SOCKET_RANGES), "capabilities.voice.webhooks.")
    targets = {}
    for name in fields:
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


def _reject_unknown(fields: dict[str, Any], allowed: frozenset[str], prefix: str) -> None:
    for name in fields:
        if name not in allowed:
            raise FieldError(f"{prefix}{name}"[:200], "Unknown parameter")


def _number_matches(number: str, pattern: str, pattern_position: int) -> bool:
    if pattern_position == 0:
        return number.startswith(pattern)
    return pattern in number if pattern_position == 1 else number.endswith(pattern)


def _country(number: str) -> str:
    return "US" if number.startswith("1") else "GB"


def _number_status(code: int, label: str) -> web.Response:
    return web.json_response({"error-code": str(code), "error-code-label": label})
