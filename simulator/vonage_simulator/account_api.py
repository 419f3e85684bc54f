"""The Account API: only the balance."""

from aiohttp import web

from . import authentication
from .errors import ApiError
from .state import SimulatorState

# In euros. Nothing that the simulator does costs money.
BALANCE = 100.0


class AccountApi:
    """Request handlers; they require the account's API key and secret."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        return [web.get("/account/get-balance", self.balance)]

    async def balance(self, request: web.Request) -> web.Response:
        """Return the balance, which never changes."""
        authorize(self._state, request, dict(request.query))
        return web.json_response({"value": BALANCE, "autoReload": False})


def authorize(state: SimulatorState, request: web.Request, fields: dict[str, str]) -> None:
    """Check the API key and secret in the header, or in the fields of the query or form.

    Raises
    ------
    ApiError
        401, with the body of the APIs at rest.nexmo.com (vonage-cli: its tests of numbers).
    """
    if not authentication.has_basic(state.account, request.headers.get("Authorization"), fields):
        raise ApiError(401, {"error-code": "401", "error-code-label": "authentication failed"})
