"""A flow explored: walked, drawn, and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from local.paths.drawing import as_svg, as_text
from local.paths.findings import findings
from local.paths.walk import PLACES, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.paths.asking import Application


class Explored(NamedTuple):
    """What was found: the tree as text and as SVG, and what is wrong with the flow."""

    text: str
    svg: str
    findings: list[str]


async def explore(
    application: Application,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = PLACES,
    progress: Callable[[int], None] | None = None,
) -> Explored:
    """Walk every path of a flow, draw it and judge it; the parameters are those of ``walk``."""
    tree = await walk(application, flow, say, limit, progress)
    return Explored(as_text(tree), as_svg(tree), findings(tree, flow))
