"""Remove the containers, the network and the volumes of the test ground."""

import argparse

from tests.ground import ground

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/ground/clean", description=__doc__)
    parser.add_argument("--images", action="store_true", help="also its images")
    arguments = parser.parse_args()
    ground.main(lambda: ground.clean_all(images=arguments.images))
