"""All that tests the collection: imported from the root of the repository, which is the only import path."""
