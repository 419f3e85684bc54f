"""What the API was asked of late and what it answered, with what the function wrote meanwhile."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = 2000
KEPT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class LoggedRequest:
    """A request that a route took, and its answer.

    Attributes
    ----------
    id
        What the answer's header ``apigw-requestid`` says.
    route
        The route's key, such as ``POST /webhooks/answer``.
    function
        The function's logical id.
    request_id
        Of the invocation; None where the function was not invoked, or had not answered in time.
    log
        The lines that the function wrote meanwhile.
    event
        What the function got; None where it was not invoked.
    status, headers, body
        The answer; the names of the headers are in lower case.
    ms
        Milliseconds from the request to the answer.
    """

    id: str
    route: str
    function: str
    request_id: str | None
    log: tuple[str, ...]
    event: dict[str, Any] | None
    status: int
    headers: dict[str, str]
    body: bytes
    ms: float

    @property
    def size(self) -> int:
        """How much it holds, in bytes or characters."""
        asked = len((self.event or {}).get("body", ""))
        return asked + len(self.body) + sum(len(line) for line in self.log)


class RequestLog:
    """The latest exchanges: two thousand at most, and no more than 64 MiB beside the newest.

    Parameters
    ----------
    kept, kept_bytes
        Other limits.
    """

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._exchanges: OrderedDict[str, LoggedRequest] = OrderedDict()
        self._listeners: list[Callable[[LoggedRequest], None]] = []

    def __iter__(self) -> Iterator[LoggedRequest]:
        """Give them, the oldest first."""
        return iter(tuple(self._exchanges.values()))

    def get(self, exchange_id: str) -> LoggedRequest | None:
        """Give one by its id, None where it is not kept."""
        return self._exchanges.get(exchange_id)

    def listen(self, listener: Callable[[LoggedRequest], None]) -> None:
        """Have a callable told of every exchange from now on."""
        self._listeners.append(listener)

    def add(self, exchange: LoggedRequest) -> None:
        """Keep an exchange, forget the oldest ones, tell the listeners."""
        self._exchanges[exchange.id] = exchange
        self._bytes += exchange.size
        while len(self._exchanges) > 1 and (
            len(self._exchanges) > self._kept or self._bytes > self._kept_bytes
        ):
            _, oldest = self._exchanges.popitem(last=False)
            self._bytes -= oldest.size
        for listener in self._listeners:
            listener(exchange)
