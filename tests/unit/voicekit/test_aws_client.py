"""voicekit.aws_client against moto, and against a server on loopback that misbehaves."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.retries.standard
import certifi
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from voicekit import aws_client
from voicekit.aws_client import AwsClient, AwsError, AwsRefused, AwsUnavailable

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

FUNCTIONS = Path(__file__).parents[3] / "functions"
SECRET_KEY = "the-key-that-signs"
TOKEN = "the-session-token"
QUEUE = "https://sqs.eu-west-2.amazonaws.com/123456789012/overflow"


def environment(url: str | None = None) -> dict[str, str]:
    variables = {
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": TOKEN,
    }
    return variables if url is None else {**variables, "AWS_ENDPOINT_URL": url}


def sdk(service: str, region: str = "eu-west-2", url: str | None = None) -> Any:
    """Return an official client."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=SECRET_KEY,
    )


# The misbehaving server


@dataclass(frozen=True)
class ScriptedResponse:
    """What the server does with one request."""

    data: bytes = b""
    then: Literal["keep", "close", "reset", "hang", "drip"] = "keep"


def response(
    status: int = 200,
    content: object = None,
    then: Literal["keep", "close", "reset"] = "keep",
    headers: str = "x-amzn-RequestId: REQ-1\r\n",
) -> ScriptedResponse:
    body = json.dumps({} if content is None else content).encode()
    head = f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return ScriptedResponse(head.encode() + body, then)


def error_response(code: str, status: int = 400) -> ScriptedResponse:
    return response(status, {"__type": f"com.amazonaws#{code}", "message": "do not log this"})


OK = response()
SENT = response(content={"MessageId": "M-1"})
HANG = ScriptedResponse(then="hang")


@dataclass(frozen=True)
class Request:
    connection: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A server on loopback that sends the responses of a script, one per request."""

    script: list[ScriptedResponse]
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def end(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):  # wakes the thread if it waits in accept
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            accepted, _ = self._listening.accept()
            with contextlib.ExitStack() as stack:
                stack.callback(accepted.close)
                if self._ended.is_set():
                    return
                self.connections += 1
                accepted.settimeout(20)
                with contextlib.suppress(OSError):
                    if self.tls:
                        accepted = self.tls.wrap_socket(accepted, server_side=True)
                        stack.callback(accepted.close)
                    self._serve_connection(accepted)

    def _serve_connection(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while request := self._read(stream):
                self.requests.append(request)
                step = self.script.pop(0) if self.script else OK
                connection.sendall(step.data)
                if step.then == "close":
                    return
                if step.then == "reset":
                    linger_none = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
                    return
                while step.then == "drip":  # until the client disconnects, which is an OSError
                    connection.sendall(b" ")
                    self._ended.wait(0.001)
                if step.then == "hang":
                    stream.read()

    def _read(self, stream: io.BufferedReader) -> Request | None:
        if not stream.readline():
            return None
        lines = iter(lambda: stream.readline().decode().strip(), "")
        headers = {name.lower(): value for name, _, value in (s.partition(": ") for s in lines)}
        return Request(self.connections, headers, stream.read(int(headers["content-length"])))


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*script: ScriptedResponse, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(list(script), tls))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def make_client(serve: object) -> Iterator[Callable[..., AwsClient]]:
    """Make clients that don't pause, and close them before their servers."""
    clients: list[AwsClient] = []

    def start(server: Server | str, **options: Any) -> AwsClient:
        url = server if isinstance(server, str) else server.url
        clients.append(AwsClient(environment(url), **{"sleep": lambda _: None, **options}))
        return clients[-1]

    yield start
    for aws in clients:
        aws.close()


@dataclass
class SteppedClock:
    """A clock that advances by `step` seconds whenever it is read."""

    now: float = 1000.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


# Requests


def send_all(aws: AwsClient) -> None:
    aws.get_secret_value("Signing")
    aws.put_item("events", {"pk": "CON-1", "sk": "ü", "expires_at": 12}, unless_exists="pk")
    aws.send_message(QUEUE, "ein Wörtchen")


ALL_SUCCEED = (response(content={"SecretString": "s"}), OK, SENT)


def test_sends_the_requests_of_botocore(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_SUCCEED, *ALL_SUCCEED)
    with contextlib.closing(make_client(server)) as aws:
        send_all(aws)

    item = {"pk": {"S": "CON-1"}, "sk": {"S": "ü"}, "expires_at": {"N": "12"}}
    with contextlib.closing(sdk("secretsmanager", url=server.url)) as secrets:
        secrets.get_secret_value(SecretId="Signing")
    with contextlib.closing(sdk("dynamodb", url=server.url)) as tables:
        tables.put_item(
            TableName="events",
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "pk"},
        )
    with (
        contextlib.closing(sdk("sqs", url=server.url)) as queues,
        contextlib.suppress(botocore.exceptions.ClientError),  # it expects a digest of the body
    ):
        queues.send_message(QueueUrl=server.url + "/123456789012/q", MessageBody="ein Wörtchen")

    def essence(request: Request) -> object:
        content = json.loads(request.body)
        content.pop("QueueUrl", None)  # botocore sends to this URL, our client does not
        return request.headers["x-amz-target"], request.headers["content-type"], content

    ours, theirs = server.requests[:3], server.requests[3:]
    assert [essence(request) for request in ours] == [essence(request) for request in theirs]


def test_signs_requests_as_botocore_does(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_SUCCEED)
    send_all(make_client(server, clock=lambda: 1440938160.0))

    for request, service in zip(
        server.requests, ("secretsmanager", "dynamodb", "sqs"), strict=True
    ):
        names = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
        signed = {name: request.headers[name] for name in names.split(";")}
        oracle = botocore.awsrequest.AWSRequest(
            "POST", server.url + "/", headers=signed, data=request.body
        )
        credentials = botocore.credentials.Credentials("AKIDEXAMPLE", SECRET_KEY, TOKEN)
        now = datetime.datetime(2015, 8, 30, 12, 36)
        with mock.patch.object(botocore.auth, "get_current_datetime", lambda now=now: now):
            botocore.auth.SigV4Auth(credentials, service, "eu-west-2").add_auth(oracle)
        assert request.headers["authorization"] == oracle.headers["Authorization"]
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
        assert request.headers["x-amz-date"] == "20150830T123600Z"


def test_sends_no_session_token_without_one(serve: Callable[..., Server]) -> None:
    server = serve()
    variables = environment(server.url)
    del variables["AWS_SESSION_TOKEN"]
    with contextlib.closing(AwsClient(variables)) as aws:
        aws.put_item("events", {"pk": "1"})

    assert "x-amz-security-token" not in server.requests[0].headers


@pytest.mark.parametrize("value", [True, 1.5, None, b"1", ["1"]])
def test_an_attribute_is_a_string_or_an_integer(
    value: Any, make_client: Callable[..., AwsClient]
) -> None:
    aws = make_client(f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(TypeError, match="expected str or int"):
        aws.put_item("events", {"pk": value})


# Settings


def test_names_every_missing_variable_at_once() -> None:
    with pytest.raises(
        ValueError, match="AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    ) as caught:
        AwsClient({"AWS_SECRET_ACCESS_KEY": ""})

    assert "not set" in str(caught.value)


@pytest.mark.parametrize("bad", ["line\nbreak", "ümlaut", "two words"])
def test_rejects_credentials_invalid_in_a_header_without_showing_them(bad: str) -> None:
    with pytest.raises(ValueError, match="AWS_SESSION_TOKEN") as caught:
        AwsClient({**environment(), "AWS_SESSION_TOKEN": bad})

    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:5000",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host/?a=b",
        "http://host/#a",
        "http://user:word@host",
        "http://host:port",
        "http://[host",
    ],
)
def test_rejects_an_endpoint_that_is_not_a_base_url(url: str) -> None:
    with pytest.raises(ValueError):
        AwsClient(environment(url))


@pytest.mark.parametrize(
    ("region", "secrets"),
    [
        ("eu-west-2", "https://secretsmanager.eu-west-2.amazonaws.com"),
        ("us-gov-west-1", "https://secretsmanager.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "https://secretsmanager.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_uses_the_public_endpoints_of_botocore_by_default(
    region: str, secrets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def resolve_nothing(host: bytes, port: int, **_: object) -> object:
        name = host.decode()
        names.append(f"https://{name}" if port == 443 else f"{name}:{port}")
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve_nothing)
    aws = AwsClient({**environment(), "AWS_REGION": region}, sleep=lambda _: None)
    for send in (
        lambda: aws.get_secret_value("s"),
        lambda: aws.put_item("t", {"pk": "1"}),
        lambda: aws.send_message(QUEUE, "b"),
    ):
        with pytest.raises(AwsUnavailable, match="gaierror"):
            send()

    theirs = []
    for service in ("secretsmanager", "dynamodb", "sqs"):
        with contextlib.closing(sdk(service, region)) as client:
            theirs.append(client.meta.endpoint_url)
    assert names[::2] == theirs
    assert names[0] == secrets


def test_the_endpoint_of_a_service_overrides_the_common_one(
    serve: Callable[..., Server],
) -> None:
    common, dynamodb = serve(SENT), serve()
    variables = {**environment(common.url), "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url + "/"}
    with contextlib.closing(AwsClient(variables)) as aws:
        aws.put_item("events", {"pk": "1"})
        aws.send_message(QUEUE, "b")

    assert [len(common.requests), len(dynamodb.requests)] == [1, 1]


# Against moto


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def boto(cloud: str) -> Iterator[Callable[[str], Any]]:
    with contextlib.ExitStack() as stack:

        def client(service: str) -> Any:
            return stack.enter_context(contextlib.closing(sdk(service, url=cloud)))

        yield client


def test_reads_a_secret(
    cloud: str, boto: Callable[[str], Any], make_client: Callable[..., AwsClient]
) -> None:
    boto("secretsmanager").create_secret(Name="Signing", SecretString='{"api_key": "ä"}')

    assert make_client(cloud).get_secret_value("Signing") == '{"api_key": "ä"}'


def test_a_secret_that_does_not_exist_is_refused(
    cloud: str, make_client: Callable[..., AwsClient]
) -> None:
    with pytest.raises(AwsRefused) as caught:
        make_client(cloud).get_secret_value("Nothing")

    assert caught.value.code == "ResourceNotFoundException"


def test_writes_an_item_once(
    cloud: str, boto: Callable[[str], Any], make_client: Callable[..., AwsClient]
) -> None:
    tables = boto("dynamodb")
    tables.create_table(
        TableName="events",
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "key", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    aws = make_client(cloud)

    written = [
        aws.put_item("events", {"key": "1", "sk": sk, "n": n}, unless_exists="key")
        for sk, n in (("a", 1), ("a", 2), ("b", 3))
    ]

    assert written == [True, False, True]
    found = tables.get_item(TableName="events", Key={"key": {"S": "1"}, "sk": {"S": "a"}})
    assert found["Item"] == {"key": {"S": "1"}, "sk": {"S": "a"}, "n": {"N": "1"}}
    assert aws.put_item("events", {"key": "1", "sk": "a", "n": 4})
    found = tables.get_item(TableName="events", Key={"key": {"S": "1"}, "sk": {"S": "a"}})
    assert found["Item"]["n"] == {"N": "4"}


def test_sends_a_message(
    cloud: str, boto: Callable[[str], Any], make_client: Callable[..., AwsClient]
) -> None:
    queues = boto("sqs")
    url = queues.create_queue(QueueName="overflow")["QueueUrl"]

    message_id = make_client(cloud).send_message(url, '{"text": "ä"}')

    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    assert (message["MessageId"], message["Body"]) == (message_id, '{"text": "ä"}')


# Forms of a response (RFC 9112)

_CONTENT = b'{"MessageId": "M-1"}'
FORMS = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + _CONTENT, True),
    "names in small letters": (b"HTTP/1.1 200\r\ncontent-length:20 \r\n\r\n" + _CONTENT, True),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"0C;a=b\r\n" + _CONTENT[:12] + b"\r\n8\r\n" + _CONTENT[12:] + b"\r\n0\r\nA: b\r\n\r\n",
        True,
    ),
    "an interim response before it": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + _CONTENT,
        True,
    ),
    "the end of the connection": (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" + _CONTENT, False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\n" + _CONTENT, False),
    "the connection will close": (
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 20\r\n\r\n" + _CONTENT,
        False,
    ),
}


@pytest.mark.parametrize(("data", "reusable"), FORMS.values(), ids=FORMS.keys())
def test_reads_every_form_of_a_response(
    data: bytes,
    reusable: bool,
    serve: Callable[..., Server],
    make_client: Callable[..., AwsClient],
) -> None:
    server = serve(ScriptedResponse(data, "keep" if reusable else "close"), SENT)
    aws = make_client(server)

    assert [aws.send_message(QUEUE, "b") for _ in range(2)] == ["M-1", "M-1"]
    assert [request.connection for request in server.requests] == [1, 1 if reusable else 2]


# Errors


def test_a_refused_connection_gets_two_attempts(make_client: Callable[..., AwsClient]) -> None:
    pauses: list[float] = []
    aws = make_client(f"http://127.0.0.1:{closed_port()}", sleep=pauses.append, jitter=lambda: 0.5)

    with pytest.raises(AwsUnavailable, match=r"PutItem: .*ConnectionRefusedError"):
        aws.put_item("events", {"pk": "1"})

    assert pauses == [0.05]


def test_the_pause_is_random_and_at_most_a_tenth_of_a_second() -> None:
    pauses: list[float] = []
    aws = AwsClient(environment(f"http://127.0.0.1:{closed_port()}"), sleep=pauses.append)
    for _ in range(20):
        with pytest.raises(AwsUnavailable):
            aws.put_item("events", {"pk": "1"})

    assert len(set(pauses)) > 1
    assert all(0 <= pause < 0.1 for pause in pauses)


TRANSIENT = {
    "a 500": response(500),
    "a 503 that is not JSON": ScriptedResponse(
        b"HTTP/1.1 503 Slow\r\nContent-Length: 4\r\n\r\n<h1>"
    ),
    "throttling": error_response("ThrottlingException"),
    "throughput exceeded": error_response("ProvisionedThroughputExceededException"),
    "a throttled request of SQS": error_response("RequestThrottled", 403),
    "too many requests": error_response("Whatever", 429),
    "closed before a response": ScriptedResponse(then="close"),
    "reset before a response": ScriptedResponse(then="reset"),
    "closed in the headers": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Le", "close"),
    "closed in the body": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "close"
    ),
    "closed in a chunk": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", "close"
    ),
    "a length too short": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}"),
    "not HTTP": ScriptedResponse(b"SSH-2.0-OpenSSH_9.6\r\n", "close"),
    "not JSON": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"),
    "not UTF-8": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\xff}}"),
    "no body": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "JSON that is not an object": response(content=["SecretString"]),
    "JSON too deep": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000
    ),
    "another success": response(204),
    "a redirect": response(307, headers="Location: http://127.0.0.1:1/\r\n"),
    "a 4xx without a code": response(400, {"message": "no"}),
    "a 4xx whose code is not a name": response(400, {"__type": "a#\r\nb"}),
    "a 4xx whose code is not a string": response(400, {"__type": 7}),
    "a chunk of negative size": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"
    ),
    "two lengths": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}"
    ),
    "a negative length": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"),
    "an unknown coding": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "a line without a colon": ScriptedResponse(b"HTTP/1.1 200 OK\r\nwhat\r\n\r\n{}", "close"),
    "HTTP/2": ScriptedResponse(b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a chunk that is longer than its size": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"
    ),
    "an endless line": ScriptedResponse(b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000),
    "endless headers": ScriptedResponse(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200_000),
    "a huge response": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1100000\r\n\r\n" + b" " * 1_100_000
    ),
    "a huge response without a length": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\n\r\n" + b'{"MessageId": "M-1"}' + b" " * 1_100_000, "close"
    ),
    "a huge chunk": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n" + b" " * 1_100_000
    ),
}
EACH_TRANSIENT = pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())


@EACH_TRANSIENT
def test_a_transient_error_is_retried(
    fault: ScriptedResponse, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(fault, SENT)

    assert make_client(server).send_message(QUEUE, "b") == "M-1"
    assert len(server.requests) == 2


@EACH_TRANSIENT
def test_a_lasting_transient_error_gets_two_attempts(
    fault: ScriptedResponse, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(fault, fault, SENT)

    with pytest.raises(AwsUnavailable):
        make_client(server).send_message(QUEUE, "b")

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            *botocore.retries.standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
            *botocore.retries.standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES,
        }
        # of S3, EC2, CloudSearch and Route 53
        - {"SlowDown", "EC2ThrottledException", "BandwidthLimitExceeded", "PriorRequestNotComplete"}
    ),
)
def test_the_codes_that_botocore_retries_are_transient(
    code: str, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(error_response(code), error_response(code))

    with pytest.raises(AwsUnavailable) as caught:
        make_client(server).put_item("events", {"pk": "1"})

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("ResourceNotFoundException", 400),
        ("ValidationException", 400),
        ("UnrecognizedClientException", 400),
        ("ExpiredTokenException", 403),
        ("InvalidSignatureException", 400),
        ("RequestTimeTooSkewed", 403),
        ("AWS.SimpleQueueService.NonExistentQueue", 400),
        ("ConditionalCheckFailedException", 400),
    ],
)
def test_a_permanent_error_is_not_retried(
    code: str, status: int, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(error_response(code, status))

    with pytest.raises(AwsRefused) as caught:
        make_client(server).send_message(QUEUE, "b")

    error = caught.value
    assert (error.operation, error.code, error.status) == ("SendMessage", code, status)
    assert str(error) == f"SendMessage: {code} (status {status}, request id REQ-1)"
    assert len(server.requests) == 1


def test_an_existing_item_is_not_an_error(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(
        ScriptedResponse(then="close"), error_response("ConditionalCheckFailedException")
    )

    assert make_client(server).put_item("events", {"pk": "1"}, unless_exists="pk") is False


@pytest.mark.parametrize("content", [{}, {"SecretString": None}, {"SecretBinary": "AAAA"}])
def test_a_response_without_the_field_is_unavailable(
    content: object, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    with pytest.raises(AwsUnavailable, match="response without SecretString"):
        make_client(serve(response(content=content))).get_secret_value("s")


@pytest.mark.parametrize("request_id", ["a" * 5000, "caf\u00e9", "a\tb"])
def test_an_invalid_request_id_is_left_out(
    request_id: str, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    head = f"x-amzn-RequestId: {request_id}\r\n"
    server = serve(response(400, {"__type": "a#ValidationException"}, headers=head))

    with pytest.raises(AwsRefused) as caught:
        make_client(server).send_message(QUEUE, "b")

    assert caught.value.request_id is None


@EACH_TRANSIENT
def test_an_error_contains_neither_credentials_nor_bodies(
    fault: ScriptedResponse, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(fault, fault)
    sent = "-".join(["what", "was", "sent"])  # a traceback may quote this source line

    with pytest.raises(AwsError) as caught:
        make_client(server).send_message(QUEUE, sent)

    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    for hidden in (SECRET_KEY, TOKEN, sent, "do not log this", "OpenSSH", "Hello", "<h1>"):
        assert hidden not in shown


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda status, headers, body: (
                f"HTTP/1.1 {status}\r\n".encode() + b"\r\n".join(headers) + b"\r\n\r\n" + body
            ),
            st.integers(0, 1200),
            st.lists(
                st.one_of(
                    st.sampled_from(
                        [
                            b"Transfer-Encoding: chunked",
                            b"Content-Length: -1",
                            b"Content-Length: 5",
                            b"Content-Length: 99999999999999999999",
                            b"Connection: close",
                            b"Content-Encoding: gzip",
                        ]
                    ),
                    st.binary(max_size=30),
                ),
                max_size=4,
            ),
            st.one_of(
                st.binary(max_size=60),
                st.from_regex(rb"-?[0-9a-f]{1,12}\r\n[^z]{0,9}", fullmatch=True),
                st.recursive(
                    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                ).map(lambda value: json.dumps(value).encode()),
            ),
        ),
    )
)
def test_no_response_raises_another_exception(data: bytes) -> None:
    server = Server([ScriptedResponse(data, "close")] * 2)
    aws = AwsClient(environment(server.url), sleep=lambda _: None)
    try:
        with contextlib.suppress(AwsError):
            aws.send_message(QUEUE, "b")
    finally:
        aws.close()
        server.end()


# Deadlines


def test_makes_no_connection_without_time(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve()

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        make_client(server).put_item("events", {"pk": "1"}, within=0)

    assert server.connections == 0


def test_a_server_that_never_responds_times_out(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(HANG)

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        make_client(server).put_item("events", {"pk": "1"}, within=0.2)

    assert len(server.requests) == 1  # no time for another one


def test_a_handshake_that_never_ends_times_out(make_client: Callable[..., AwsClient]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(AwsUnavailable, match="TimeoutError"):
            make_client(url).put_item("events", {"pk": "1"}, within=0.2)


def test_a_connection_that_is_never_made_times_out(make_client: Callable[..., AwsClient]) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"

        with pytest.raises(AwsUnavailable, match="TimeoutError"):
            make_client(url).put_item("events", {"pk": "1"}, within=0.2)


def test_each_attempt_has_a_limit_of_its_own(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(HANG, HANG)

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        make_client(server, monotonic=SteppedClock(step=0.6)).put_item("events", {"pk": "1"})

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nA:", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"],
    ids=["status line", "header", "body"],
)
def test_a_response_that_arrives_byte_by_byte_times_out(
    head: bytes, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*[ScriptedResponse(head, "drip")] * 2)

    # The clock advances by 50 ms with each byte or two, so an attempt ends after about forty.
    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        make_client(server, monotonic=SteppedClock(step=0.05)).put_item("events", {"pk": "1"})

    assert len(server.requests) == 2


def test_no_second_attempt_if_the_pause_exceeds_the_deadline(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(response(503), OK)
    aws = make_client(server, monotonic=SteppedClock(), jitter=lambda: 0.9)

    with pytest.raises(AwsUnavailable, match="status 503"):
        aws.put_item("events", {"pk": "1"}, within=0.05)

    assert len(server.requests) == 1


# Connection reuse


def test_requests_share_a_connection(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_SUCCEED)

    send_all(make_client(server))

    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_connection_that_the_server_will_close_is_not_reused(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(response(headers="Connection: close\r\n", then="close"), OK)
    aws = make_client(server)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2]


def test_replacing_a_closed_idle_connection_costs_no_attempt(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(response(then="close"), response(503), OK)
    pauses: list[float] = []
    aws = make_client(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2, 2]
    assert len(pauses) == 1


@pytest.mark.parametrize("then", ["close", "reset"])
def test_replacing_a_connection_closed_during_the_request_costs_no_attempt(
    then: Literal["close", "reset"],
    serve: Callable[..., Server],
    make_client: Callable[..., AwsClient],
) -> None:
    server = serve(OK, ScriptedResponse(then=then), response(503), OK)
    pauses: list[float] = []
    aws = make_client(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 1, 2, 2]
    assert len(pauses) == 1


def test_a_reused_connection_that_breaks_within_a_response_costs_an_attempt(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(OK, ScriptedResponse(b"HTTP/1.1 200", "reset"), OK)
    pauses: list[float] = []
    aws = make_client(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert len(pauses) == 1


@pytest.mark.parametrize("seconds", [61.0, -3600.0])
def test_a_connection_idle_for_too_long_is_not_reused(
    seconds: float, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server, clock = serve(), SteppedClock()
    aws = make_client(server, clock=clock)
    aws.put_item("events", {"pk": "1"})
    clock.now += seconds
    aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2]


def test_unexpected_data_is_never_read_as_a_response(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    unexpected = response(content={"MessageId": "unexpected" + "x" * 20_000})
    server = serve(
        ScriptedResponse(SENT.data + unexpected.data), response(content={"MessageId": "M-2"})
    )
    aws = make_client(server)

    assert [aws.send_message(QUEUE, "b") for _ in range(2)] == ["M-1", "M-2"]


def test_a_connection_is_not_reused_after_an_error(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: x1\r\n\r\n", "drip"), OK)

    assert make_client(server, monotonic=SteppedClock(step=0.05)).put_item("events", {"pk": "1"})
    assert [request.connection for request in server.requests] == [1, 2]


class Interrupted(BaseException):
    """An exception that a time limit may raise during a request."""


def test_an_interrupted_request_leaves_no_connection_for_the_next(
    serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    reads = itertools.count()

    def monotonic() -> float:
        if armed and next(reads) == 3:  # the request is sent, the response is not read yet
            raise Interrupted
        return 0.0

    armed = False
    server = serve(
        SENT, response(content={"MessageId": "M-2"}), response(content={"MessageId": "M-3"})
    )
    aws = make_client(server, monotonic=monotonic)
    aws.send_message(QUEUE, "1")
    armed = True
    with pytest.raises(Interrupted):
        aws.send_message(QUEUE, "2")
    armed = False

    assert aws.send_message(QUEUE, "3") == "M-3"


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Return the authority, trusted as an operating system does."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def amazons(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Return the authority in place of Amazon's, on a system that trusts nobody."""
    authority.cert_pem.write_to_path(str(tmp_path / "amazon.pem"))
    monkeypatch.setattr(aws_client, "AMAZON_ROOTS", str(tmp_path / "amazon.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    return authority


def test_uses_tls_and_reuses_the_connection(
    amazons: trustme.CA, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_SUCCEED, tls=tls(amazons, "127.0.0.1"))

    send_all(make_client(server))

    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_an_authority_of_the_system_is_trusted_for_an_endpoint_of_ones_own(
    trusting: trustme.CA, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_SUCCEED, tls=tls(trusting, "127.0.0.1"))

    send_all(make_client(server))

    # The first handshake fails, because Amazon did not sign the certificate.
    assert [request.connection for request in server.requests] == [2, 2, 2]


def test_amazons_authorities_stay_trusted_after_another_one(
    trusting: trustme.CA,
    tmp_path: Path,
    serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    amazon = trustme.CA()
    amazon.cert_pem.write_to_path(str(tmp_path / "amazon.pem"))
    monkeypatch.setattr(aws_client, "AMAZON_ROOTS", str(tmp_path / "amazon.pem"))
    own, public = serve(tls=tls(trusting, "127.0.0.1")), serve(SENT, tls=tls(amazon, "127.0.0.1"))
    variables = {**environment(public.url), "AWS_ENDPOINT_URL_DYNAMODB": own.url}
    with contextlib.closing(AwsClient(variables)) as aws:
        aws.put_item("events", {"pk": "1"})
        aws.send_message(QUEUE, "b")

    assert [request.connection for request in public.requests] == [1]


def test_trying_the_systems_authorities_has_no_time_of_its_own(
    authority: trustme.CA, make_client: Callable[..., AwsClient]
) -> None:
    # given a server with an unknown certificate that does not answer a second handshake
    def reject_once() -> None:
        accepted, _ = listening.accept()
        with accepted, contextlib.suppress(OSError):
            context.wrap_socket(accepted, server_side=True).close()

    context = tls(authority, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=reject_once)
        thread.start()
        with pytest.raises(AwsUnavailable, match="TimeoutError"):
            make_client(f"https://127.0.0.1:{listening.getsockname()[1]}").put_item(
                "events", {"pk": "1"}, within=0.5
            )
        thread.join()


def test_amazons_roots_are_public_authorities() -> None:
    trusted = ssl.create_default_context(cafile=aws_client.AMAZON_ROOTS)
    public = ssl.create_default_context(cafile=certifi.where())

    certificates = trusted.get_ca_certs(binary_form=True)
    assert len(certificates) == 5
    assert set(certificates) <= set(public.get_ca_certs(binary_form=True))


def test_sends_nothing_to_a_host_with_another_name(
    trusting: trustme.CA, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(tls=tls(trusting, "localhost"))

    with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
        make_client(server).put_item("events", {"pk": "1"})

    assert server.requests == []


def test_sends_nothing_to_a_host_with_an_untrusted_certificate(
    authority: trustme.CA, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    server = serve(tls=tls(authority, "127.0.0.1"))

    with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
        make_client(server).put_item("events", {"pk": "1"})

    assert server.requests == []


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_closed_tls_connection_is_replaced(
    then: Literal["close", "reset"],
    trusting: trustme.CA,
    serve: Callable[..., Server],
    make_client: Callable[..., AwsClient],
) -> None:
    server = serve(OK, ScriptedResponse(then=then), tls=tls(trusting, "127.0.0.1"))
    pauses: list[float] = []
    aws = make_client(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert pauses == []


def test_unexpected_data_over_tls_is_never_read_as_a_response(
    trusting: trustme.CA, serve: Callable[..., Server], make_client: Callable[..., AwsClient]
) -> None:
    unexpected = response(content={"MessageId": "unexpected" + "x" * 12_000})
    server = serve(
        ScriptedResponse(SENT.data + unexpected.data),
        response(content={"MessageId": "M-2"}),
        tls=tls(trusting, "127.0.0.1"),
    )
    aws = make_client(server)

    assert [aws.send_message(QUEUE, "b") for _ in range(2)] == ["M-1", "M-2"]


# Imports


def test_imports_no_sdk_and_no_logging() -> None:
    code = "import sys, voicekit.aws_client; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); {code}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()

    unwanted = {"boto3", "botocore", "requests", "urllib3", "logging", "asyncio", "inspect"}
    assert "voicekit" in loaded
    assert not unwanted & set(loaded)
