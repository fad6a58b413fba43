"""What flows through the house: checked once, at the door, and trusted inside."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strop.records.answers import Answers
    from strop.records.clicks import Clicks, Ratings, Split, table_checksum
    from strop.records.judgements import Judgements
    from strop.records.pairs import Message, Pairs, PairSplit
    from strop.records.questions import Questions, QuestionSplit
    from strop.records.results import Advice, Arm, Difference, DoseCurve, Figure, Receipt, Recovered, Result, Table
    from strop.records.trained import Trained

__all__ = [
    "Advice",
    "Answers",
    "Arm",
    "Clicks",
    "Difference",
    "DoseCurve",
    "Figure",
    "Judgements",
    "Message",
    "PairSplit",
    "Pairs",
    "QuestionSplit",
    "Questions",
    "Ratings",
    "Receipt",
    "Recovered",
    "Result",
    "Split",
    "Table",
    "Trained",
    "table_checksum",
]


def __getattr__(name: str) -> object:
    """Imported when first used: results and the command line need no numpy."""
    if name not in __all__:
        raise AttributeError(f"module 'strop.records' has no attribute {name!r}")
    from importlib import import_module

    homes = {
        "Answers": "answers",
        "Judgements": "judgements",
        "Message": "pairs",
        "PairSplit": "pairs",
        "Pairs": "pairs",
        "QuestionSplit": "questions",
        "Questions": "questions",
        "Trained": "trained",
    }
    home = homes.get(name, "clicks" if name in ("Clicks", "Ratings", "Split", "table_checksum") else "results")
    return getattr(import_module(f"strop.records.{home}"), name)
