"""A flow explored: walked, drawn, and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from local.explore.checks import findings
from local.explore.render import as_svg, as_text
from local.explore.traversal import PLACES, traverse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.explore.app_client import AppClient


class FlowReport(NamedTuple):
    """What was found: the tree as text and as SVG, and what is wrong with the flow."""

    text: str
    svg: str
    findings: list[str]


async def explore(
    application: AppClient,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = PLACES,
    progress: Callable[[int], None] | None = None,
) -> FlowReport:
    """Walk every path of a flow, draw it and judge it; the parameters are those of ``walk``."""
    tree = await traverse(application, flow, say, limit, progress)
    return FlowReport(as_text(tree), as_svg(tree), findings(tree, flow))
