"""The files of the page: those of one folder, and nothing else of the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local.webconsole.harness import raw

if TYPE_CHECKING:
    from tests.local.webconsole.harness import ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_is_at_the_root(booth: ConsoleHarness) -> None:
    (booth.folder / "page" / "index.html").write_text("<!doctype html>é")
    async with booth.page.http.get(booth.page.url) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert await reply.text() == "<!doctype html>é"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_of_the_page_has_the_type_of_its_name(
    booth: ConsoleHarness, name: str, kind: str
) -> None:
    (booth.folder / "page" / name).write_text("content")
    async with booth.page.http.get(f"{booth.page.url}/page/{name}") as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, kind)


async def test_a_changed_file_is_served_as_it_is_now(booth: ConsoleHarness) -> None:
    path = booth.folder / "page" / "app.js"
    for content in ("before", "after"):
        path.write_text(content)
        async with booth.page.http.get(f"{booth.page.url}/page/app.js") as reply:
            assert await reply.text() == content


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
async def test_nothing_below_or_beside_the_folder_is_served(
    booth: ConsoleHarness, name: str
) -> None:
    folder = booth.folder / "page"
    (booth.folder / "secret.js").write_text("secret")
    (folder / "inner").mkdir()
    for inside in ("inner/file.js", ".hidden.js", "program.py"):
        (folder / inside).write_text("secret")
    (folder / "live-socket.js").symlink_to(booth.folder / "secret.js")
    status, answer = await raw(booth.page.url, f"GET /page/{name}")
    assert status == 404
    assert "secret" not in answer.partition("\r\n\r\n")[2]
