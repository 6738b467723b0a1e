"""An authority of our own and the certificates it signs: EC P-256, for members and for components.

A component's certificate bears its user's name as common name, by which the store knows it without a password.

Invariant: keys are never readable by others, not even for a moment; an authority that is there already is used, not replaced.

    authority = Authority.in_folder(folder)
    server = authority.issue("member-1", server_names=["localhost", "127.0.0.1"])
    agent = authority.issue("agent-ny")
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
CLOCK_SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files, each PEM."""

    certificate: Path
    key: Path


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    making = path.with_name(f".{path.name}.{os.getpid()}")
    making.unlink(missing_ok=True)
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    making.rename(path)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority with its folder."""

    folder: Path
    name: str

    @classmethod
    def in_folder(cls, folder: Path, name: str = "meridian") -> Authority:
        """The authority of a folder; made when there is none."""
        authority = cls(folder, name)
        if not (authority.key.exists() and authority.certificate.exists()):
            authority._make()
        return authority

    @property
    def certificate(self) -> Path:
        """What clients and members trust."""
        return self.folder / "ca.pem"

    @property
    def key(self) -> Path:
        """What signs; needed only for issuing."""
        return self.folder / "ca-key.pem"

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(f"{self.name} authority"))
            .issuer_name(_name(f"{self.name} authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self.key, _key_bytes(key))
        write_private(self.certificate, made.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, *, server_names: Sequence[str] = ()) -> Certificate:
        """A certificate for a component, or with `server_names` (addresses too) for a member, which is client and server."""
        signer = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if server_names:
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
            names = x509.SubjectAlternativeName([_general_name(name) for name in server_names])
            builder = builder.add_extension(names, critical=False)
        made = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False).sign(signer, hashes.SHA256())
        files = Certificate(self.folder / f"{common_name}.pem", self.folder / f"{common_name}-key.pem")
        write_private(files.key, _key_bytes(key))
        write_private(files.certificate, made.public_bytes(serialization.Encoding.PEM))
        return files
