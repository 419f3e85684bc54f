"""The options of the command `vonage-simulator`, and the settings that they make.

An argument that cannot work is refused, with one that would.
"""

import argparse
import re
from pathlib import Path
from urllib.parse import urlsplit

from . import __version__
from .account import make_keys, public_key_of
from .calibration import calibrated
from .settings import HOSTS_OF_REGIONS, SimulatorSettings, WebhookTarget
from .state_folder import SavedState
from .url_map import origin_of

# A certificate cannot name a host with an underscore.
HOST_NAME = "[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*"
EXAMPLES = """examples:
  Call an application on port 3000, and keep the CA and the key for its next start:
    vonage-simulator --answer-url http://localhost:3000/webhooks/answer \\
      --event-url http://localhost:3000/webhooks/event --state .vonage
  Send what is meant for a public address to this machine:
    vonage-simulator --answer-url https://my.app/answer --map https://my.app=http://localhost:3000
  Listen in a container that others call vonage:
    vonage-simulator --host 0.0.0.0 --allow-host vonage
"""


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show defaults where there are any, and keep the lines of the examples."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_default = action.default is not None and action.default is not False
        return super()._get_help_string(action) if has_default else action.help


def url(text: str) -> str:
    """Check a webhook URL."""
    if re.search(r"\s", text):
        raise argparse.ArgumentTypeError(f"{text!r} has blanks; expected a URL without")
    if "://" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} has no scheme; use http://{text.lstrip('/')}")
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an http or https URL; expected one such as "
            "http://localhost:3000/webhooks/answer"
        )
    return text


def number(text: str) -> str:
    """Check a phone number, and return it without its plus."""
    digits = text.removeprefix("+")
    if re.fullmatch("[1-9][0-9]{6,14}", digits):
        return digits
    cleaned = re.sub(r"[\s().+-]|^00", "", text)
    use = cleaned if re.fullmatch("[1-9][0-9]{6,14}", cleaned) else "447700900001"
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a number in E.164: 7 to 15 digits with the country code; use {use}"
    )


def port(text: str) -> int:
    """Check a port."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port; expected 1 to 65535, or 0 for any free port"
        )
    return int(text)


def speed(text: str) -> float:
    """Check a clock speed."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed; expected 0 to 10000")
    return value


def mapping(text: str) -> tuple[str, str]:
    """Check a pair of origins."""
    source, separator, target = text.partition("=")
    try:
        if not separator:
            raise ValueError(f"{text!r} has no equals sign")
        return origin_of(source), origin_of(target)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{error}. Use a form such as https://my.app=http://localhost:3000"
        ) from error


def host_name(text: str) -> str:
    """Check a host name, or a host name with a port."""
    return _checked_name(text, HOST_NAME + "(:[0-9]{1,5})?", "[/?#].*$", "simulator")


def public_name(text: str) -> str:
    """Check a host name without a port, and return it in lower case."""
    return _checked_name(text, HOST_NAME, "[:/?#].*$", "api.nexmo.com").lower()


def _checked_name(text: str, pattern: str, rest: str, example: str) -> str:
    if re.fullmatch(pattern, text):
        return text
    cleaned = re.sub(rf"^\w+://|{rest}", "", text).replace("_", "-")
    use = cleaned if re.fullmatch(pattern, cleaned) else example
    raise argparse.ArgumentTypeError(f"{text!r} is not a host name; use {use}")


def address(text: str) -> str:
    """Check that an address to listen on is not empty, which would mean every address."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address; use 127.0.0.1, or 0.0.0.0 for other machines"
        )
    return text


def parser() -> argparse.ArgumentParser:
    """Build the argument parser."""
    options = argparse.ArgumentParser(
        prog="vonage-simulator",
        description="Run a simulated Vonage Voice platform on this machine. Ctrl-C stops it.",
        epilog=EXAMPLES,
        formatter_class=_HelpFormatter,
    )
    options.set_defaults(authority=None)
    options.add_argument("--version", action="version", version=__version__)
    _add_application(options)
    _add_network(options)
    _add_output(options)
    add = options.add_argument_group("behavior").add_argument
    add("--region", choices=tuple(HOSTS_OF_REGIONS), default="eu-west")
    add("--speed", type=speed, default=1.0, help="clock seconds per real second; 0 stops the clock")
    add("--calibration", type=Path, help="calibration file from `voicectl capture`")
    add("--seed", type=int, help="repeat ids and random choices; random if omitted")
    return options


def _add_application(options: argparse.ArgumentParser) -> None:
    add = options.add_argument_group("your application").add_argument
    add("--answer-url", type=url, help="answer URL of the application")
    add("--answer-method", choices=("GET", "POST"), default="GET")
    add("--event-url", type=url, help="event URL of the application")
    add("--event-method", choices=("GET", "POST"), default="POST")
    add("--fallback-url", type=url, help="fallback URL, requested if another webhook fails")
    add("--number", type=number, action="append",
        help="number of the account; repeat for more numbers")  # fmt: skip
    add("--unsigned", action="store_true", help="send webhooks without a signature")
    add = options.add_argument_group("credentials").add_argument
    add("--state", type=Path, metavar="DIR",
        help="folder that keeps the CA, the key, the application id and the secrets, "
        "so that clients stay configured; created if it doesn't exist")  # fmt: skip
    add("--key", type=Path, help="private key file of the application; created if it doesn't exist")
    add("--application-id", help="random if omitted, or the seed's")
    add("--api-key", default="abcd1234")
    add("--api-secret", help="random at each start if omitted")
    add("--signature-secret", help="random at each start if omitted")


def _add_network(options: argparse.ArgumentParser) -> None:
    add = options.add_argument_group("network").add_argument
    add("--host", type=address, default="127.0.0.1",
        help="address to listen on; 0.0.0.0 is open to other machines")  # fmt: skip
    add("--http-port", type=port, default=8080, help="port for HTTP; 0 selects a free one")
    add("--tls-port", type=port, default=8443, help="port for HTTPS; 0 selects a free one")
    add("--console-port", type=port, default=8089,
        help="port for the web console, only on 127.0.0.1; a free one if it is in use")  # fmt: skip
    add("--allow-host", type=host_name, action="append", metavar="NAME",
        help="further name that clients use for the simulator; repeat for more")  # fmt: skip
    add("--map", type=mapping, action="append", metavar="URL=URL",
        help="send what is for the first origin to the second; repeat for more")  # fmt: skip
    add("--public-host", type=public_name,
        help="host name of region_url and recording_url, such as api.nexmo.com")  # fmt: skip
    add("--ca-file", help="file to write the CA certificate of the HTTPS port to")
    add("--public-scheme", choices=("https", "http"), default="https",
        help="scheme of region_url and recording_url")  # fmt: skip


def _add_output(options: argparse.ArgumentParser) -> None:
    add = options.add_argument_group("output").add_argument
    add("--json", action="store_true", help="print JSON lines, without the secrets")
    add("--quiet", action="store_true", help="print nothing after the start")


def complete(arguments: argparse.Namespace, saved: SavedState) -> None:
    """Set what the arguments leave out to what a state folder has."""
    arguments.authority = saved.authority
    arguments.key = arguments.key or saved.key_file
    arguments.application_id = arguments.application_id or saved.application_id
    arguments.api_secret = arguments.api_secret or saved.api_secret
    arguments.signature_secret = arguments.signature_secret or saved.signature_secret
    arguments.ca_file = arguments.ca_file or str(saved.ca_file)


def settings_from(arguments: argparse.Namespace, public_key: str | None) -> SimulatorSettings:
    """Build the settings from parsed arguments."""
    answer = arguments.answer_url and WebhookTarget(arguments.answer_url, arguments.answer_method)
    event = arguments.event_url and WebhookTarget(
        arguments.event_url, arguments.event_method, read_ms=10_000
    )
    fallback = arguments.fallback_url and WebhookTarget(
        arguments.fallback_url, arguments.answer_method
    )
    settings = SimulatorSettings(
        host=arguments.host,
        http_port=arguments.http_port,
        tls_port=arguments.tls_port,
        allowed_hosts=tuple(arguments.allow_host or ()),
        url_map=tuple(arguments.map or ()),
        authority=arguments.authority,
        application_id=arguments.application_id,
        public_key=public_key,
        api_key=arguments.api_key,
        api_secret=arguments.api_secret,
        signature_secret=arguments.signature_secret,
        signed_callbacks=not arguments.unsigned,
        answer=answer or None,
        event=event or None,
        fallback=fallback or None,
        numbers=tuple(arguments.number or ["447700900001"]),
        region=arguments.region,
        public_scheme=arguments.public_scheme,
        public_host=arguments.public_host,
        ca_file=arguments.ca_file,
        speed=arguments.speed,
        seed=arguments.seed,
    )
    return calibrated(settings, arguments.calibration)


def read_key(path: Path | None) -> str | None:
    """Read an RSA private key from a file, creating the file with a new key if it doesn't exist.

    Raises
    ------
    OSError
        If the file cannot be read or created.
    ValueError
        If it does not hold an RSA key in PEM without a password.
    """
    if path is None:
        return None
    if not path.exists():
        private_key, _ = make_keys()
        path.touch(mode=0o600)
        path.write_text(private_key)
    try:
        text = path.read_text()
        public_key_of(text)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"--key {path}: not an RSA private key in PEM without a password. Use the private key "
            "file of the application, or a name that doesn't exist, for a new key"
        ) from error
    return text
