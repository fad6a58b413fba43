"""strop: learning from feedback that cannot be fully trusted."""

__version__ = "0.1.0"

_HOMES = {
    "StropError": "strop.errors",
    "Clicks": "strop.records",
    "Ratings": "strop.records",
    "Split": "strop.records",
    "Result": "strop.records",
    "read": "strop.feedback.readers",
    "split": "strop.feedback.splits",
    "compare": "strop.experiments.compare",
    "audit_clicks": "strop.experiments.audit_clicks",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    """Public names are imported when they are first used, so that `import strop` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'strop' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
