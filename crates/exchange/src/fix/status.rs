//! Trading status over FIX: of an instrument (SecurityStatusRequest `e`, SecurityStatus `f`) and of the market as a whole
//! (TradingSessionStatusRequest `g`, TradingSessionStatus `h`), told once or whenever it changes.
//!
//! SecurityTradingStatus (326), TradSesStatus (340) and TradingSessionSubID (625) take the standard's own values, each in the
//! versions that have it (FIX 4.4 and FIX 5.0 SP2, volume 6, fields 326, 340, 625).
//!
//! Invariant: who asked for changes is told each state that holds at the end of a cycle, once; nothing is allocated after the start.

use records::TradingState;
use sessions::fix::{Answer, Fault, Inbound, Session};
use wire::fix::reject;

use super::market::{Market, trimmed};
use super::write::Dialect;
use crate::listings::Listings;
use crate::matching::Matching;

/// What one session may ask to be told of at a time.
const WISHES_MAX: usize = 256;
const ID_BYTES_MAX: usize = 32;
/// The one trading session of a day: 336, "Day".
const DAY: &[u8] = b"1";

/// Business reject reasons (380).
const OTHER: u16 = 0;
const UNKNOWN_ID: u16 = 1;
const NOT_AVAILABLE: u16 = 4;

/// Where an instrument is in its day: its state and, in a call, the auction's letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Phase {
    state: TradingState,
    letter: u8,
}

impl Phase {
    fn of(core: &Matching, instrument: u32) -> Option<Self> {
        core.state(instrument).map(|state| Self { state, letter: core.call_letter(instrument) })
    }

    /// Of the market as a whole: of the instrument that is farthest into trading.
    fn of_all(core: &Matching, listings: &Listings) -> Self {
        let phases = listings.all().filter_map(|(instrument, _)| Self::of(core, instrument));
        let rank = |phase: &Self| b"25413".iter().position(|code| *code == phase.session_status());
        phases.min_by_key(rank).unwrap_or(Self { state: TradingState::Closed, letter: 0 })
    }

    /// SecurityTradingStatus (326).
    fn trading_status(self, dialect: Dialect) -> &'static [u8] {
        match (self.state, dialect) {
            (TradingState::Trading, _) => b"17",
            (TradingState::Halted | TradingState::Paused, _) => b"2",
            // Pre-cross, since 5.0 SP1; opening rotation, since 4.3; else a price is being found.
            (TradingState::Auction, Dialect::Fix50Sp1 | Dialect::Fix50Sp2) => b"24",
            (TradingState::Auction, Dialect::Fix43 | Dialect::Fix44 | Dialect::Fix50) if self.letter == b'O' => b"22",
            (TradingState::Auction | TradingState::QuoteOnly, _) => b"5",
            (TradingState::Closed, Dialect::Fix50Sp2) => b"26",
            (TradingState::PreOpen, Dialect::Fix42) | (TradingState::Closed, _) => b"18",
            (TradingState::PreOpen, _) => b"21",
        }
    }

    /// TradSesStatus (340): 1 halted, 2 open, 3 closed, 4 before the open, 5 before the close.
    fn session_status(self) -> u8 {
        match (self.state, self.letter) {
            (TradingState::Trading, _) => b'2',
            (TradingState::PreOpen, _) | (TradingState::Auction, b'O') => b'4',
            (TradingState::Auction, b'C') => b'5',
            (TradingState::Closed, _) => b'3',
            _ => b'1',
        }
    }

    /// TradingSessionSubID (625).
    fn sub_session(self) -> &'static [u8] {
        match (self.state, self.letter) {
            (TradingState::PreOpen, _) => b"1",
            (TradingState::Auction, b'O') => b"2",
            (TradingState::Auction, b'C') => b"4",
            (TradingState::Auction, _) => b"6",
            (TradingState::Trading, _) => b"3",
            (TradingState::Closed, _) => b"5",
            _ => b"7",
        }
    }
}

/// One status that a session asked to be told of.
#[derive(Clone, Copy)]
struct Wish {
    id: [u8; ID_BYTES_MAX],
    id_bytes: usize,
    /// 0: the market as a whole.
    instrument: u32,
    told: Phase,
    active: bool,
}

impl Wish {
    fn id(&self) -> &[u8] {
        &self.id[..self.id_bytes]
    }
}

/// What one session is told of.
pub(crate) struct StatusWatch {
    dialect: Dialect,
    wishes: Vec<Wish>,
    /// The market's changes of state that were looked at.
    seen: u64,
}

impl StatusWatch {
    /// Nothing yet; all memory.
    pub fn new(dialect: Dialect) -> Self {
        let told = Phase { state: TradingState::Closed, letter: 0 };
        let wish = Wish { id: [0; ID_BYTES_MAX], id_bytes: 0, instrument: 0, told, active: false };
        Self { dialect, wishes: vec![wish; WISHES_MAX], seen: 0 }
    }

    /// The connection is gone, and what was asked over it.
    pub fn clear(&mut self) {
        self.wishes.iter_mut().for_each(|wish| wish.active = false);
    }

    /// A SecurityStatusRequest or a TradingSessionStatusRequest.
    pub fn on_request(
        &mut self,
        session: &mut Session,
        now_ns: u64,
        inbound: &Inbound<'_>,
        core: &Matching,
        listings: &Listings,
    ) -> Answer {
        let message = inbound.message;
        let of_market = message.kind() == b"g";
        let id_tag = if of_market { 335 } else { 324 };
        let Some(id) = message.get(id_tag) else {
            return Answer::Fault(Fault { reason: reject::REQUIRED_MISSING, tag: id_tag });
        };
        if !(1..=ID_BYTES_MAX).contains(&id.len()) {
            return Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: id_tag });
        }
        let known =
            self.wishes.iter_mut().find(|wish| wish.active && (wish.instrument == 0) == of_market && wish.id() == id);
        let stays = match (message.get(263), known) {
            (Some(b"2"), Some(wish)) => {
                wish.active = false;
                return Answer::Taken;
            }
            (Some(b"2"), None) => return Answer::Refused { reason: UNKNOWN_ID, tag: id_tag },
            (Some(b"0" | b"1"), Some(_)) => return Answer::Refused { reason: OTHER, tag: id_tag },
            (kind @ Some(b"0" | b"1"), None) => kind == Some(b"1"),
            _ => return Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 263 }),
        };
        let asked_session = message.get(336).unwrap_or(DAY);
        if of_market && asked_session != DAY {
            return self.refuse_session(session, now_ns, id, asked_session);
        }
        let symbol = message.get(55).unwrap_or(b"");
        let instrument = if of_market { 0 } else { listings.named(symbol) };
        let phase = if of_market { Some(Phase::of_all(core, listings)) } else { Phase::of(core, instrument) };
        let Some(told) = phase else {
            // Unknown or invalid.
            let sent = session.send(now_ns, b"f", |body| {
                body.field(324, id).field(55, symbol).field(325, b"N").field(326, b"20");
            });
            let _ended_if_not = sent;
            return Answer::Taken;
        };
        let mut wish = Wish { id: [0; ID_BYTES_MAX], id_bytes: id.len(), instrument, told, active: true };
        wish.id[..id.len()].copy_from_slice(id);
        if stays {
            let Some(place) = self.wishes.iter_mut().find(|wish| !wish.active) else {
                return Answer::Refused { reason: NOT_AVAILABLE, tag: 0 };
            };
            *place = wish;
        }
        tell(session, now_ns, &wish, self.dialect, listings, b"N");
        Answer::Taken
    }

    /// Another trading session than the day's: refused in the answer, where the version can say so.
    fn refuse_session(&self, session: &mut Session, now_ns: u64, id: &[u8], asked: &[u8]) -> Answer {
        if self.dialect == Dialect::Fix42 {
            return Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 336 });
        }
        let sent = session.send(now_ns, b"h", |body| {
            // Unknown or invalid TradingSessionID.
            body.field(335, id).field(336, asked).field(340, b"6").field(567, b"1");
        });
        let _ended_if_not = sent;
        Answer::Taken
    }

    /// Tells what changed.
    pub fn publish(
        &mut self,
        session: &mut Session,
        now_ns: u64,
        core: &Matching,
        market: &Market,
        listings: &Listings,
        room: usize,
    ) -> usize {
        if self.seen == market.phases {
            return 0;
        }
        let (mut work, mut whole) = (0, true);
        for wish in self.wishes.iter_mut().filter(|wish| wish.active) {
            let phase = match wish.instrument {
                0 => Some(Phase::of_all(core, listings)),
                instrument => Phase::of(core, instrument),
            };
            let Some(phase) = phase.filter(|phase| *phase != wish.told) else { continue };
            if session.output_room() < room {
                whole = false;
                break;
            }
            wish.told = phase;
            tell(session, now_ns, wish, self.dialect, listings, b"Y");
            work += 1;
        }
        if whole {
            self.seen = market.phases;
        }
        work
    }
}

fn tell(
    session: &mut Session,
    now_ns: u64,
    wish: &Wish,
    dialect: Dialect,
    listings: &Listings,
    unsolicited: &'static [u8],
) {
    let named = dialect != Dialect::Fix42;
    let sent = if wish.instrument == 0 {
        session.send(now_ns, b"h", |body| {
            body.field(335, wish.id()).field(336, DAY);
            if named {
                body.field(625, wish.told.sub_session());
            }
            // Electronic, as this exchange has no other method; whether it is production nobody told it.
            body.field(338, b"1").field(325, unsolicited).field(340, &[wish.told.session_status()]);
        })
    } else {
        let symbol = listings.get(wish.instrument).symbol;
        session.send(now_ns, b"f", |body| {
            body.field(324, wish.id()).field(55, trimmed(&symbol)).field(336, DAY);
            if named {
                body.field(625, wish.told.sub_session());
            }
            body.field(325, unsolicited).field(326, wish.told.trading_status(dialect));
        })
    };
    // Else the session has ended, and with it what it watched.
    let _ended_if_not = sent;
}
