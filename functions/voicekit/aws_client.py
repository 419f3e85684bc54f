"""GetSecretValue, PutItem and SendMessage, for functions that a caller waits for.

Importing boto3 and creating one client takes several times as long as starting an empty function.
This client has only the three operations that these functions use; everything else uses boto3. It
never logs. It is not thread-safe: a Lambda environment runs one invocation at a time.

    AwsError
    ├── AwsUnavailable   transient: no response, an unreadable response, 5xx, throttling
    └── AwsRefused       permanent: access denied, no such table, an invalid request

- A request has two attempts at most. The second follows a short random pause, and only if the
  first one failed for a transient reason (`AwsUnavailable`).
- AWS may have carried out an attempt whose response was lost. Reading a secret and `put_item` with
  `unless_exists` are safe to repeat. A message may be in its queue twice, as SQS itself allows.
- Each attempt has its own signature. A rejected signature is permanent (`AwsRefused`), even if AWS
  says that its time is wrong: AWS sets the clock of a Lambda environment, and a clock set from a
  response would let a response choose what is signed.
- The `x-amz-crc32` header of DynamoDB is not checked, because only the status of a PutItem
  response is used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import ssl
import time
from urllib.parse import urlsplit

from voicekit.aws_connection import CONNECT_SECONDS, AwsEndpoint, connect
from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicekit.aws_connection import AwsResponse, Connection

PAUSE_SECONDS = 0.1
"""The longest pause before the second attempt."""

# Not with pathlib: importing it would only slow down the cold start.
AMAZON_ROOTS = f"{os.path.dirname(__file__)}/amazon_roots.pem"  # noqa: PTH120
"""The root certificates of Amazon Trust Services, which sign those of AWS endpoints."""


class AwsError(Exception):
    """A failed AWS operation.

    The text contains no credentials, and nothing of the request and response bodies but the error
    code.

    Attributes
    ----------
    operation : str
        `GetSecretValue`, `PutItem` or `SendMessage`.
    reason : str
        The error code where AWS sent one, otherwise what failed.
    code : str or None
        The error code, without its namespace.
    status : int or None
        The HTTP status, None without a response.
    request_id : str or None
        The request id that AWS Support asks for.
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
        parts = {"status": status, "request id": request_id}
        details = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
        super().__init__(f"{operation}: {reason}" + (f" ({details})" if details else ""))
        self.operation = operation
        self.reason = reason
        self.code = code
        self.status = status
        self.request_id = request_id


class AwsUnavailable(AwsError):
    """AWS sent no usable response; a later request may succeed."""


class AwsRefused(AwsError):
    """AWS rejected the request, and would reject the same request again."""


class AwsCredentials(NamedTuple):
    """The credentials in a Lambda environment; `repr` hides them."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return "AwsCredentials(...)"


def signed_headers(
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str,
    credentials: AwsCredentials,
    now: float,
) -> dict[str, str]:
    """Sign a `POST /` request without a query string, with Signature Version 4.

    Parameters
    ----------
    headers : Mapping
        Every header to sign, including `Host`; values without leading, trailing or double spaces.
    body : bytes
        The body, exactly as it is sent.
    service, region : str
        The signing name of the service, and the region.
    credentials : AwsCredentials
        The credentials to sign with.
    now : float
        Seconds since the epoch.

    Returns
    -------
    dict
        The headers, with those of the signature added.

    Notes
    -----
    AWS IAM User Guide: "Create a signed AWS API request".
    """
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "X-Amz-Date": timestamp}
    if credentials.session_token:
        signed["X-Amz-Security-Token"] = credentials.session_token
    lines = sorted((name.lower(), value) for name, value in signed.items())
    names = ";".join(name for name, _ in lines)
    canonical_headers = "".join(f"{name}:{value}\n" for name, value in lines)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    request = f"POST\n/\n\n{canonical_headers}\n{names}"
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature(request, body, timestamp, scope, credentials)}"
    )
    return signed


def signature(
    request: str, body: bytes, timestamp: str, scope: str, credentials: AwsCredentials
) -> str:
    """Return the signature of a canonical request, which is given without the hash of its body.

    `timestamp` is as ``20260131T235959Z``, and `scope` as ``20260131/REGION/SERVICE/aws4_request``.
    """
    canonical_request = f"{request}\n{hashlib.sha256(body).hexdigest()}"
    request_hash = hashlib.sha256(canonical_request.encode()).hexdigest()
    string_to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{request_hash}"
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


class AwsClient:
    """The three operations, on connections that are reused across invocations.

    Parameters
    ----------
    environment : Mapping
        `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary credentials,
        `AWS_SESSION_TOKEN`. The first of these that is set is the endpoint of a service:

        1. `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_SQS`
        2. `AWS_ENDPOINT_URL`
        3. the public endpoint of the service in the region
    clock, monotonic, sleep : Callable
        Seconds since the epoch, a monotonic clock in seconds, and a pause of some seconds.
    jitter : Callable
        A random number from 0 up to 1.

    Raises
    ------
    ValueError
        If variables are missing or invalid; the text names all of them, and no credential.

    Examples
    --------
    >>> aws = AwsClient(os.environ)                                        # doctest: +SKIP
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
        _check_environment(environment)
        self._region = environment["AWS_REGION"]
        self._credentials = AwsCredentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        self._endpoints = {
            operation.service: _endpoint(environment, operation)
            for operation in (_GET_SECRET_VALUE, _PUT_ITEM, _SEND_MESSAGE)
        }
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._idle_connections: dict[AwsEndpoint, Connection] = {}
        self._tls: ssl.SSLContext | None = None
        self._trusts_system = False

    def get_secret_value(self, secret_id: str, *, within: float | None = None) -> str:
        """Read the current version of a secret.

        Parameters
        ----------
        secret_id : str
            Its name or ARN.
        within : float, optional
            Limit in seconds for all attempts together.

        Returns
        -------
        str
            The secret string.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. A binary secret counts as unavailable.
        """
        response = self._request(_GET_SECRET_VALUE, {"SecretId": secret_id}, within)
        return _string_field(_GET_SECRET_VALUE, response, "SecretString")

    def put_item(
        self,
        table: str,
        item: Mapping[str, str | int],
        *,
        unless_exists: str | None = None,
        within: float | None = None,
    ) -> bool:
        """Write an item to a DynamoDB table.

        Parameters
        ----------
        table : str
            The name of the table.
        item : Mapping
            Attributes by name: strings, and integers of up to 38 digits.
        unless_exists : str, optional
            The name of the table's partition key. With it, an existing item with the same key (sort
            key included) stays as it is; without it, the new item replaces that.
        within : float, optional
            Limit in seconds for all attempts together.

        Returns
        -------
        bool
            True if the item was written, False if an item with its key exists. An earlier attempt
            whose response was lost may have written that one.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. After AwsUnavailable, the item may have been written.
        TypeError
            If a value is neither a string nor an integer.
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
        """Send a message to a standard SQS queue.

        Parameters
        ----------
        queue_url : str
            The URL that identifies the queue; the request goes to the endpoint.
        body : str
            The message, in characters that XML 1.0 allows.
        within : float, optional
            Limit in seconds for all attempts together.

        Returns
        -------
        str
            The id of the message.

        Raises
        ------
        AwsUnavailable, AwsRefused
            See `AwsError`. After AwsUnavailable, the message may have been sent.
        """
        request = {"QueueUrl": queue_url, "MessageBody": body}
        response = self._request(_SEND_MESSAGE, request, within)
        return _string_field(_SEND_MESSAGE, response, "MessageId")

    def close(self) -> None:
        """Close the idle connections; a Lambda function never needs to."""
        while self._idle_connections:
            self._idle_connections.popitem()[1].close()

    def _request(
        self, operation: _Operation, request: Mapping[str, object], within: float | None
    ) -> dict[str, object]:
        body = json.dumps(request, separators=(",", ":")).encode()
        deadline = self._monotonic() + (float("inf") if within is None else within)
        try:
            return self._attempt(operation, body, deadline)
        except AwsUnavailable:
            pause = PAUSE_SECONDS * self._jitter()
            if self._monotonic() + pause >= deadline:
                raise
            self._sleep(pause)
        return self._attempt(operation, body, deadline)

    def _attempt(self, operation: _Operation, body: bytes, deadline: float) -> dict[str, object]:
        endpoint = self._endpoints[operation.service]
        headers = signed_headers(
            {
                "Host": endpoint.host_header(),
                "Content-Type": operation.content_type,
                "X-Amz-Target": operation.target,
            },
            body,
            service=operation.service,
            region=self._region,
            credentials=self._credentials,
            now=self._clock(),
        )
        try:
            response = self._exchange(endpoint, headers, body, deadline)
        # The standard library raises ValueError for a host that cannot be a name, and for a length
        # that is not a number. `from None`: some of these errors quote what was received.
        except (OSError, ValueError) as error:
            reason = f"no usable response, {type(error).__name__}"
            raise AwsUnavailable(operation.name, reason) from None
        return _parse_response(operation, response)

    def _exchange(
        self, endpoint: AwsEndpoint, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> AwsResponse:
        """Use the idle connection, or a new one if the server has closed that."""
        idle = self._idle_connections.pop(endpoint, None)
        if idle is not None and idle.is_reusable(self._clock()):
            try:
                return self._exchange_on(endpoint, idle, headers, body, deadline)
            except OSError as error:
                if isinstance(error, TimeoutError) or idle.has_received:
                    raise
        elif idle is not None:
            idle.close()
        return self._exchange_on(endpoint, self._open(endpoint, deadline), headers, body, deadline)

    def _open(self, endpoint: AwsEndpoint, deadline: float) -> Connection:
        """Connect; trust Amazon's authorities, and those of the system once these are not enough.

        Loading Amazon's five takes half a millisecond, the 140 of a system 4 to 16.
        """
        deadline = min(deadline, self._monotonic() + CONNECT_SECONDS)
        if not endpoint.tls:
            return connect(endpoint, None, deadline, self._monotonic)
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=AMAZON_ROOTS)
        try:
            return connect(endpoint, self._tls, deadline, self._monotonic)
        except ssl.SSLCertVerificationError:
            if self._trusts_system:
                raise
            self._tls.load_default_certs()
            self._trusts_system = True
        return connect(endpoint, self._tls, deadline, self._monotonic)

    def _exchange_on(
        self,
        endpoint: AwsEndpoint,
        connection: Connection,
        headers: Mapping[str, str],
        body: bytes,
        deadline: float,
    ) -> AwsResponse:
        """Keep the connection only after a complete response, whatever interrupts the exchange."""
        try:
            response = connection.exchange(headers, body, deadline)
            if connection.is_open:
                connection.idle_since = self._clock()
                self._idle_connections[endpoint] = connection
            return response
        finally:
            if endpoint not in self._idle_connections:
                connection.close()


class _Operation(NamedTuple):
    name: str
    service: str
    """The signing name, which is also the first label of the public endpoint."""
    target: str
    content_type: str
    endpoint_variable: str


_GET_SECRET_VALUE = _Operation(
    "GetSecretValue",
    "secretsmanager",
    "secretsmanager.GetSecretValue",
    "application/x-amz-json-1.1",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
)
_PUT_ITEM = _Operation(
    "PutItem",
    "dynamodb",
    "DynamoDB_20120810.PutItem",
    "application/x-amz-json-1.0",
    "AWS_ENDPOINT_URL_DYNAMODB",
)
_SEND_MESSAGE = _Operation(
    "SendMessage",
    "sqs",
    "AmazonSQS.SendMessage",
    "application/x-amz-json-1.0",
    "AWS_ENDPOINT_URL_SQS",
)

# Error codes of these three services that are transient although their status is 4xx: those that
# the AWS SDKs retry, and a write that conflicted with another one.
_TRANSIENT_CODES = frozenset(
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


def _check_environment(environment: Mapping[str, str]) -> None:
    required = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    names = [name for name in required if not environment.get(name)]
    if names:
        raise ValueError(f"not set: {', '.join(names)}")
    for name in (*required, "AWS_SESSION_TOKEN"):
        value = environment.get(name, "")
        if not (value.isascii() and value.isprintable()) or " " in value:
            names.append(name)
    if names:
        raise ValueError(f"not valid in an HTTP header: {', '.join(names)}")


def _endpoint(environment: Mapping[str, str], operation: _Operation) -> AwsEndpoint:
    region, variable = environment["AWS_REGION"], operation.endpoint_variable
    configured = environment.get(variable) or environment.get("AWS_ENDPOINT_URL")
    parts = urlsplit(configured or f"https://{operation.service}.{region}.{dns_suffix(region)}")
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or parts.username is not None
    ):
        raise ValueError(f"{variable} or AWS_ENDPOINT_URL: expected http(s)://host[:port]")
    tls = parts.scheme == "https"
    return AwsEndpoint(tls, parts.hostname, parts.port or (443 if tls else 80))


def dns_suffix(region: str) -> str:
    """Return the domain of a region's partition: the public partitions and GovCloud."""
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
    raise TypeError(f"unsupported attribute type {type(value).__name__}; expected str or int")


def _parse_response(operation: _Operation, response: AwsResponse) -> dict[str, object]:
    """Return the JSON object of a response with status 200, and raise AwsError for any other."""
    request_id = _printable(response.request_id)
    content = _json_object(response.body)
    if response.status == 200 and content is not None:
        return content
    code = _error_code(content or {})
    permanent = (
        400 <= response.status < 500
        and response.status not in {408, 429}
        and code is not None
        and code not in _TRANSIENT_CODES
    )
    raise (AwsRefused if permanent else AwsUnavailable)(
        operation.name,
        code or "unreadable response",
        code=code,
        status=response.status,
        request_id=request_id,
    )


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _error_code(content: Mapping[str, object]) -> str | None:
    """Return AccessDeniedException for `com.amazon.coral.service#AccessDeniedException`."""
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


def _string_field(operation: _Operation, response: Mapping[str, object], field: str) -> str:
    value = response.get(field)
    if not isinstance(value, str):
        raise AwsUnavailable(operation.name, f"response without {field}", status=200)
    return value
