//! Market data over FIX: MarketDataRequest answered by snapshots, and by increments of what changed since.
//!
//! A book is read from the core when it is due, never more often than the interval, so that what is not sent in time is
//! conflated and costs nothing; trades go out in the cycle in which they were made, or are counted as left out.
//!
//! Invariant: what a subscriber was sent, applied in order, is the displayed book at the time of the last message; nothing
//! is allocated after the start.

use std::cmp::Ordering;

use records::{AuctionKind, ExchangeEvent, ExchangeEventKind, ExchangeIndication, Side, UNDEF_PRICE};
use sessions::fix::{Answer, Fault, Inbound, Session};
use wire::fix::{Builder, Group, reject, unsigned};

use super::status::StatusWatch;
use super::write::Dialect;
use crate::listings::Listings;
use crate::matching::Matching;

/// Levels of one side at most.
const DEPTH_MAX: usize = 128;
/// Books that one session may have at a time.
const WISHES_MAX: usize = 256;
/// Entries of one message at most.
const ENTRIES_MAX: usize = 100;
/// Trades of one cycle at most.
const TRADES_MAX: usize = 4096;
/// What calls say in one cycle at most.
const INDICATIONS_MAX: usize = 1024;
/// Symbols of one request at most.
const SYMBOLS_MAX: usize = 64;
const ID_BYTES_MAX: usize = 32;

/// A trade of this cycle.
#[derive(Clone, Copy)]
struct Trade {
    instrument: u32,
    price_nanos: i64,
    lots: i64,
    match_id: u64,
    /// Letter of the auction that it was, 0: none.
    letter: u8,
}

/// What is known of an instrument's auctions.
#[derive(Clone, Copy, Default)]
struct Auctions {
    /// What a call said last, while it is on.
    said: Option<ExchangeIndication>,
    /// Price and lots of the last opening and of the last closing one that traded.
    opening: Option<(i64, i64)>,
    closing: Option<(i64, i64)>,
}

/// What the core's events change for those who watch.
pub(crate) struct Market {
    /// By instrument: how often something happened.
    changes: Vec<u64>,
    /// By instrument.
    auctions: Vec<Auctions>,
    /// How often any instrument's state changed.
    pub phases: u64,
    trades: Vec<Trade>,
    indications: Vec<ExchangeIndication>,
    watched: bool,
    /// Trades of one cycle beyond those that it holds.
    pub trades_left_out: u64,
}

impl Market {
    /// Nobody watches.
    pub fn new(instruments: usize) -> Self {
        Self {
            changes: vec![0; instruments + 1],
            auctions: vec![Auctions::default(); instruments + 1],
            phases: 0,
            trades: Vec::new(),
            indications: Vec::new(),
            watched: false,
            trades_left_out: 0,
        }
    }

    /// There are sessions that may watch.
    pub fn watch(&mut self) {
        self.watched = true;
        self.trades.reserve_exact(TRADES_MAX);
        self.indications.reserve_exact(INDICATIONS_MAX);
    }

    /// Something happened.
    #[inline]
    pub fn tell(&mut self, event: &ExchangeEvent) {
        let instrument = event.header.instrument;
        let kind = ExchangeEventKind::from_code(event.event);
        // Also of an earlier life, whose journal tells it again.
        if kind == Some(ExchangeEventKind::Uncrossed) {
            self.note_auction(event);
        }
        if !self.watched {
            return;
        }
        self.phases += u64::from(matches!(kind, Some(ExchangeEventKind::State | ExchangeEventKind::Listed)));
        if let Some(changes) = self.changes.get_mut(instrument as usize) {
            *changes += 1;
        }
        // An auction is one trade.
        let cross = kind == Some(ExchangeEventKind::Uncrossed) && event.lots > 0;
        if kind == Some(ExchangeEventKind::Executed) || cross {
            if self.trades.len() == TRADES_MAX {
                self.trades_left_out += 1;
                return;
            }
            let (price_nanos, lots, match_id) = (event.price_nanos, event.lots, event.match_id);
            let letter = if cross { event.letter } else { 0 };
            self.trades.push(Trade { instrument, price_nanos, lots, match_id, letter });
        }
    }

    /// A call is over, with an auction or without.
    #[cold]
    fn note_auction(&mut self, event: &ExchangeEvent) {
        let Some(auctions) = self.auctions.get_mut(event.header.instrument as usize) else { return };
        auctions.said = None;
        let whole = Some((event.price_nanos, event.lots)).filter(|_| event.lots > 0);
        match AuctionKind::from_letter(event.letter) {
            Some(AuctionKind::Opening) => auctions.opening = whole.or(auctions.opening),
            Some(AuctionKind::Closing) => auctions.closing = whole.or(auctions.closing),
            _ => {}
        }
    }

    /// A call says where it stands.
    pub fn indicate(&mut self, indication: &ExchangeIndication) {
        if let Some(auctions) = self.auctions.get_mut(indication.header.instrument as usize) {
            auctions.said = Some(*indication);
        }
        if self.watched && self.indications.len() < INDICATIONS_MAX {
            self.indications.push(*indication);
        }
    }

    /// The cycle is over.
    pub fn forget_trades(&mut self) {
        self.trades.clear();
        self.indications.clear();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    price_nanos: i64,
    lots: i64,
    orders: u32,
}

/// One book that a session asked for.
struct Wish {
    id: [u8; ID_BYTES_MAX],
    id_bytes: usize,
    instrument: u32,
    depth: usize,
    sides: [bool; 2],
    trades: bool,
    /// Imbalances and prices of calls.
    calls: [bool; 2],
    /// Prices of opening and closing auctions.
    prices: [bool; 2],
    increments: bool,
    active: bool,
    /// The instrument's changes that the last message has.
    seen: u64,
    sent_ns: u64,
    sent: [Vec<Level>; 2],
}

/// One entry of an increment.
#[derive(Clone, Copy)]
struct Entry {
    action: u8,
    kind: u8,
    level: Level,
    match_id: u64,
    /// Letter of the trade condition (277), 0: none.
    condition: u8,
}

/// What one session watches.
pub(crate) struct Watch {
    interval_ns: u64,
    wishes: Vec<Wish>,
    book: Vec<Level>,
    entries: Vec<Entry>,
    status: StatusWatch,
    /// Trades that a slow reader was not told.
    pub trades_left_out: u64,
}

/// Why a request is refused (281); `None`: a reason without a code.
type Refusal = (Option<&'static [u8]>, &'static [u8]);

/// What is read of a request.
struct Asked<'a> {
    id: &'a [u8],
    depth: usize,
    sides: [bool; 2],
    trades: bool,
    calls: [bool; 2],
    prices: [bool; 2],
    increments: bool,
}

impl Watch {
    /// Nothing yet; all memory.
    pub fn new(interval_ns: u64, dialect: Dialect) -> Self {
        let wish = |_| Wish {
            id: [0; ID_BYTES_MAX],
            id_bytes: 0,
            instrument: 0,
            depth: 0,
            sides: [false; 2],
            trades: false,
            calls: [false; 2],
            prices: [false; 2],
            increments: false,
            active: false,
            seen: 0,
            sent_ns: 0,
            sent: [Vec::with_capacity(DEPTH_MAX), Vec::with_capacity(DEPTH_MAX)],
        };
        Self {
            interval_ns,
            wishes: (0..WISHES_MAX).map(wish).collect(),
            book: Vec::with_capacity(DEPTH_MAX),
            entries: Vec::with_capacity(4 * DEPTH_MAX + TRADES_MAX + 2 * INDICATIONS_MAX),
            status: StatusWatch::new(dialect),
            trades_left_out: 0,
        }
    }

    /// The connection is gone, and what was watched over it.
    pub fn clear(&mut self) {
        self.wishes.iter_mut().for_each(|wish| wish.active = false);
        self.status.clear();
    }

    /// A MarketDataRequest, or one of a status.
    pub fn on_request(
        &mut self,
        session: &mut Session,
        now_ns: u64,
        inbound: &Inbound<'_>,
        core: &Matching,
        market: &Market,
        listings: &Listings,
    ) -> Answer {
        let message = inbound.message;
        if message.kind() != b"V" {
            return self.status.on_request(session, now_ns, inbound, core, listings);
        }
        let range = |tag| Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag });
        let Some(id) = message.get(262) else {
            return Answer::Fault(Fault { reason: reject::REQUIRED_MISSING, tag: 262 });
        };
        if !(1..=ID_BYTES_MAX).contains(&id.len()) {
            return range(262);
        }
        let kind = message.get(263).unwrap_or(b"");
        if kind == b"2" {
            let mut found = false;
            for wish in self.wishes.iter_mut().filter(|wish| wish.active && wish.id() == id) {
                (wish.active, found) = (false, true);
            }
            if !found {
                refuse(session, now_ns, id, (None, b"Unknown MDReqID"));
            }
            return Answer::Taken;
        }
        let Some(depth) = message.get(264).and_then(unsigned) else { return range(264) };
        let mut asked = Asked {
            id,
            depth: depth as usize,
            sides: [false; 2],
            trades: false,
            calls: [false; 2],
            prices: [false; 2],
            increments: false,
        };
        let mut symbols = [0; SYMBOLS_MAX];
        match self.read(&message, kind, &mut asked, &mut symbols, listings) {
            Err(why) => refuse(session, now_ns, id, why),
            Ok(count) => {
                for instrument in &symbols[..count] {
                    self.begin(session, now_ns, &asked, *instrument, kind == b"1", core, market, listings);
                }
            }
        }
        Answer::Taken
    }

    /// What a request asks for, or why it is refused; how many instruments.
    fn read(
        &self,
        message: &wire::fix::Message<'_>,
        kind: &[u8],
        asked: &mut Asked<'_>,
        symbols: &mut [u32; SYMBOLS_MAX],
        listings: &Listings,
    ) -> Result<usize, Refusal> {
        if !matches!(kind, b"0" | b"1") {
            return Err((Some(b"4"), b"SubscriptionRequestType is not supported"));
        }
        if self.wishes.iter().any(|wish| wish.active && wish.id() == asked.id) {
            return Err((Some(b"1"), b"MDReqID is in use"));
        }
        if message.get(266) == Some(b"N") {
            return Err((Some(b"7"), b"Books are aggregated by price"));
        }
        asked.depth = if asked.depth == 0 { DEPTH_MAX } else { asked.depth.min(DEPTH_MAX) };
        asked.increments = match message.get(265) {
            Some(b"1") => true,
            Some(b"0") | None => false,
            _ => return Err((Some(b"6"), b"MDUpdateType is not supported")),
        };
        for entry in Group::new(*message, 267) {
            match entry.get(269) {
                Some(b"0") => asked.sides[0] = true,
                Some(b"1") => asked.sides[1] = true,
                Some(b"2") => asked.trades = true,
                Some(b"4") => asked.prices[0] = true,
                Some(b"5") => asked.prices[1] = true,
                Some(b"A") => asked.calls[0] = true,
                Some(b"Q") => asked.calls[1] = true,
                _ => return Err((Some(b"8"), b"MDEntryType is not supported")),
            }
        }
        let mut count = 0;
        for entry in Group::new(*message, 146) {
            let instrument = entry.get(55).map_or(0, |symbol| listings.named(symbol));
            if instrument == 0 {
                return Err((Some(b"0"), b"Unknown symbol"));
            }
            let free = self.wishes.iter().filter(|wish| !wish.active).count();
            if count == SYMBOLS_MAX || kind == b"1" && count == free {
                return Err((Some(b"2"), b"Too many books"));
            }
            symbols[count] = instrument;
            count += 1;
        }
        Ok(count)
    }

    /// Sends the snapshot, and keeps the wish where it goes on.
    #[allow(clippy::too_many_arguments)]
    fn begin(
        &mut self,
        session: &mut Session,
        now_ns: u64,
        asked: &Asked<'_>,
        instrument: u32,
        stays: bool,
        core: &Matching,
        market: &Market,
        listings: &Listings,
    ) {
        let Some(wish) = self.wishes.iter_mut().find(|wish| !wish.active) else { return };
        wish.id[..asked.id.len()].copy_from_slice(asked.id);
        wish.id_bytes = asked.id.len();
        (wish.instrument, wish.depth, wish.sides) = (instrument, asked.depth, asked.sides);
        (wish.trades, wish.calls, wish.prices) = (asked.trades, asked.calls, asked.prices);
        (wish.increments, wish.active) = (asked.increments, stays);
        // Whatever happened before is in the snapshot; the next change of the instrument is looked for from nothing.
        (wish.seen, wish.sent_ns) = (u64::MAX, now_ns);
        for side in [Side::Buy, Side::Sell] {
            read_book(
                core,
                wish.instrument,
                side,
                if wish.sides[side.index()] { wish.depth } else { 0 },
                &mut self.book,
            );
            wish.sent[side.index()].clear();
            wish.sent[side.index()].extend_from_slice(&self.book);
        }
        wish.send_whole(session, now_ns, market, listings);
    }

    /// Sends what changed. `changes` is the core's news of this cycle.
    pub fn publish(
        &mut self,
        session: &mut Session,
        now_ns: u64,
        core: &Matching,
        market: &Market,
        listings: &Listings,
        room: usize,
    ) -> usize {
        let mut work = self.status.publish(session, now_ns, core, market, listings, room);
        for wish in self.wishes.iter_mut().filter(|wish| wish.active) {
            let changes = market.changes[wish.instrument as usize];
            let due = wish.seen != changes && now_ns.saturating_sub(wish.sent_ns) >= self.interval_ns;
            let calls = wish.calls != [false; 2]
                && market.indications.iter().any(|indication| indication.header.instrument == wish.instrument);
            let trades = market.trades.iter().any(|trade| wish.is_told(trade));
            if !due && !trades && !calls {
                continue;
            }
            if session.output_room() < room {
                self.trades_left_out += u64::from(trades);
                continue;
            }
            self.entries.clear();
            if trades {
                let own = market.trades.iter().filter(|trade| trade.instrument == wish.instrument);
                self.entries.extend(own.clone().filter(|_| wish.trades).map(Entry::of_trade));
                self.entries.extend(own.filter(|trade| wish.is_priced(trade)).map(Entry::of_auction));
            }
            if calls {
                wish.add_calls(&market.indications, &mut self.entries);
            }
            if due {
                (wish.seen, wish.sent_ns) = (changes, now_ns);
                let before = self.entries.len();
                for side in [Side::Buy, Side::Sell].into_iter().filter(|side| wish.sides[side.index()]) {
                    read_book(core, wish.instrument, side, wish.depth, &mut self.book);
                    compare(&wish.sent[side.index()], &self.book, side, &mut self.entries);
                    wish.sent[side.index()].clear();
                    wish.sent[side.index()].extend_from_slice(&self.book);
                }
                if !wish.increments && self.entries.len() > before {
                    self.entries.truncate(before);
                    wish.send_whole(session, now_ns, market, listings);
                    work += 1;
                }
            }
            for entries in self.entries.chunks(ENTRIES_MAX) {
                wish.send_changes(session, now_ns, entries, listings);
                work += 1;
            }
        }
        work
    }
}

impl Wish {
    fn id(&self) -> &[u8] {
        &self.id[..self.id_bytes]
    }

    /// Whether a trade is one of an auction whose price it asked for.
    fn is_priced(&self, trade: &Trade) -> bool {
        self.prices[0] && trade.letter == b'O' || self.prices[1] && trade.letter == b'C'
    }

    /// Whether a trade is told, as such or as an auction's price.
    fn is_told(&self, trade: &Trade) -> bool {
        trade.instrument == self.instrument && (self.trades || self.is_priced(trade))
    }

    /// What calls of its instrument say, as far as they were asked for.
    fn add_calls(&self, indications: &[ExchangeIndication], entries: &mut Vec<Entry>) {
        let own = |indication: &&ExchangeIndication| indication.header.instrument == self.instrument;
        for indication in indications.iter().filter(own) {
            let both = Entry::of_call(indication).into_iter().zip(self.calls);
            entries.extend(both.filter(|(_, asked)| *asked).map(|(entry, _)| entry));
        }
    }

    /// What is known of the instrument's auctions, as far as it was asked for: a call's words, and prices of the day.
    fn auctions(&self, market: &Market) -> [Option<Entry>; 4] {
        let known = market.auctions[self.instrument as usize];
        let price = |kind, whole: Option<(i64, i64)>| {
            whole.map(|(price_nanos, lots)| {
                let level = Level { price_nanos, lots, orders: 0 };
                Entry { action: b'0', kind, level, match_id: 0, condition: 0 }
            })
        };
        let [imbalance, clearing] = known.said.as_ref().map_or([None; 2], |said| Entry::of_call(said).map(Some));
        [
            imbalance.filter(|_| self.calls[0]),
            clearing.filter(|_| self.calls[1]),
            price(b'4', known.opening).filter(|_| self.prices[0]),
            price(b'5', known.closing).filter(|_| self.prices[1]),
        ]
    }

    fn send_whole(&self, session: &mut Session, now_ns: u64, market: &Market, listings: &Listings) {
        let symbol = listings.get(self.instrument).symbol;
        let auctions = self.auctions(market);
        let entries = self.sent[0].len() + self.sent[1].len() + auctions.iter().flatten().count();
        let sent = session.send(now_ns, b"W", |body| {
            body.field(262, self.id()).field(55, trimmed(&symbol)).unsigned(268, entries as u64);
            for (side, kind) in [(0, b"0"), (1, b"1")] {
                for (at, level) in self.sent[side].iter().enumerate() {
                    body.field(269, kind).decimal(270, level.price_nanos).integer(271, level.lots);
                    body.unsigned(346, u64::from(level.orders)).unsigned(290, at as u64 + 1);
                }
            }
            for entry in auctions.iter().flatten() {
                body.field(269, &[entry.kind]);
                if entry.level.price_nanos != UNDEF_PRICE {
                    body.decimal(270, entry.level.price_nanos);
                }
                body.integer(271, entry.level.lots);
                if entry.condition != 0 {
                    body.field(277, &[entry.condition]);
                }
            }
        });
        // Else the session has ended, and with it what it watched.
        let _ended_if_not = sent;
    }

    fn send_changes(&self, session: &mut Session, now_ns: u64, entries: &[Entry], listings: &Listings) {
        let symbol = listings.get(self.instrument).symbol;
        let sent = session.send(now_ns, b"X", |body: &mut Builder<'_>| {
            body.field(262, self.id()).unsigned(268, entries.len() as u64);
            for entry in entries {
                body.field(279, &[entry.action]).field(269, &[entry.kind]);
                if entry.match_id != 0 {
                    body.unsigned(278, entry.match_id);
                }
                body.field(55, trimmed(&symbol));
                if entry.level.price_nanos != UNDEF_PRICE {
                    body.decimal(270, entry.level.price_nanos);
                }
                if entry.action != b'2' {
                    body.integer(271, entry.level.lots);
                }
                if entry.condition != 0 {
                    body.field(277, &[entry.condition]);
                }
                if entry.level.orders != 0 {
                    body.unsigned(346, u64::from(entry.level.orders));
                }
            }
        });
        let _ended_if_not = sent;
    }
}

impl Entry {
    /// The price of an opening (4) or closing (5) auction.
    fn of_auction(trade: &Trade) -> Self {
        Self { kind: if trade.letter == b'O' { b'4' } else { b'5' }, ..Self::of_trade(trade) }
    }

    /// What a call says: lots left over at its price, with the side, and lots that pair there.
    fn of_call(indication: &ExchangeIndication) -> [Self; 2] {
        let level = |lots| Level { price_nanos: indication.price_nanos, lots, orders: 0 };
        let condition = [0, b'P', b'Q'][usize::from(indication.side.min(2))];
        let entry = |kind, lots, condition| Self { action: b'0', kind, level: level(lots), match_id: 0, condition };
        [entry(b'A', indication.imbalance_lots, condition), entry(b'Q', indication.paired_lots, 0)]
    }

    fn of_trade(trade: &Trade) -> Self {
        let level = Level { price_nanos: trade.price_nanos, lots: trade.lots, orders: 0 };
        Self { action: b'0', kind: b'2', level, match_id: trade.match_id, condition: 0 }
    }
}

fn read_book(core: &Matching, instrument: u32, side: Side, depth: usize, into: &mut Vec<Level>) {
    into.clear();
    core.for_each_displayed(instrument, side, depth, |price_nanos, lots, orders| {
        into.push(Level { price_nanos, lots, orders });
    });
}

/// What makes the new side of the old one, both best price first: gone, new, and changed levels.
fn compare(old: &[Level], new: &[Level], side: Side, entries: &mut Vec<Entry>) {
    let kind = if side == Side::Buy { b'0' } else { b'1' };
    // Worse prices have higher ranks; a side that has ended ranks behind all.
    let rank = |level: Option<&Level>| level.map_or(i64::MAX, |level| -side.sign() * level.price_nanos);
    let (mut at, mut to) = (0, 0);
    while at < old.len() || to < new.len() {
        let (was, is) = (rank(old.get(at)), rank(new.get(to)));
        let (action, level) = match was.cmp(&is) {
            Ordering::Less => (b'2', Level { orders: 0, ..old[at] }),
            Ordering::Greater => (b'0', new[to]),
            Ordering::Equal => (b'1', new[to]),
        };
        if action != b'1' || old[at] != new[to] {
            entries.push(Entry { action, kind, level, match_id: 0, condition: 0 });
        }
        (at, to) = (at + usize::from(was <= is), to + usize::from(is <= was));
    }
}

fn refuse(session: &mut Session, now_ns: u64, id: &[u8], (reason, words): Refusal) {
    let sent = session.send(now_ns, b"Y", |body| {
        body.field(262, id);
        if let Some(reason) = reason {
            body.field(281, reason);
        }
        body.field(58, words);
    });
    let _ended_if_not = sent;
}

pub(crate) fn trimmed(symbol: &[u8; 8]) -> &[u8] {
    let end = symbol.iter().position(|letter| *letter == b' ').unwrap_or(8);
    &symbol[..end]
}
