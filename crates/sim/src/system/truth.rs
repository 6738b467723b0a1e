//! What is true of our orders: what each venue's matching core did, event by event as it does it, never what a tile of ours says.
//!
//! Invariant: nothing here comes from a tile of ours; one of our orders is taken once, and trades no more than it asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::{ExchangeEvent, ExchangeEventKind, Side};

use super::configs::OUR_SESSION;

/// One of our orders as the venue has it, its replacements included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueOrder {
    /// Our id of the latest that was taken.
    pub id: u64,
    /// Buy or sell.
    pub side: Side,
    /// Lots that traded.
    pub filled: i64,
    /// Lots that may still trade.
    pub open: i64,
}

/// Our orders and position at one venue.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Lots bought less lots sold.
    pub position: i64,
    /// Executions of ours.
    pub fills: u64,
    /// Orders of ours that were taken, replacements included.
    pub accepted: u64,
    /// By the number of the first in the chain.
    pub orders: BTreeMap<u64, TrueOrder>,
    /// Lots of ours that may still trade, by side: buys, sells.
    pub open: [i64; 2],
    /// The most that position and open lots came to, by side, since somebody looked.
    pub worst: [i64; 2],
    /// Orders of ours that may still trade.
    pub alive: BTreeSet<u64>,
    /// The most of them since somebody looked.
    pub alive_max: usize,
    first_of: BTreeMap<u64, u64>,
    ids: BTreeSet<u64>,
    /// The newest epoch of an order that was taken.
    pub epoch: u32,
    /// What cannot be, once it was.
    pub wrong: Option<String>,
    /// Our latest trades that stand: number, price, lots.
    pub trades: VecDeque<(u64, i64, i64)>,
    /// Trades of ours that the venue broke or corrected.
    pub changes: u64,
    /// By side, long and short: lots that it put there by breaking trades. A limit may be passed by as many (ESCROW 2).
    pub imposed: [i64; 2],
}

/// Trades that are remembered, for a venue that breaks one.
const TRADES_MAX: usize = 32;

/// The id that the text of an order bears.
fn order_id(tag: [u8; 16]) -> u64 {
    // A side of a quote is named by set, stroke, entry and a letter.
    let from = if tag[1] == b'/' { 2 } else { 0 };
    tag[from..from + 13]
        .iter()
        .fold(0, |sum, letter| sum * 36 + u64::from(char::from(*letter).to_digit(36).unwrap_or(0)))
}

const fn place(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Truth {
    /// Takes an event of the venue.
    pub fn take(&mut self, event: &ExchangeEvent) {
        let (ours, incoming) = (event.header.source == OUR_SESSION, event.other_source == OUR_SESSION);
        match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Accepted) if ours => self.accept(event, None),
            Some(ExchangeEventKind::Replaced) if ours => self.accept(event, Some(event.other_user_ref)),
            Some(ExchangeEventKind::Canceled) if ours => self.set_open(event.user_ref, event.leaves_lots),
            Some(ExchangeEventKind::Executed | ExchangeEventKind::Crossed) => {
                let resting = Side::from_code(event.side).expect("a trade has a side");
                if ours {
                    self.fill(event.user_ref, resting, event.lots, event.leaves_lots);
                }
                if incoming {
                    self.fill(event.other_user_ref, resting.opposite(), event.lots, event.other_leaves_lots);
                }
                if ours || incoming {
                    self.trades.truncate(TRADES_MAX - 1);
                    self.trades.push_front((event.match_id, event.price_nanos, event.lots));
                }
            }
            Some(kind @ (ExchangeEventKind::Broken | ExchangeEventKind::Corrected)) => {
                let lots = if kind == ExchangeEventKind::Broken { event.lots } else { event.shown_change_lots };
                let resting = Side::from_code(event.side).expect("a trade has a side");
                let change = -resting.sign() * lots * (i64::from(ours) - i64::from(incoming));
                self.position += change;
                self.imposed[usize::from(change < 0)] += change.abs();
                self.changes += u64::from(ours) + u64::from(incoming);
                self.trades.retain(|(number, _, _)| *number != event.match_id);
                if kind == ExchangeEventKind::Corrected {
                    self.trades.push_front((event.match_id, event.price_nanos, event.lots));
                }
            }
            _ => {}
        }
        self.note();
    }

    fn say(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn accept(&mut self, event: &ExchangeEvent, old: Option<u64>) {
        let id = order_id(event.tag);
        if !self.ids.insert(id) {
            self.say(format!("order {id:x} was taken twice"));
        }
        self.accepted += 1;
        let first = old.and_then(|old| self.first_of.get(&old).copied()).unwrap_or(event.user_ref);
        self.first_of.insert(event.user_ref, first);
        let side = Side::from_code(event.side).expect("an order has a side");
        let order = self.orders.entry(first).or_insert(TrueOrder { id, side, filled: 0, open: 0 });
        order.id = id;
        let epoch = records::OrderId(id).parts().epoch;
        if epoch < self.epoch {
            self.say(format!("order {id:x} of epoch {epoch} was taken after one of epoch {}", self.epoch));
        }
        self.epoch = self.epoch.max(epoch);
        self.set_open(event.user_ref, event.lots);
    }

    fn set_open(&mut self, number: u64, lots: i64) {
        let Some(first) = self.first_of.get(&number) else { return };
        let Some(order) = self.orders.get_mut(first) else { return };
        self.open[place(order.side)] += lots - order.open;
        order.open = lots;
        if lots > 0 {
            self.alive.insert(*first)
        } else {
            self.alive.remove(first)
        };
    }

    fn fill(&mut self, number: u64, side: Side, lots: i64, leaves: i64) {
        self.position += side.sign() * lots;
        self.fills += 1;
        let first = self.first_of.get(&number).copied().unwrap_or(number);
        match self.orders.get_mut(&first) {
            Some(order) => order.filled += lots,
            None => self.say(format!("a fill of {lots} lots of an order that was never taken, number {number}")),
        }
        self.set_open(number, leaves);
    }

    fn note(&mut self) {
        let [buys, sells] = self.open;
        self.worst = [self.worst[0].max(self.position + buys), self.worst[1].max(sells - self.position)];
        self.alive_max = self.alive_max.max(self.alive.len());
    }

    /// The ids of all that was taken.
    pub fn taken(&self) -> &BTreeSet<u64> {
        &self.ids
    }

    /// The most that was at risk on either side since this was asked the last time, and the most orders alive.
    pub fn take_worst(&mut self) -> ([i64; 2], usize) {
        let [buys, sells] = self.open;
        let told = (self.worst, self.alive_max);
        (self.worst, self.alive_max) = ([self.position + buys, sells - self.position], self.alive.len());
        told
    }

    /// After a restart of the venue: only these of ours rest, as number and open lots; what it ended meanwhile told nobody.
    pub fn rest_are(&mut self, resting: &BTreeMap<u64, i64>) {
        let numbers: Vec<u64> = self.first_of.keys().copied().collect();
        let mut open: BTreeMap<u64, i64> = BTreeMap::new();
        for number in numbers {
            if let Some(lots) = resting.get(&number) {
                open.insert(self.first_of[&number], *lots);
            }
        }
        for first in self.alive.clone() {
            self.set_open(first, open.get(&first).copied().unwrap_or(0));
        }
        self.note();
    }
}
