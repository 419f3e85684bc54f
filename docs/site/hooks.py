"""Hooks for MkDocs: links, pictures and drawings of the pages work on the site as on GitHub.

A page may link any file of the repository. A linked file that is not a page of the documentation
becomes a page of the site too, below ``source/``, with its text or its code.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MERMAID = ROOT / ".venv-docs/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
SOURCE = "source/"
# A Markdown link, or the address of a picture in HTML.
_LINK = re.compile(
    r"""(?P<before>\]\(|\bsrc(?:set)?=")(?P<path>[^)\s#"]+)(?P<after>[^)\s"]*[)"])"""
)
_STATIC = (".md", ".png", ".svg")


def on_config(config):
    """Append the decisions to the navigation, in their order."""
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    config.nav.append({"Decisions": [f"decisions/{page.name}" for page in decisions]})
    return config


def on_files(files, config):
    """Add the repository's files that pages link, and the program that draws the drawings."""
    waiting = [DOCS / file.src_uri for file in files.documentation_pages()]
    while waiting:
        for target in _linked(waiting.pop()):
            uri = _uri(target)
            if uri.startswith(SOURCE) and uri not in files.src_uris:
                files.append(File.generated(config, uri, content=_text(target)))
                waiting.append(target)
    files.append(File.generated(config, "site/mermaid.js", abs_src_path=str(MERMAID)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Point the links of a page to the pages of the site."""
    origin = _origin(page.file.src_uri)
    if page.file.src_uri.startswith(SOURCE):
        page.meta["search"] = {"exclude": True}
        if origin.is_file() and origin.suffix != ".md":
            return markdown

    def replaced(link):
        target = _target(origin, link["path"])
        if target is None:
            return link[0]
        folder = posixpath.dirname(page.file.src_uri)
        return link["before"] + posixpath.relpath(_uri(target), folder or ".") + link["after"]

    # Three spaces belong to a numbered list's item on GitHub; Python-Markdown expects four.
    return re.sub(r"^ {3}(?=\S)", " " * 4, _LINK.sub(replaced, markdown), flags=re.MULTILINE)


def on_page_content(html, page, config, files):
    """Load Mermaid from the site on the pages that have a drawing."""
    if 'class="drawing"' not in html:
        return html
    folder = posixpath.relpath("site", posixpath.dirname(page.url) or ".")
    scripts = (f'<script src="{folder}/{name}.js"></script>' for name in ("mermaid", "drawings"))
    return "\n".join((html, *scripts))


def _linked(origin):
    """Return the existing targets of the links of a Markdown file or folder."""
    if origin.suffix != ".md" and origin.is_file():
        return []
    targets = (_target(origin, link["path"]) for link in _LINK.finditer(_text(origin)))
    return [target for target in targets if target is not None]


def _target(origin, path):
    """Return the file or folder of the repository that a path of a page means, or None."""
    folder = origin if origin.is_dir() else origin.parent
    target = Path(os.path.normpath(folder / path))
    return target if target.is_relative_to(ROOT) and target.exists() else None


def _uri(target):
    """Return where the site has a file of the repository: its own page, or one below source/."""
    if target.is_relative_to(DOCS) and target.suffix in _STATIC:
        return target.relative_to(DOCS).as_posix()
    return f"{SOURCE}{target.relative_to(ROOT).as_posix()}.md"


def _origin(uri):
    """Return the file or folder of the repository that a page of the site shows."""
    return ROOT / uri[len(SOURCE) : -len(".md")] if uri.startswith(SOURCE) else DOCS / uri


def _text(target):
    """Return the Markdown of a page that shows a file or the names in a folder."""
    if target.suffix == ".md":
        return target.read_text()
    title = f"# `{target.relative_to(ROOT).as_posix()}`\n\n"
    if target.is_dir():
        names = sorted(path.name for path in target.iterdir() if path.name[0] not in "._")
        return title + "\n".join(f"- [{name}]({name})" for name in names)
    try:
        language = get_lexer_for_filename(target.name).aliases[0]
    except ClassNotFound:
        language = "text"
    return f"{title}~~~~~~~~~~~~{language}\n{target.read_text()}\n~~~~~~~~~~~~\n"
