"""Passwords of database roles: their verifiers are those that the server makes, and a login with each is proved."""

from __future__ import annotations

import json
import random
import runpy
from typing import TYPE_CHECKING

import pytest

from tests.scenario.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.scenario.stack import Compose, Site, Web

# Ansible's own way of importing a collection is not at hand here
matches = runpy.run_path(str(PROJECT / "plugins/module_utils/postgres/scram.py"))["matches"]
# Characters that SASLprep treats in different ways: mapped, removed, folded, prohibited, unassigned, right to left
TELLING = (
    "aZ ~éöe\u0308ﬁⅨ日ø\u00a0\u1680\u200b\u2003\u3000\u00ad\u200d\ufe0f\ufeff\u0000\n\x7f\u0085\u0340\u06dd\u2028\ue000"
)
TELLING += "\ufdd0\ufffd\u2ff0\U000e0041\U0010fffd\u0221\u20bd😀❤אا\u0661\u200f\ufb1dّ9µ\u1e9b\u0323\uac00\u1100\u1161"
SAID = ["Sicher❤️Passwort-2026", "pässwörd-日本-Ünï-\n2026\"'$%{x}", "\u00ad", "I\u00adX", "\u0627\u0031", "א1ב", "אaב"]
EVERY = range(1, 0x110000)
# What one command line holds
AT_ONCE = 3000
QUERY = """
CREATE ROLE probe;
SET LOCAL scram_iterations = 1;
CREATE TEMP TABLE made (at int, verifier text) ON COMMIT DROP;
DO $do$ DECLARE one record; BEGIN
  FOR one IN SELECT value, ordinality FROM json_array_elements_text($json$ {} $json$) WITH ORDINALITY LOOP
    EXECUTE format('ALTER ROLE probe PASSWORD %L', one.value);
    INSERT INTO made SELECT one.ordinality, rolpassword FROM pg_authid WHERE rolname = 'probe';
  END LOOP;
END $do$;
SELECT json_agg(verifier ORDER BY at) FROM made;
DROP ROLE probe;
"""


def differing(compose: Compose, passwords: list[str]) -> list[str]:
    """Return those of the passwords that the server makes another verifier of; it keeps nothing of them."""
    found = []
    for start in range(0, len(passwords), AT_ONCE):
        batch = passwords[start : start + AT_ONCE]
        said = compose.exec("db", "psql", "-U", "postgres", "-qtAc", QUERY.format(json.dumps(batch)))
        found += [one for one, stored in zip(batch, json.loads(said), strict=True) if not matches(one, stored)]
    return found


def drawn(characters: Iterable[str], count: int) -> list[str]:
    """Return texts of a few of the characters each, the same ones every time."""
    draw = random.Random(4013)  # noqa: S311  (no secret)
    known = [one for one in characters if one != "\0"]
    return ["".join(draw.choices(known, k=draw.randint(1, 6))) for _ in range(count)]


def test_server_makes_the_same_verifiers(compose: Compose) -> None:
    assert differing(compose, [*SAID, *drawn(TELLING, 800)]) == []


@pytest.mark.soak
def test_server_makes_the_same_verifier_of_every_character(compose: Compose) -> None:
    characters = [chr(code) for code in EVERY if not 0xD800 <= code <= 0xDFFF]
    assert differing(compose, characters) == []
    assert differing(compose, drawn(characters, 20_000)) == []


def test_a_run_ends_where_a_role_cannot_log_in_with_its_new_password(compose: Compose, site: Site, web: Web) -> None:
    before = compose.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
    compose.psql("ALTER ROLE app VALID UNTIL '2000-01-01'")
    done = site.run(postgres_app_password="another-" + before[-32:])
    compose.psql("ALTER ROLE app VALID UNTIL 'infinity'")
    assert done.code != 0
    assert "role app cannot log in with the password that was set for it" in done.said
    assert compose.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'") == before
    assert web.serving()
    site.apply()
