"""The guard for addresses of recordings, and the download as a stream."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.fake_vonage import FakeVonage, VonageResponse, secret
from vonage_client import (
    DownloadInterrupted,
    DownloadTooLarge,
    NotFound,
    TokenSource,
    Unauthorized,
    Unavailable,
    UntrustedUrl,
    UrlAllowlist,
    VonageRefused,
    open_download,
)

FILE = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
URL = f"https://api.nexmo.com/v1/files/{FILE}"
LOCAL = "localhost:8443"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"https://api-us-1.nexmo.com/v1/files/{FILE}",
        f"https://api-eu-3.vonage.com/v1/files/{FILE}",
        f"https://api.nexmo.com:443/v1/files/{FILE}",
        f"https://API.NEXMO.COM/v3/files/{FILE}",
        f"https://nexmo.com/v1/files/{FILE}",
        f"{URL}?a=b",
    ],
)
def test_an_address_of_vonages_is_let_through(url: str) -> None:
    judged = UrlAllowlist().file(url)
    assert judged.startswith("https://")
    assert FILE in judged


REFUSED = {
    "another host": f"https://evil.test/v1/files/{FILE}",
    "vonage's name as a part of another's": f"https://nexmo.com.evil.test/v1/files/{FILE}",
    "vonage's name at the end of another's": f"https://evilnexmo.com/v1/files/{FILE}",
    "vonage's name with a dash before": f"https://evil-nexmo.com/v1/files/{FILE}",
    "vonage's name in the query": f"https://evil.test/v1/files/{FILE}?nexmo.com",
    "vonage's name in the path": f"https://evil.test/nexmo.com/v1/files/{FILE}",
    "vonage's name as the user": f"https://nexmo.com@evil.test/v1/files/{FILE}",
    "a user at vonage's": f"https://user:word@api.nexmo.com/v1/files/{FILE}",
    "an empty user": f"https://@api.nexmo.com/v1/files/{FILE}",
    "http": f"http://api.nexmo.com/v1/files/{FILE}",
    "ftp": f"ftp://api.nexmo.com/v1/files/{FILE}",
    "no scheme": f"//api.nexmo.com/v1/files/{FILE}",
    "a file": "file:///etc/passwd",
    "another port": f"https://api.nexmo.com:8443/v1/files/{FILE}",
    "port 80": f"https://api.nexmo.com:80/v1/files/{FILE}",
    "an empty port": f"https://api.nexmo.com:/v1/files/{FILE}",
    "no number for a port": f"https://api.nexmo.com:x/v1/files/{FILE}",
    "too high a port": f"https://api.nexmo.com:99999/v1/files/{FILE}",
    "an IPv4 literal": f"https://192.0.2.1/v1/files/{FILE}",
    "an IPv6 literal": f"https://[2001:db8::1]/v1/files/{FILE}",
    "a broken IPv6 literal": f"https://[2001:db8::1/v1/files/{FILE}",
    "the metadata service": "https://169.254.169.254/v1/files/x",
    "a number for a host": f"https://3221225985/v1/files/{FILE}",
    "localhost": f"https://localhost/v1/files/{FILE}",
    "the local platform's host": f"https://{LOCAL}/v1/files/{FILE}",
    "a backslash before the host": f"https:\\\\api.nexmo.com/v1/files/{FILE}",
    "a backslash after a host": f"https://evil.test\\@api.nexmo.com/v1/files/{FILE}",
    "a backslash in the path": f"https://api.nexmo.com\\v1/files/{FILE}",
    "a full-width letter": f"https://api.\uff4eexmo.com/v1/files/{FILE}",
    "a Cyrillic letter": f"https://api.nexm\u043e.com/v1/files/{FILE}",
    "an ideographic stop": f"https://evil.test\u3002nexmo.com/v1/files/{FILE}",
    "a letter that becomes a slash": f"https://evil.test\uff0f.nexmo.com/v1/files/{FILE}",
    "punycode": f"https://xn--nexmo-abc.com/v1/files/{FILE}",
    "an escape in the host": f"https://evil.test%2f.nexmo.com/v1/files/{FILE}",
    "a stop at the end": f"https://api.nexmo.com./v1/files/{FILE}",
    "two stops": f"https://api..nexmo.com/v1/files/{FILE}",
    "an underscore in the host": f"https://a_b.nexmo.com/v1/files/{FILE}",
    "a label with a dash at its end": f"https://a-.nexmo.com/v1/files/{FILE}",
    "another path": "https://api.nexmo.com/v1/calls",
    "no path": "https://api.nexmo.com",
    "a path that climbs": "https://api.nexmo.com/v1/files/../calls",
    "a path that climbs in escapes": "https://api.nexmo.com/v1/files/%2e%2e/calls",
    "a path below a file": f"https://api.nexmo.com/v1/files/{FILE}/x",
    "a path with parameters": f"https://api.nexmo.com/v1/files/{FILE};x",
    "a file without a name": "https://api.nexmo.com/v1/files/",
    "a path with another before": f"https://api.nexmo.com/x/v1/files/{FILE}",
    "a fragment": f"{URL}#x",
    "an empty fragment": f"{URL}#",
    "a space": f" {URL}",
    "a line break": f"{URL}\n",
    "a line break within": f"https://api.nexmo.com/v1/files/\r\nHost: evil.test/{FILE}",
    "a tab in the scheme": f"ht\ttps://api.nexmo.com/v1/files/{FILE}",
    "a null": f"https://api.nexmo.com\0.evil.test/v1/files/{FILE}",
    "too long": f"{URL}?{'x' * 3000}",
    "nothing": "",
    "none": None,
    "a number": 7,
    "a list": [URL],
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_address_that_is_not_vonages_is_refused_before_a_connection_is_made(kind: str) -> None:
    vonage = FakeVonage(VonageResponse(200, b"audio"))
    with pytest.raises(UntrustedUrl) as raised:
        download(vonage, REFUSED[kind])
    assert not vonage.asked
    assert raised.value.kind.isidentifier()


def test_the_local_platforms_own_host_is_let_in_where_it_is_named_and_nothing_beside_it() -> None:
    guard = UrlAllowlist(LOCAL)
    assert guard.file(f"https://{LOCAL}/v1/files/{FILE}?h=api.nexmo.com")
    for other in ("localhost:8444", "localhost", "127.0.0.1:8443", f"x@{LOCAL}", f"{LOCAL}.a.test"):
        with pytest.raises(UntrustedUrl):
            guard.file(f"https://{other}/v1/files/{FILE}")
    with pytest.raises(UntrustedUrl):
        guard.file(f"http://{LOCAL}/v1/files/{FILE}")


@pytest.mark.parametrize("host", ["evil.test:8443", "192.0.2.1:8443", "localhost", ".test:1"])
def test_no_host_but_this_machine_can_be_let_in(host: str) -> None:
    with pytest.raises(ValueError, match="this machine"):
        UrlAllowlist(host)


def download(
    vonage: FakeVonage, url: Any = URL, *, max_bytes: int = 10_000_000, **now: Any
) -> bytes:
    tokens = TokenSource(secret, lifetime=60, **now)
    with open_download(
        vonage.session(), tokens, UrlAllowlist(), url, max_bytes=max_bytes
    ) as opened:
        return b"".join(opened.chunks())


def sized(body: bytes, length: int | None = None) -> VonageResponse:
    return VonageResponse(
        200, body, {"content-length": str(len(body) if length is None else length)}
    )


def test_a_recording_is_downloaded_with_a_token_in_pieces() -> None:
    body = bytes(range(256)) * 5000
    vonage = FakeVonage(sized(body))
    assert download(vonage) == body
    assert vonage.tokens[0].count(".") == 2


def test_a_redirect_on_the_same_host_keeps_the_token() -> None:
    other = "https://api.nexmo.com/v1/files/elsewhere"
    vonage = FakeVonage(VonageResponse(302, headers={"location": other}), sized(b"audio"))
    assert download(vonage) == b"audio"
    assert vonage.asked[1].url == other
    assert vonage.tokens[1] == vonage.tokens[0]


@pytest.mark.parametrize(
    "target",
    [
        f"https://evil.test/v1/files/{FILE}",
        f"https://api-eu-3.vonage.com/v1/files/{FILE}",
        f"http://api.nexmo.com/v1/files/{FILE}",
        f"//evil.test/v1/files/{FILE}",
        "https://api.nexmo.com/v1/calls",
    ],
)
def test_a_redirect_to_another_host_never_sees_the_token(target: str) -> None:
    vonage = FakeVonage(VonageResponse(302, headers={"location": target}), sized(b"audio"))
    with pytest.raises(UntrustedUrl):
        download(vonage)
    assert [sent.url for sent in vonage.asked] == [URL]


def test_a_circle_of_redirects_comes_to_an_end() -> None:
    vonage = FakeVonage(VonageResponse(302, headers={"location": URL}))
    with pytest.raises(Unavailable):
        download(vonage)
    assert len(vonage.asked) == 4


def test_no_netrc_file_replaces_the_token(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine api.nexmo.com login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    vonage = FakeVonage(sized(b"audio"))
    http = vonage.session()
    http.trust_env = True
    with open_download(http, TokenSource(secret), UrlAllowlist(), URL, max_bytes=99) as opened:
        assert b"".join(opened.chunks()) == b"audio"
    assert vonage.asked[0].headers["Authorization"].startswith("Bearer ")


def test_a_download_that_ends_early_is_not_taken_for_whole() -> None:
    with pytest.raises(DownloadInterrupted):
        download(FakeVonage(sized(b"half", length=8)))


def test_a_recording_that_is_said_to_be_too_large_is_not_read() -> None:
    with pytest.raises(DownloadTooLarge):
        download(FakeVonage(sized(b"", length=11)), max_bytes=10)


def test_a_recording_that_turns_out_too_large_is_read_no_further() -> None:
    with pytest.raises(DownloadTooLarge):
        download(FakeVonage(VonageResponse(200, bytes(11))), max_bytes=10)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (404, NotFound),
        (410, VonageRefused),
        (500, Unavailable),
        (503, Unavailable),
        (206, Unavailable),
        (304, Unavailable),
    ],
)
def test_an_answer_other_than_200_is_an_error_of_its_kind(
    status: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        download(FakeVonage(VonageResponse(status, b"no")))


@pytest.mark.parametrize("fault", [requests.ConnectionError("x"), requests.ReadTimeout("x")])
def test_a_vonage_that_does_not_answer_is_unavailable(fault: Exception) -> None:
    with pytest.raises(Unavailable):
        download(FakeVonage(fault))


def test_after_401_the_key_is_fetched_anew_once() -> None:
    times = iter([1e9, 1e9, 1e9] + [1e9 + 60] * 9)
    vonage = FakeVonage(VonageResponse(401), sized(b"audio"))
    assert download(vonage, now=lambda: next(times)) == b"audio"
    assert len(set(vonage.tokens)) == 2
