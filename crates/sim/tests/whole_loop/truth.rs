//! The truth about orders and books: what an exchange's own journal says when its own core folds it.
//!
//! Invariant: nothing here comes from a tile of ours.

use std::collections::{BTreeMap, BTreeSet};

use exchange::{Capacity, Matching, RestingOrder};
use journal::Reader;
use records::*;
use sim::SimDisk;

use crate::world::OUR_SESSION;

/// One of our orders as the exchange has it, replacements included.
#[derive(Clone, Debug)]
pub struct TrueOrder {
    /// Our id of the latest that was accepted.
    pub id: u64,
    pub filled: i64,
    pub resting: bool,
}

/// The exchange's own journal, folded.
#[derive(Default)]
pub struct Truth {
    pub position: i64,
    pub fills: u64,
    /// Price times lots, what was sold taken off.
    pub notional_nanos: i128,
    /// By the number of the first in the chain.
    pub orders: BTreeMap<u64, TrueOrder>,
    pub resting: Vec<RestingOrder>,
}

fn order_id(tag: [u8; 16]) -> u64 {
    // A side of a quote is named by set, stroke, entry and a letter.
    let from = if tag[1] == b'/' { 2 } else { 0 };
    tag[from..from + 13].iter().fold(0, |sum, letter| sum * 36 + u64::from((*letter as char).to_digit(36).unwrap_or(0)))
}

/// What an execution adds to price times lots, or its change does.
fn worth(event: &ExchangeEvent, kind: ExchangeEventKind) -> i128 {
    let product = |lots: i64, price_nanos: i64| i128::from(lots) * i128::from(price_nanos);
    let now = product(event.lots, event.price_nanos);
    match kind {
        ExchangeEventKind::Executed | ExchangeEventKind::Crossed => now,
        ExchangeEventKind::Broken => -now,
        _ => now - product(event.lots + event.shown_change_lots, event.former_price_nanos),
    }
}

impl Truth {
    pub fn read(disk: &SimDisk, segment_bytes: usize) -> Self {
        let capacity =
            Capacity { instruments: 4, sessions: 200, orders: 1 << 13, levels_per_side: 512, trades: 1 << 12 };
        let (mut core, mut events) = (Matching::new(capacity), Vec::<ExchangeEvent>::new());
        let mut reader = Reader::from_storage(disk, segment_bytes).unwrap();
        while let Some((stamp, record)) = reader.next().unwrap() {
            core.apply(stamp, record, &mut events).unwrap();
        }
        let mut truth = Self::default();
        core.for_each_resting(|order| truth.resting.push(*order));
        let (mut first_of, mut ids) = (BTreeMap::new(), BTreeSet::new());
        for event in &events {
            truth.take(event, &mut first_of, &mut ids);
        }
        for order in truth.resting.iter().filter(|order| order.session == OUR_SESSION) {
            let first = first_of[&order.user_ref];
            truth.orders.get_mut(&first).unwrap().resting = true;
        }
        truth
    }

    fn take(&mut self, event: &ExchangeEvent, first_of: &mut BTreeMap<u64, u64>, ids: &mut BTreeSet<u64>) {
        let (ours, incoming) = (event.header.source == OUR_SESSION, event.other_source == OUR_SESSION);
        match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Accepted) if ours => {
                let id = order_id(event.tag);
                assert!(ids.insert(id), "order {id:x} was taken twice");
                first_of.insert(event.user_ref, event.user_ref);
                self.orders.insert(event.user_ref, TrueOrder { id, filled: 0, resting: false });
            }
            Some(ExchangeEventKind::Replaced) if ours => {
                let id = order_id(event.tag);
                assert!(ids.insert(id), "order {id:x} was taken twice");
                let first = first_of[&event.other_user_ref];
                first_of.insert(event.user_ref, first);
                self.orders.get_mut(&first).unwrap().id = id;
            }
            Some(
                kind @ (ExchangeEventKind::Executed
                | ExchangeEventKind::Crossed
                | ExchangeEventKind::Broken
                | ExchangeEventKind::Corrected),
            ) => {
                let lots = match kind {
                    ExchangeEventKind::Executed | ExchangeEventKind::Crossed => event.lots,
                    ExchangeEventKind::Broken => -event.lots,
                    _ => -event.shown_change_lots,
                };
                let resting = Side::from_code(event.side).unwrap();
                for (ours, side, number) in
                    [(ours, resting, event.user_ref), (incoming, resting.opposite(), event.other_user_ref)]
                {
                    if ours {
                        self.position += side.sign() * lots;
                        self.notional_nanos += i128::from(side.sign()) * worth(event, kind);
                        if matches!(kind, ExchangeEventKind::Executed | ExchangeEventKind::Crossed) {
                            self.fills += 1;
                            self.orders.get_mut(&first_of[&number]).unwrap().filled += lots;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The best levels of a side: price, lots, orders.
    pub fn levels(&self, side: Side) -> Vec<(i64, i64, i64)> {
        let mut levels: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for order in self.resting.iter().filter(|order| order.side == side && !order.hidden) {
            let level = levels.entry(-side.sign() * order.price_nanos).or_default();
            *level = (level.0 + order.front_lots, level.1 + 1);
        }
        let level = |(key, (lots, orders)): (i64, (i64, i64))| (-side.sign() * key, lots, orders);
        levels.into_iter().take(VIEW_LEVELS).map(level).collect()
    }
}
