"""Requests to the owner's API: signed, repeated only where nothing can happen twice, explained."""

from __future__ import annotations

import json
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests
from botocore.credentials import Credentials

from tests.support.http_servers import serving
from voicectl.admin_api import AdminApi, AdminApiError
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

_FINE: tuple[int, dict[str, str], Any] = (200, {}, {"fine": True})


class Api:
    """An API that answers what it is told, in order, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any] | None] = []
        self.asked: list[tuple[str, str, Message, bytes]] = []
        self.slept: list[float] = []
        api = self

        class StubApiHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.asked.append((self.command, self.path, self.headers, body))
                answer = api.answers.pop(0) if api.answers else _FINE
                if answer is None:  # the connection is closed without an answer
                    return
                status, headers, content = answer
                text = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), StubApiHandler)
        self._open = ExitStack()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._session = requests.Session()
        keys = Credentials("AKIDEXAMPLE", "not-a-key", "session")
        self.client = AdminApi(
            self.url, "eu-west-1", keys, session=self._session, sleep=self.slept.append
        )

    def __enter__(self) -> Self:
        self._open.enter_context(serving(self._server))
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._open.close()


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as made:
        yield made


def problem(status: int, **more: Any) -> tuple[int, dict[str, str], Any]:
    return status, {}, {"title": "T", "status": status, "detail": "Said.", **more}


def test_a_request_carries_a_signature_and_the_session(api: Api) -> None:
    api.client.get("/calls", {"order": "desc", "date_start": "2026-01-31 00:00"})
    _, path, headers, _ = api.asked[0]
    assert path == "/calls?order=desc&date_start=2026-01-31%2000%3A00"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/execute-api/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "session"


def test_the_key_and_the_body_are_signed(api: Api) -> None:
    api.client.place({"to": []}, "k")
    _, _, headers, body = api.asked[0]
    assert (headers["Idempotency-Key"], json.loads(body)) == ("k", {"to": []})
    assert "content-type;host;idempotency-key;x-amz-date" in headers["Authorization"]


def test_keys_of_a_netrc_file_stay_at_home(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(file))
    api.client.get("/calls")
    assert api.asked[0][2]["Authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_redirect_is_not_followed(api: Api) -> None:
    api.answers = [(302, {"Location": f"{api.url}/elsewhere"}, {})]
    with pytest.raises(AdminApiError):
        api.client.get("/calls")
    assert len(api.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_reading_waits_as_long_as_it_is_told(api: Api, status: int) -> None:
    api.answers = [(status, {"Retry-After": "3"}, {}), (status, {"Retry-After": "900"}, {})]
    assert api.client.get("/calls") == {"fine": True}
    assert api.slept == [3.0, 10.0]


def test_reading_gives_up_after_four_attempts(api: Api) -> None:
    api.answers = [problem(429)] * 9
    with pytest.raises(AdminApiError, match="nothing was carried out"):
        api.client.get("/calls")
    assert len(api.asked) == 4


@pytest.mark.parametrize("status", [429, 503, 500, 504])
def test_what_changes_something_is_sent_once(api: Api, status: int) -> None:
    api.answers = [problem(status)] * 2
    with pytest.raises(AdminApiError):
        api.client.change("PUT", "/calls/x", {"action": "mute"})
    with pytest.raises(AdminApiError):
        api.client.place({}, "k")
    assert len(api.asked) == 2


def test_a_call_whose_answer_is_lost_is_sent_once_and_its_key_is_told(api: Api) -> None:
    api.answers = [None]
    with pytest.raises(VoicectlError, match=r"with --key k-1: one key never rings twice"):
        api.client.place({}, "k-1")
    assert len(api.asked) == 1


def test_a_change_whose_answer_is_lost_may_have_been_carried_out(api: Api) -> None:
    api.answers = [None]
    with pytest.raises(VoicectlError, match="not known whether this was carried out"):
        api.client.change("PUT", "/calls/x", {"action": "mute"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(400), "does not take this: Said"),
        ((403, {}, {"message": "Forbidden"}), "needs execute-api:Invoke"),
        (problem(403, code="not_allowed"), "nothing was dialled: Said"),
        (problem(403, code="switched_off"), "nothing was dialled: Said"),
        (problem(403, code="cap_spent"), "nothing was dialled: Said"),
        (problem(403, code="unsigned"), "needs execute-api:Invoke"),
        (problem(403, code="vonage_refused"), "Vonage refused it: Said"),
        (problem(404), "Said."),
        (problem(409, state="unknown", since="2026-01-31"), "--since 2026-01-31"),
        (
            problem(422, code="vonage_refused", invalid=[{"field": "to", "reason": "is odd"}]),
            "Said; to: is odd",
        ),
        (problem(413), "larger than the 256 KiB"),
        (problem(422), "Leave --key out"),
        ((429, {"Retry-After": "7"}, {}), "with a new key in 7 s"),
        ((500, {}, {"message": "Internal Server Error"}), "Run it again with --key k,"),
        (problem(502), "voicectl doctor"),
        (problem(503), "(Said). Run it again with --key k,"),
        (problem(504), "ask what is known with --key k"),
        ((599, {}, b"<html>"), "failed (599)"),
        ((422, {}, ["a", "list"]), "Leave --key out"),
    ],
)
def test_each_refusal_says_what_it_means_and_what_to_do(
    api: Api, answer: tuple[int, dict[str, str], Any], said: str
) -> None:
    api.answers = [answer]
    with pytest.raises(AdminApiError) as caught:
        api.client.place({}, "k")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
