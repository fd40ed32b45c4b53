"""Bring up the test ground: Docker Engine, images from packages, network, registry."""

import argparse

from tests.ground import ground

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/ground/build", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the images that few scenarios use")
    arguments = parser.parse_args()
    ground.main(lambda: ground.build_all(everything=arguments.all))
