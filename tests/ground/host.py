"""Start, reboot or remove a host of the test ground: a container that runs systemd and sshd.

Log in with `ssh -F .cache/ground/ssh/config NAME`.
"""

import argparse
from pathlib import Path

from tests.ground import ground


def up(arguments: argparse.Namespace) -> None:
    """Start a host and print its address."""
    image = f"host:{arguments.image}"
    print(ground.host_up(arguments.name, image, arguments.ip, arguments.publish))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/ground/host", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    start = verbs.add_parser("up", help="start a host, made if need be; prints its address")
    start.add_argument("name")
    start.add_argument("--image", default="trixie", help="trixie (bare) or trixie-docker")
    start.add_argument("--ip", default="", help="address in 10.213.0.0/25 (default: any)")
    start.add_argument("--publish", action="append", default=[], metavar="ADDRESS:PORT:PORT")
    start.set_defaults(command=up)
    reboot = verbs.add_parser("reboot", help="reboot a host and wait until it is up")
    reboot.add_argument("name")
    reboot.set_defaults(command=lambda arguments: ground.host_reboot(arguments.name))
    remove = verbs.add_parser("down", help="remove a host and its data")
    remove.add_argument("name")
    remove.add_argument("--record", type=Path, metavar="FOLDER", help="write NAME.txt there, which tells how it was")
    remove.set_defaults(command=lambda arguments: ground.host_down(arguments.name, arguments.record))
    state = verbs.add_parser("state", help="tell how a host's containers are, and what those said that are not well")
    state.add_argument("name")
    state.set_defaults(command=lambda arguments: print(ground.host_state(arguments.name), end=""))
    parsed = parser.parse_args()
    ground.main(lambda: parsed.command(parsed))
