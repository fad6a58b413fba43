"""strop list: what is in the house?"""

import click


@click.command("list", help="Everything in the house, a line each.\n\n\b\n  strop list\n  strop list recipe")
@click.argument("room", required=False)
def command(room: str | None) -> None:
    """Prints the catalogue, or one room of it."""
    from strop import catalogue
    from strop.errors import StropError, suggestion

    if room is None:
        click.echo(catalogue.listing())
        return
    entries = catalogue.entries()
    rooms = sorted({e.room for e in entries})
    wanted = room if room in rooms else room.removesuffix("s")
    if wanted not in rooms:
        raise StropError("S102", f'no room "{room}"{suggestion(room, rooms)}', "rooms: " + ", ".join(rooms))
    for entry in entries:
        if entry.room == wanted:
            click.echo(f"{entry.name:<28} {entry.summary}")
