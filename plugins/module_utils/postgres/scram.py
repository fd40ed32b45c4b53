"""SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5802, RFC 7677, RFC 4013): pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import stringprep
import unicodedata

ITERATIONS = 4096
SALT_BYTES = 16


# What SASLprep refuses: space, control, private, surrogate, display and tagging characters, and what Unicode 3.2
# had not assigned yet
_PROHIBITED = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepared(password: str) -> bytes:
    """Return the bytes that server and clients take for a password, as PostgreSQL's own pg_saslprep makes them.

    Like there, what SASLprep refuses is taken as it is, and the characters that decide are those before the
    normalisation.
    """
    raw = password.encode()
    if password.isascii():
        return raw
    # The zero width space is in both tables, and the first one counts
    spaced = (" " if stringprep.in_table_c12(one) else one for one in password)
    mapped = "".join(one for one in spaced if not stringprep.in_table_b1(one))
    refused = not mapped or any(table(one) for table in _PROHIBITED for one in mapped) or not _reads_one_way(mapped)
    return raw if refused else unicodedata.normalize("NFKC", mapped).encode()


def _reads_one_way(text: str) -> bool:
    """Tell whether a text is of one direction: not from right to left at all, or at both ends and in between too."""
    leftward = [stringprep.in_table_d1(one) for one in text]
    if not any(leftward):
        return True
    return leftward[0] and leftward[-1] and not any(stringprep.in_table_d2(one) for one in text)


def _keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
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
