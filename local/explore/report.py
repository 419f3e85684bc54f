"""Explore one flow: traverse, render and check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from local.explore.checks import findings
from local.explore.render import as_svg, as_text
from local.explore.traversal import NODE_LIMIT, traverse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.explore.app_client import AppClient


class FlowReport(NamedTuple):
    """A flow's tree as text and as SVG, and the problems found."""

    text: str
    svg: str
    findings: list[str]


async def explore(
    client: AppClient,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = NODE_LIMIT,
    progress: Callable[[int], None] | None = None,
) -> FlowReport:
    """Traverse, render and check a flow; the parameters are those of ``traverse``."""
    tree = await traverse(client, flow, say, limit, progress)
    return FlowReport(as_text(tree), as_svg(tree), findings(tree, flow))
