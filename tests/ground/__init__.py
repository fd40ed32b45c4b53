"""The test ground: what makes the hosts that the tests run on."""
