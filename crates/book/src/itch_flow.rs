//! A seeded stream of ITCH 5.0 messages for benchmarks and tests: many symbols, sound books, its mix told.
//!
//! Invariant: every message fits the books that the messages before it build; the same arguments give the same bytes.

use std::collections::BTreeMap;

use records::{BookAction, MarketOrder, Record, Side};
use wire::itch50::{AddOrderFields, OrderCancelFields, OrderDeleteFields, OrderExecutedFields, OrderReplaceFields};

use crate::flow::Random;
use crate::{Capacity, VenueBooks};

/// Resting orders of a symbol around which adds and departures balance, on average over symbols.
const ORDERS_EACH: usize = 400;
/// ITCH prices are in ten-thousandths; a tick is a cent.
const NANOS_PER_PRICE4: i64 = 100_000;
const TICK_NANOS: i64 = 100 * NANOS_PER_PRICE4;
const OPEN_NS: u64 = 34_200_000_000_000;
const GAP_NS_MEAN: u64 = 2_900;

/// The bytes and what is in them.
pub struct ItchFlow {
    /// Messages, each after its two length bytes.
    pub bytes: Vec<u8>,
    /// How many of each type.
    pub mix: BTreeMap<char, u64>,
    /// The most orders that rested at once.
    pub live_orders_max: usize,
}

struct Maker {
    random: Random,
    books: VenueBooks,
    /// Live references of each symbol; any may be picked.
    live: Vec<Vec<u64>>,
    /// Cumulative weights of symbols, Zipf with exponent one.
    weights: Vec<u64>,
    mid_nanos: Vec<i64>,
    next_ref: u64,
    next_match: u64,
    time_ns: u64,
    flow: ItchFlow,
}

/// Makes a stream of about `messages` order messages over `symbols` symbols.
///
/// # Panics
/// When there is no symbol or there are more than 10,000.
pub fn generate(messages: usize, symbols: u16, seed: u64) -> ItchFlow {
    assert!((1..=10_000).contains(&symbols), "1 to 10,000 symbols");
    let mut total = 0;
    let weights = (1..=u64::from(symbols)).map(|rank| {
        total += 1_000_000_000 / rank;
        total
    });
    let mut random = Random::new(seed);
    let mids = (0..symbols).map(|_| (1_000 + random.below(49_000) as i64) * TICK_NANOS).collect();
    let orders = (usize::from(symbols) * ORDERS_EACH * 8).max(4_096);
    let mut maker = Maker {
        weights: weights.collect(),
        mid_nanos: mids,
        books: VenueBooks::new(Capacity { instruments: usize::from(symbols), orders, levels_per_side: 4_096 }),
        live: vec![Vec::new(); usize::from(symbols)],
        random,
        next_ref: 0,
        next_match: 0,
        time_ns: OPEN_NS,
        flow: ItchFlow { bytes: Vec::with_capacity(messages * 36), mix: BTreeMap::new(), live_orders_max: 0 },
    };
    (0..messages).for_each(|_| maker.message());
    maker.flow
}

impl Maker {
    fn message(&mut self) {
        self.time_ns += self.random.below(GAP_NS_MEAN * 2);
        let roll = self.random.below(*self.weights.last().unwrap_or(&1));
        let symbol = self.weights.partition_point(|&weight| weight <= roll);
        if self.random.below(400) == 0 {
            let ticks = if self.random.below(2) == 0 { TICK_NANOS } else { -TICK_NANOS };
            self.mid_nanos[symbol] = (self.mid_nanos[symbol] + ticks).max(500 * TICK_NANOS);
        }
        let live = self.live[symbol].len();
        // A popular symbol has a deeper book.
        let target = ORDERS_EACH * 6 / (1 + symbol / 40).min(12);
        let adds = if live < target { 520 } else { 440 };
        match self.random.below(1_000) {
            roll if roll < adds || live < 20 => self.add(symbol),
            roll if roll < adds + 60 => self.execute(symbol),
            roll if roll < adds + 85 => self.cancel(symbol),
            roll if roll < adds + 135 => self.replace(symbol),
            _ => self.delete(symbol),
        }
        self.flow.live_orders_max = self.flow.live_orders_max.max(self.books.live_orders());
    }

    /// Most orders join within a few ticks of the touch; some lie far away.
    fn price(&mut self, symbol: usize, side: Side) -> i64 {
        let near = self.random.below(6);
        let spread = match self.random.below(10) {
            0..6 => 1 + near,
            6..9 => 4 + self.random.below(30),
            _ => 20 + self.random.below(400),
        };
        (self.mid_nanos[symbol] - side.sign() * spread as i64 * TICK_NANOS).max(TICK_NANOS)
    }

    fn lots(&mut self) -> i64 {
        if self.random.below(3) == 0 {
            1 + self.random.below(500) as i64
        } else {
            100 * (1 + self.random.below(4) as i64)
        }
    }

    fn take_ref(&mut self, symbol: usize) -> u64 {
        // Half of what leaves came lately.
        let live = &mut self.live[symbol];
        let length = live.len() as u64;
        let at = if self.random.below(2) == 0 {
            self.random.below(length)
        } else {
            length - 1 - self.random.below(length.min(16))
        };
        live.swap_remove(at as usize)
    }

    fn apply(&mut self, symbol: usize, action: BookAction, fill: impl FnOnce(&mut MarketOrder)) {
        let mut record = MarketOrder::new();
        record.header_mut().instrument = symbol as u32 + 1;
        record.action = action as u8;
        fill(&mut record);
        let change = self.books.apply(&record);
        assert!(change.anomaly.is_none(), "the stream fits its books: {change:?}");
    }

    fn put(&mut self, code: char, length: usize, encode: impl FnOnce(&mut [u8]) -> usize) {
        let start = self.flow.bytes.len();
        self.flow.bytes.extend_from_slice(&(length as u16).to_be_bytes());
        self.flow.bytes.resize(start + 2 + length, 0);
        let written = encode(&mut self.flow.bytes[start + 2..]);
        assert_eq!(written, length);
        *self.flow.mix.entry(code).or_default() += 1;
    }

    fn add(&mut self, symbol: usize) {
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (price_nanos, lots) = (self.price(symbol, side), self.lots());
        self.next_ref += 1;
        let order_ref = self.next_ref;
        self.live[symbol].push(order_ref);
        self.apply(symbol, BookAction::Add, |record| {
            (record.order_ref, record.side, record.price_nanos, record.lots) =
                (order_ref, side as u8, price_nanos, lots);
        });
        let mut stock = *b"S       ";
        for (place, digit) in stock[1..6].iter_mut().zip(format!("{symbol:05}").bytes()) {
            *place = digit;
        }
        let fields = AddOrderFields {
            stock_locate: symbol as u16 + 1,
            timestamp: self.time_ns,
            order_reference_number: order_ref,
            buy_sell_indicator: if side == Side::Buy { b'B' } else { b'S' },
            shares: lots as u32,
            stock,
            price: (price_nanos / NANOS_PER_PRICE4) as u32,
            ..Default::default()
        };
        self.put('A', 36, |out| fields.encode(out));
    }

    fn delete(&mut self, symbol: usize) {
        let order_ref = self.take_ref(symbol);
        self.apply(symbol, BookAction::Delete, |record| record.order_ref = order_ref);
        let fields = OrderDeleteFields {
            stock_locate: symbol as u16 + 1,
            timestamp: self.time_ns,
            order_reference_number: order_ref,
            ..Default::default()
        };
        self.put('D', 19, |out| fields.encode(out));
    }

    /// The first order of the best price trades, in whole or in part.
    fn execute(&mut self, symbol: usize) {
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let mut first = None;
        self.books.visit(symbol as u32 + 1, side, |order| {
            first = Some(order);
            false
        });
        let Some(order) = first else { return self.add(symbol) };
        let lots = if self.random.below(2) == 0 { order.lots } else { 1 + self.random.below(order.lots as u64) as i64 };
        if lots == order.lots {
            let position = self.live[symbol].iter().position(|&order_ref| order_ref == order.order_ref);
            let position = position.expect("a resting order is live");
            self.live[symbol].swap_remove(position);
        }
        self.next_match += 1;
        self.apply(symbol, BookAction::Execute, |record| (record.order_ref, record.lots) = (order.order_ref, lots));
        let fields = OrderExecutedFields {
            stock_locate: symbol as u16 + 1,
            timestamp: self.time_ns,
            order_reference_number: order.order_ref,
            executed_shares: lots as u32,
            match_number: self.next_match,
            ..Default::default()
        };
        self.put('E', 31, |out| fields.encode(out));
    }

    fn cancel(&mut self, symbol: usize) {
        let order_ref = self.live[symbol][self.random.below(self.live[symbol].len() as u64) as usize];
        let resting = self.books.order(order_ref).map_or(0, |order| order.lots);
        if resting < 2 {
            return self.add(symbol);
        }
        let lots = 1 + self.random.below(resting as u64 - 1) as i64;
        self.apply(symbol, BookAction::Reduce, |record| (record.order_ref, record.lots) = (order_ref, lots));
        let fields = OrderCancelFields {
            stock_locate: symbol as u16 + 1,
            timestamp: self.time_ns,
            order_reference_number: order_ref,
            canceled_shares: lots as u32,
            ..Default::default()
        };
        self.put('X', 23, |out| fields.encode(out));
    }

    fn replace(&mut self, symbol: usize) {
        let order_ref = self.take_ref(symbol);
        let side = self.books.order(order_ref).map_or(Side::Buy, |order| order.side);
        let (price_nanos, lots) = (self.price(symbol, side), self.lots());
        self.next_ref += 1;
        let new_ref = self.next_ref;
        self.live[symbol].push(new_ref);
        self.apply(symbol, BookAction::Replace, |record| {
            (record.order_ref, record.new_order_ref) = (order_ref, new_ref);
            (record.price_nanos, record.lots) = (price_nanos, lots);
        });
        let fields = OrderReplaceFields {
            stock_locate: symbol as u16 + 1,
            timestamp: self.time_ns,
            original_order_reference_number: order_ref,
            new_order_reference_number: new_ref,
            shares: lots as u32,
            price: (price_nanos / NANOS_PER_PRICE4) as u32,
            ..Default::default()
        };
        self.put('U', 35, |out| fields.encode(out));
    }
}
