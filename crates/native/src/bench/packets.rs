//! The flow as MoldUDP64 packets: first the directory of its symbols, then one message a packet.
//!
//! The flow's touches hardly ever move, so a quoting strategy would rest. In every eighth place a message goes between that
//! improves the touch of one of the most popular symbols by a tick, or takes such an order back.
//!
//! Invariant: packet `n` carries the message with sequence `n + 1`, so nothing is missing and nothing comes twice.

use book::{Capacity, VenueBooks};
use records::{MarketOrder, Side, read_from};
use sessions::mold::Packer;
use wire::files::Messages;
use wire::itch50::{AddOrderFields, OrderDeleteFields, StockDirectoryFields, StockTradingActionFields};
use wire::normalise::{ItchNormaliser, NANOS_PER_PRICE4};

use super::firm::symbol;

/// Session of the packets.
const SESSION: [u8; 10] = *b"BENCH     ";
/// One message of so many moves a touch.
pub const TOUCH_EVERY: usize = 8;
const TICK_NANOS: i64 = 10_000_000;
const TOUCH_SHARES: u32 = 200;
/// Above all numbers of the flow.
const TOUCH_REF_FIRST: u64 = 1 << 40;

/// Packets back to back in memory.
#[derive(Debug)]
pub struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many of them are the directory: what is listed, and that it trades.
    pub directory: usize,
}

impl Packets {
    /// Packets of `messages` order messages over `symbols` symbols; the touches of the first `moving` of them move.
    pub fn generate(messages: usize, symbols: u16, moving: u8, seed: u64) -> Self {
        let flow = book::itch_flow::generate(messages, symbols, seed);
        let mut packer = Packer::new(SESSION, 1);
        let mut packets = Self { bytes: Vec::new(), ends: Vec::new(), directory: 2 * usize::from(symbols) };
        for locate in 1..=symbols {
            let fields = StockDirectoryFields {
                stock_locate: locate,
                stock: symbol(u32::from(locate)),
                round_lot_size: 100,
                ..Default::default()
            };
            let mut message = [0; 64];
            let length = fields.encode(&mut message);
            packets.put(&mut packer, &message[..length]);
            let fields = StockTradingActionFields {
                stock_locate: locate,
                stock: symbol(u32::from(locate)),
                trading_state: b'T',
                ..Default::default()
            };
            let length = fields.encode(&mut message);
            packets.put(&mut packer, &message[..length]);
        }
        let mut touches = Touches::new(symbols, moving, flow.live_orders_max);
        for (index, message) in Messages::new(&flow.bytes).enumerate() {
            let message = message.expect("our own flow is sound");
            touches.follow(message);
            packets.put(&mut packer, message);
            if index % (TOUCH_EVERY - 1) == 0
                && let Some((bytes, length)) = touches.next(message)
            {
                touches.follow(&bytes[..length]);
                packets.put(&mut packer, &bytes[..length]);
            }
        }
        packets
    }

    fn put(&mut self, packer: &mut Packer, message: &[u8]) {
        assert!(packer.push(message), "an empty packet holds a message");
        self.bytes.extend_from_slice(packer.packet());
        self.ends.push(self.bytes.len());
        packer.sent();
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Their bytes in all.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// One of them.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

/// The books of the flow so far, and the orders of ours that stand before everyone else's.
struct Touches {
    books: VenueBooks,
    normaliser: ItchNormaliser,
    standing: Vec<Option<u64>>,
    turn: usize,
}

impl Touches {
    fn new(symbols: u16, moving: u8, orders: usize) -> Self {
        let mut normaliser = ItchNormaliser::new(1);
        normaliser.map_all();
        let capacity =
            Capacity { instruments: usize::from(symbols), orders: 2 * orders + 1_024, levels_per_side: 4_096 };
        Self { books: VenueBooks::new(capacity), normaliser, standing: vec![None; usize::from(moving)], turn: 0 }
    }

    fn follow(&mut self, message: &[u8]) {
        let books = &mut self.books;
        let applied = self.normaliser.normalise(message, 1, 0, 0, &mut |record: &[u8]| {
            if let Some(order) = read_from::<MarketOrder>(record) {
                books.apply(&order);
            }
        });
        assert!(applied.is_ok(), "our own flow is sound");
    }

    /// The next message that moves a touch, at the time of the message before; `None` where the spread leaves no room.
    fn next(&mut self, before: &[u8]) -> Option<([u8; 64], usize)> {
        self.turn += 1;
        let place = self.turn % self.standing.len();
        let (stock_locate, mut bytes) = (place as u16 + 1, [0; 64]);
        let timestamp = before[5..11].iter().fold(0, |time, byte| time << 8 | u64::from(*byte));
        if let Some(order_reference_number) = self.standing[place].take() {
            let fields = OrderDeleteFields { stock_locate, timestamp, order_reference_number, ..Default::default() };
            let length = fields.encode(&mut bytes);
            return Some((bytes, length));
        }
        let instrument = u32::from(stock_locate);
        let (bid, ask) = (self.books.best(instrument, Side::Buy)?, self.books.best(instrument, Side::Sell)?);
        if ask.price_nanos - bid.price_nanos < 2 * TICK_NANOS {
            return None;
        }
        let buys = (self.turn / self.standing.len()).is_multiple_of(2);
        let price_nanos = if buys { bid.price_nanos + TICK_NANOS } else { ask.price_nanos - TICK_NANOS };
        let order_reference_number = TOUCH_REF_FIRST + self.turn as u64;
        self.standing[place] = Some(order_reference_number);
        let fields = AddOrderFields {
            stock_locate,
            timestamp,
            order_reference_number,
            buy_sell_indicator: if buys { b'B' } else { b'S' },
            shares: TOUCH_SHARES,
            stock: symbol(instrument),
            price: (price_nanos / NANOS_PER_PRICE4) as u32,
            ..Default::default()
        };
        let length = fields.encode(&mut bytes);
        Some((bytes, length))
    }
}
