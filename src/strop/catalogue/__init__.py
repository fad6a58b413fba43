"""What is in the house, read from source: nothing of it is imported."""

from strop.catalogue.pages import cited, explain, listing, papers, papers_page
from strop.catalogue.reading import Entry, Parameter, entries, find, matches, parameters, recipe_constants

__all__ = [
    "Entry",
    "Parameter",
    "cited",
    "entries",
    "explain",
    "find",
    "listing",
    "matches",
    "papers",
    "papers_page",
    "parameters",
    "recipe_constants",
]
