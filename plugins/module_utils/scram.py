"""SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5802, RFC 7677): pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import unicodedata

ITERATIONS = 4096
SALT_BYTES = 16


def _keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the verifier of a password, so that the password itself never travels to the server.

    Parameters:
        password: any text.
        salt: random bytes; drawn anew when not given.
        iterations: rounds of PBKDF2; PostgreSQL's default is 4096.
    """
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    stored, server = _keys(password, salt, iterations)
    text = [base64.b64encode(value).decode() for value in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


def matches(password: str, stored: str | None) -> bool:
    """Tell whether a stored verifier belongs to the password; an unknown or malformed one does not."""
    try:
        scheme, rounds, keys = (stored or "").split("$")
        iterations, salt = rounds.split(":")
        if scheme != "SCRAM-SHA-256":
            return False
        expected = verifier(password, base64.b64decode(salt, validate=True), int(iterations))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(expected.split("$")[2], keys)
