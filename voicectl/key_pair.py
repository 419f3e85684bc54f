"""The application's key pair: making one, reading one, and whether two halves belong together."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from voicectl.errors import VoicectlError

_PUBLIC = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def make() -> tuple[str, str]:
    """Make an RSA pair of 2048 bits, as Vonage's dashboard does: private and public key in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), key.public_key().public_bytes(*_PUBLIC).decode()


def private_key_of(pem: str) -> rsa.RSAPrivateKey:
    """Read a private key in PEM.

    Raises
    ------
    ConnectError
        If it is none; the text quotes nothing of it.
    """
    try:
        key = serialization.load_pem_private_key(pem.strip().encode(), password=None)
    except Exception:  # its texts may quote the key, so nothing of them goes on
        raise VoicectlError(
            "the private key is no private key in PEM: take the whole file, with its first and"
            " last line"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise VoicectlError("the private key is not an RSA key, which Vonage asks for")
    return key


def public_half(pem: str) -> str:
    """Give the public key of a private one, in PEM.

    Raises
    ------
    ConnectError
        If it is none.
    """
    return private_key_of(pem).public_key().public_bytes(*_PUBLIC).decode()


def is_public(pem: str | None, other: str) -> bool:
    """Say whether two public keys in PEM are the same key, however they are wrapped."""
    return pem is not None and _numbers(pem) is not None and _numbers(pem) == _numbers(other)


def _numbers(pem: str) -> rsa.RSAPublicNumbers | None:
    try:
        key = serialization.load_pem_public_key(pem.strip().encode())
    except ValueError:
        return None
    return key.public_numbers() if isinstance(key, rsa.RSAPublicKey) else None
