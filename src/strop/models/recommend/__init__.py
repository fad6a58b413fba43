"""Recommenders: each scores all items for a user."""
