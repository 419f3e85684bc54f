"""vonage_client.url_allowlist and vonage_client.recordings."""

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
def test_a_vonage_url_is_allowed(url: str) -> None:
    allowed = UrlAllowlist().file(url)
    assert allowed.startswith("https://")
    assert FILE in allowed


REFUSED = {
    "another host": f"https://evil.test/v1/files/{FILE}",
    "Vonage's domain as a subdomain": f"https://nexmo.com.evil.test/v1/files/{FILE}",
    "a domain that ends in Vonage's": f"https://evilnexmo.com/v1/files/{FILE}",
    "Vonage's domain after a dash": f"https://evil-nexmo.com/v1/files/{FILE}",
    "Vonage's domain in the query": f"https://evil.test/v1/files/{FILE}?nexmo.com",
    "Vonage's domain in the path": f"https://evil.test/nexmo.com/v1/files/{FILE}",
    "Vonage's domain as user info": f"https://nexmo.com@evil.test/v1/files/{FILE}",
    "user info before Vonage's host": f"https://user:word@api.nexmo.com/v1/files/{FILE}",
    "empty user info": f"https://@api.nexmo.com/v1/files/{FILE}",
    "http": f"http://api.nexmo.com/v1/files/{FILE}",
    "ftp": f"ftp://api.nexmo.com/v1/files/{FILE}",
    "no scheme": f"//api.nexmo.com/v1/files/{FILE}",
    "a file": "file:///etc/passwd",
    "another port": f"https://api.nexmo.com:8443/v1/files/{FILE}",
    "port 80": f"https://api.nexmo.com:80/v1/files/{FILE}",
    "an empty port": f"https://api.nexmo.com:/v1/files/{FILE}",
    "a port that is not a number": f"https://api.nexmo.com:x/v1/files/{FILE}",
    "a port out of range": f"https://api.nexmo.com:99999/v1/files/{FILE}",
    "an IPv4 literal": f"https://192.0.2.1/v1/files/{FILE}",
    "an IPv6 literal": f"https://[2001:db8::1]/v1/files/{FILE}",
    "a broken IPv6 literal": f"https://[2001:db8::1/v1/files/{FILE}",
    "the metadata service": "https://169.254.169.254/v1/files/x",
    "an integer as the host": f"https://3221225985/v1/files/{FILE}",
    "localhost": f"https://localhost/v1/files/{FILE}",
    "the local platform's host": f"https://{LOCAL}/v1/files/{FILE}",
    "a backslash before the host": f"https:\\\\api.nexmo.com/v1/files/{FILE}",
    "a backslash after a host": f"https://evil.test\\@api.nexmo.com/v1/files/{FILE}",
    "a backslash in the path": f"https://api.nexmo.com\\v1/files/{FILE}",
    "a full-width letter": f"https://api.\uff4eexmo.com/v1/files/{FILE}",
    "a Cyrillic letter": f"https://api.nexm\u043e.com/v1/files/{FILE}",
    "an ideographic full stop": f"https://evil.test\u3002nexmo.com/v1/files/{FILE}",
    "a character that normalizes to a slash": f"https://evil.test\uff0f.nexmo.com/v1/files/{FILE}",
    "punycode": f"https://xn--nexmo-abc.com/v1/files/{FILE}",
    "a percent escape in the host": f"https://evil.test%2f.nexmo.com/v1/files/{FILE}",
    "a trailing dot": f"https://api.nexmo.com./v1/files/{FILE}",
    "two dots": f"https://api..nexmo.com/v1/files/{FILE}",
    "an underscore in the host": f"https://a_b.nexmo.com/v1/files/{FILE}",
    "a label that ends in a dash": f"https://a-.nexmo.com/v1/files/{FILE}",
    "another path": "https://api.nexmo.com/v1/calls",
    "no path": "https://api.nexmo.com",
    "a path with dot segments": "https://api.nexmo.com/v1/files/../calls",
    "a path with escaped dot segments": "https://api.nexmo.com/v1/files/%2e%2e/calls",
    "a path below a file": f"https://api.nexmo.com/v1/files/{FILE}/x",
    "a path with parameters": f"https://api.nexmo.com/v1/files/{FILE};x",
    "a file without an id": "https://api.nexmo.com/v1/files/",
    "a path with a prefix": f"https://api.nexmo.com/x/v1/files/{FILE}",
    "a fragment": f"{URL}#x",
    "an empty fragment": f"{URL}#",
    "a space": f" {URL}",
    "a line break": f"{URL}\n",
    "a line break in the path": f"https://api.nexmo.com/v1/files/\r\nHost: evil.test/{FILE}",
    "a tab in the scheme": f"ht\ttps://api.nexmo.com/v1/files/{FILE}",
    "a null byte": f"https://api.nexmo.com\0.evil.test/v1/files/{FILE}",
    "too long": f"{URL}?{'x' * 3000}",
    "an empty string": "",
    "none": None,
    "a number": 7,
    "a list": [URL],
}


@pytest.mark.parametrize("kind", REFUSED)
def test_any_other_url_is_rejected_before_a_connection_is_made(kind: str) -> None:
    vonage = FakeVonage(VonageResponse(200, b"audio"))
    with pytest.raises(UntrustedUrl) as raised:
        download(vonage, REFUSED[kind])
    assert not vonage.asked
    assert raised.value.kind.isidentifier()


def test_only_the_configured_local_host_is_allowed_in_addition() -> None:
    allowlist = UrlAllowlist(LOCAL)
    assert allowlist.file(f"https://{LOCAL}/v1/files/{FILE}?h=api.nexmo.com")
    for other in ("localhost:8444", "localhost", "127.0.0.1:8443", f"x@{LOCAL}", f"{LOCAL}.a.test"):
        with pytest.raises(UntrustedUrl):
            allowlist.file(f"https://{other}/v1/files/{FILE}")
    with pytest.raises(UntrustedUrl):
        allowlist.file(f"http://{LOCAL}/v1/files/{FILE}")


@pytest.mark.parametrize("host", ["evil.test:8443", "192.0.2.1:8443", "localhost", ".test:1"])
def test_the_local_host_must_be_a_loopback_address(host: str) -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
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


def test_a_download_begins_on_a_new_connection() -> None:
    vonage = FakeVonage(sized(b"audio"))
    assert download(vonage) == b"audio"
    assert vonage.closed


def test_a_recording_is_downloaded_in_chunks_with_a_token() -> None:
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
def test_a_redirect_to_another_host_never_gets_the_token(target: str) -> None:
    vonage = FakeVonage(VonageResponse(302, headers={"location": target}), sized(b"audio"))
    with pytest.raises(UntrustedUrl):
        download(vonage)
    assert [sent.url for sent in vonage.asked] == [URL]


def test_a_redirect_loop_ends() -> None:
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


def test_a_download_that_ends_early_is_interrupted() -> None:
    with pytest.raises(DownloadInterrupted):
        download(FakeVonage(sized(b"half", length=8)))


def test_a_recording_announced_as_too_large_is_not_read() -> None:
    with pytest.raises(DownloadTooLarge):
        download(FakeVonage(sized(b"", length=11)), max_bytes=10)


def test_a_recording_that_exceeds_the_limit_is_too_large() -> None:
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
def test_a_status_other_than_200_raises_its_exception(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        download(FakeVonage(VonageResponse(status, b"no")))


@pytest.mark.parametrize("fault", [requests.ConnectionError("x"), requests.ReadTimeout("x")])
def test_no_response_is_unavailable(fault: Exception) -> None:
    with pytest.raises(Unavailable):
        download(FakeVonage(fault))


def test_after_401_the_key_is_read_again_once() -> None:
    times = iter([1e9, 1e9, 1e9] + [1e9 + 60] * 9)
    vonage = FakeVonage(VonageResponse(401), sized(b"audio"))
    assert download(vonage, now=lambda: next(times)) == b"audio"
    assert len(set(vonage.tokens)) == 2
