//! An engine's own journal as recorded flow: what its venues published, without what we did there ourselves.
//!
//! A venue's feed shows our orders as anybody's. Its reports name the references and match numbers that the feed shows, so
//! each record is the market's or ours by a fact. What our orders took of others' is taken off those; who traded with our
//! resting orders stays, as a trade.
//!
//! Invariant: the record that is left has no order and no lot of ours; memory grows with our own orders, not with the journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use book::flow::{FlowErrors, FlowRecord};
use journal::{JournalError, Reader};
use records::{
    BookAction, FLAG_LAST, Kind, Listing, MarketOrder, OrderEvent, OrderEventKind, RecordRef, Trade, UNDEF_PRICE,
    bytes_of, read_from,
};

use crate::source::Records;

/// One side of a trade that was ours.
#[derive(Clone, Copy, Debug)]
pub struct OwnTrade {
    /// Our order.
    pub order_id: u64,
    /// Its side, a [`records::Side`] code.
    pub side: u8,
    /// The trade's price.
    pub price_nanos: i64,
    /// The trade's lots.
    pub lots: i64,
}

/// Whose doing a record of a feed is.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// Others' alone.
    Market,
    /// It shows an order of ours, under the first id that it had there.
    Shown(u64),
    /// An order of ours came in and took these lots.
    Took(OwnTrade),
    /// Somebody came in and traded with our resting order.
    Rested(OwnTrade),
    /// A trade that the feed shows without an order: ours with a hidden one, or hidden itself.
    Hidden(OwnTrade),
}

/// A trade of ours in an auction.
#[derive(Clone, Copy, Debug)]
pub struct OwnCross {
    /// Our side of it.
    pub trade: OwnTrade,
    /// Its match number.
    pub match_id: u64,
    /// Instrument.
    pub instrument: u32,
    /// From when to when by the venue's time it was: a session may tell milliseconds.
    pub span_ns: (u64, u64),
}

/// References and match numbers that are ours, by venue.
#[derive(Debug, Default)]
pub struct OwnMarks {
    orders: BTreeMap<(u16, u64), u64>,
    /// Ids that an order got by replaces which left it its reference, and so its place: the first id of that reference.
    roots: BTreeMap<u64, u64>,
    /// Those ids by the first, in the order of reports.
    later: BTreeMap<u64, Vec<u64>>,
    trades: BTreeMap<(u16, u64), Vec<OwnTrade>>,
    crosses: BTreeMap<u16, Vec<OwnCross>>,
}

/// A report's liquidity where it tells of an auction, and where the session has no word for one (FIX before 5.0).
const IN_AUCTION: [u8; 2] = [3, 0];

/// A report's own time at the venue, or the end of it where the session tells milliseconds.
pub(crate) fn latest(event: &OrderEvent) -> u64 {
    latest_of(event.header.venue_time_ns)
}

/// As [`latest`], of the time alone.
pub(crate) fn latest_of(time_ns: u64) -> u64 {
    const MILLISECOND_NS: u64 = 1_000_000;
    if time_ns.is_multiple_of(MILLISECOND_NS) { time_ns + MILLISECOND_NS - 1 } else { time_ns }
}

impl OwnMarks {
    /// Reads all of a journal's reports.
    ///
    /// # Errors
    /// What is wrong with the journal.
    pub fn read(directory: &Path) -> Result<Self, JournalError> {
        let (mut reader, mut marks) = (Reader::open_whole(directory)?, Self::default());
        while let Some((_, record)) = reader.next()? {
            if let Ok(RecordRef::OrderEvent(event)) = records::parse(record) {
                marks.note(&event);
            }
        }
        Ok(marks)
    }

    /// What a report says of the feed.
    pub fn note(&mut self, event: &OrderEvent) {
        let venue = event.header.venue;
        if event.venue_order_ref != 0 {
            let order_id = event.owner.order_id;
            let first = *self.orders.entry((venue, event.venue_order_ref)).or_insert(order_id);
            if first != order_id && self.roots.insert(order_id, first).is_none() {
                self.later.entry(first).or_default().push(order_id);
            }
        }
        if event.event == OrderEventKind::Filled.code() && event.execution_id != 0 {
            let trades = self.trades.entry((venue, event.execution_id)).or_default();
            // A report may come twice; an order has one side of a match.
            if trades.iter().all(|known| known.order_id != event.owner.order_id) {
                let trade = OwnTrade {
                    order_id: event.owner.order_id,
                    side: event.side,
                    price_nanos: event.price_nanos,
                    lots: event.lots,
                };
                trades.push(trade);
                if IN_AUCTION.contains(&event.liquidity) {
                    let (match_id, instrument) = (event.execution_id, event.header.instrument);
                    let span_ns = (event.header.venue_time_ns, latest(event));
                    self.crosses.entry(venue).or_default().push(OwnCross { trade, match_id, instrument, span_ns });
                }
            }
        }
    }

    /// Our part in an auction that the feed prints.
    pub fn crosses<'a>(&'a self, venue: u16, whole: &'a Trade) -> impl Iterator<Item = &'a OwnCross> {
        let own = self.crosses.get(&venue).map_or(&[][..], Vec::as_slice);
        own.iter().filter(move |own| {
            (own.instrument, own.trade.price_nanos) == (whole.header.instrument, whole.price_nanos)
                && (own.span_ns.0..=own.span_ns.1).contains(&whole.header.venue_time_ns)
        })
    }

    /// Our sides of a displayed order's part in an auction: an execution that does not count, since the whole is printed.
    pub(crate) fn crosses_of(&self, venue: u16, record: &MarketOrder) -> Vec<OwnCross> {
        let part = record.action == BookAction::Execute.code() && record.printable == 0;
        let own = self.crosses.get(&venue).filter(|_| part).map_or(&[][..], Vec::as_slice);
        own.iter().filter(|own| own.match_id == record.match_id).copied().collect()
    }

    /// An auction without us: its lots less those that we bought or sold, whichever were more.
    fn without_ours(&self, venue: u16, whole: &Trade) -> Trade {
        let mut lots = [0; 2];
        self.crosses(venue, whole).for_each(|own| lots[usize::from(own.trade.side == 1)] += own.trade.lots);
        Trade { lots: (whole.lots - lots[0].max(lots[1])).max(0), ..*whole }
    }

    /// The first id that the order of a reference had.
    pub(crate) fn order(&self, venue: u16, order_ref: u64) -> Option<u64> {
        self.orders.get(&(venue, order_ref)).copied()
    }

    /// The first id of the reference that an order's id stands for; itself where the feed never showed it, or it is the first.
    pub(crate) fn root(&self, order_id: u64) -> u64 {
        self.roots.get(&order_id).copied().unwrap_or(order_id)
    }

    /// All ids of a reference, by any of them, the latest first.
    pub(crate) fn ids(&self, order_id: u64) -> impl Iterator<Item = u64> + '_ {
        let root = self.root(order_id);
        self.later.get(&root).into_iter().flatten().rev().copied().chain([root])
    }

    /// Whose doing a record is.
    pub fn whose(&self, venue: u16, record: &FlowRecord) -> Whose {
        match record {
            FlowRecord::Order(order) if order.action == BookAction::Execute.code() => {
                let trades = self.trades.get(&(venue, order.match_id)).map_or(&[][..], Vec::as_slice);
                let resting = self.order(venue, order.order_ref);
                let rested = trades.iter().find(|trade| Some(self.root(trade.order_id)) == resting);
                let came_in = trades.iter().find(|trade| Some(self.root(trade.order_id)) != resting);
                match (rested, came_in, resting) {
                    (_, Some(trade), _) => Whose::Took(*trade),
                    (Some(trade), None, _) => Whose::Rested(*trade),
                    (None, None, Some(order_id)) => Whose::Shown(order_id),
                    (None, None, None) => Whose::Market,
                }
            }
            FlowRecord::Order(order) => {
                let new = (order.new_order_ref != 0).then(|| self.order(venue, order.new_order_ref)).flatten();
                new.or_else(|| self.order(venue, order.order_ref)).map_or(Whose::Market, Whose::Shown)
            }
            FlowRecord::Trade(trade) => {
                let trades = self.trades.get(&(venue, trade.match_id)).and_then(|trades| trades.first());
                trades.map_or(Whose::Market, |trade| Whose::Hidden(*trade))
            }
            _ => Whose::Market,
        }
    }
}

/// Somebody's lots that met our resting order, as the trade that they would have been without it.
pub(crate) fn met_ours(record: &MarketOrder, own: &OwnTrade) -> Trade {
    let mut trade = Trade::new();
    (trade.header.flags, trade.header.venue) = (record.header.flags, record.header.venue);
    (trade.header.instrument, trade.header.source) = (record.header.instrument, record.header.source);
    (trade.header.sequence, trade.header.venue_time_ns) = (record.header.sequence, record.header.venue_time_ns);
    trade.header.receive_time_ns = record.header.receive_time_ns;
    (trade.side, trade.price_nanos, trade.lots) = (own.side, own.price_nanos, record.lots);
    trade.match_id = record.match_id;
    trade
}

/// Somebody's lots that an order of ours took, as lots that leave without a trade.
fn taken(record: &MarketOrder) -> MarketOrder {
    let mut off = *record;
    (off.action, off.price_nanos, off.match_id) = (BookAction::Reduce.code(), UNDEF_PRICE, 0);
    off.header.flags |= FLAG_LAST;
    off
}

/// A record of a venue as flow; `None` for every other record.
pub(crate) fn flow_of(record: &[u8]) -> Option<FlowRecord> {
    match read_from::<records::Header>(record)?.kind()? {
        Kind::MarketOrder => read_from(record).map(FlowRecord::Order),
        Kind::MarketLevel => read_from(record).map(FlowRecord::Level),
        Kind::Trade => read_from(record).map(FlowRecord::Trade),
        Kind::Status => read_from(record).map(FlowRecord::Status),
        Kind::Imbalance => read_from(record).map(FlowRecord::Imbalance),
        _ => None,
    }
}

/// The bytes of a record of a venue.
pub(crate) fn bytes_of_flow(flow: &FlowRecord) -> &[u8] {
    match flow {
        FlowRecord::Order(order) => bytes_of(order),
        FlowRecord::Level(level) => bytes_of(level),
        FlowRecord::Trade(trade) => bytes_of(trade),
        FlowRecord::Status(status) => bytes_of(status),
        FlowRecord::Imbalance(imbalance) => bytes_of(imbalance),
    }
}

/// Records of one call.
const BATCH: usize = 4_096;

/// One venue's flow out of a journal, as it is asked for.
pub struct Captured {
    path: PathBuf,
    reader: Reader,
    marks: OwnMarks,
    venue: u16,
    /// The venue's symbols by instrument, from 1; empty where it lists none.
    symbols: Vec<String>,
}

impl Captured {
    /// Opens a journal for what it holds of a venue.
    ///
    /// # Errors
    /// In words, when there is none or it is damaged.
    pub fn open(directory: &Path, venue: u16) -> Result<Self, FlowErrors> {
        let wrong = |error: JournalError| FlowErrors::one(directory, "", error.to_string());
        let mut marks = OwnMarks::default();
        let mut symbols = Vec::new();
        let mut reader = Reader::open_whole(directory).map_err(wrong)?;
        while let Some((_, record)) = reader.next().map_err(wrong)? {
            match records::parse(record) {
                Ok(RecordRef::OrderEvent(event)) => marks.note(&event),
                Ok(RecordRef::Listing(listing)) if listing.header.venue == venue => name(&mut symbols, &listing),
                _ => {}
            }
        }
        let reader = Reader::open_whole(directory).map_err(wrong)?;
        Ok(Self { path: directory.to_path_buf(), reader, marks, venue, symbols })
    }

    /// The venue's symbols; `instrument - 1` of a record is the place.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }
}

fn name(symbols: &mut Vec<String>, listing: &Listing) {
    let Some(at) = (listing.header.instrument as usize).checked_sub(1) else { return };
    if symbols.len() <= at {
        symbols.resize(at + 1, String::new());
    }
    symbols[at] = String::from_utf8_lossy(&listing.symbol).trim_matches(['\0', ' ']).to_owned();
}

impl Records for Captured {
    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        let wanted = out.len() + BATCH;
        while out.len() < wanted {
            let next = self.reader.next().map_err(|error| FlowErrors::one(&self.path, "", error.to_string()))?;
            let Some((stamp, record)) = next else { return Ok(false) };
            let Some(mut flow) = flow_of(record).filter(|flow| flow.header().venue == self.venue) else { continue };
            if flow.header().venue_time_ns == 0 {
                // A feed's own word about itself has no venue's time.
                flow.header_mut().venue_time_ns = stamp.time_ns;
            }
            match (self.marks.whose(self.venue, &flow), &flow) {
                (Whose::Market, FlowRecord::Trade(trade)) if trade.cross == 1 && trade.busted == 0 => {
                    out.push(FlowRecord::Trade(self.marks.without_ours(self.venue, trade)));
                }
                // Whoever met ours in an auction is in what the feed prints of the whole.
                (Whose::Rested(_), FlowRecord::Order(order))
                    if !self.marks.crosses_of(self.venue, order).is_empty() => {}
                (Whose::Market | Whose::Hidden(_), _) => out.push(flow),
                (Whose::Rested(own), FlowRecord::Order(order)) => out.push(FlowRecord::Trade(met_ours(order, &own))),
                (Whose::Took(_), FlowRecord::Order(order))
                    if self.marks.order(self.venue, order.order_ref).is_none() =>
                {
                    out.push(FlowRecord::Order(taken(order)));
                }
                _ => {}
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
