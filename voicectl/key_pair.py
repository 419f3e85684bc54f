"""Create, read and compare RSA key pairs."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from voicectl.errors import VoicectlError

_PUBLIC = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def make() -> tuple[str, str]:
    """Return a new RSA pair of 2048 bits, as Vonage's dashboard creates: both keys in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), key.public_key().public_bytes(*_PUBLIC).decode()


def private_key_of(pem: str) -> rsa.RSAPrivateKey:
    """Parse a private key in PEM.

    Raises
    ------
    VoicectlError
        If it is not one; the text contains nothing of the key.
    """
    try:
        key = serialization.load_pem_private_key(pem.strip().encode(), password=None)
    except Exception:  # its text may quote the key, so it is dropped
        raise VoicectlError(
            "the private key is not in PEM format. Copy the whole file, including the BEGIN and"
            " END lines."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise VoicectlError("the private key is not an RSA key, which Vonage requires")
    return key


def public_half(pem: str) -> str:
    """Return the public key of a private key, in PEM.

    Raises
    ------
    VoicectlError
        If it is not a private key.
    """
    return private_key_of(pem).public_key().public_bytes(*_PUBLIC).decode()


def is_public(pem: str | None, other: str) -> bool:
    """Return whether two public keys in PEM are the same key, in any encoding."""
    return pem is not None and _numbers(pem) is not None and _numbers(pem) == _numbers(other)


def _numbers(pem: str) -> rsa.RSAPublicNumbers | None:
    try:
        key = serialization.load_pem_public_key(pem.strip().encode())
    except ValueError:
        return None
    return key.public_numbers() if isinstance(key, rsa.RSAPublicKey) else None
