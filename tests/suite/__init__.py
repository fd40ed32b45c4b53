"""The whole test suite: what its parts are, how they run beside each other, and what it comes to.

The standard library is all this needs, and Linux with apt where a part wants a package.
"""
