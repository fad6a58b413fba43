"""The receipts: a file a method, its arms and its rule."""
