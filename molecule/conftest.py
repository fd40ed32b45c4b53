"""What the tests of all scenarios share."""

pytest_plugins = ["tests.scenario.fixtures"]
