"""Results as JSON, as a terminal table, as one page."""
