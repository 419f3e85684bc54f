"""Command-line arguments shared by ``python -m local.sign`` and ``python -m local.event``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from local import stack_file
from local.samples.signing import Sample, Signer, read_sample

ROOT = Path(__file__).parents[2]


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of both commands."""
    names = ", ".join(sorted(path.stem for path in (ROOT / "events").glob("*.json")))
    shared = argparse.ArgumentParser(
        prog=program, description=description, epilog=f"sample requests: {names}"
    )
    shared.add_argument("sample", nargs="?", help="name of a sample request, such as answer")
    shared.add_argument("--file", type=Path, help="file with a sample request of your own")
    shared.add_argument("--method", choices=("GET", "POST"), help="default: the sample's method")
    shared.add_argument(
        "--secret",
        default=os.environ.get("VONAGE_SIGNATURE_SECRET"),
        help="signature secret (default: VONAGE_SIGNATURE_SECRET, or the running platform's)",
    )
    shared.add_argument("--api-key", default=os.environ.get("VONAGE_API_KEY", ""))
    shared.add_argument("--application-id", default=os.environ.get("VONAGE_APPLICATION_ID", ""))
    return shared


def selected_sample(arguments: argparse.Namespace) -> Sample:
    """Read the sample request that the arguments name.

    Raises
    ------
    SystemExit
        If there is no such sample request, or it is invalid.
    """
    if (arguments.sample is None) == (arguments.file is None):
        raise SystemExit("error: pass the name of one sample request, or --file")
    path = arguments.file or ROOT / "events" / f"{arguments.sample}.json"
    try:
        return read_sample(path, arguments.method)
    except FileNotFoundError:
        raise SystemExit(f"error: there is no sample request {path}; --help lists them") from None
    except ValueError as error:
        raise SystemExit(f"error: invalid sample request: {error}") from None


def signer(arguments: argparse.Namespace, folder: Path = ROOT / ".local") -> Signer:
    """Return a signer with the secret of the arguments, or else the running platform's.

    Raises
    ------
    SystemExit
        If there is no secret and no platform is running.
    """
    if arguments.secret:
        return Signer(arguments.secret, arguments.api_key, arguments.application_id)
    try:
        stack = stack_file.read(folder)
    except FileNotFoundError:
        raise SystemExit(
            "error: no local platform is running. Start it with `make up`, or pass --secret."
        ) from None
    return Signer(stack["signature_secret"], stack["api_key"], stack["application_id"])


def api_url(url: str | None, folder: Path = ROOT / ".local") -> str:
    """Return ``url`` without a trailing slash, or else the URL of the running platform's API.

    Raises
    ------
    SystemExit
        If there is no URL and no platform is running.
    """
    if url:
        return url.rstrip("/")
    try:
        return str(stack_file.read(folder)["api_url"])
    except FileNotFoundError:
        raise SystemExit(
            "error: no local platform is running. Start it with `make up`, or pass --url."
        ) from None
