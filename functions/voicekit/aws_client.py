"""GetSecretValue, PutItem and SendMessage over http.client, for the functions a caller waits for.

Importing boto3 and making one client costs several times what starting an empty function costs;
this module is the three calls that those functions make, and grows no fourth: everything else uses
boto3. It never logs, and it is not thread-safe: a Lambda environment runs one invocation at a time.

What can go wrong::

    AwsError
    ├── AwsUnavailable   may pass: no answer, an answer that cannot be read, 5xx, throttling
    └── AwsRefused       will not pass by itself: access denied, no such table, a bad request

How a call is made:

- Two attempts at most, the second after a short random pause and only when the first may pass.
- Any attempt may have been carried out although its answer was lost. Reading a secret and a
  `put_item` with `unless_exists` bear repeating; a message may be in its queue twice, which SQS
  itself may do too.
- Each attempt is signed anew. A refused signature counts as refused, a signature said to be too old
  or too new included: AWS keeps the clock of a Lambda environment, and a clock set by an answer
  would let an answer choose what is signed.
- The `x-amz-crc32` of DynamoDB is not checked: of PutItem's answer only the status is used.
- Deadlines bound every connect, handshake, send and receive, however slowly the other side drips.
  They do not bound the look-up of a name, for which the resolver has timeouts of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import select
import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_SECONDS = 1.0
"""For all addresses of a host and the TLS handshake together."""

READ_SECONDS = 2.0
"""From the first byte sent to the last byte received, in one attempt."""

PAUSE_SECONDS = 0.1
"""The longest pause before the second attempt."""

IDLE_SECONDS = 60.0
"""How long a connection is kept. Routers forget a quiet one without telling either side (a NAT
gateway after 350 s), and finding that out costs READ_SECONDS of a caller's time."""

MAX_ANSWER_BYTES = 1024 * 1024
"""Status line, headers and body; a secret is at most 64 KiB, the other answers a few hundred."""


class AwsError(Exception):
    """AWS did not do what it was asked.

    The text holds neither credentials nor anything of the request's or the answer's body but the
    error code.

    Attributes
    ----------
    operation : str
        `GetSecretValue`, `PutItem` or `SendMessage`.
    reason : str
        What happened; the error code where AWS gave one.
    code : str or None
        The error code, without its namespace.
    status : int or None
        The HTTP status, if there was an answer.
    request_id : str or None
        What AWS support asks for.
    """

    def __init__(
        self,
        operation: str,
        reason: str,
        *,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        known = {"status": status, "request id": request_id}
        details = ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)
        super().__init__(f"{operation}: {reason}" + (f" ({details})" if details else ""))
        self.operation = operation
        self.reason = reason
        self.code = code
        self.status = status
        self.request_id = request_id


class AwsUnavailable(AwsError):
    """AWS gave no usable answer now; a later call may succeed."""


class AwsRefused(AwsError):
    """AWS refused the request; the same request will be refused again."""


class AwsCredentials(NamedTuple):
    """What Lambda puts into the environment; not shown by `repr`."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"


def signed_headers(
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str,
    credentials: AwsCredentials,
    now: float,
) -> dict[str, str]:
    """Sign `POST /`, without a query, with Signature Version 4.

    Parameters
    ----------
    headers : Mapping
        Every header to sign, `Host` among them; values without leading, trailing or double blanks.
    body : bytes
        The body, just as it will be sent.
    service, region : str
        The signing name of the service, the region.
    credentials : Credentials
        Who asks.
    now : float
        Seconds since the epoch.

    Returns
    -------
    dict
        The headers given, and the three of the signature.

    Notes
    -----
    AWS IAM User Guide: "Create a signed AWS API request".
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "X-Amz-Date": moment}
    if credentials.session_token:
        signed["X-Amz-Security-Token"] = credentials.session_token
    lines = sorted((name.lower(), value) for name, value in signed.items())
    names = ";".join(name for name, _ in lines)
    canonical_headers = "".join(f"{name}:{value}\n" for name, value in lines)
    body_hash = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\n{canonical_headers}\n{names}\n{body_hash}"

    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    canonical_hash = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{canonical_hash}"
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return signed


class AwsClient:
    """The three calls, on connections that are kept from one invocation to the next.

    Parameters
    ----------
    environment : Mapping
        `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, of temporary credentials,
        `AWS_SESSION_TOKEN`. Where a service is, the first of these that is set says:

        1. `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_SQS`
        2. `AWS_ENDPOINT_URL`
        3. the service's public endpoint in the region
    clock, monotonic, sleep : Callable
        Seconds since the epoch, seconds that only grow, and a pause of some seconds.
    jitter : Callable
        A random number from 0 up to 1.

    Raises
    ------
    ValueError
        If variables are missing or cannot be used; the text names all of them, and no credential.

    Examples
    --------
    >>> aws = Aws(os.environ)                                              # doctest: +SKIP
    >>> aws.put_item("events", {"pk": "CON-1", "sk": "1"}, unless_exists="pk")  # doctest: +SKIP
    True
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = lambda: int.from_bytes(os.urandom(4), "big") / 2**32,
    ) -> None:
        _check(environment)
        self._region = environment["AWS_REGION"]
        self._credentials = AwsCredentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        self._endpoints = {
            call.service: _endpoint(environment, call.service, call.endpoint_variable)
            for call in (_GET_SECRET_VALUE, _PUT_ITEM, _SEND_MESSAGE)
        }
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._idle_connections: dict[_Endpoint, _Connection] = {}
        self._tls: ssl.SSLContext | None = None

    def get_secret_value(self, secret_id: str, *, within: float | None = None) -> str:
        """Read the current version of a secret.

        Parameters
        ----------
        secret_id : str
            Its name or ARN.
        within : float, optional
            Seconds for the whole call, every attempt included.

        Returns
        -------
        str
            The secret's text.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. A secret that holds bytes and no text is unavailable here.
        """
        answer = self._request(_GET_SECRET_VALUE, {"SecretId": secret_id}, within)
        return _text(_GET_SECRET_VALUE, answer, "SecretString")

    def put_item(
        self,
        table: str,
        item: Mapping[str, str | int],
        *,
        unless_exists: str | None = None,
        within: float | None = None,
    ) -> bool:
        """Write an item to a table of DynamoDB.

        Parameters
        ----------
        table : str
            The table's name.
        item : Mapping
            Attributes by name; texts and whole numbers of up to 38 digits.
        unless_exists : str, optional
            The name of the table's partition key. With it, an item that has the same key (sort key
            included) is left as it is; without it, such an item is replaced.
        within : float, optional
            Seconds for the whole call, every attempt included.

        Returns
        -------
        bool
            True if the item was written; False if one with its key stood there already, which may
            be the work of an earlier attempt whose answer was lost.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. An unavailable item may have been written.
        TypeError
            If a value is neither a text nor a whole number.
        """
        request: dict[str, object] = {
            "TableName": table,
            "Item": {name: _attribute_value(value) for name, value in item.items()},
        }
        if unless_exists is not None:
            request["ConditionExpression"] = "attribute_not_exists(#key)"
            request["ExpressionAttributeNames"] = {"#key": unless_exists}
        try:
            self._request(_PUT_ITEM, request, within)
        except AwsRefused as refusal:
            if refusal.code == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def send_message(self, queue_url: str, body: str, *, within: float | None = None) -> str:
        """Put a message on a standard queue of SQS.

        Parameters
        ----------
        queue_url : str
            The queue's URL; it names the queue, the request goes to the endpoint.
        body : str
            The message, of the characters that XML 1.0 allows.
        within : float, optional
            Seconds for the whole call, every attempt included.

        Returns
        -------
        str
            The message's id.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. An unavailable message may have been sent.
        """
        request = {"QueueUrl": queue_url, "MessageBody": body}
        return _text(_SEND_MESSAGE, self._request(_SEND_MESSAGE, request, within), "MessageId")

    def close(self) -> None:
        """Close the kept connections; a Lambda function never needs to."""
        while self._idle_connections:
            self._idle_connections.popitem()[1].close()

    def _request(
        self, call: _Call, request: Mapping[str, object], within: float | None
    ) -> dict[str, object]:
        body = json.dumps(request, separators=(",", ":")).encode()
        deadline = self._monotonic() + (float("inf") if within is None else within)
        try:
            return self._attempt(call, body, deadline)
        except AwsUnavailable:
            pause = PAUSE_SECONDS * self._jitter()
            if self._monotonic() + pause >= deadline:
                raise
            self._sleep(pause)
        return self._attempt(call, body, deadline)

    def _attempt(self, call: _Call, body: bytes, deadline: float) -> dict[str, object]:
        endpoint = self._endpoints[call.service]
        headers = signed_headers(
            {
                "Host": endpoint.host_header(),
                "Content-Type": call.content_type,
                "X-Amz-Target": call.target,
            },
            body,
            service=call.service,
            region=self._region,
            credentials=self._credentials,
            now=self._clock(),
        )
        try:
            answer = self._exchange(endpoint, headers, body, deadline)
        # ValueError: what the standard library raises for a chunk of a negative size, and for a
        # host that cannot be a name. `from None`: some of these quote what was received.
        except (OSError, HTTPException, ValueError) as fault:
            reason = f"no usable answer, {type(fault).__name__}"
            raise AwsUnavailable(call.operation, reason) from None
        return _accepted(call, answer)

    def _exchange(
        self, endpoint: _Endpoint, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> _AwsResponse:
        """Ask on the kept connection; on a new one if the other side has closed that meanwhile."""
        kept = self._idle_connections.pop(endpoint, None)
        if kept is not None and kept.is_quiet(self._clock()):
            try:
                return self._exchange_on(endpoint, kept, headers, body, deadline)
            except OSError as fault:
                if isinstance(fault, TimeoutError) or kept.has_received:
                    raise
        elif kept is not None:
            kept.close()
        opened = self._open(endpoint, deadline)
        return self._exchange_on(endpoint, opened, headers, body, deadline)

    def _exchange_on(
        self,
        endpoint: _Endpoint,
        connection: _Connection,
        headers: Mapping[str, str],
        body: bytes,
        deadline: float,
    ) -> _AwsResponse:
        """Keep the connection only after a whole answer, whatever interrupts this."""
        try:
            answer = connection.converse(headers, body, deadline)
            if connection.is_open:
                connection.idle_since = self._clock()
                self._idle_connections[endpoint] = connection
            return answer
        finally:
            if endpoint not in self._idle_connections:
                connection.close()

    def _open(self, endpoint: _Endpoint, deadline: float) -> _Connection:
        deadline = min(deadline, self._monotonic() + CONNECT_SECONDS)
        if endpoint.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        host = endpoint.host.encode("ascii")  # as text, a module of IDNA would be loaded for it
        fault: OSError = TimeoutError()
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, endpoint.port, type=socket.SOCK_STREAM
        ):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(_left(deadline, self._monotonic))
                opened.connect(address)
                # Headers and body are two sends; the second must not wait for the first's ACK.
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if endpoint.tls and self._tls is not None:
                    opened.settimeout(_left(deadline, self._monotonic))
                    opened = self._tls.wrap_socket(opened, server_hostname=host)
                return _Connection(opened, self._monotonic)
            except OSError as failed:
                opened.close()
                fault = failed
        raise fault


class _Call(NamedTuple):
    operation: str
    service: str
    """Both the signing name and the first label of the public endpoint."""
    target: str
    content_type: str
    endpoint_variable: str


_GET_SECRET_VALUE = _Call(
    "GetSecretValue",
    "secretsmanager",
    "secretsmanager.GetSecretValue",
    "application/x-amz-json-1.1",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
)
_PUT_ITEM = _Call(
    "PutItem",
    "dynamodb",
    "DynamoDB_20120810.PutItem",
    "application/x-amz-json-1.0",
    "AWS_ENDPOINT_URL_DYNAMODB",
)
_SEND_MESSAGE = _Call(
    "SendMessage",
    "sqs",
    "AmazonSQS.SendMessage",
    "application/x-amz-json-1.0",
    "AWS_ENDPOINT_URL_SQS",
)

# The codes of these three services that pass by themselves although their status is 4xx: those that
# the AWS SDKs retry, and a write that met another one.
_MAY_PASS = frozenset(
    {
        "KmsThrottled",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


class _Endpoint(NamedTuple):
    tls: bool
    host: str
    port: int

    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class _AwsResponse(NamedTuple):
    status: int
    request_id: str | None
    body: bytes


class _Connection:
    """One connection to one host; it ends every send and receive at a deadline.

    A socket's own timeout starts anew with each byte that drips in, and http.client reads until it
    has a line or a body; so http.client is given this in a socket's place, which sets the timeout
    anew before each call and counts what comes.
    """

    def __init__(self, opened: socket.socket, monotonic: Callable[[], float]) -> None:
        self._socket = opened
        self._monotonic = monotonic
        self._deadline = 0.0
        self._received = 0
        self._http = HTTPConnection("unused")  # the Host header is given, the socket is open
        self._http.sock = self  # of a socket it uses sendall, makefile and close alone
        self.idle_since = 0.0

    def converse(self, headers: Mapping[str, str], body: bytes, deadline: float) -> _AwsResponse:
        self._deadline = min(deadline, self._monotonic() + READ_SECONDS)
        self._received = 0
        self._http.request("POST", "/", body, dict(headers))
        with self._http.getresponse() as response:
            content = response.read(MAX_ANSWER_BYTES)  # makes no room for a larger size announced
            if response.length:
                raise IncompleteRead(content, response.length)
            return _AwsResponse(response.status, response.headers.get("x-amzn-requestid"), content)

    @property
    def is_open(self) -> bool:
        """Whether the other side will answer another request."""
        return self._http.sock is not None

    @property
    def has_received(self) -> bool:
        """Whether any byte of an answer to the last request came."""
        return self._received > 0

    def is_quiet(self, now: float) -> bool:
        """Whether a kept connection can be used: not idle for long, not closed, nothing unasked.

        The time is the wall clock's, which goes on while Lambda has frozen the environment.
        """
        if not 0 <= now - self.idle_since <= IDLE_SECONDS:
            return False
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def sendall(self, data: ReadableBuffer) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(_left(self._deadline, self._monotonic))
            rest = rest[self._socket.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Receiver(self, self._socket.makefile("rb", buffering=0)))

    def receive_into(self, stream: socket.SocketIO, buffer: WriteableBuffer) -> int:
        self._socket.settimeout(_left(self._deadline, self._monotonic))
        count = stream.readinto(buffer) or 0
        self._received += count
        if self._received > MAX_ANSWER_BYTES:
            raise _ResponseTooLarge
        return count

    def close(self) -> None:
        self._socket.close()


class _Receiver(io.RawIOBase):
    """The receiving half of a connection, while one answer is read."""

    def __init__(self, connection: _Connection, stream: socket.SocketIO) -> None:
        self._connection = connection
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._connection.receive_into(self._stream, buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _ResponseTooLarge(OSError):
    """More than MAX_ANSWER_BYTES came."""


def _left(deadline: float, monotonic: Callable[[], float]) -> float:
    """Seconds until the deadline, more than none."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _check(environment: Mapping[str, str]) -> None:
    needed = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    wrong = [name for name in needed if not environment.get(name)]
    if wrong:
        raise ValueError(f"not set: {', '.join(wrong)}")
    for name in (*needed, "AWS_SESSION_TOKEN"):
        value = environment.get(name, "")
        if not (value.isascii() and value.isprintable()) or " " in value:
            wrong.append(name)
    if wrong:
        raise ValueError(f"not fit for a header: {', '.join(wrong)}")


def _endpoint(environment: Mapping[str, str], service: str, variable: str) -> _Endpoint:
    region = environment["AWS_REGION"]
    configured = environment.get(variable) or environment.get("AWS_ENDPOINT_URL")
    parts = urlsplit(configured or f"https://{service}.{region}.{_domain(region)}")
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or parts.username is not None
    ):
        raise ValueError(f"{variable} or AWS_ENDPOINT_URL is not http(s)://host[:port]")
    tls = parts.scheme == "https"
    return _Endpoint(tls, parts.hostname, parts.port or (443 if tls else 80))


def _domain(region: str) -> str:
    """Give the domain of the partitions that anybody can open an account in, and of GovCloud."""
    if region.startswith("cn-"):
        return "amazonaws.com.cn"
    if region.startswith("eusc-"):
        return "amazonaws.eu"
    return "amazonaws.com"


def _attribute_value(value: str | int) -> dict[str, str]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"N": str(value)}
    raise TypeError(f"an attribute is a text or a whole number, not {type(value).__name__}")


def _accepted(call: _Call, answer: _AwsResponse) -> dict[str, object]:
    """Give what an answer of status 200 says; raise what any other one means."""
    request_id = _printable(answer.request_id)
    content = _json_object(answer.body)
    if answer.status == 200 and content is not None:
        return content
    code = _error_code(content or {})
    refused = (
        400 <= answer.status < 500
        and answer.status not in {408, 429}
        and code is not None
        and code not in _MAY_PASS
    )
    raise (AwsRefused if refused else AwsUnavailable)(
        call.operation,
        code or "an answer that cannot be read",
        code=code,
        status=answer.status,
        request_id=request_id,
    )


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _error_code(content: Mapping[str, object]) -> str | None:
    """`com.amazon.coral.service#AccessDeniedException` is AccessDeniedException."""
    code = content.get("__type")
    if not isinstance(code, str):
        return None
    code = code.rpartition("#")[2]
    is_name = len(code) <= 100 and code.isascii() and code.replace(".", "").isalnum()
    return code if is_name else None


def _printable(request_id: str | None) -> str | None:
    if request_id is None or len(request_id) > 100:
        return None
    return request_id if request_id.isascii() and request_id.isprintable() else None


def _text(call: _Call, answer: Mapping[str, object], field: str) -> str:
    value = answer.get(field)
    if not isinstance(value, str):
        raise AwsUnavailable(call.operation, f"an answer without {field}", status=200)
    return value
