"""What the project promises, measured: one module a table, each compared with the other way in the same run."""
