"""How far to trust each record: (n,) in [0, inf)."""
