"""Makes the collection importable by its full name, and gives tests a way to run tasks."""

from __future__ import annotations

import os
from functools import partial

import hypothesis
import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

from tests.unit.real_ansible import COLLECTIONS, PlayRunner, run


def link_collection() -> None:
    """Make the link by which Ansible finds the collection, whatever the clone's folder is called."""
    link = COLLECTIONS / "ansible_collections" / "fullstack" / "docker"
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../../..")


link_collection()
# Ansible's own finder, as its playbooks use it: it joins our folder with the collections that pip installed.
_AnsibleCollectionFinder(paths=[str(COLLECTIONS)])._install()
# make test-full asks for many examples of each property. Deadlines would only measure how busy the machine is.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("full", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> PlayRunner:
    """Return a function that runs tasks by ansible-playbook on this machine."""
    return partial(run, tmp_path_factory.mktemp("play"))
