"""A stand-in for Docker's apt repository, made and signed by the tests."""
