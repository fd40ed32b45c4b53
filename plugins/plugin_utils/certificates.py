"""Whether a certificate, its key and its chain can serve the given names: pure functions, used on the controller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

with suppress(ImportError):  # every controller has it by ansible-core; ansible-test looks at plugins where it is not
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def covers(pattern: str, name: str) -> bool:
    """Tell whether a name in a certificate covers a host name; a star stands for one leftmost label (RFC 6125)."""
    pattern, name = pattern.lower(), name.lower()
    if not pattern.startswith("*."):
        return pattern == name
    return name.partition(".")[2] == pattern[2:] and not name.startswith(".")


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether one certificate was signed by the other."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names and addresses that a certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return [*extension.get_values_for_type(x509.DNSName), *addresses]


def key_problems(certificate: x509.Certificate, key: str) -> Iterator[str]:
    """Yield what is wrong with the private key."""
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        yield "nginx_frontend_tls_key: not a PEM private key without a passphrase; put the whole key into the vault"
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        yield (
            "nginx_frontend_tls_key: does not belong to the certificate in nginx_frontend_tls_certificate_file;"
            " take the key that the certificate was requested with"
        )


def chain_problems(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> Iterator[str]:
    """Yield where the chain is broken: each is signed by the next, the last by itself or by a trusted one."""
    variable = "nginx_frontend_tls_certificate_file"
    for position, (one, following) in enumerate(pairwise(chain), start=1):
        if not issued(one, following):
            yield (
                f"{variable}: certificate {position} ({one.subject.rfc4514_string()}) was not signed by the one after"
                " it; the order is the server's own, then each one's issuer"
            )
            return
    last = chain[-1]
    if not issued(last, last) and not any(issued(last, root) for root in trusted):
        yield (
            f"{variable}: the chain ends in {last.subject.rfc4514_string()}, whose issuer"
            f" {last.issuer.rfc4514_string()} is not trusted; append the intermediate certificates, or name your own"
            " authority in nginx_frontend_tls_trust_file"
        )


def problems(certificate: str, key: str, names: Sequence[str], trust: str, now: datetime) -> list[str]:
    """Return all that keeps a certificate from serving, one sentence each with its variable and remedy.

    Parameters:
        certificate: PEM, the server's own first, then the intermediate ones.
        key: PEM of the private key.
        names: host names that it has to cover.
        trust: PEM of the authorities that the chain may end in; may be empty.
        now: aware time to compare the validity with.
    """
    variable = "nginx_frontend_tls_certificate_file"
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        return [f"{variable}: holds no PEM certificate; name a file that begins with the server's own certificate"]
    own = chain[0]
    found = list(key_problems(own, key))
    if now > own.not_valid_after_utc:
        found.append(f"{variable}: expired on {own.not_valid_after_utc:%Y-%m-%d}; get a new certificate")
    if now < own.not_valid_before_utc:
        found.append(f"{variable}: not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC; check the clock")
    for name in names:
        if not any(covers(pattern, name) for pattern in names_of(own)):
            known = ", ".join(names_of(own)) or "no name"
            found.append(
                f"nginx_frontend_server_names: {name} is not in the certificate, which is for {known};"
                " get a certificate for it, or take the name out"
            )
    return [*found, *chain_problems(chain, x509.load_pem_x509_certificates(trust.encode()) if trust else [])]
