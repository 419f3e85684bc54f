"""Checks of a state of the page: axe-core, and that nothing is wider than the window."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

if TYPE_CHECKING:
    from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What can differ between light and dark: they have the same elements.
COLOR_RULES = ["color-contrast", "link-in-text-block"]
WIDTHS = (320, 390, 768, 1024, 1440, 1920)
CHECKED_BY_AXE = (390, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("dark", "light")
HEIGHT = 900
DRAWN = 2_000  # milliseconds

# The page and its regions that are wider than their place, each with what sticks out.
WIDER = """() => [...document.querySelectorAll(
    'html, main, .page, .phone-body, .events, .details, .call-list')]
  .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
  .map((one) => {
    const right = one.getBoundingClientRect().left + one.clientWidth;
    const out = [...one.querySelectorAll('*')]
      .filter((inner) => inner.getBoundingClientRect().right > right + 1)
      .map((inner) => `${inner.localName}.${inner.className}`);
    return `${one.localName}.${one.className} by ${one.scrollWidth - one.clientWidth}: `
      + out.slice(0, 4).join(', ');
  })"""


async def findings(page: Page, state: str) -> list[str]:
    """Return what axe-core finds in this state of the page, and what is too wide."""
    found = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"{state}: {width} px: {one}" for one in await _wider(page)]
        for scheme in SCHEMES if width in CHECKED_BY_AXE else ():
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{state}: {width} px, {scheme}: {one}" for one in await _axe(page, scheme)]
    await page.set_viewport_size({"width": 1440, "height": HEIGHT})
    return found


async def _wider(page: Page) -> list[str]:
    """Return what is too wide, once the page has been drawn for a new size of the window."""
    with contextlib.suppress(PlaywrightTimeoutError):
        await page.wait_for_function(f"() => ({WIDER})().length === 0", timeout=DRAWN)
    found: list[str] = await page.evaluate(WIDER)
    return found


def assert_nothing(found: list[str]) -> None:
    """Fail with each finding on a line."""
    assert not found, "\n".join(["findings:", *found])


# Run axe-core, and return only what it finds: the rest is large.
RUN = """async (tags) => {
  const { violations } = await axe.run({runOnly: tags, resultTypes: ['violations']});
  return violations.flatMap(({id, help, nodes}) => nodes.map(({html, failureSummary}) =>
    `${id}: ${help}: ${html.slice(0, 160)} ${(failureSummary ?? '').slice(0, 200)}`));
}"""


async def _axe(page: Page, scheme: str) -> list[str]:
    """Return the findings of axe-core with their elements."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found: list[str] = await page.evaluate(RUN, COLOR_RULES if scheme == "dark" else RULES)
    return found
