"""Recipes set side by side: comparisons, audits that train, receipts."""
