"""The console serves the page's files, and no other file of the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local.webconsole.harness import raw

if TYPE_CHECKING:
    from tests.local.webconsole.harness import ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_serves_the_page_at_the_root(harness: ConsoleHarness) -> None:
    (harness.folder / "page" / "index.html").write_text("<!doctype html>é")
    async with harness.client.http.get(harness.client.url) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert await response.text() == "<!doctype html>é"


async def test_a_file_of_the_first_folder_replaces_one_of_the_page(harness: ConsoleHarness) -> None:
    url = f"{harness.client.url}/page/extensions.js"
    async with harness.client.http.get(url) as response:
        assert "createExtension" in await response.text()
    (harness.folder / "page" / "extensions.js").write_text("export {};")
    async with harness.client.http.get(url) as response:
        assert await response.text() == "export {};"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_derives_the_content_type_from_the_file_name(
    harness: ConsoleHarness, name: str, kind: str
) -> None:
    (harness.folder / "page" / name).write_text("content")
    async with harness.client.http.get(f"{harness.client.url}/page/{name}") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, kind)


async def test_serves_a_changed_file_without_a_restart(harness: ConsoleHarness) -> None:
    path = harness.folder / "page" / "app.js"
    for content in ("before", "after"):
        path.write_text(content)
        async with harness.client.http.get(f"{harness.client.url}/page/app.js") as response:
            assert await response.text() == content


@pytest.mark.parametrize(
    "name",
    [
        "../secret.js",
        "..%2fsecret.js",
        "%2e%2e/secret.js",
        "%2e%2e%2fsecret.js",
        "..\\secret.js",
        "..%5csecret.js",
        "....//secret.js",
        "inner/file.js",
        "inner%2ffile.js",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "app.js%00.css",
        "%00",
        ".hidden.js",
        "live-socket.js",
        "inner",
        "program.py",
        "",
    ],
)
async def test_serves_only_plain_files_of_the_folder(harness: ConsoleHarness, name: str) -> None:
    folder = harness.folder / "page"
    (harness.folder / "secret.js").write_text("secret")
    (folder / "inner").mkdir()
    for inside in ("inner/file.js", ".hidden.js", "program.py"):
        (folder / inside).write_text("secret")
    (folder / "live-socket.js").symlink_to(harness.folder / "secret.js")
    status, response = await raw(harness.client.url, f"GET /page/{name}")
    assert status == 404
    assert "secret" not in response.partition("\r\n\r\n")[2]
