"""What ``python -m local.sign`` and ``python -m local.event`` have in common: arguments, signer."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from local import stack_file
from local.samples.signing import Sample, Signer, read_sample

ROOT = Path(__file__).parents[2]


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """Make the arguments that both commands take."""
    names = ", ".join(sorted(path.stem for path in (ROOT / "events").glob("*.json")))
    made = argparse.ArgumentParser(
        prog=program, description=description, epilog=f"samples: {names}"
    )
    made.add_argument("sample", nargs="?", help="a sample's name, such as answer")
    made.add_argument("--file", type=Path, help="a file with a sample of your own")
    made.add_argument("--method", choices=("GET", "POST"), help="if not the sample's own")
    made.add_argument(
        "--secret",
        default=os.environ.get("VONAGE_SIGNATURE_SECRET"),
        help="the signature secret (else VONAGE_SIGNATURE_SECRET, else the running platform's)",
    )
    made.add_argument("--api-key", default=os.environ.get("VONAGE_API_KEY", ""))
    made.add_argument("--application-id", default=os.environ.get("VONAGE_APPLICATION_ID", ""))
    return made


def chosen(arguments: argparse.Namespace) -> Sample:
    """Read the sample that the arguments name.

    Raises
    ------
    SystemExit
        If there is none, with a text that says so.
    """
    if (arguments.sample is None) == (arguments.file is None):
        raise SystemExit("name one sample, or --file")
    path = arguments.file or ROOT / "events" / f"{arguments.sample}.json"
    try:
        return read_sample(path, arguments.method)
    except FileNotFoundError:
        raise SystemExit(f"there is no sample {path}; --help lists them") from None
    except ValueError as error:
        raise SystemExit(f"no sample: {error}") from None


def signer(arguments: argparse.Namespace, folder: Path = ROOT / ".local") -> Signer:
    """Give the signer of the arguments, or the running platform's.

    Raises
    ------
    SystemExit
        If no secret was given and no platform runs.
    """
    if arguments.secret:
        return Signer(arguments.secret, arguments.api_key, arguments.application_id)
    try:
        stack = stack_file.read(folder)
    except FileNotFoundError:
        raise SystemExit("no platform runs (make up); give --secret") from None
    return Signer(stack["signature_secret"], stack["api_key"], stack["application_id"])


def api_url(given: str | None, folder: Path = ROOT / ".local") -> str:
    """Give the address of the API: the one given, or the running platform's.

    Raises
    ------
    SystemExit
        If none was given and no platform runs.
    """
    if given:
        return given.rstrip("/")
    try:
        return str(stack_file.read(folder)["api_url"])
    except FileNotFoundError:
        raise SystemExit("no platform runs (make up); give --url") from None
