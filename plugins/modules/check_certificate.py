#!/usr/bin/python
"""Documentation of the action plugin check_certificate; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_certificate
short_description: Refuse a TLS certificate that could not serve
version_added: 0.1.0
author: The fullstack.docker maintainers (@fullstack-docker)
description:
  - Fails with all that is wrong with a certificate, each with the variable and the remedy. It looks for a key that does
    not match, an expired certificate, names that are not in it and a broken chain.
  - Runs on the controller and changes nothing.
options:
  certificate_file:
    description: PEM file on the controller, the server's own certificate first, then the intermediate ones.
    type: path
    required: true
  key:
    description: The private key, PEM.
    type: str
    required: true
  names:
    description: Host names that the certificate has to cover.
    type: list
    elements: str
    default: []
  trust_file:
    description: PEM file on the controller with the authorities that the chain may end in.
    type: path
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    platforms: posix
    support: full
    description: The controller.
"""

EXAMPLES = r"""
- name: Look at the certificate
  fullstack.docker.check_certificate:
    certificate_file: certificates/shop.pem
    key: "{{ nginx_frontend_tls_key }}"
    names: [shop.example.com]
"""

RETURN = r"""
problems:
  description: What is wrong, a sentence each.
  returned: when something is wrong
  type: list
  elements: str
"""
