"""``python -m local.sign answer``: a curl command with a freshly signed webhook."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from local import samples

if TYPE_CHECKING:
    from local.signing import Sample


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
    parser = samples.parser("python -m local.sign", "Print a curl command with a signed webhook.")
    parser.add_argument("--url", help="the API's address, if not the running platform's")
    arguments = parser.parse_args()
    sample = samples.chosen(arguments)
    base = samples.api_url(arguments.url)
    token = samples.signer(arguments).token(sample)
    sys.stdout.write(curl(sample, token, base) + "\n")


if __name__ == "__main__":
    main()
