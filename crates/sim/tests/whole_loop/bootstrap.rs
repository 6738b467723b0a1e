//! The first inputs of a test's engine: who it is, one instrument at one or two venues, ample limits, one running slot.
//!
//! Invariant: every record here is applied; a world checks that before anything else.

use records::*;
pub use sim::system::configs::{CODE, INSTRUMENT, SLOT, TICK, midnight_ns};
use sim::system::configs::{limit, push, reference_data};

pub const SYMBOL: [u8; 8] = *b"AAPL    ";
pub const ACCOUNT: u32 = 4;

fn start(epoch: u16) -> EngineStart {
    let mut start = EngineStart::new();
    (start.day, start.day_start_ns) = (OrderId::day_of(sim::Simulation::START_NS), midnight_ns());
    (start.shard, start.epoch, start.firm) = (1, epoch, 1);
    start
}

fn limits(bytes: &mut Vec<u8>) {
    for (node, parent, level) in
        [(1, 0, NodeLevel::Firm), (2, 1, NodeLevel::Desk), (3, 2, NodeLevel::Strategy), (4, 3, NodeLevel::Account)]
    {
        let mut record = Node::new();
        (record.node, record.parent, record.level) = (node, parent, level.code());
        record.name[0] = b'a' + node as u8;
        push(bytes, record);
    }
    let money = i128::from(NANOS);
    let values = [
        (Metric::OrderQuantity, 1_000),
        (Metric::OrderNotional, 10_000_000 * money),
        (Metric::PriceCollar, 100_000),
        (Metric::MessageRate, 1_000_000),
        (Metric::OpenOrders, 200),
        (Metric::PositionLong, 2_000),
        (Metric::PositionShort, 2_000),
        (Metric::GrossExposure, 1_000_000_000 * money),
    ];
    for (at, (node, (metric, value))) in
        [1, 3].into_iter().flat_map(|node| values.map(|value| (node, value))).enumerate()
    {
        let record = LimitSet { generation: 1, ..limit(at as u32 + 1, node, metric, value) };
        push(bytes, record);
    }
}

fn slot(bytes: &mut Vec<u8>, venues: u16) {
    let mut slot = Slot::new();
    slot.code_hash = CODE;
    (slot.account, slot.strategy, slot.desk, slot.trader) = (ACCOUNT, 3, 2, 9);
    (slot.slot, slot.slot_version, slot.fuel, slot.timer_ns) = (SLOT, 1, 1_000, 1_000_000);
    push(bytes, slot);
    for venue in 1..=venues {
        let mut bind = SlotBind::new();
        (bind.header.venue, bind.header.instrument) = (venue, INSTRUMENT);
        (bind.slot, bind.index) = (SLOT, venue as u8 - 1);
        push(bytes, bind);
    }
    let mut control = StrategyControl::new();
    (control.slot, control.run) = (SLOT, SlotRun::Running.code());
    push(bytes, control);
}

/// Everything that a first life starts from.
pub fn first_life(venues: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, start(1));
    reference_data(&mut bytes, venues);
    limits(&mut bytes);
    slot(&mut bytes, venues);
    bytes
}

/// What a later life adds to its journal.
pub fn later_life(epoch: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, start(epoch));
    bytes
}
