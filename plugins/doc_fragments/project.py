"""What the modules of a Compose project say alike in their documentation."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes by the name that comes after ``fullstack.docker.project``; the first has none."""

    DOCUMENTATION = r"""
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  directory:
    description: Folder of the project on the host.
    type: path
    required: true
attributes:
  platform:
    platforms: posix
    support: full
    description: A host with Docker Engine and Compose.
"""

    # Of modules that start services
    UP = r"""
options:
  database:
    description: >-
      The PostgreSQL service whose roles are reconciled: C(service), C(superuser), C(name) and C(owner).
      Empty for none.
    type: dict
    default: {}
  database_passwords:
    description: Password of each database role, by its name.
    type: dict
    default: {}
  timeout:
    description: Seconds that services get to become healthy.
    type: int
    default: 180
"""

    # Of modules that only look
    READ_ONLY = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

    # Of modules that take what a project publishes
    PUBLISHED_PORTS = r"""
options:
  published_ports:
    suboptions:
      port:
        description: TCP port.
        type: int
        required: true
      address:
        description: IP address of the host, or the wildcard V(0.0.0.0) or V(::).
        type: str
        default: 0.0.0.0
      variable:
        description: Name of the variable that sets the port, for the message.
        type: str
        required: true
      service:
        description: Name of the service, for the message.
        type: str
        required: true
      from:
        description: Addresses and networks that may ask for the port; everybody, where it is empty.
        type: list
        elements: str
        default: []
"""

    # Of modules that take what a project asks of its host
    SHARE = r"""
options:
  share:
    suboptions:
      firewall:
        description: Whether there is to be a firewall.
        type: bool
        default: true
      inside:
        description: Interfaces that may send through the host.
        type: list
        elements: str
        default: []
      ports:
        description: Ports of the host to let in, each with C(port), C(protocol) and C(from).
        type: list
        elements: dict
        default: []
      daemon:
        description: Options of C(daemon.json).
        type: dict
        default: {}
      daemon_defaults:
        description: Options that are there unless a project asks for others.
        type: dict
        default: {}
      daemon_rotation:
        description: Further ones for log drivers that know rotation.
        type: dict
        default: {}
      sysctls:
        description: Kernel settings by name.
        type: dict
        default: {}
      overruled:
        description: Projects that give way where they ask for something else.
        type: list
        elements: str
        default: []
      ssh_port:
        description: Port to open for SSH where neither an sshd nor a connection is found.
        type: int
        default: 22
"""
