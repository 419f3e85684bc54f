"""The documentation site in Chromium: pictures, drawings, search, and no foreign request."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.browser.accessibility import RULES
from tests.browser.conftest import watch
from tests.support.http_servers import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).parents[2]
SITE = ROOT / ".site"
WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=390, height=844)
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="make docs needs npm"),
]


class SiteHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without writing a log."""

    def log_message(self, *args: object) -> None: ...


class LoadedAddresses(HTMLParser):
    """Collects the addresses that a browser loads when it shows a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of a tag, without those that load only after a click."""
        loading = {"src", "srcset", "poster", "data"} | ({"href"} if tag == "link" else set())
        self.found += [value or "" for name, value in attrs if name in loading]


@pytest.fixture(scope="module")
def site_address() -> Iterator[str]:
    """Build the site, serve it, and yield its address."""
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "WARNING -" not in output, output
    handler = functools.partial(SiteHandler, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest_asyncio.fixture(params=["light", "dark"], loop_scope="session")
async def page(
    request: pytest.FixtureRequest, browser: Browser, site_address: str
) -> AsyncIterator[Page]:
    """A page in each color scheme; afterwards, fail on errors and requests to other hosts."""
    problems: list[str] = []
    context = await browser.new_context(
        viewport=WIDE, color_scheme=request.param, base_url=site_address
    )
    page = await context.new_page()
    watch(page, site_address, problems)
    yield page
    await context.close()
    assert problems == []


def addresses_of_pages() -> list[str]:
    """Return the path of every page that shows a file of docs/."""
    shown = sorted((ROOT / "docs").rglob("*.md"))
    paths = [page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for page in shown]
    return ["index.html" if path == "README.html" else path for path in paths]


async def test_a_broken_link_fails_the_build(site_address: str, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    (copy / ".venv-docs").symlink_to(ROOT / ".venv-docs")
    page = copy / "docs" / "start.md"
    page.write_text(f"{page.read_text()}\n[Code](../functions/nowhere.py)\n")
    done = subprocess.run(["make", "docs"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "'start.md' contains a link '../functions/nowhere.py'" in done.stdout + done.stderr


async def test_no_page_loads_anything_of_another_host(site_address: str) -> None:
    pages = sorted(SITE.rglob("*.html"))
    assert len(pages) > 40
    foreign = {
        address
        for page in pages
        for address in LoadedAddresses(page.read_text()).found
        if re.match(r"(https?:)?//", address)
    }
    assert foreign == set()
    styles = "".join(path.read_text() for path in SITE.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//[^)]*", styles) == []


@pytest.mark.parametrize("page", ["light"], indirect=True)
async def test_every_page_shows_its_pictures_on_a_phone_too(page: Page) -> None:
    await page.set_viewport_size(NARROW)
    for address in addresses_of_pages():
        response = await page.goto(f"/{address}")
        assert response is not None, address
        assert response.ok, address
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        broken = await page.evaluate(
            "[...document.images].filter(it => it.complete && !it.naturalWidth).map(it => it.src)"
        )
        assert broken == [], address
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) <= 0, f"{address} is wider than a phone"


async def test_a_picture_has_the_colors_of_the_page(page: Page) -> None:
    await page.goto("/start.html")
    is_dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    picture = page.get_by_role("img", name="The web console during a call")
    await expect(picture).to_be_visible()
    source = await picture.evaluate("it => it.currentSrc")
    assert source.endswith("-dark.png" if is_dark else "-light.png")
    assert await page.evaluate("document.body.dataset.mdColorScheme") == (
        "slate" if is_dark else "default"
    )


async def test_a_wide_drawing_has_a_full_size_with_readable_text(page: Page) -> None:
    await page.goto("/architecture.html")
    drawings = page.locator(".drawing svg")
    await expect(drawings).to_have_count(3)
    label = drawings.first.get_by_text("DynamoDB: events")
    await expect(label).to_be_attached()
    await page.get_by_role("button", name="Full size").first.click()
    await expect(page.get_by_role("button", name="Fit to the page")).to_be_visible()
    box = await label.bounding_box()
    assert box is not None
    assert box["height"] >= 16


async def test_the_search_finds_a_page(page: Page) -> None:
    await page.goto("/index.html")
    await page.get_by_placeholder("Search").click()
    await page.get_by_placeholder("Search").press_sequentially("dead-letter")
    results = page.locator(".md-search-result__link")
    await expect(results.filter(has_text="Operate").first).to_be_visible()


@pytest.mark.parametrize("address", ["index", "start", "architecture"])
async def test_axe_finds_nothing_but_two_names_of_the_theme(page: Page, address: str) -> None:
    await page.goto(f"/{address}.html")
    if address == "architecture":
        await expect(page.locator(".drawing svg")).to_have_count(3)
    # The theme's search dialog and navigation, which have no names of their own.
    names = {name: {"enabled": False} for name in ("aria-dialog-name", "landmark-unique")}
    options = {"runOnly": RULES, "resultTypes": ["violations"], "rules": names}
    results = await Axe().run(page, options=options)
    found = [
        f"{one['id']}: {node['html']}"
        for one in results.response["violations"]
        for node in one["nodes"]
    ]
    assert found == []


async def test_code_that_a_page_links_is_a_page(page: Page) -> None:
    await page.goto("/architecture.html")
    await page.get_by_role("link", name="functions/dtmf/app.py").click()
    await expect(page.get_by_role("heading", name="functions/dtmf/app.py")).to_be_visible()
    await expect(page.locator("code").last).to_contain_text('make_event_handler("dtmf")')
