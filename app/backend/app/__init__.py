"""The reference backend of the stack."""
