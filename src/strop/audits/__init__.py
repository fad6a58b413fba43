"""What a model did, measured: nothing here trains."""
