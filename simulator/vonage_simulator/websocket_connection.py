"""The connection of a WebSocket leg: its handshake, and how it is closed."""

import asyncio
import contextlib
from socket import SHUT_RDWR

import aiohttp

from .bad_line import BadLine
from .legs import DeclineCall, Leg
from .state import SimulatorState
from .webhook_sender import sign_webhook

Socket = aiohttp.ClientWebSocketResponse

CLOSE_SECONDS = 1.0
MESSAGE_BYTES = 4 * 1024 * 1024

HANDSHAKE_FAULTS = frozenset({"ws_refuse", "ws_slow"})
# What becomes of a leg whose handshake fails (webhook reference: failed, unanswered).
DECLINES = {
    "failed": DeclineCall("failed", {"detail": "cannot_route", "sip_code": 404}),
    "unanswered": DeclineCall("unanswered", {"detail": "unavailable", "sip_code": 480}),
}


async def connect(state: SimulatorState, leg: Leg, line: BadLine) -> Socket | DeclineCall:
    """Connect to the application's server, or return how the call fails."""
    clock, seconds = state.clock, state.settings.websocket_connect_seconds
    deadline = clock.now() + seconds
    result: Socket | str | TimeoutError = TimeoutError()
    if line.refuse_status is not None:
        result = f"status {line.refuse_status}"
    elif line.slow_seconds < seconds:
        await clock.sleep(line.slow_seconds)
        result = await clock.run_external(_handshake(state, leg, seconds))
    if isinstance(result, Socket):
        state.journal.write("websocket", uuid=leg.uuid, state="connected", faults=list(line.faults))
        return result
    status = "failed"
    if isinstance(result, TimeoutError):
        await clock.sleep_until(deadline)
        status = state.settings.websocket_hanging_status
        result = f"no response to the handshake within {seconds:g} s"
    state.journal.write(
        "error",
        uuid=leg.uuid,
        reason="no WebSocket connection",
        detail=f"{leg.callee.address.partition('?')[0]}: {result}",
        faults=[name for name in line.faults if name in HANDSHAKE_FAULTS],
    )
    return DECLINES[status]


async def _handshake(
    state: SimulatorState, leg: Leg, seconds: float
) -> Socket | str | TimeoutError:
    """Return the connection, or why there is none."""
    authorization = _authorization(state, leg)
    try:
        async with asyncio.timeout(seconds):
            socket: Socket = await state.sender.session.ws_connect(
                leg.callee.address,
                headers={} if authorization is None else {"Authorization": authorization},
                max_msg_size=MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                autoping=False,  # for the order of pongs among the other messages
            )
    except TimeoutError as error:
        return error
    except aiohttp.WSServerHandshakeError as error:
        return f"status {error.status}"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return socket


def _authorization(state: SimulatorState, leg: Leg) -> str | None:
    """Return the header of the handshake; without `authorization`, a setting decides."""
    authorization = leg.callee.authorization
    if authorization.get("type") == "custom":
        return str(authorization["value"])
    if not authorization and not state.settings.websocket_signed_by_default:
        return None
    account = state.account
    token = sign_webhook(
        account.signature_secret,
        account.api_key,
        leg.application.id,
        int(state.wall_time()),
        state.make_uuid(),
        b"",
    )
    return f"Bearer {token}"


async def close(socket: Socket, code: int) -> None:
    """Close a connection, unless it is closed; the application has a short time to respond."""
    with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
        async with asyncio.timeout(2 * CLOSE_SECONDS):
            await socket.close(code=code)


def drop(socket: Socket) -> None:
    """Close a connection without a close frame: the application sees code 1006."""
    tcp = socket.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if tcp is not None:
            tcp.shutdown(SHUT_RDWR)
