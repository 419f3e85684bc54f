"""The simulated account: applications with webhooks and keys, and numbers linked to them."""

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .settings import WebhookTarget


@dataclass(eq=False)
class ClientUser:
    """A user of an application; `fields` are those that a request sets, such as `display_name`."""

    id: str
    name: str
    fields: dict[str, Any]


@dataclass(eq=False)
class Application:
    """A Vonage application; `capabilities` is what the Application API returns.

    `calls_kept_for` and `conversations_kept_for` are seconds, or None for those of the simulator's
    settings.
    """

    id: str
    name: str
    public_key_pem: str
    public_key: RSAPublicKey
    answer: WebhookTarget | None = None
    event: WebhookTarget | None = None
    fallback: WebhookTarget | None = None
    signed: bool = True
    region: str = ""
    calls_kept_for: float | None = None
    conversations_kept_for: float | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)
    privacy: dict[str, Any] = field(default_factory=lambda: {"improve_ai": True})
    users: dict[str, ClientUser] = field(default_factory=dict)


@dataclass(eq=False)
class SimulatedAccount:
    """What one API key owns; `numbers` maps each number to its application's id, or None."""

    api_key: str
    api_secret: str
    signature_secret: str
    applications: dict[str, Application] = field(default_factory=dict)
    numbers: dict[str, str | None] = field(default_factory=dict)

    def application_of(self, number: str) -> Application | None:
        """Return the application that a number is linked to, if any."""
        return self.applications.get(self.numbers.get(number) or "")

    def numbers_of(self, application: Application) -> list[str]:
        """Return the numbers that are linked to an application."""
        return [number for number, linked in self.numbers.items() if linked == application.id]


def make_keys() -> tuple[str, str]:
    """Create an RSA key pair in PEM: the private key (PKCS 8) and the public key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private_pem.decode(), public_pem.decode()


def public_key_of(pem: str) -> tuple[str, RSAPublicKey]:
    """Return the public key in a PEM text that holds a public or private RSA key.

    Raises
    ------
    ValueError
        If the text holds neither.
    """
    data = pem.encode()
    if "PRIVATE KEY" in pem:
        private = serialization.load_pem_private_key(data, None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("the key is not an RSA key")
        key = private.public_key()
        data = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return data.decode(), key
    public = serialization.load_pem_public_key(data)
    if not isinstance(public, RSAPublicKey):
        raise ValueError("the key is not an RSA key")
    return pem, public
