"""vonage_client.recordings over TLS connections that hang, stall and break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fake_vonage import secret
from tests.support.vonage_files import VonageFiles
from vonage_client import (
    DownloadInterrupted,
    TokenSource,
    Unavailable,
    UrlAllowlist,
    open_download,
    session,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VonageFiles]:
    with VonageFiles(tmp_path_factory.mktemp("files")) as server:
        yield server


def download(
    files: VonageFiles, fault: Any = None, *, trusted: bool = True, expected: int | None = None
) -> bytes:
    http = session()
    http.trust_env = False
    if trusted:
        http.verify = str(files.ca_file)
    url = files.put("recording", CONTENT)
    files.faults = [fault] if fault else []
    files.asked.clear()
    with (
        http,
        open_download(
            http,
            TokenSource(secret),
            UrlAllowlist(files.host),
            url,
            max_bytes=len(CONTENT),
            expected_bytes=expected,
            timeout=(2.0, 0.5),
        ) as opened,
    ):
        return b"".join(opened.chunks())


def test_a_download_yields_the_bytes_of_the_file(files: VonageFiles) -> None:
    assert download(files) == CONTENT


def test_a_server_that_hangs_runs_into_the_read_timeout(files: VonageFiles) -> None:
    with pytest.raises(Unavailable):
        download(files, "hang")


@pytest.mark.parametrize("fault", ["halt", "cut", "short"])
def test_a_download_that_stalls_or_breaks_is_interrupted(files: VonageFiles, fault: str) -> None:
    with pytest.raises(DownloadInterrupted):
        download(files, fault)


def test_bytes_beyond_the_announced_length_are_not_read(files: VonageFiles) -> None:
    assert download(files, "long") == CONTENT


def test_chunks_override_an_announced_length(files: VonageFiles) -> None:
    assert download(files, "two lengths") == CONTENT


@pytest.mark.parametrize("expected", [None, len(CONTENT), len(CONTENT) - 1])
def test_without_a_length_the_end_of_the_connection_ends_the_file(
    files: VonageFiles, expected: int | None
) -> None:
    assert download(files, "no length", expected=expected) == CONTENT


def test_without_a_length_a_file_smaller_than_expected_is_interrupted(files: VonageFiles) -> None:
    with pytest.raises(DownloadInterrupted, match=f"{len(CONTENT) // 2} of {len(CONTENT)} bytes"):
        download(files, "half", expected=len(CONTENT))


def test_a_file_of_the_announced_length_may_have_another_size_than_expected(
    files: VonageFiles,
) -> None:
    assert download(files, expected=len(CONTENT) + 1) == CONTENT


def test_a_server_without_a_trusted_certificate_gets_no_request(files: VonageFiles) -> None:
    with pytest.raises(Unavailable):
        download(files, trusted=False)
    assert not files.asked


def test_a_slow_sender_does_not_block_the_reader(files: VonageFiles) -> None:
    http = session()
    http.trust_env = False
    http.verify = str(files.ca_file)
    url = files.put("recording", CONTENT)
    files.faults = ["drip"]
    allowlist = UrlAllowlist(files.host)
    with (
        http,
        open_download(http, TokenSource(secret), allowlist, url, max_bytes=len(CONTENT)) as opened,
    ):
        chunks = opened.chunks()
        assert sum(len(next(chunks)) for _ in range(3)) < 100
