"""voicekit.aws_client against the moto server, and against a misbehaving one on loopback."""

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
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

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
    """The official client."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=SECRET_KEY,
    )


# The server that misbehaves


@dataclass(frozen=True)
class ScriptedResponse:
    """What the server does with one request."""

    data: bytes = b""
    then: Literal["keep", "close", "reset", "hang", "drip"] = "keep"


def reply(
    status: int = 200,
    content: object = None,
    then: Literal["keep", "close", "reset"] = "keep",
    headers: str = "x-amzn-RequestId: REQ-1\r\n",
) -> ScriptedResponse:
    body = json.dumps({} if content is None else content).encode()
    head = f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return ScriptedResponse(head.encode() + body, then)


def refusal(code: str, status: int = 400) -> ScriptedResponse:
    return reply(status, {"__type": f"com.amazonaws#{code}", "message": "mind your own"})


OK = reply()
SENT = reply(content={"MessageId": "M-1"})
HANG = ScriptedResponse(then="hang")


@dataclass(frozen=True)
class Request:
    connection: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Answers on loopback, request by request, with the replies of a script."""

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
                now = self.script.pop(0) if self.script else OK
                connection.sendall(now.data)
                if now.then == "close":
                    return
                if now.then == "reset":
                    linger_none = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
                    return
                while now.then == "drip":  # until the client has gone away, which is an OSError
                    connection.sendall(b" ")
                    self._ended.wait(0.001)
                if now.then == "hang":
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
def speak(serve: object) -> Iterator[Callable[..., AwsClient]]:
    """Make clients that do not really pause; they are closed before the servers they speak to."""
    made: list[AwsClient] = []

    def start(server: Server | str, **given: Any) -> AwsClient:
        url = server if isinstance(server, str) else server.url
        made.append(AwsClient(environment(url), **{"sleep": lambda _: None, **given}))
        return made[-1]

    yield start
    for aws in made:
        aws.close()


@dataclass
class SteppedClock:
    """A clock that goes on by `step` seconds whenever it is read."""

    now: float = 1000.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


# What is sent


def ask_all(aws: AwsClient) -> None:
    aws.get_secret_value("Signing")
    aws.put_item("events", {"pk": "CON-1", "sk": "ü", "expires_at": 12}, unless_exists="pk")
    aws.send_message(QUEUE, "ein Wörtchen")


ALL_ANSWERED = (reply(content={"SecretString": "s"}), OK, SENT)


def test_asks_for_what_botocore_asks(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_ANSWERED, *ALL_ANSWERED)
    with contextlib.closing(speak(server)) as aws:
        ask_all(aws)

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
        contextlib.suppress(botocore.exceptions.ClientError),  # it looks for a digest of the body
    ):
        queues.send_message(QueueUrl=server.url + "/123456789012/q", MessageBody="ein Wörtchen")

    def essence(request: Request) -> object:
        content = json.loads(request.body)
        content.pop("QueueUrl", None)  # botocore's went to the server's address, ours did not
        return request.headers["x-amz-target"], request.headers["content-type"], content

    ours, theirs = server.requests[:3], server.requests[3:]
    assert [essence(request) for request in ours] == [essence(request) for request in theirs]


def test_what_goes_over_the_wire_is_signed_as_botocore_signs_it(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_ANSWERED)
    ask_all(speak(server, clock=lambda: 1440938160.0))

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


def test_sends_no_token_when_the_credentials_have_none(serve: Callable[..., Server]) -> None:
    server = serve()
    variables = environment(server.url)
    del variables["AWS_SESSION_TOKEN"]
    with contextlib.closing(AwsClient(variables)) as aws:
        aws.put_item("events", {"pk": "1"})

    assert "x-amz-security-token" not in server.requests[0].headers


@pytest.mark.parametrize("value", [True, 1.5, None, b"1", ["1"]])
def test_an_attribute_is_a_text_or_a_whole_number(
    value: Any, speak: Callable[..., AwsClient]
) -> None:
    aws = speak(f"http://127.0.0.1:{closed_port()}")

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
def test_refuses_credentials_unfit_for_a_header_without_showing_them(bad: str) -> None:
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
def test_refuses_an_endpoint_that_is_not_a_bare_address(url: str) -> None:
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
def test_without_a_setting_it_goes_where_botocore_goes(
    region: str, secrets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def no_name_is_known(host: bytes, port: int, **_: object) -> object:
        name = host.decode()
        looked_up.append(f"https://{name}" if port == 443 else f"{name}:{port}")
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", no_name_is_known)
    aws = AwsClient({**environment(), "AWS_REGION": region}, sleep=lambda _: None)
    for ask in (
        lambda: aws.get_secret_value("s"),
        lambda: aws.put_item("t", {"pk": "1"}),
        lambda: aws.send_message(QUEUE, "b"),
    ):
        with pytest.raises(AwsUnavailable, match="gaierror"):
            ask()

    theirs = []
    for service in ("secretsmanager", "dynamodb", "sqs"):
        with contextlib.closing(sdk(service, region)) as client:
            theirs.append(client.meta.endpoint_url)
    assert looked_up[::2] == theirs
    assert looked_up[0] == secrets


def test_the_endpoint_of_a_service_goes_before_the_endpoint_of_all(
    serve: Callable[..., Server],
) -> None:
    of_all, of_tables = serve(SENT), serve()
    variables = {**environment(of_all.url), "AWS_ENDPOINT_URL_DYNAMODB": of_tables.url + "/"}
    with contextlib.closing(AwsClient(variables)) as aws:
        aws.put_item("events", {"pk": "1"})
        aws.send_message(QUEUE, "b")

    assert [len(of_all.requests), len(of_tables.requests)] == [1, 1]


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
            made = sdk(service, url=cloud)
            return stack.enter_context(contextlib.closing(made))

        yield client


def test_reads_a_secret(
    cloud: str, boto: Callable[[str], Any], speak: Callable[..., AwsClient]
) -> None:
    boto("secretsmanager").create_secret(Name="Signing", SecretString='{"api_key": "ä"}')

    assert speak(cloud).get_secret_value("Signing") == '{"api_key": "ä"}'


def test_a_secret_that_is_not_there_is_refused(cloud: str, speak: Callable[..., AwsClient]) -> None:
    with pytest.raises(AwsRefused) as caught:
        speak(cloud).get_secret_value("Nothing")

    assert caught.value.code == "ResourceNotFoundException"


def test_writes_an_item_once(
    cloud: str, boto: Callable[[str], Any], speak: Callable[..., AwsClient]
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
    aws = speak(cloud)

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
    cloud: str, boto: Callable[[str], Any], speak: Callable[..., AwsClient]
) -> None:
    queues = boto("sqs")
    url = queues.create_queue(QueueName="overflow")["QueueUrl"]

    message_id = speak(cloud).send_message(url, '{"text": "ä"}')

    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    assert (message["MessageId"], message["Body"]) == (message_id, '{"text": "ä"}')


# Faults


def test_a_refused_connection_is_tried_twice(speak: Callable[..., AwsClient]) -> None:
    pauses: list[float] = []
    aws = speak(f"http://127.0.0.1:{closed_port()}", sleep=pauses.append, jitter=lambda: 0.5)

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


PASSING = {
    "a 500": reply(500),
    "a 503 that is not JSON": ScriptedResponse(
        b"HTTP/1.1 503 Slow\r\nContent-Length: 4\r\n\r\n<h1>"
    ),
    "throttling": refusal("ThrottlingException"),
    "throughput exceeded": refusal("ProvisionedThroughputExceededException"),
    "a request throttled, as SQS says it": refusal("RequestThrottled", 403),
    "too many requests": refusal("Whatever", 429),
    "closed before an answer": ScriptedResponse(then="close"),
    "reset before an answer": ScriptedResponse(then="reset"),
    "closed in the head": ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Le", "close"),
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
    "JSON of another kind": reply(content=["SecretString"]),
    "JSON too deep": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000
    ),
    "another success": reply(204),
    "a redirect": reply(307, headers="Location: http://127.0.0.1:1/\r\n"),
    "a 4xx that does not say why": reply(400, {"message": "no"}),
    "a 4xx whose code is not a name": reply(400, {"__type": "a#\r\nb"}),
    "a 4xx whose code is not a text": reply(400, {"__type": 7}),
    "a chunk of negative size": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"
    ),
    "an endless line": ScriptedResponse(b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000),
    "endless headers": ScriptedResponse(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200),
    "a huge answer": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1100000\r\n\r\n" + b" " * 1_100_000
    ),
    "a huge answer of no length": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\n\r\n" + b'{"MessageId": "M-1"}' + b" " * 1_100_000, "close"
    ),
    "a huge chunk": ScriptedResponse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n" + b" " * 1_100_000
    ),
}
PASSING_EACH = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())


@PASSING_EACH
def test_what_may_pass_is_tried_again(
    fault: ScriptedResponse, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(fault, SENT)

    assert speak(server).send_message(QUEUE, "b") == "M-1"
    assert len(server.requests) == 2


@PASSING_EACH
def test_what_does_not_pass_is_tried_twice_and_no_more(
    fault: ScriptedResponse, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(fault, fault, SENT)

    with pytest.raises(AwsUnavailable):
        speak(server).send_message(QUEUE, "b")

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
def test_what_botocore_tries_again_may_pass(
    code: str, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(refusal(code), refusal(code))

    with pytest.raises(AwsUnavailable) as caught:
        speak(server).put_item("events", {"pk": "1"})

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
def test_a_refusal_is_not_tried_again(
    code: str, status: int, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(refusal(code, status))

    with pytest.raises(AwsRefused) as caught:
        speak(server).send_message(QUEUE, "b")

    error = caught.value
    assert (error.operation, error.code, error.status) == ("SendMessage", code, status)
    assert str(error) == f"SendMessage: {code} (status {status}, request id REQ-1)"
    assert len(server.requests) == 1


def test_an_item_that_stands_there_already_is_no_error(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(ScriptedResponse(then="close"), refusal("ConditionalCheckFailedException"))

    assert speak(server).put_item("events", {"pk": "1"}, unless_exists="pk") is False


@pytest.mark.parametrize("content", [{}, {"SecretString": None}, {"SecretBinary": "AAAA"}])
def test_an_answer_without_the_field_is_unavailable(
    content: object, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    with pytest.raises(AwsUnavailable, match="without SecretString"):
        speak(serve(reply(content=content))).get_secret_value("s")


@pytest.mark.parametrize("request_id", ["a" * 5000, "caf\u00e9", "a\tb"])
def test_a_strange_request_id_is_left_out(
    request_id: str, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    head = f"x-amzn-RequestId: {request_id}\r\n"
    server = serve(reply(400, {"__type": "a#ValidationException"}, headers=head))

    with pytest.raises(AwsRefused) as caught:
        speak(server).send_message(QUEUE, "b")

    assert caught.value.request_id is None


@PASSING_EACH
def test_an_error_shows_neither_credentials_nor_bodies(
    fault: ScriptedResponse, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(fault, fault)
    sent = "-".join(["what", "was", "sent"])  # so that no line of this test, if quoted, holds it

    with pytest.raises(AwsError) as caught:
        speak(server).send_message(QUEUE, sent)

    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    for hidden in (SECRET_KEY, TOKEN, sent, "mind your own", "OpenSSH", "Hello", "<h1>"):
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
def test_no_answer_whatever_ends_in_another_exception(answer: bytes) -> None:
    server = Server([ScriptedResponse(answer, "close")] * 2)
    aws = AwsClient(environment(server.url), sleep=lambda _: None)
    try:
        with contextlib.suppress(AwsError):
            aws.send_message(QUEUE, "b")
    finally:
        aws.close()
        server.end()


# Bounds


def test_nothing_is_begun_when_no_time_is_given(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve()

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        speak(server).put_item("events", {"pk": "1"}, within=0)

    assert server.connections == 0


def test_a_server_that_never_answers_is_left_in_time(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(HANG)

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        speak(server).put_item("events", {"pk": "1"}, within=0.2)

    assert len(server.requests) == 1  # nothing was left for another


def test_a_handshake_that_never_ends_is_left_in_time(speak: Callable[..., AwsClient]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(AwsUnavailable, match="TimeoutError"):
            speak(url).put_item("events", {"pk": "1"}, within=0.2)


def test_a_connection_that_is_never_made_is_left_in_time(speak: Callable[..., AwsClient]) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"

        with pytest.raises(AwsUnavailable, match="TimeoutError"):
            speak(url).put_item("events", {"pk": "1"}, within=0.2)


def test_each_of_two_attempts_ends_without_being_told_a_time(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(HANG, HANG)

    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        speak(server, monotonic=SteppedClock(step=0.6)).put_item("events", {"pk": "1"})

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nA:", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"],
    ids=["status line", "header", "body"],
)
def test_an_answer_that_drips_is_left_in_time(
    head: bytes, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(*[ScriptedResponse(head, "drip")] * 2)

    # A clock that goes on by 50 ms with each byte or two: an attempt ends after some forty.
    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        speak(server, monotonic=SteppedClock(step=0.05)).put_item("events", {"pk": "1"})

    assert len(server.requests) == 2


def test_no_second_attempt_when_the_pause_would_use_up_the_time(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(reply(503), OK)
    aws = speak(server, monotonic=SteppedClock(), jitter=lambda: 0.9)

    with pytest.raises(AwsUnavailable, match="status 503"):
        aws.put_item("events", {"pk": "1"}, within=0.05)

    assert len(server.requests) == 1


# Kept connections


def test_calls_share_a_connection(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_ANSWERED)

    ask_all(speak(server))

    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_connection_that_the_server_announced_to_close_is_not_kept(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(reply(headers="Connection: close\r\n", then="close"), OK)
    aws = speak(server)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2]


def test_a_connection_closed_meanwhile_is_opened_again_at_the_cost_of_no_attempt(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(reply(then="close"), reply(503), OK)
    pauses: list[float] = []
    aws = speak(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2, 2]
    assert len(pauses) == 1


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_connection_closed_as_the_request_comes_is_opened_again_at_the_cost_of_no_attempt(
    then: Literal["close", "reset"], serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(OK, ScriptedResponse(then=then), reply(503), OK)
    pauses: list[float] = []
    aws = speak(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 1, 2, 2]
    assert len(pauses) == 1


def test_a_kept_connection_that_breaks_in_the_middle_of_an_answer_costs_an_attempt(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(OK, ScriptedResponse(b"HTTP/1.1 200", "reset"), OK)
    pauses: list[float] = []
    aws = speak(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert len(pauses) == 1


@pytest.mark.parametrize("seconds", [61.0, -3600.0])
def test_a_connection_idle_for_long_is_not_used_again(
    seconds: float, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server, clock = serve(), SteppedClock()
    aws = speak(server, clock=clock)
    aws.put_item("events", {"pk": "1"})
    clock.now += seconds
    aws.put_item("events", {"pk": "1"})

    assert [request.connection for request in server.requests] == [1, 2]


def test_what_came_unasked_is_never_taken_for_an_answer(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    unasked = reply(content={"MessageId": "unasked" + "x" * 20_000})
    server = serve(ScriptedResponse(SENT.data + unasked.data), reply(content={"MessageId": "M-2"}))
    aws = speak(server)

    assert [aws.send_message(QUEUE, "b") for _ in range(2)] == ["M-1", "M-2"]


def test_after_a_fault_the_connection_is_not_used_again(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(ScriptedResponse(b"HTTP/1.1 200 OK\r\nContent-Length: x1\r\n\r\n", "drip"), OK)

    assert speak(server, monotonic=SteppedClock(step=0.05)).put_item("events", {"pk": "1"})
    assert [request.connection for request in server.requests] == [1, 2]


class Interrupted(BaseException):
    """What a function's own time limit may raise in the middle of a call."""


def test_a_call_that_was_interrupted_leaves_nothing_for_the_next(
    serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    looks = itertools.count()

    def monotonic() -> float:
        if armed and next(looks) == 3:  # the request is sent, the answer not yet read
            raise Interrupted
        return 0.0

    armed = False
    server = serve(SENT, reply(content={"MessageId": "M-2"}), reply(content={"MessageId": "M-3"}))
    aws = speak(server, monotonic=monotonic)
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
    """The authority, trusted as an operating system would trust it."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def test_speaks_tls_and_keeps_the_connection(
    trusting: trustme.CA, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(*ALL_ANSWERED, tls=tls(trusting, "127.0.0.1"))

    ask_all(speak(server))

    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_sends_nothing_to_a_host_of_another_name(
    trusting: trustme.CA, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(tls=tls(trusting, "localhost"))

    with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
        speak(server).put_item("events", {"pk": "1"})

    assert server.requests == []


def test_sends_nothing_to_a_host_that_nobody_trusted_vouches_for(
    authority: trustme.CA, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    server = serve(tls=tls(authority, "127.0.0.1"))

    with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
        speak(server).put_item("events", {"pk": "1"})

    assert server.requests == []


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_tls_connection_closed_meanwhile_is_opened_again(
    then: Literal["close", "reset"],
    trusting: trustme.CA,
    serve: Callable[..., Server],
    speak: Callable[..., AwsClient],
) -> None:
    server = serve(OK, ScriptedResponse(then=then), tls=tls(trusting, "127.0.0.1"))
    pauses: list[float] = []
    aws = speak(server, sleep=pauses.append)
    for _ in range(2):
        assert aws.put_item("events", {"pk": "1"})

    assert pauses == []


def test_what_came_unasked_over_tls_is_never_taken_for_an_answer(
    trusting: trustme.CA, serve: Callable[..., Server], speak: Callable[..., AwsClient]
) -> None:
    unasked = reply(content={"MessageId": "unasked" + "x" * 12_000})
    server = serve(
        ScriptedResponse(SENT.data + unasked.data),
        reply(content={"MessageId": "M-2"}),
        tls=tls(trusting, "127.0.0.1"),
    )
    aws = speak(server)

    assert [aws.send_message(QUEUE, "b") for _ in range(2)] == ["M-1", "M-2"]


# What it loads


def test_loads_no_sdk_and_no_logging() -> None:
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
