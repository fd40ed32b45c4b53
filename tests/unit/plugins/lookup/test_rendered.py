"""A template says the same by our lookup as by Ansible's own, which copies all variables for it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.real_ansible import PlayRunner

TEMPLATE = """\
{{ ansible_managed | comment }}
{% set added = words + ['set'] %}
{% include 'other.j2' %}
{{ template_path | basename }} {{ nested.greeting }} {{ added | join(' ') }}
"""


def test_it_says_what_the_builtin_one_says(play: PlayRunner, tmp_path: Path) -> None:
    (tmp_path / "this.j2").write_text(TEMPLATE)
    (tmp_path / "other.j2").write_text("included: {{ name }}\n")
    texts = {
        "ours": "{{ lookup('fullstack.docker.rendered', template) }}",
        "builtin": "{{ lookup('ansible.builtin.template', template) }}",
        "words": "{{ words }}",
    }
    variables = {
        "template": str(tmp_path / "this.j2"),
        "name": "you",
        "nested": {"greeting": "hello {{ name }}"},
        "words": ["a", "b"],
    }
    told = play({"ansible.builtin.debug": {"msg": texts}}, variables=variables).last["msg"]
    assert told["ours"] == told["builtin"]
    assert told["ours"].endswith("included: youthis.j2 hello you a b set\n")
    assert told["words"] == ["a", "b"]
