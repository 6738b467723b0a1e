"""Plays the cases one after the other and keeps what was said.

Invariant: a case that fails leaves nothing to the next: every case begins with a session that is up, its numbers agreed.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from meridian.console import BadInput
from meridian.venues.checking import shown
from meridian.venues.fix.certify.model import Case, Failed, NotOffered, Result, Said, Verdict
from meridian.venues.fix.certify.party import Party
from meridian.venues.fix.secret import masked
from meridian.venues.fix_profile import Profile, load
from meridian.venues.fix_session import Way


def cases() -> list[Case]:
    """All, in the order in which they are played."""
    from meridian.venues.fix.certify import market_cases, order_cases, session_cases

    return [*session_cases.CASES, *order_cases.CASES, *market_cases.CASES]


class Run:
    """One conformance run."""

    def __init__(self, profile: Profile) -> None:
        """Reads the profiles that it names. Raises BadInput with everything that is wrong with one."""
        self.profile = profile
        self.results: list[Result] = []
        self.started_ns = time.time_ns()
        self.ended_ns = 0
        self.parties: dict[str, Party] = {}
        self.address: tuple[str, int] | None = None
        self.copied_from = 0
        """Where in the firm's inbox the drop copy begins."""
        self._said: list[Said] = []
        self._folder = tempfile.TemporaryDirectory(prefix="meridian-certify-")
        self.interrupted = False
        self._others = _others(profile)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        for party in self.parties.values():
            if hasattr(party, "session"):
                party.log_out()
        self._folder.cleanup()

    def _record(self, party: Party, way: Way, time_ns: int, raw: bytes, lost: bool) -> None:
        self._said.append(Said(time_ns=time_ns, way=way, party=party.name, raw=masked(raw), lost=lost))

    def _party(self, name: str, profile: Profile) -> Party:
        store = (
            profile.file(profile.place.store)
            if profile.place.store
            else Path(self._folder.name) / name.replace(" ", "-")
        )
        party = Party(name, profile, store, self._record, self.pump)
        self.parties[name] = party
        if profile.place.store is None:
            # Nobody knows what the last run left: both sides begin at 1, once.
            party.log_on(reset=True)
        return party

    @property
    def firm(self) -> Party:
        """The session under test, up."""
        party = self.parties.get("firm") or self._party("firm", self.profile)
        try:
            party.log_on()
        except Failed:
            # What the last case left disagreed is not this one's: both sides begin at 1.
            party.log_on(reset=True)
        party.mark()
        self.address = party.session.connected_to
        return party

    def other(self, name: str) -> Party:
        """Another session that the profile names, up. Raises NotOffered where it names none."""
        if name not in self._others:
            raise NotOffered(f"the profile's certify.{name.replace(' ', '_')} names no session")
        party = self.parties.get(name) or self._party(name, self._others[name])
        party.log_on()
        return party

    def has(self, name: str) -> bool:
        """Whether the profile names such a session."""
        return name in self._others

    def pump(self, seconds: float) -> None:
        """Lets every session live for so long."""
        until = time.monotonic() + seconds
        while True:
            for party in self.parties.values():
                if hasattr(party, "session"):
                    party.session.step(0.005)
                    party.session.messages.clear()
            if time.monotonic() >= until:
                return

    def play(self, chosen: Iterable[Case], progress: Callable[[Result], None] = lambda _: None) -> None:
        """Plays cases; `progress` is told of each that was played. An interrupt ends the run, and keeps what was found."""
        left = list(chosen)
        begun_ns = 0
        try:
            while left:
                begun_ns = time.time_ns()
                self.results.append(self._play(left[0]))
                begun_ns = 0
                del left[0]
                progress(self.results[-1])
        except KeyboardInterrupt:
            self.interrupted = True
            if left and self.results and self.results[-1].case is left[0]:
                del left[0]  # It was played to its end, and the next one not begun.
                begun_ns = 0
            if begun_ns and left:
                self.results.append(self._not_played(left[0], begun_ns, "The run was interrupted in the middle of it."))
                progress(self.results[-1])
                del left[0]
        self.ended_ns = time.time_ns()
        self._said = []
        for case in left:
            self.results.append(self._not_played(case, self.ended_ns, "The run was interrupted before it."))

    def _not_played(self, case: Case, started_ns: int, reason: str) -> Result:
        return Result(
            case=case, verdict=Verdict.NOT_PLAYED, reason=reason, started_ns=started_ns, ended_ns=time.time_ns(), said=self._said
        )  # fmt: skip

    def _play(self, case: Case) -> Result:
        from meridian.venues.fix.certify import order_cases

        self._said = []
        started_ns = time.time_ns()
        verdict, reason = Verdict.PASSED, ""
        lacks = self.profile.orders.lacks
        try:
            if case.name in lacks:
                raise NotOffered("the profile's orders.lacks names it")
            for party in self.parties.values():
                party.mark()
            reason = case.play(self)
        except Failed as error:
            verdict, reason = Verdict.FAILED, str(error)
        except NotOffered as error:
            verdict, reason = Verdict.NOT_OFFERED, str(error)
        finally:
            for party in self.parties.values():
                party.lose_in = party.lose_out = None
            if not case.number.startswith("S"):
                order_cases.clear(self)
        return Result(
            case=case, verdict=verdict, reason=_sentence(reason), started_ns=started_ns, ended_ns=time.time_ns(), said=self._said
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Cases by verdict, and messages."""
        found: dict[str, int] = {
            str(verdict): sum(one.verdict is verdict for one in self.results) for verdict in Verdict
        }
        said = [one for result in self.results for one in result.said]
        return found | {"sent": sum(one.way == "out" for one in said), "received": sum(one.way == "in" for one in said)}

    def facts(self, describe: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
        """The whole run, for the JSON."""
        import meridian

        profile = self.profile
        return {
            "software": {"name": "meridian", "version": meridian.__version__},
            "profile": {
                "name": profile.path.stem, "sha256": profile.hash, "version": profile.version,
                "begin_string": profile.begin_string, "sender_comp_id": profile.sender, "target_comp_id": profile.target,
                "address": f"{self.address[0]}:{self.address[1]}" if self.address else None, "tls": profile.tls is not None,
            },
            "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
            "interrupted": self.interrupted,
            "counts": self.counts(),
            "cases": [result.facts(describe) for result in self.results],
        }  # fmt: skip


def _others(profile: Profile) -> dict[str, Profile]:
    """The further sessions that a profile names. Raises BadInput with everything that is wrong with all of them."""
    found: dict[str, Profile] = {}
    errors: list[str] = []
    for key in ("counterparty", "drop_copy", "market_data"):
        file = getattr(profile.certify, key)
        if file is None:
            continue
        path = profile.file(file)
        if not path.is_file():
            errors.append(
                f"{profile.path}: certify.{key} = {shown(file)}: there is no such file; allowed is a profile's."
            )
            continue
        try:
            found[key.replace("_", " ")] = load(str(path))
        except BadInput as error:
            errors += error.errors
    if errors:
        raise BadInput(errors)
    return found


def chosen(words: Iterable[str]) -> tuple[list[Case], list[str]]:
    """The cases that words name (`S3`, `S`, `logon`; all without any), and the words that name none."""
    found: list[Case] = []
    unknown = []
    known = cases()
    for word in words:
        text = word.strip()
        hits = [
            one for one in known if text.lower() == one.name or re.fullmatch(rf"{re.escape(text.upper())}", one.number)
        ]
        hits = hits or [one for one in known if text.upper() == one.number[0] or text.lower() == one.group.lower()]
        if not hits:
            unknown.append(word)
        found += hits
    if not found and not unknown:
        return known, []
    return [one for one in known if one in found], unknown


def _sentence(reason: str) -> str:
    """With a capital and a full stop."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
