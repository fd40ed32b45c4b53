"""Certificates that are refused, and those that are not; all are real ones, made here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.fullstack.docker.plugins.plugin_utils.certificates import covers, problems

NOW = datetime(2030, 6, 1, tzinfo=timezone.utc)


@dataclass
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def issue(subject: str, issuer: Issued | None = None, *, names: list[str] | None = None, days: int = 30) -> Issued:
    """Issue a certificate that ends some days after NOW; signed by itself without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=90))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


ROOT = issue("Root")
INTERMEDIATE = issue("Intermediate", ROOT)
SERVER = issue("Server", INTERMEDIATE, names=["shop.example.com", "*.shop.example.com"])
CHAIN = SERVER.pem + INTERMEDIATE.pem


def test_a_good_certificate_has_no_problem() -> None:
    names = ["shop.example.com", "www.shop.example.com"]
    assert problems(CHAIN, SERVER.key_pem, names, ROOT.pem, NOW) == []


def test_one_that_signs_itself_has_no_problem() -> None:
    own = issue("own", names=["shop.example.com"])
    assert problems(own.pem, own.key_pem, ["shop.example.com"], "", NOW) == []


@pytest.mark.parametrize(
    ("certificate", "key", "names", "trust", "now", "expected"),
    [
        ("nothing", SERVER.key_pem, [], "", NOW, "certificate_file: holds no PEM certificate"),
        (CHAIN, ROOT.key_pem, [], ROOT.pem, NOW, "tls_key: does not belong to the certificate"),
        (CHAIN, "no key", [], ROOT.pem, NOW, "tls_key: not a PEM private key"),
        (CHAIN, SERVER.key_pem, [], ROOT.pem, NOW + timedelta(days=31), "expired on 2030-07-01"),
        (CHAIN, SERVER.key_pem, [], ROOT.pem, NOW - timedelta(days=91), "not valid before"),
        (CHAIN, SERVER.key_pem, ["other.example.com"], ROOT.pem, NOW, "server_names: other.example.com is not in"),
        (SERVER.pem, SERVER.key_pem, [], ROOT.pem, NOW, "whose issuer CN=Intermediate is not trusted"),
        (SERVER.pem + ROOT.pem, SERVER.key_pem, [], ROOT.pem, NOW, "certificate 1 (CN=Server) was not signed by"),
        (CHAIN, SERVER.key_pem, [], "", NOW, "whose issuer CN=Root is not trusted"),
    ],
)
def test_a_bad_certificate_is_refused_with_its_fault(
    certificate: str, key: str, names: list[str], trust: str, now: datetime, expected: str
) -> None:
    found = problems(certificate, key, names, trust, now)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("a.example", "a.example", True),
        ("A.example", "a.EXAMPLE", True),
        ("*.example", "a.example", True),
        ("*.example", "b.a.example", False),
        ("*.example", "example", False),
        ("*.example", ".example", False),
    ],
)
def test_a_star_stands_for_one_label(pattern: str, name: str, covered: bool) -> None:
    assert covers(pattern, name) is covered
