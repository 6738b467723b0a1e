"""`meridian breaks`: the breaks of a run or of several regions, and what people do with them.

Invariant: exit code 0 means that what was asked for holds or is done, 1 that a step is not allowed now, that breaks are open
where `--check` asks, or that a region's records are gone, 2 bad input, 3 that the book cannot be read or written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, json_option, note, print_table, show

if TYPE_CHECKING:
    from meridian.analytics.breaks import Known
    from meridian.analytics.run import Run

STATES = ("found", "explained", "adopted", "disputed", "closed")
SECOND_NS = 1_000_000_000
COLUMNS = [
    "id",
    "state",
    "age",
    "kind",
    "venue",
    "instrument",
    "order",
    "venue's lots",
    "our lots",
    "amount",
]


class Listing(click.Group):
    """A group of which `list` is done where no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `list` before options that stand alone."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Listing)
def breaks() -> None:
    """Differences between us and venues: list them, explain, adopt or dispute, close."""


run_option = click.option(
    "--run", "path", type=click.Path(file_okay=False), help="Directory of a run or a platform; the latest without it."
)


def _opened(path: str | None) -> tuple[dict[str, Run], list[str]]:
    """The runs by region (one of no region under an empty name), and what of them cannot be read, a sentence each."""
    from meridian.analytics.platform import Platform, opened

    found = opened(path)
    return (found.regions, found.problems) if isinstance(found, Platform) else ({"": found}, [])


@breaks.command("list")
@run_option
@click.option("--state", "states", multiple=True, help="Only those that are in this state; may be repeated.")
@click.option("--all", "every", is_flag=True, help="Those that are closed, too.")
@click.option("--check", is_flag=True, help="Exit code 1 where one is open.")
@json_option
def list_command(path: str | None, states: tuple[str, ...], every: bool, check: bool, as_json: bool) -> None:
    """The breaks of a run or of several regions with their ages, the oldest first."""
    from meridian.analytics import breaks as room

    wrong = [f"--state = {state}: allowed are {', '.join(STATES)}" for state in states if state not in STATES]
    if wrong:
        raise BadInput(wrong)
    regions, errors = _opened(path)
    now_ns = time.time_ns()
    found = [(region, one) for region, run in regions.items() for one in room.known(run).values()]
    counts = room.counted(one for _, one in found)
    chosen = states or (STATES if every else STATES[:-1])
    shown = [(region, one) for region, one in found if one.state in chosen]
    value = {
        "breaks": [{"region": region or None} | one.described(now_ns) for region, one in shown],
        "counts": counts,
        "sentence": room.sentence(counts),
    }

    def for_people() -> None:
        several = len(regions) > 1
        rows = [([region] if several else []) + _row(one, now_ns) for region, one in shown]
        print_table("Breaks", (["region"] if several else []) + COLUMNS, rows)
        print(value["sentence"])

    failed = [*errors, *([room.sentence(counts)] if check and counts["open"] else [])]
    show("breaks", value, as_json, for_people, errors=failed)


def _row(one: Known, now_ns: int) -> list[Any]:
    from meridian.analytics.text import money

    item = one.item
    state = f"{one.state}, gone" if one.gone and one.is_open else one.state
    amount = f"{money(item.amount_nanos)} {item.currency}" if item.amount_nanos is not None else ""
    return [
        item.id,
        state,
        age(one.age_ns(now_ns)),
        item.kind,
        item.venue,
        item.instrument,
        str(item.order_id or ""),
        item.venue_lots,
        item.our_lots,
        amount,
    ]


def age(ns: int) -> str:
    """A span in its two largest units."""
    seconds = ns // SECOND_NS
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, length in units:
        count, seconds = divmod(seconds, length)
        parts.append((count, unit))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _step(verb: str, summary: str) -> click.Command:
    """The command of a step."""

    @click.command(verb, help=summary)
    @click.argument("number", metavar="ID")
    @run_option
    @click.option("--by", default="", help="Who does it.")
    @click.option("--reason", default="", help="Why.")
    @json_option
    def command(number: str, path: str | None, by: str, reason: str, as_json: bool) -> None:
        _do(verb, number, path, by, reason, as_json)

    return command


def _do(verb: str, number: str, path: str | None, by: str, reason: str, as_json: bool) -> None:
    from meridian.analytics import breaks as room

    regions, errors = _opened(path)
    wrong = room.wrong_words(by, reason)
    there = {region: room.known(run) for region, run in regions.items()}
    places = [region for region, found in there.items() if number in found]
    if len(places) > 1:
        wrong.insert(0, f"ID = {number}: is in {' and '.join(places)}; allowed is one region, by its --run")
    elif not places:
        wrong = [room.unknown(number, [one for found in there.values() for one in found]), *errors, *wrong]
    if wrong:
        raise BadInput(wrong)
    region = places[0]
    done = room.step(regions[region], number, verb, by=by, reason=reason)
    counts = room.counted([done, *(one for found in there.values() for key, one in found.items() if key != number)])
    value = {"break": {"region": region or None} | done.described(time.time_ns()), "counts": counts}

    def for_people() -> None:
        note(f"{number}: {done.state}, by {by}; {room.sentence(counts)}")

    show("break", value, as_json, for_people)


EXPLAIN = "Say what the break with this ID comes from."
ADOPT = "Take the venue's word for an explained break: by somebody else than explained it."
DISPUTE = "Contest an explained break with its venue."
CLOSE = "End a break that was adopted, or one whose difference is gone."
for _verb, _summary in (("explain", EXPLAIN), ("adopt", ADOPT), ("dispute", DISPUTE), ("close", CLOSE)):
    breaks.add_command(_step(_verb, _summary))
