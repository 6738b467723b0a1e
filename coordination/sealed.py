"""Datagrams between agents of regions, encrypted and authenticated with a secret that all of them have (AES-256-GCM, NIST SP
800-38D; the key is derived by HKDF, RFC 5869).

Invariant: what was not sealed with the same secret opens as nothing; a nonce is drawn anew for every datagram.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["Sealed"]

NONCE_BYTES = 12
KEY_BYTES = 32
PURPOSE = b"meridian agents v1"


class Sealed:
    """Seals and opens datagrams under one secret."""

    def __init__(self, secret: bytes) -> None:
        self.cipher = AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=PURPOSE).derive(secret))

    def seal(self, datagram: bytes) -> bytes:
        """What goes over the network: nonce, then ciphertext with its tag; 28 bytes longer."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, datagram, PURPOSE)

    def open(self, sealed: bytes) -> bytes | None:
        """The datagram, or None for what nobody with this secret sealed."""
        try:
            return self.cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], PURPOSE)
        except (InvalidTag, ValueError):
            return None
