"""``python -m local.sign answer``: a curl command with a freshly signed webhook."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from local.samples import arguments

if TYPE_CHECKING:
    from local.samples.signing import Sample


def curl(sample: Sample, token: str, base: str) -> str:
    """Write the command that sends a signed sample to the API at ``base``."""
    question = "?" if sample.query else ""
    words = ["curl", "-sS", "-i", "-X", sample.method]
    words += ["-H", f"Authorization: Bearer {token}"]
    if sample.method == "POST":
        words += ["-H", "Content-Type: application/json", "--data-raw", sample.body.decode()]
    words.append(f"{base}{sample.path}{question}{sample.query}")
    return shlex.join(words)


def main() -> None:
    """Print the command."""
    parser = arguments.parser("python -m local.sign", "Print a curl command with a signed webhook.")
    parser.add_argument("--url", help="the API's address, if not the running platform's")
    given = parser.parse_args()
    sample = arguments.chosen(given)
    base = arguments.api_url(given.url)
    token = arguments.signer(given).token(sample)
    sys.stdout.write(curl(sample, token, base) + "\n")


if __name__ == "__main__":
    main()
