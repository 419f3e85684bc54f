"""``new flow``: write a call flow and its test (docs/flows.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voicectl.cli import VoicectlGroup
from voicectl.flow_files import STARTER, create_flow, new_files, recipes

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

new = VoicectlGroup(
    "new",
    help="write the files of a new call flow",
    examples=("voicectl new flow support", "voicectl new flow support --from dtmf_menu"),
)


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in recipes(Path.cwd()) if name.startswith(incomplete)]


@new.command(
    "flow",
    help="write a call flow and its test, which both work at once",
    examples=(
        "voicectl new flow support                      # ask for a digit and repeat it",
        "voicectl new flow support --from dtmf_menu     # a copy of an included flow",
        "voicectl new flow support --from hunt_group    # a copy of a recipe in docs/recipes",
    ),
)
@click.argument(
    "name",
    metavar="NAME",
    help="lower-case letters, digits and underscores, such as missed_calls",
)
@click.option(
    "--from",
    "recipe",
    metavar="RECIPE",
    default=STARTER,
    show_default=True,
    shell_complete=_complete,
    help="the recipe or flow to copy; an unknown name lists them",
)
def flow(options: SimpleNamespace, context: Context) -> int:
    """Write both files, and show them with the next commands."""
    root, name, output = Path.cwd(), options.name, context.output
    if options.dry_run:
        paths = list(new_files(root, name, options.recipe))
    else:
        paths = create_flow(root, name, options.recipe)
    files = [str(path.relative_to(root)) for path in paths]
    for file in files:
        output.line(f"{'would create' if options.dry_run else 'created'} {file}")
    following = {
        f".venv/bin/python -m pytest {files[1]}": "run its test",
        f".venv/bin/python -m local.explore {name}": "explore every path",
        "make up": "call it from the browser",
    }
    width = max(map(len, following))
    output.line("\nnext:")
    for line, purpose in following.items():
        output.line(f"  {line:{width}}    # {purpose}")
    output.result({"flow": name, "files": files, "next": list(following)})
    return 0
