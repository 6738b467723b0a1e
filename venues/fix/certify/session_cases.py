"""The session's cases: coming, staying, losing messages on either side, leaving.

Sources: FIX Trading Community, "FIX Session Layer" (technical standard 2020), by its test cases and section titles; FIX 4.4
volume 2.

Invariant: what a case breaks on purpose is broken on the wire or past the session; the session itself always does as it does
when it trades.
"""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING

from meridian.venues.fix.certify.listing import Listing
from meridian.venues.fix.certify.model import Failed, NotOffered

if TYPE_CHECKING:
    from meridian.venues.fix.certify.party import Party
    from meridian.venues.fix.certify.run import Run
    from meridian.venues.fix.message import Message
    from meridian.venues.fix_session import Initiator

_LISTING = Listing("S")
case, CASES = _LISTING.case, _LISTING.cases
SHORT_S = 2
"""A heartbeat interval that a run can wait for."""
SILENCE_S = 0.7


def _numbers(party: Party) -> None:
    """Not offered where every logon begins the numbers anew."""
    if party.begins_anew:
        raise NotOffered("the profile has reset_on_logon: numbers begin at 1 with each logon")


def _refused(run: Run, party: Party, stranger: Initiator, what: str) -> str:
    """A logon that must not be taken; how they refused it."""
    party.log_out()
    party.mark()
    try:
        stranger.log_on(5.0)
    except OSError:
        answer = next((one for one in party.since() if one.type in ("5", "3")), None)
        said = (
            f"with {answer.name}: {answer.get(58) or 'no text'}"
            if answer
            else "by closing the connection without a word"
        )
        return f"They refused it {said}."
    else:
        raise Failed(f"they took a logon {what}")
    finally:
        stranger.lose()


@case(
    "logon",
    "Logon",
    standard="FIX Session Layer: Establishing a FIX session; message Logon (35=A)",
    expected="Our Logon is answered with a Logon of the same names turned round, MsgSeqNum in turn, and our HeartBtInt.",
)
def logon(run: Run) -> str:
    party = run.firm
    party.log_out()
    party.mark()
    party.log_on()
    answer = party.take("A")
    heartbeat = str(party.profile.session.get("heartbeat_s", 30))
    if answer.get(108) != heartbeat:
        raise Failed(f"HeartBtInt (108) is {answer.get(108)}, ours was {heartbeat}")
    if (answer.get(49), answer.get(56)) != (party.profile.target, party.profile.sender):
        raise Failed(f"names are {answer.get(49)} and {answer.get(56)}")
    finding = answer.validate()
    if finding is not None:
        raise Failed(f"the Logon breaks the dictionary: {finding.text}, tag {finding.tag}")
    return f"Logon {answer.get(34)} came, HeartBtInt {heartbeat}."


@case(
    "wrong-password",
    "Logon with a wrong password",
    standard="FIX Session Layer: Logon authentication; 553, 554",
    expected="The logon is refused: a Logout with a text, or the connection ends; no session comes up.",
)
def wrong_password(run: Run) -> str:
    party = run.firm
    if not party.profile.has_password:
        raise NotOffered("the profile has no password")
    wrong = party.folder / "wrong-password"
    wrong.write_text("not-this-1")
    return _refused(run, party, party.stranger(password_file=str(wrong)), "with a wrong password")


@case(
    "unknown-name",
    "Logon under a name that they do not know",
    standard="FIX Session Layer: Logon; SenderCompID (49)",
    expected="The logon is refused; no session comes up.",
)
def unknown_name(run: Run) -> str:
    party = run.firm
    return _refused(run, party, party.stranger(sender_comp_id="NOBODY"), "of a name that nobody has")


@case(
    "second-connection",
    "A second connection in the session's name",
    standard="FIX Session Layer: one connection a session",
    expected="The second connection is refused, the session that is up goes on undisturbed.",
)
def second_connection(run: Run) -> str:
    party = run.firm
    other = party.stranger()
    try:
        other.log_on(2.0)
    except OSError:
        pass
    else:
        raise Failed("they took a second logon while the session was up")
    finally:
        other.lose()
    party.mark()
    party.alive()
    return "The second connection was refused; the first answers a test request."


@case(
    "heartbeat",
    "Heartbeats on an idle session",
    standard="FIX Session Layer: Heartbeat (35=0), HeartBtInt (108)",
    expected=f"With HeartBtInt {SHORT_S}, both sides send a Heartbeat when nothing else was sent for so long.",
)
def heartbeat(run: Run) -> str:
    party = run.firm
    party.changed(heartbeat_s=SHORT_S)
    try:
        party.mark()
        sent = party.session.session.counts["out"]
        run.pump(2.6 * SHORT_S)
        came = len(party.since("0"))
        ours = party.session.session.counts["out"] - sent
        if not party.is_up or came < 2 or ours < 2:
            raise Failed(f"in {2.6 * SHORT_S:g} s {came} heartbeats came and {ours} of ours went, two each were due")
        return f"{came} heartbeats came and {ours} of ours went in {2.6 * SHORT_S:g} s."
    finally:
        party.changed()


@case(
    "test-request",
    "Our TestRequest is answered",
    standard="FIX Session Layer: TestRequest (35=1)",
    expected="A Heartbeat with our TestReqID (112).",
)
def test_request(run: Run) -> str:
    party = run.firm
    party.alive()
    return "The heartbeat came with our TestReqID."


@case(
    "their-test-request",
    "They ask when we are silent",
    standard="FIX Session Layer: TestRequest after HeartBtInt and a margin",
    expected="When our heartbeats are lost they send a TestRequest; our Heartbeat with its TestReqID keeps the session up.",
)
def their_test_request(run: Run) -> str:
    party = run.firm
    party.changed(heartbeat_s=SHORT_S)
    try:
        party.mark()
        party.lose_out = lambda message: message.type == "0" and message.get(112) is None
        asked = party.take("1", within_s=3.0 * SHORT_S)
        party.lose_out = None
        run.pump(SILENCE_S)
        party.alive()
        return f"They asked {asked.get(112)} and took our answer; the session stayed up."
    finally:
        party.lose_out = None
        party.changed()


@case(
    "their-gap",
    "A message of ours is lost: they ask for it",
    standard="FIX Session Layer: Message recovery; ResendRequest (35=2)",
    expected="They send a ResendRequest from the lost number on; our SequenceReset-GapFill (35=4, 123=Y) closes the gap.",
)
def their_gap(run: Run) -> str:
    party = run.firm
    lost = party.session.session.numbers[1]
    party.lose_out = lambda message: message.type == "1" and message.get(34) == str(lost)
    party.session.ask_whether_there("LOST")
    party.lose_out = None
    party.session.ask_whether_there("NEXT")
    asked = party.take("2")
    if asked.get(7) != str(lost):
        raise Failed(f"they asked from {asked.get(7)} on, {lost} was lost")
    run.pump(SILENCE_S)
    party.mark()
    party.alive()
    return f"They asked from {lost} on to {asked.get(16)}; after our gap fill the session goes on."


@case(
    "their-replay",
    "A message of the application is lost: they get it again",
    standard="FIX Session Layer: PossDupFlag (43), 122",
    expected="After their ResendRequest our message goes again with PossDupFlag=Y and OrigSendingTime, and is taken once.",
)
def their_replay(run: Run) -> str:
    party = run.firm
    order = party.entry.order("buy", party.profile.orders.lots, party.profile.orders.symbol, party.profile.orders.price)
    kind, fields = party.entry.status(order)
    number = party.session.session.numbers[1]
    party.lose_out = lambda message: message.type == kind and message.get(43) is None
    party.send((kind, fields))
    party.lose_out = None
    party.session.ask_whether_there("NEXT")
    party.take("2", lambda one: one.get(7) == str(number))
    party.wait("what they say to it", lambda: any(one.type in ("8", "j", "3", "9") for one in party.since()))
    run.pump(SILENCE_S)
    answers = [one for one in party.since() if one.type in ("8", "j", "9")]
    if any(one.type == "3" for one in party.since()) or len(answers) != 1:
        raise Failed(f"{len(answers)} answers of the application came to it, one was due{party._instead()}")
    party.mark()
    party.alive()
    return f"Message {number} went again as a possible duplicate and was answered once, by {answers[0].name}."


@case(
    "our-gap",
    "A message of theirs is lost: we ask for it",
    standard="FIX Session Layer: Message recovery; 35=2, 35=4",
    expected="Our ResendRequest is answered by what was missing, or a SequenceReset-GapFill, each with PossDupFlag=Y.",
)
def our_gap(run: Run) -> str:
    party = run.firm
    expected = party.session.session.numbers[0]
    party.lose_in = lambda message: message.get(34) == str(expected) and message.get(43) is None
    party.session.ask_whether_there("LOST")
    run.pump(SILENCE_S)
    party.lose_in = None
    party.session.ask_whether_there("NEXT")

    def given() -> list[Message]:
        return [one for one in party.since() if one.get(34) == str(expected) and one.get(43) == "Y"]

    party.wait(f"message {expected} again or a gap fill over it", lambda: bool(given()))
    run.pump(SILENCE_S)
    if party.session.session.numbers[0] <= expected:
        raise Failed(f"the gap at {expected} is still open")
    again = given()[0]
    if again.get(122) is None:
        raise Failed(f"{again.name} {expected} came with PossDupFlag and without OrigSendingTime (122)")
    party.mark()
    party.alive()
    return f"We asked for {expected}; {again.name} with PossDupFlag closed the gap."


@case(
    "replay-all",
    "Everything once more",
    standard="FIX Session Layer: ResendRequest with EndSeqNo 0; gap fills for session messages",
    expected="From BeginSeqNo to the last all come once more, in order, by messages or gap fills, with PossDupFlag=Y.",
)
def replay_all(run: Run) -> str:
    party = run.firm
    last = party.session.session.numbers[0] - 1
    party.mark()
    party.session.ask_for(1, 0)

    def covered() -> int:
        at = 1
        for one in party.since():
            if one.get(43) == "Y" and one.get(34) == str(at):
                at = int(one.get(36) or at + 1) if one.type == "4" else at + 1
        return at

    party.wait(f"all of 1 to {last}", lambda: covered() > last)
    again = [one for one in party.since() if one.get(43) == "Y"]
    own = [one for one in again if one.type in ("0", "1", "2", "3", "5", "A")]
    if own:
        raise Failed(f"messages of the session were sent again: {own[0].name} {own[0].get(34)}")
    fills = sum(one.type == "4" for one in again)
    return f"1 to {last} came again: {len(again) - fills} messages and {fills} gap fills."


@case(
    "too-high-logon",
    "We log on with a number that is too high",
    standard="FIX Session Layer: Logon with MsgSeqNum too high",
    expected="The logon is taken; they ask for what is missing, our gap fill closes it.",
)
def too_high_logon(run: Run) -> str:
    party = run.firm
    _numbers(party)
    party.log_out()
    incoming, outgoing = party.session.session.numbers
    party.session.set_numbers(incoming, outgoing + 5)
    party.mark()
    party.log_on()
    asked = party.take("2")
    run.pump(SILENCE_S)
    party.mark()
    party.alive()
    return f"We came with {outgoing + 5}, {outgoing} was due; they asked from {asked.get(7)} on and took our gap fill."


@case(
    "too-low-logon",
    "We log on with a number that is too low",
    standard="FIX Session Layer: MsgSeqNum too low without PossDupFlag",
    expected="A Logout whose text says so, and the connection ends.",
)
def too_low_logon(run: Run) -> str:
    party = run.firm
    _numbers(party)
    incoming, outgoing = party.session.session.numbers
    if outgoing < 3:
        raise Failed("not enough was sent to be too low")
    stranger = party.stranger()
    stranger.set_numbers(incoming + 1, outgoing - 2)
    found = _refused(run, party, stranger, "with a number that was used")
    if not party.since("5"):
        raise Failed("they closed the connection without a Logout that says why")
    return found


@case(
    "too-low",
    "A message with a number that is too low",
    standard="FIX Session Layer: MsgSeqNum too low without PossDupFlag",
    expected="A Logout whose text says so, and the connection ends.",
)
def too_low(run: Run) -> str:
    party = run.firm
    party.session.send_raw(party.written("0", [], sequence=1))
    answer = party.take("5")
    party.wait("the connection's end", lambda: party.session.stream is None)
    return f"They logged out: {answer.get(58) or 'without a text'}."


@case(
    "possible-duplicate",
    "A possible duplicate of what they have",
    standard="FIX Session Layer: PossDupFlag=Y and MsgSeqNum too low",
    expected="It is left out without a word; the session goes on.",
)
def possible_duplicate(run: Run) -> str:
    party = run.firm
    now = datetime.datetime.now(datetime.UTC)
    header: list[tuple[int | str, object]] = [(43, "Y"), (122, now - datetime.timedelta(seconds=1))]
    party.session.send_raw(party.written("0", [], sequence=1, header=header))
    run.pump(SILENCE_S)
    if party.since():
        raise Failed(f"they answered it{party._instead()}")
    party.alive()
    return "Nothing came to it; a test request is answered."


@case(
    "garbled",
    "A garbled message",
    standard="FIX Session Layer: message integrity; BodyLength (9), CheckSum (10)",
    expected="A message with a wrong checksum is ignored and has no number; the session goes on.",
)
def garbled(run: Run) -> str:
    party = run.firm
    raw = party.written("0", [])
    wrong = (int(raw[-4:-1]) + 1) % 256
    party.session.send_raw(raw[:-4] + b"%03d\x01" % wrong)
    run.pump(SILENCE_S)
    if any(one.type in ("3", "5") for one in party.since()):
        raise Failed(f"they answered it{party._instead()}")
    party.alive()
    if party.since("2"):
        raise Failed("they took its number as used: a ResendRequest came")
    return "It was ignored, its number was not used."


@case(
    "reject",
    "A message without a field that it must have",
    standard="FIX Session Layer: Reject (35=3), SessionRejectReason (373)",
    expected="A Reject that names our message by RefSeqNum (45), from FIX 4.2 on with tag and reason; the session goes on.",
)
def reject(run: Run) -> str:
    party = run.firm
    number = party.send(("D", [(11, party.entry.name()), (55, party.profile.orders.symbol)]))
    answer = party.take("3", lambda one: one.get(45) == str(number), what="a Reject of our message")
    party.alive()
    return f"Reject of {number}: {answer.get(58) or 'no text'}, tag {answer.get(371)}, reason {answer.get(373)}."


@case(
    "unknown-type",
    "A message of a type that nobody knows",
    standard="FIX Session Layer: Reject, 373=11; or BusinessMessageReject, 380=3",
    expected="A Reject or a BusinessMessageReject that names our message; the session goes on.",
)
def unknown_type(run: Run) -> str:
    party = run.firm
    number = party.send(("U99", [(58, "of no known type")]))
    party.wait("a Reject or a BusinessMessageReject", lambda: any(one.get(45) == str(number) for one in party.since()))
    answer = next(one for one in party.since() if one.get(45) == str(number))
    if answer.type not in ("3", "j"):
        raise Failed(f"{answer.name} came to it")
    party.alive()
    return f"{answer.name}: {answer.get(58) or 'no text'}."


@case(
    "sending-time",
    "A SendingTime that is hours off",
    standard="FIX Session Layer: SendingTime accuracy problem, 373=10",
    expected="A Reject, from FIX 4.2 on with reason 10, and a Logout.",
)
def sending_time(run: Run) -> str:
    party = run.firm
    early = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=5)
    number = party.session.session.numbers[1]
    party.session.send_raw(party.written("0", [], time=early))
    try:
        party.wait("a Reject", lambda: bool(party.since("3")) or party.session.stream is None)
    except Failed:
        raise NotOffered("they do not look at SendingTime") from None
    finally:
        party.pump(SILENCE_S)
        _over(party, number + 1)
    if not party.since("3"):
        raise Failed("the connection ended without a Reject")
    return f"Reject: {party.since('3')[0].get(58)}; then {'a Logout' if party.since('5') else 'nothing more'}."


def _over(party: Party, outgoing: int) -> None:
    """Leaves a connection whose numbers a raw message moved, and goes on behind it."""
    party.session.lose()
    party.pump(0.2)
    incoming, ours = party.session.session.numbers
    party.session.set_numbers(incoming, max(outgoing, ours))


@case(
    "sequence-reset",
    "We move our number ahead",
    standard="FIX Session Layer: SequenceReset-Reset (35=4, 123=N)",
    expected="They expect NewSeqNo (36) next: a logon with that number is taken without a ResendRequest.",
)
def sequence_reset(run: Run) -> str:
    party = run.firm
    _numbers(party)
    number = party.session.session.numbers[1]
    party.session.send_raw(party.written("4", [(36, str(number + 10)), (123, "N")], sequence=number))
    run.pump(SILENCE_S)
    _over(party, number + 10)
    party.mark()
    party.log_on()
    party.alive()
    if party.since("2"):
        raise Failed("they asked for messages that were passed over")
    return f"We moved from {number} to {number + 10}; they went on from there."


@case(
    "reset-in-session",
    "Both numbers begin at 1 without leaving",
    standard="FIX Session Layer: ResetSeqNumFlag (141=Y) in a 24-hour session",
    expected="A Logon with MsgSeqNum 1 and 141=Y answers ours; the session goes on.",
)
def reset_in_session(run: Run) -> str:
    party = run.firm
    party.session.reset_numbers()
    try:
        answer = party.take("A")
    except Failed:
        if party.session.stream is None:
            raise NotOffered("they end a session that asks for a reset while it is up") from None
        raise
    if (answer.get(34), answer.get(141)) != ("1", "Y"):
        raise Failed(f"their Logon has MsgSeqNum {answer.get(34)} and ResetSeqNumFlag {answer.get(141)}")
    party.alive()
    return "Both numbers began at 1."


@case(
    "logout",
    "Logout",
    standard="FIX Session Layer: Logout (35=5)",
    expected="Our Logout is answered with a Logout, and the connection ends.",
)
def logout(run: Run) -> str:
    party = run.firm
    party.session.session.log_out(time.time_ns(), "End of the conformance run's session")
    party.session.flush()
    answer = party.take("5")
    party.wait("the connection's end", lambda: party.session.stream is None)
    if party.session.session.ended != "logged_out":
        raise Failed(f"the session ended otherwise: {party.session.session.ended}")
    return f"Their Logout {answer.get(34)} came."


@case(
    "recovery",
    "The connection breaks and comes back",
    standard="FIX Session Layer: Session recovery; numbers go on",
    expected="After a connection that ended without a Logout, a logon is taken with the numbers that both sides had.",
)
def recovery(run: Run) -> str:
    party = run.firm
    _numbers(party)
    before = party.session.session.numbers
    party.session.lose()
    time.sleep(SILENCE_S)
    party.mark()
    party.log_on()
    answer = party.take("A")
    party.alive()
    if int(answer.get(34) or 0) < before[0]:
        raise Failed(f"their Logon has number {answer.get(34)}, {before[0]} was due")
    return f"Logged on again; their numbers went on at {answer.get(34)}, ours at {before[1]}."
