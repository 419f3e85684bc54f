"""The latest API requests and responses, with the events and log lines of their functions."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 2000
BYTE_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class LoggedRequest:
    """A request that matched a route, and its response.

    Attributes
    ----------
    id
        The value of the response header ``apigw-requestid``.
    route
        The route's key, such as ``POST /webhooks/answer``.
    function
        The function's logical id.
    request_id
        The id of the invocation; None if the function was not invoked or timed out.
    log
        The function's log lines during the invocation.
    event
        The function's event; None if the function was not invoked.
    status, headers, body
        The response; header names are in lower case.
    ms
        Milliseconds from the request to the response.
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
        """The size of the bodies and the log, in bytes or characters."""
        request = len((self.event or {}).get("body", ""))
        return request + len(self.body) + sum(len(line) for line in self.log)


class RequestLog:
    """The latest requests, limited in number and in size. The newest is always included.

    Parameters
    ----------
    limit
        The maximum number of requests.
    byte_limit
        The maximum total of their sizes.
    """

    def __init__(self, limit: int = LIMIT, byte_limit: int = BYTE_LIMIT) -> None:
        self._limit = limit
        self._byte_limit = byte_limit
        self._bytes = 0
        self._requests: OrderedDict[str, LoggedRequest] = OrderedDict()
        self._listeners: list[Callable[[LoggedRequest], None]] = []

    def __iter__(self) -> Iterator[LoggedRequest]:
        """Iterate over the requests, oldest first."""
        return iter(tuple(self._requests.values()))

    def get(self, request_id: str) -> LoggedRequest | None:
        """Return a request by its id; None if it is unknown or was dropped."""
        return self._requests.get(request_id)

    def listen(self, listener: Callable[[LoggedRequest], None]) -> None:
        """Call ``listener`` with every request added from now on."""
        self._listeners.append(listener)

    def add(self, request: LoggedRequest) -> None:
        """Add a request, drop the oldest ones over the limits, and call the listeners."""
        self._requests[request.id] = request
        self._bytes += request.size
        while len(self._requests) > 1 and (
            len(self._requests) > self._limit or self._bytes > self._byte_limit
        ):
            _, oldest = self._requests.popitem(last=False)
            self._bytes -= oldest.size
        for listener in self._listeners:
            listener(request)
