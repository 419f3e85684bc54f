"""Checks of a state of the page: axe-core, and that nothing is wider than the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.async_playwright import Axe

if TYPE_CHECKING:
    from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 768, 1024, 1440, 1920)
AXE_WIDTHS = (1440, 390)
HEIGHT = 900

# The elements that are wider than the window, outside of what scrolls or clips.
WIDER = """() => {
  const {scrollWidth, clientWidth} = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  return [...document.body.querySelectorAll('*')]
    .filter((one) => one.getBoundingClientRect().right > clientWidth + 1)
    .map((one) => `${one.tagName} ${one.className}`)
    .slice(-5);
}"""
# Regions that can scroll sideways, although they should not.
SIDEWAYS = """() => [...document.querySelectorAll(
    'main, .page, .phone-body, .events, .details, .call-list')]
  .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.tagName} ${one.className} ${one.scrollWidth} > ${one.clientWidth}`)"""


async def findings(page: Page, state: str) -> list[str]:
    """Return what is wrong with this state of the page, in light and dark, at every width."""
    found = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        for wide in (await page.evaluate(WIDER)) + (await page.evaluate(SIDEWAYS)):
            found.append(f"{state}: {width} px: {wide}")
    for width in AXE_WIDTHS:
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{state}: {width} px, {scheme}: {one}" for one in await _axe(page)]
    await page.set_viewport_size({"width": 1440, "height": HEIGHT})
    return found


async def _axe(page: Page) -> list[str]:
    """Return the findings of axe-core with their elements."""
    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    results = await Axe().run(page, options=options)
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in results.response["violations"]
        for node in one["nodes"]
    ]
