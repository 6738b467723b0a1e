"""Certificates for tests of FIX over TLS: an authority, a server and a client by it, and another authority that nobody knows.

Invariant: they are made anew for each run and hold for two days.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.venues.fix_support import HOST


@dataclass(frozen=True)
class Files:
    """Certificates of an authority, and one of another."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(
    folder: Path, name: str, signer: tuple[ec.EllipticCurvePrivateKey, str] | None
) -> ec.EllipticCurvePrivateKey:
    """A certificate, its own authority without a signer."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    by, issuer = signer or (key, name)
    builder = (
        x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(issuer)).public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=2))
    builder = builder.add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    names = [x509.DNSName("venue.test"), x509.IPAddress(ipaddress.ip_address(HOST))]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(by, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(secret)
    return key


def make_files(folder: Path) -> Files:
    """`ca`, `other` (an authority, too), `server` and `client` by the first, each a `.pem` and a `.key`."""
    authority = _write(folder, "ca", None)
    _write(folder, "other", None)
    for name in ("server", "client"):
        _write(folder, name, (authority, "ca"))
    return Files(folder)
