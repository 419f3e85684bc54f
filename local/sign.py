"""``python -m local.sign answer``: a curl command with a freshly signed webhook."""

from __future__ import annotations

import shlex
import sys

from local import samples


def main() -> None:
    """Print the command."""
    parser = samples.parser("python -m local.sign", "Print a curl command with a signed webhook.")
    parser.add_argument("--url", help="the API's address, if not the running platform's")
    arguments = parser.parse_args()
    sample = samples.chosen(arguments)
    base = samples.api_url(arguments.url)
    token = samples.signer(arguments).token(sample)
    question = "?" if sample.query else ""
    words = ["curl", "-sS", "-i", "-X", sample.method]
    words += ["-H", f"Authorization: Bearer {token}"]
    if sample.method == "POST":
        words += ["-H", "Content-Type: application/json", "--data-raw", sample.body.decode()]
    words.append(f"{base}{sample.path}{question}{sample.query}")
    sys.stdout.write(shlex.join(words) + "\n")


if __name__ == "__main__":
    main()
