"""A certificate authority that lives as long as the scenario; prepare.yml makes it, tests let it issue once more."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

NAMES = ("shop.test", "www.shop.test")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key as text."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def write(self, folder: Path, name: str) -> None:
        """Write NAME.pem and NAME.key."""
        (folder / f"{name}.pem").write_text(self.pem)
        (folder / f"{name}.key").write_text(self.key_pem)

    @classmethod
    def read(cls, folder: Path, name: str) -> Issued:
        """Read what was written."""
        key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()), key)


def issue(
    subject: str, issuer: Issued | None = None, key: ec.EllipticCurvePrivateKey | None = None, days: int = 30
) -> Issued:
    """Issue a certificate for NAMES that ends in so many days; without an issuer it is the authority's own."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES])
        builder = builder.add_extension(names, critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def main(folder: Path) -> None:
    """Make the authority and a first certificate."""
    authority = issue("Authority of the scenario")
    authority.write(folder, "authority")
    issue(NAMES[0], authority).write(folder, "certificate")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
