"""What the tests of Molecule's scenarios speak in: fixtures, clients, and what they do to a stack."""
