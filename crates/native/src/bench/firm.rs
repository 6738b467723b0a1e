//! The firm that the loop's rows trade for: reference data of the flow's symbols, a five-level tree with every mandatory
//! limit at each level, and one slot with the strategy for each of the most popular instruments.
//!
//! Invariant: no limit is so narrow that it refuses an order of the flow, so that no pass is cheap by being refused.

use records::{
    Definition, EngineStart, LimitSet, Listing, Metric, MoneyNanos, NANOS, Node, NodeLevel, OrderId, Parameter, Record,
    SelectorKind, Slot, SlotBind, SlotRun, StrategyControl, TickBand, UNDEF_PRICE, bytes_of,
};

/// The venue of the flow.
pub const VENUE: u16 = 1;
/// Ticks of a cent from one dollar on, of a hundredth of that below.
const TICKS: [(i64, i64); 2] = [(0, NANOS / 10_000), (NANOS, NANOS / 100)];
const LEVELS: u32 = 5;
const METRICS: [Metric; 8] = [
    Metric::OrderQuantity,
    Metric::OrderNotional,
    Metric::PriceCollar,
    Metric::MessageRate,
    Metric::OpenOrders,
    Metric::PositionLong,
    Metric::PositionShort,
    Metric::GrossExposure,
];
/// Half the reference price: the strategy's quotes stand near the touch.
const COLLAR_PPM: i128 = 500_000;
const FUEL: u64 = 10_000;

/// A parameter's name, offset, scalar code and bits, as the strategy's description gives them.
pub type ParameterBits = (String, u32, u8, u64);

/// The strategy of every slot.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// SHA-256 of its object code.
    pub code_hash: [u8; 32],
    /// Parameters that differ from the class's defaults.
    pub parameters: Vec<ParameterBits>,
    /// Slots, each for one instrument.
    pub slots: u8,
}

/// The engine's first inputs.
pub fn bootstrap(symbols: u16, strategy: &Strategy, now_ns: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let day = OrderId::day_of(now_ns);
    put(&mut bytes, EngineStart { day, day_start_ns: now_ns, shard: 1, epoch: 1, firm: 1, ..EngineStart::new() });
    for (row, (from_nanos, tick_nanos)) in (0..).zip(TICKS) {
        put(&mut bytes, TickBand { table: 1, row, from_nanos, tick_nanos, ..TickBand::new() });
    }
    (1..=u32::from(symbols)).for_each(|instrument| list(&mut bytes, instrument));
    for (index, (_, _, level)) in (0_u32..).zip(NodeLevel::ALL.iter()).take(LEVELS as usize) {
        put(&mut bytes, Node { node: index + 1, parent: index, level: *level as u8, ..Node::new() });
        for (place, metric) in (1..).zip(METRICS) {
            put(&mut bytes, limit(index + 1, index * METRICS.len() as u32 + place, metric));
        }
    }
    (1..=strategy.slots).for_each(|slot| load(&mut bytes, slot, strategy));
    bytes
}

fn put<T: Record>(bytes: &mut Vec<u8>, record: T) {
    bytes.extend_from_slice(bytes_of(&record));
}

/// The symbol that the flow gives an instrument.
pub fn symbol(instrument: u32) -> [u8; 8] {
    let mut symbol = *b"S       ";
    symbol[1..6].copy_from_slice(format!("{:05}", instrument - 1).as_bytes());
    symbol
}

fn list(bytes: &mut Vec<u8>, instrument: u32) {
    let mut definition = Definition {
        units_per_lot_e8: 100_000_000,
        prior_close_nanos: UNDEF_PRICE,
        band_low_nanos: UNDEF_PRICE,
        band_high_nanos: UNDEF_PRICE,
        currency: *b"USD\0",
        class: 1,
        active: 1,
        ..Definition::new()
    };
    definition.header.instrument = instrument;
    definition.key[..6].copy_from_slice(&symbol(instrument)[..6]);
    put(bytes, definition);
    let mut listing = Listing {
        tick_table: 1,
        increment_lots: 1,
        round_lot_lots: 100,
        price_min_nanos: NANOS / 10_000,
        price_max_nanos: 199_999 * NANOS,
        active: 1,
        replace_quantity: 1,
        ..Listing::new()
    };
    (listing.header.venue, listing.header.instrument) = (VENUE, instrument);
    listing.symbol[..6].copy_from_slice(&symbol(instrument)[..6]);
    put(bytes, listing);
}

fn limit(node: u32, limit: u32, metric: Metric) -> LimitSet {
    let wide = i128::from(NANOS) * i128::from(NANOS);
    let rate = metric == Metric::MessageRate;
    LimitSet {
        limit,
        node,
        metric: metric.code(),
        value: MoneyNanos::new(if metric == Metric::PriceCollar { COLLAR_PPM } else { wide }),
        window_ns: if metric == Metric::PriceCollar { 3_600 * NANOS as u64 } else { NANOS as u64 },
        burst: if rate { u32::MAX } else { 0 },
        selector: SelectorKind::All.code(),
        generation: 1,
        revision: 1,
        last_of_set: 1,
        ..LimitSet::new()
    }
}

fn load(bytes: &mut Vec<u8>, slot: u8, strategy: &Strategy) {
    put(
        bytes,
        Slot {
            code_hash: strategy.code_hash,
            account: LEVELS,
            strategy: LEVELS - 1,
            desk: LEVELS - 2,
            trader: 9,
            slot,
            slot_version: 1,
            fuel: FUEL,
            ..Slot::new()
        },
    );
    let mut bind = SlotBind { slot, ..SlotBind::new() };
    (bind.header.venue, bind.header.instrument) = (VENUE, u32::from(slot));
    put(bytes, bind);
    for (name, offset, scalar, bits) in &strategy.parameters {
        let mut parameter = Parameter { slot, offset: *offset, scalar: *scalar, bits: *bits, ..Parameter::new() };
        let count = name.len().min(parameter.name.len() - 1);
        parameter.name[..count].copy_from_slice(&name.as_bytes()[..count]);
        put(bytes, parameter);
    }
    put(bytes, StrategyControl { slot, run: SlotRun::Running.code(), ..StrategyControl::new() });
}
