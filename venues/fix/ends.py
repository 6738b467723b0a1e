"""What a person may do about a FIX session that ended, by the word for its end (`sessions::fix::End`).

Invariant: every end that a person has to do something about has its hint here, for the terminal and for `meridian status` alike.
"""

from __future__ import annotations

RESET = "agree on a reset, and set reset_on_logon = true for one logon"
HINTS = {
    "disconnected": "they closed without a word: look at names, version, username and password_file, and whether the session "
    "is in use elsewhere",
    "not_authorized": "look at username and password_file",
    "too_low": f"their numbers are behind our store: {RESET}",
    "ours_too_low": "they have heard higher numbers from us than our store knows: take the store back (session.store), set "
    f"takes_expected = true to go on from theirs, or {RESET}",
    "bad_logon": "their logon is not what the profile says: names, version, or their clock",
    "out_of_hours": "session.hours are closed now, nothing was sent",
    "no_logon": "they take connections and say nothing",
    "resend_loop": "the same messages are asked for, or not given, again and again: one side's numbers or store are not what "
    f"the other has; {RESET}, or raise resend_repeats_max where the line loses much, message_bytes_max where their messages are "
    "longer than it",
    "reset_disagreed": "one side begins the numbers at 1 and the other does not (141=Y): set reset_on_logon as the venue wants "
    "it, at both ends",
    "reset_refused": "they begin the numbers at 1 (141=Y) and takes_reset = false: set it true where the venue may do so",
    "store_failed": "the store has no room: make room where session.store lies; nothing was sent that is not kept",
    "too_many": "they send more than in_messages_max allows: agree on a rate, or raise it",
    "overflow": "they do not read what is sent to them: look at their side, and at the line",
    "silence": "nothing was heard for longer than the heartbeat allows: look at the line, and at heartbeat_s",
}


TAKEN = "our numbers go on from the one that they expect (takes_expected = true): the next logon has it"
"""What became of `ours_too_low` where the number was taken: there is nothing to set."""


def hint(end: str | None, *, taken: bool = False) -> str:
    """`; ` and what to do; nothing where there is nothing to be done. `taken`: the number that they expect is ours now."""
    if taken and end == "ours_too_low":
        return f"; {TAKEN}"
    return f"; {HINTS[end]}" if end in HINTS else ""
