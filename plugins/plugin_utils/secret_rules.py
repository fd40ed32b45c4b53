"""What a secret has to be in production: strong, and nowhere in plain. Pure functions, used on the controller."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LEAST_LENGTH = 16
LEAST_VARIETY = 6
PLACEHOLDER = re.compile(
    r"change[-_ ]?(me|this|it)|replace[-_ ]?(me|this)|place[-_ ]?holder|example|your[-_ ]|to[-_]?do\b|fixme|x{4,}"
    r"|^(test|dev|demo|dummy|insecure|default|secret|password|passw0rd|admin|root|postgres|redis|letmein|qwerty)+\d*$",
    re.IGNORECASE,
)
DATABASE_PASSWORDS = ("postgres_password", "postgres_app_password", "redis_password")
# What redis.conf has no way of writing as JSON does
UNWRITABLE = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f]")
REMEDY = "ansible-playbook playbooks/secrets.yml writes a vault with random values"


class _Loader(yaml.SafeLoader):
    """Reads YAML with tags that are not known here, such as Ansible's."""


class Encrypted(str):
    """A value that Ansible Vault encrypted within a file."""

    __slots__ = ()


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> object:
    """Return a value with a tag; what the tag means is left to Ansible."""
    value = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
    return Encrypted(value) if suffix in ("vault", "vault-encrypted") else value


_Loader.add_multi_constructor("!", _tagged)


def weakness(value: str) -> str | None:
    """Return what makes a value no secret, or none when it will do."""
    if value.lstrip().startswith("-----BEGIN "):
        return None
    if PLACEHOLDER.search(value):
        return "is a placeholder"
    if len(value) < LEAST_LENGTH:
        return f"has {len(value)} characters, and {LEAST_LENGTH} are the least"
    if len(set(value)) < LEAST_VARIETY:
        return "repeats a few characters"
    return None


def weak(values: Mapping[str, Any], free: frozenset[str]) -> Iterator[str]:
    """Yield a line for each secret that is weak; its value is never in it.

    Parameters:
        values: by variable. Of a mapping every value counts, by its key.
        free: variables whose form is given by others (a key file, a third party's token): only placeholders count.
    """
    for name, value in sorted(values.items()):
        single = not isinstance(value, Mapping)
        entries = {name: value} if single else {f"{name}.{key}": one for key, one in value.items()}
        for label, one in entries.items():
            fault = weakness(str(one)) if one else None
            if fault and not ((name in free or not single) and fault != "is a placeholder"):
                yield f"{label}: {fault}; {REMEDY}"


def unusable(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each password that would not be the same in every place that it is written to.

    Parameters:
        values: by variable.
    """
    for name in DATABASE_PASSWORDS:
        value = values.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name != "redis_password":
            yield f"{name}: is a number to YAML; write it in quotes"
        if not isinstance(value, str):
            continue
        if value != value.strip("\r\n"):
            yield f"{name}: begins or ends with a line break, which programs that read a file cut off; write it without"
        elif "\0" in value or (name == "redis_password" and UNWRITABLE.search(value)):
            yield f"{name}: has a control character that cannot be written down; {REMEDY}"


def plain(names: frozenset[str], path: str, text: str) -> Iterator[str]:
    """Yield a line for each secret that a file of the inventory holds unencrypted.

    Parameters:
        names: variables that hold secrets.
        path: the file, for the message.
        text: its content; one that is encrypted whole is well, one that is no YAML is left to Ansible.
    """
    if text.startswith("$ANSIBLE_VAULT;"):
        return
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError:
        return
    for name in sorted(_plain_names(content, names)):
        yield f"{name}: stands unencrypted in {path}; encrypt that file by ansible-vault, or move the value: {REMEDY}"


def _plain_names(content: object, names: frozenset[str]) -> set[str]:
    """Return the secrets that have a plain value somewhere in the content; a template refers to another place."""
    found: set[str] = set()
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in names:
                found |= {str(key)} if _is_plain(value) else set()
            else:
                found |= _plain_names(value, names)
    elif isinstance(content, list):
        for value in content:
            found |= _plain_names(value, names)
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_plain(one) for one in value.values())
    return isinstance(value, str) and not isinstance(value, Encrypted) and value != "" and "{{" not in value
