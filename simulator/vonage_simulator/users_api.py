"""The Users API: the Client SDK users of an application, and a check of their tokens."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from . import authentication, json_fields
from .account import Application, ClientUser
from .errors import ApiError
from .http_helpers import read_object
from .json_fields import FieldError
from .state import SimulatorState

# Version 1, and the older path that the CLI and samples use.
PATHS = ("/v1/users", "/v0.3/users")
TEXTS = ("display_name", "image_url")
OBJECTS = ("properties", "channels")


class UsersApi:
    """Request handlers; all require a token of the application."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        check = web.post("/sim/tokens", self.check_token)
        return [check] + [
            route
            for path in PATHS
            for route in (
                web.get(path, self.list_users),
                web.post(path, self.create),
                web.get(path + "/{id}", self.read),
                web.patch(path + "/{id}", self.update),
                web.delete(path + "/{id}", self.delete),
            )
        ]

    async def list_users(self, request: web.Request) -> web.Response:
        """Return one page of users; the cursor is the position of its first user."""
        application = self._authorize(request)
        query = dict(request.query)
        try:
            size = json_fields.integer(query, "page_size", 10, 1, 100) or 10
            begin = json_fields.integer(query, "cursor", 0, 0, 1_000_000) or 0
            order = json_fields.choice(query, "order", "asc", ("asc", "desc", "ASC", "DESC"))
        except FieldError as error:
            raise self._invalid(error) from error
        name = query.get("name")
        users = [user for user in application.users.values() if name in (None, user.name)]
        if str(order).lower() == "desc":
            users.reverse()
        page = users[begin : begin + size]

        def link(cursor: int | None) -> dict[str, str]:
            parameters = {key: value for key, value in query.items() if key != "cursor"}
            parameters["page_size"] = str(size)
            if cursor is not None:
                parameters["cursor"] = str(cursor)
            return {"href": f"{self._state.base_url}{request.path}?{urlencode(parameters)}"}

        links = {"self": link(begin or None), "first": link(None)}
        if begin > 0:
            links["prev"] = link(max(0, begin - size))
        if begin + size < len(users):
            links["next"] = link(begin + size)
        body = {
            "page_size": size,
            "_embedded": {"users": [self._summary(user) for user in page]},
            "_links": links,
        }
        return web.json_response(body)

    async def create(self, request: web.Request) -> web.Response:
        """Create a user; without a name, it gets one."""
        application = self._authorize(request)
        name, fields = await self._fields(request)
        name = name or f"NAM-{self._state.make_uuid()}"
        self._require_free_name(application, name)
        user = ClientUser(f"USR-{self._state.make_uuid()}", name, fields)
        application.users[user.id] = user
        return web.json_response(self._view(user), status=201)

    async def read(self, request: web.Request) -> web.Response:
        """Return one user."""
        _, user = self._user(request)
        return web.json_response(self._view(user))

    async def update(self, request: web.Request) -> web.Response:
        """Change the fields that the request has."""
        application, user = self._user(request)
        name, fields = await self._fields(request)
        if name is not None and name != user.name:
            self._require_free_name(application, name)
            user.name = name
        user.fields |= fields
        return web.json_response(self._view(user))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a user."""
        application, user = self._user(request)
        del application.users[user.id]
        return web.Response(status=204)

    async def check_token(self, request: web.Request) -> web.Response:
        """Return the user of a Client SDK token, and each problem with the token."""
        fields = await read_object(request)
        token = fields.get("token")
        account, now = self._state.account, self._state.wall_time()
        try:
            application = authentication.application_of(account, f"Bearer {token}", now)
        except ApiError as error:
            return web.json_response({"valid": False, "problems": [error.reason]})
        problems = authentication.client_token_problems(application, str(token))
        body = {
            "valid": not problems,
            "application_id": application.id,
            "problems": problems,
        }
        return web.json_response(body)

    # Shared by the handlers

    def _authorize(self, request: web.Request) -> Application:
        header = request.headers.get("Authorization")
        return authentication.application_of(self._state.account, header, self._state.wall_time())

    def _user(self, request: web.Request) -> tuple[Application, ClientUser]:
        application = self._authorize(request)
        user = application.users.get(request.match_info["id"])
        if user is None:
            raise self._problem(
                404,
                "Not found.",
                "user:error:not-found",
                "User does not exist, or you do not have access.",
            )
        return application, user

    async def _fields(self, request: web.Request) -> tuple[str | None, dict[str, Any]]:
        """Return the name and the other known fields of a body; no body sets none."""
        fields = await read_object(request) if request.can_read_body else {}
        try:
            name = json_fields.string(fields, "name", 100)
            known: dict[str, Any] = {key: json_fields.string(fields, key) for key in TEXTS}
            known |= {key: json_fields.mapping(fields, key) for key in OBJECTS}
        except FieldError as error:
            raise self._invalid(error) from error
        return name, {key: value for key, value in known.items() if value is not None}

    def _require_free_name(self, application: Application, name: str) -> None:
        if any(user.name == name for user in application.users.values()):
            raise self._problem(
                400, "Bad request.", "user:error:duplicate-name", "The name is already used."
            )

    def _invalid(self, error: FieldError) -> ApiError:
        return self._problem(
            400, "Bad request.", "http:error:validation-fail", f"{error.name} {error.reason}"
        )

    def _problem(self, status: int, title: str, code: str, detail: str) -> ApiError:
        """Build an error: applications read `code` (kotlin-sdk: its tests of users)."""
        body = {
            "title": title,
            "type": f"https://developer.vonage.com/api/conversation#{code}",
            "code": code,
            "detail": detail,
            "instance": self._state.trace_id(),
        }
        return ApiError(status, body)

    def _summary(self, user: ClientUser) -> dict[str, Any]:
        body: dict[str, Any] = {"id": user.id, "name": user.name}
        if "display_name" in user.fields:
            body["display_name"] = user.fields["display_name"]
        return body | {"_links": {"self": {"href": f"{self._state.base_url}/v1/users/{user.id}"}}}

    def _view(self, user: ClientUser) -> dict[str, Any]:
        return user.fields | self._summary(user)
