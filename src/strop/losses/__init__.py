"""Pure functions: one value a record, never averaged."""
