"""What can go wrong that the user can mend, each told in one line with a stable code."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple


class Code(NamedTuple):
    """One kind of error: the exit status it ends in, its title, and what `strop explain` says of it."""

    exit: int
    title: str
    text: str


USAGE, DATA, SETTING, MISSING, RESOURCE, DIVERGED, BUSY, BUG, GATE = 2, 3, 4, 5, 6, 7, 8, 70, 1

CODES: dict[str, Code] = {
    # S1: how the command was typed
    "S101": Code(USAGE, "wrong usage", "A flag or an argument is missing, unknown or out of its range. `strop VERB --help` shows the right form."),
    "S102": Code(USAGE, "no such name", "The name of a verb, method, metric, model or error code is not known. `strop list` prints all of them."),
    "S103": Code(GATE, "a gate failed", "The run went well, and the figure that you set a bound on is beyond it (`--fail-if-worse`, `--fail-over`)."),
    # S2: what is in the data
    "S201": Code(DATA, "file not found or unreadable", "The path does not exist, is a folder, or may not be read by you."),
    "S202": Code(DATA, "nothing in the file", "The file is empty, or holds a header and no row."),
    "S203": Code(DATA, "not a number", "A cell of a numeric column (rating or time) holds text, NaN or an infinite value. Mend the rows, or drop them with `--bad-rows skip`: the number dropped is always said."),
    "S204": Code(DATA, "columns not found", "No column looks like the user or the item. Name them: `--user NAME --item NAME`."),
    "S205": Code(DATA, "ragged row", "A row has more or fewer fields than the header. Often a separator inside an unquoted title."),
    "S206": Code(DATA, "wrong encoding", "The bytes are not UTF-8. Convert the file, or name its encoding: `--encoding latin-1`."),
    "S207": Code(DATA, "damaged file", "The file ends early or its checksum is wrong: a truncated gzip or parquet file, a cut download."),
    "S208": Code(DATA, "format not known", "The format could not be told from the name and the first lines. Name it with `--format`."),
    "S209": Code(DATA, "too little to learn from", "After cleaning, fewer than two users, two items or the wanted clicks are left."),
    "S210": Code(DATA, "empty identifier", "A user or an item has no name in some row. Mend the rows, or drop them with `--bad-rows skip`."),
    "S211": Code(DATA, "value out of range", "A value is outside the range that its meaning allows (a weight below 0, a position beyond the catalogue)."),
    "S212": Code(DATA, "duplicate record", "The same user and item stand twice where each pair may stand once."),
    "S213": Code(DATA, "time in a strange unit", "Times are read as seconds since 1970. Milliseconds, microseconds and nanoseconds are recognised when all rows agree; a mixture is refused."),
    "S214": Code(DATA, "lengths differ", "Columns or arrays that belong together have different lengths or shapes."),
    "S215": Code(DATA, "ratings where clicks are expected", "The file has ratings of several values. Say which count as a click: `--threshold 4`, or `--threshold any`."),
    "S216": Code(DATA, "identifier not in the data", "The user or item asked for is not among those the model was trained on."),
    "S217": Code(DATA, "a checksum differs", "The data are not those that the run, or the published source, was pinned to."),
    "S218": Code(DATA, "a pair without a preference", "An answer is empty or white space, or both answers are the same text. Mend the pairs, or leave them out with `--bad-rows skip`: the number left out is always said."),
    "S219": Code(DATA, "text too long for the model", "A prompt leaves no room for an answer in the model's window. Shorten it, or leave the pair out with `--bad-rows skip`."),
    # S3: settings and models
    "S301": Code(SETTING, "setting out of its range", "A setting has a value outside the range in which the method is defined."),
    "S302": Code(SETTING, "not a run folder", "The folder holds no run that strop wrote, or a file in it (run.json, the model) is damaged."),
    "S303": Code(SETTING, "no sound checkpoint", "Every checkpoint in the folder is damaged. Each was named, with what is wrong with it."),
    "S304": Code(SETTING, "the run has changed", "Data, code, torch build, thread count or device differ from those that the run was started with. `--allow-change NAME` goes on, and the result is then reported as not bit-exact."),
    "S305": Code(SETTING, "not identified", "The quantity cannot be told from this kind of record (single labels, no clean slice, no second rater): no number is better than a wrong one."),
    "S306": Code(SETTING, "rule not committed", "A receipt needs its rule in the history before the run. Commit evidence/METHOD/rule.json first."),
    "S307": Code(SETTING, "cannot be forgotten", "This kind of model has no way to forget, or the clicks to forget stand in the test part, or they are all there is. Training again without them always works."),
    # S4: what is missing on the machine
    "S401": Code(MISSING, "missing extra", "An optional part is not installed. The message has the one command that installs it."),
    "S402": Code(MISSING, "data set not to be had", "The data set could be fetched from none of its sources."),
    "S403": Code(MISSING, "missing tool or device", "A program or a device that was asked for is not on this machine."),
    # S5: memory, disk
    "S501": Code(RESOURCE, "disk full", "Nothing more could be written. The last checkpoint is intact: make room, then `strop resume`."),
    "S502": Code(RESOURCE, "needs more memory", "The method needs more memory than its budget. The message says how much."),
    "S503": Code(RESOURCE, "cannot write", "The output folder cannot be written."),
    # S6..S9
    "S601": Code(DIVERGED, "training diverged", "The loss or the parameters became infinite or NaN. Usually the learning rate is too high."),
    "S701": Code(BUSY, "folder in use", "Another run holds this folder."),
    "S702": Code(BUSY, "folder holds another run", "The output folder already holds a result. Choose another folder, or `strop resume` it."),
    "S900": Code(BUG, "bug in strop", "This should not happen. Run again with --debug and report the traceback."),
}  # fmt: skip


@dataclass(eq=False)
class StropError(Exception):
    """One line that says what is wrong and where, and one that says what to do.

    `code` is one of CODES; `row` counts from 1, as an editor shows the file.
    """

    code: str
    message: str
    help: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.code, self.message)

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends in this error."""
        return CODES[self.code].exit

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place = f"{place}:{self.row}" if place else f"row {self.row}"
        column = f'column "{self.column}": ' if self.column else ""
        return f"error[{self.code}] " + (f"{place}: " if place else "") + column + self.message


def suggestion(word: str, known: list[str]) -> str:
    """'; did you mean "x"?' where a known name is near, else nothing."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
