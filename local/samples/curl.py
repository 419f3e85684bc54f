"""``python -m local.sign answer``: print a curl command that sends a signed webhook."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from local.console import say
from local.samples import arguments

if TYPE_CHECKING:
    from local.samples.signing import Sample


def curl(sample: Sample, token: str, base: str) -> str:
    """Return the command that sends a signed sample request to the API at ``base``."""
    separator = "?" if sample.query else ""
    words = ["curl", "-sS", "-i", "-X", sample.method]
    words += ["-H", f"Authorization: Bearer {token}"]
    if sample.method == "POST":
        words += ["-H", "Content-Type: application/json", "--data-raw", sample.body.decode()]
    words.append(f"{base}{sample.path}{separator}{sample.query}")
    return shlex.join(words)


def main() -> None:
    """Print the command."""
    parser = arguments.parser(
        "python -m local.sign", "Print a curl command that sends a signed webhook."
    )
    parser.add_argument("--url", help="URL of the API (default: the running platform's)")
    options = parser.parse_args()
    sample = arguments.selected_sample(options)
    base = arguments.api_url(options.url)
    token = arguments.signer(options).token(sample)
    say(curl(sample, token, base))


if __name__ == "__main__":
    main()
