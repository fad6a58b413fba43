"""strop explain: what is this method, metric or error, and when not to use it?"""

import click


@click.command(
    "explain",
    help="Any method, loss, metric, weight, channel or error code.\n\n\b\n  strop explain ipl\n  strop explain S203",
)
@click.argument("name")
def command(name: str) -> None:
    """Prints formula, source and limits."""
    from strop import catalogue
    from strop.errors import StropError

    try:
        click.echo(catalogue.explain(name))
    except LookupError as error:
        raise StropError("S102", str(error.args[0]), "strop list") from None
