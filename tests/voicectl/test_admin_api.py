"""Requests to the admin API: signatures, retries, and the texts of errors."""

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
    """A stub API: returns queued responses in order, and stores the requests."""

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
                if answer is None:  # closes the connection without a response
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


LEG = "63f61863-4a51-4f6b-86e1-46edebcf9356"


def event(status: str, second: int) -> dict[str, Any]:
    timestamp = f"2027-01-15T08:00:0{second}.000Z"
    fields = {"status": status, "uuid": LEG, "conversation_uuid": "CON-1", "timestamp": timestamp}
    common = {"timestamp": timestamp, "kind": "status", "uuid": LEG, "conversation_uuid": "CON-1"}
    return {**common, "fields": fields}


def test_all_pages_of_a_timeline_become_one(api: Api) -> None:
    # given two pages, each with the legs as its own events report them
    started, completed = event("started", 1), event("completed", 2)
    api.answers = [
        (200, {}, {"legs": [{}], "events": [completed], "complete": False, "next": "cursor-1"}),
        (200, {}, {"legs": [{}], "events": [started], "complete": False, "next": None}),
    ]
    timeline = api.client.timeline(LEG)
    # then the legs are those of all events
    assert [path for _, path, _, _ in api.asked] == [
        f"/calls/{LEG}/events",
        f"/calls/{LEG}/events?cursor=cursor-1",
    ]
    assert timeline["events"] == [started, completed]
    assert (timeline["complete"], timeline["next"]) == (True, None)
    (leg,) = timeline["legs"]
    assert (leg["uuid"], leg["state"], leg["ended"]) == (LEG, "completed", True)
    assert set(leg["times"]) == {"started", "completed"}


@pytest.mark.parametrize("page", [{"next": None}, {}], ids=["one-page", "earlier-version"])
def test_a_timeline_of_one_page_is_returned_unchanged(api: Api, page: dict[str, Any]) -> None:
    timeline = {"legs": [{"uuid": LEG}], "events": [], "complete": True, **page}
    api.answers = [(200, {}, timeline)]
    assert api.client.timeline(LEG) == timeline


def test_credentials_of_a_netrc_file_are_not_sent(
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
def test_a_get_waits_for_retry_after_up_to_ten_seconds(api: Api, status: int) -> None:
    api.answers = [(status, {"Retry-After": "3"}, {}), (status, {"Retry-After": "900"}, {})]
    assert api.client.get("/calls") == {"fine": True}
    assert api.slept == [3.0, 10.0]


def test_a_get_is_sent_up_to_four_times(api: Api) -> None:
    api.answers = [problem(429)] * 9
    with pytest.raises(AdminApiError, match="nothing was changed or dialed"):
        api.client.get("/calls")
    assert len(api.asked) == 4


@pytest.mark.parametrize("status", [429, 503, 500, 504])
def test_a_change_is_never_retried(api: Api, status: int) -> None:
    api.answers = [problem(status)] * 2
    with pytest.raises(AdminApiError):
        api.client.change("PUT", "/calls/x", {"action": "mute"})
    with pytest.raises(AdminApiError):
        api.client.place({}, "k")
    assert len(api.asked) == 2


def test_a_lost_response_to_a_call_is_not_retried_and_names_the_key(api: Api) -> None:
    api.answers = [None]
    with pytest.raises(VoicectlError, match=r"with --key k-1: the same key never dials twice"):
        api.client.place({}, "k-1")
    assert len(api.asked) == 1


def test_a_lost_response_to_a_change_leaves_it_unknown(api: Api) -> None:
    api.answers = [None]
    with pytest.raises(VoicectlError, match="unknown whether the change was made"):
        api.client.change("PUT", "/calls/x", {"action": "mute"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(400), "Invalid request: Said"),
        ((403, {}, {"message": "Forbidden"}), "needs execute-api:Invoke"),
        (problem(403, code="not_allowed"), "nothing was dialed: Said"),
        (problem(403, code="switched_off"), "nothing was dialed: Said"),
        (problem(403, code="cap_spent"), "nothing was dialed: Said"),
        (problem(403, code="unsigned"), "needs execute-api:Invoke"),
        (problem(403, code="vonage_refused"), "Vonage rejected the request: Said"),
        (problem(404), "Said."),
        ((404, {}, {"message": "Not Found"}), "no such route. Deploy this checkout"),
        (problem(409, state="unknown", since="2026-01-31"), "--since 2026-01-31"),
        (
            problem(422, code="vonage_refused", invalid=[{"field": "to", "reason": "is odd"}]),
            "Said; to: is odd",
        ),
        (problem(413), "larger than 256 KiB"),
        (problem(422), "Omit --key"),
        ((429, {"Retry-After": "7"}, {}), "with a new key in 7 s"),
        ((500, {}, {"message": "Internal Server Error"}), "Run the command again with --key k,"),
        (problem(502), "voicectl doctor"),
        (problem(503), "(Said). Run the command again with --key k,"),
        (problem(504), "run the command again with --key k"),
        ((599, {}, b"<html>"), "failed (599)"),
        ((422, {}, ["a", "list"]), "Omit --key"),
    ],
)
def test_each_error_says_what_it_means_and_what_to_do(
    api: Api, answer: tuple[int, dict[str, str], Any], said: str
) -> None:
    api.answers = [answer]
    with pytest.raises(AdminApiError) as caught:
        api.client.place({}, "k")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
