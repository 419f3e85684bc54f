"""The navigation of the documentation site has every page."""

from __future__ import annotations

from typing import Any

import yaml

from tests.docs.pages import ROOT


class ConfigurationLoader(yaml.SafeLoader):
    """Reads mkdocs.yml without the Python objects that it names."""


ConfigurationLoader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def pages_of(part: Any) -> list[str]:
    """Return the pages of a part of the navigation, in their order."""
    if isinstance(part, str):
        return [part]
    parts = part.values() if isinstance(part, dict) else part
    return [page for one in parts for page in pages_of(one)]


def test_every_page_is_once_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    navigation = [
        page
        for page in pages_of(yaml.load(text, ConfigurationLoader)["nav"])
        if not page.startswith("source/")  # shows a file that is not a page
    ]
    docs = ROOT / "docs"
    # docs/site/hooks.py appends the decisions; `make docs` fails if a page is left out.
    shown = [page.relative_to(docs).as_posix() for page in docs.glob("*.md")]
    assert sorted(navigation) == sorted(shown)
