//! Random venues, random strategies: whatever comes, holds are the worst case of the live orders, positions are the fills,
//! and a replay of the input gives the same hash.

mod support;

use std::collections::BTreeMap;

use engine::{Engine, NoOutbox};
use records::*;
use support::{PRICE, Script, TICK, World, cancel_intent, config, new_intent, replace_intent};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What the venue did, kept apart from the engine.
#[derive(Default)]
struct Ledger {
    fills: BTreeMap<(u64, u8), (i64, bool)>,
    lots: i64,
}

fn ids(world: &World) -> Vec<u64> {
    let mut ids: Vec<u64> = world.commands::<NewOrder>().iter().map(|order| order.owner.order_id).collect();
    ids.extend(world.commands::<ReplaceOrder>().iter().map(|order| order.owner.order_id));
    ids
}

fn random_intents(world: &mut World, random: &mut Random, known: &[u64]) {
    let mut intents = Vec::new();
    for _ in 0..=random.below(3) {
        let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
        let lots = random.below(40) as i64 + 1;
        let id = if known.is_empty() { 0 } else { known[random.below(known.len() as u64) as usize] };
        let price = PRICE + (random.below(5) as i64 - 2) * TICK;
        intents.push(match random.below(4) {
            0 | 1 => OrderIntent { price_nanos: price, ..new_intent(side, lots) },
            2 => replace_intent(id, price, lots),
            _ => cancel_intent(id),
        });
    }
    world.intend(intents);
}

const KINDS: [OrderEventKind; 16] = [
    OrderEventKind::Accepted,
    OrderEventKind::Rejected,
    OrderEventKind::Filled,
    OrderEventKind::Canceled,
    OrderEventKind::Expired,
    OrderEventKind::Replaced,
    OrderEventKind::ReplaceRejected,
    OrderEventKind::CancelRejected,
    OrderEventKind::Restated,
    OrderEventKind::Broken,
    OrderEventKind::Corrected,
    OrderEventKind::NotSent,
    OrderEventKind::Unknown,
    OrderEventKind::CancelPending,
    OrderEventKind::NotFound,
    OrderEventKind::Refreshed,
];

/// A report: mostly one that fits, now and then anything.
fn random_report(world: &mut World, random: &mut Random, known: &[u64], ledger: &mut Ledger) {
    if known.is_empty() {
        return;
    }
    let recent = known.len().saturating_sub(12);
    let at = recent + random.below((known.len() - recent) as u64) as usize;
    let id = if random.one_in(40) { random.below(50) } else { known[at] };
    let kind = match random.below(10) {
        0..=2 => OrderEventKind::Accepted,
        3..=5 => OrderEventKind::Filled,
        6 => OrderEventKind::Replaced,
        7 => OrderEventKind::Canceled,
        _ => KINDS[random.below(16) as usize],
    };
    let mut event = support::event_of(id, kind);
    event.side = 1 + random.below(2) as u8;
    if let Some(order) = world.engine.order(id) {
        event.side = order.side.code();
        event.original_id = if id == order.owner.order_id { 0 } else { order.owner.order_id };
        event.owner = Owner { order_id: id, ..order.owner };
    }
    event.lots = random.below(20) as i64 + 1;
    event.price_nanos = if random.one_in(8) && kind != OrderEventKind::Filled { UNDEF_PRICE } else { PRICE };
    event.execution_id = random.below(400) + 1;
    for word in [&mut event.leaves_lots, &mut event.cumulative_lots] {
        *word = if random.one_in(4) { random.below(20) as i64 } else { -1 };
    }
    event.possible_duplicate = u8::from(random.one_in(6));
    event.dead = u8::from(random.one_in(20));
    event.reason = random.below(24) as u8;
    let whole = event.price_nanos != UNDEF_PRICE;
    let key = (event.execution_id, event.side);
    let sign = if event.side == 1 { 1 } else { -1 };
    match kind {
        OrderEventKind::Filled => {
            ledger.fills.entry(key).or_insert_with(|| {
                ledger.lots += sign * event.lots;
                (event.lots, false)
            });
        }
        OrderEventKind::Broken => {
            if let Some((lots, broken)) = ledger.fills.get_mut(&key).filter(|(_, broken)| !*broken) {
                ledger.lots -= sign * *lots;
                *broken = true;
            }
        }
        OrderEventKind::Corrected if whole => {
            if let Some((lots, _)) = ledger.fills.get_mut(&key).filter(|(_, broken)| !*broken) {
                ledger.lots += sign * (event.lots - *lots);
                *lots = event.lots;
            }
        }
        _ => {}
    }
    world.give(&event);
}

/// The invariants, from the list of live orders alone.
fn check(world: &World, ledger: &Ledger, seed: u64) {
    for (order, held) in world.engine.live_orders() {
        assert!(order.ended.is_none() && order.leaves_lots >= 0 && order.unbooked_lots >= 0, "seed {seed}: {order:?}");
        let mut worst = order.leaves_lots + order.unbooked_lots;
        if order.pending_id != 0 {
            worst = worst.max(order.pending_lots - order.filled_lots);
        }
        assert_eq!(held, worst, "seed {seed}: {order:?}");
    }
    assert_eq!(world.position(support::SHARE), ledger.lots, "seed {seed}");
    assert_eq!(world.engine.limits().account_position(risk::Binding(1)), ledger.lots, "seed {seed}");
}

/// How often the state was written and read back meanwhile.
fn run(seed: u64, steps: usize) -> u64 {
    let mut random = Random(seed);
    let mut world = World::new();
    let mut known: Vec<u64> = Vec::new();
    let mut ledger = Ledger::default();
    for _ in 0..steps {
        world.clear();
        match random.below(24) {
            0..=7 => random_intents(&mut world, &mut random, &known),
            8..=21 => random_report(&mut world, &mut random, &known, &mut ledger),
            22 if random.one_in(3) => {
                let state = [SessionState::Up, SessionState::Down, SessionState::Recovering][random.below(3) as usize];
                world.session(support::VENUE, state);
            }
            22 => world.session(support::VENUE, SessionState::Up),
            _ => {
                world.now_ns += random.below(600_000_000);
                world.give(&Timer::new());
            }
        }
        known.extend(ids(&world));
        check(&world, &ledger, seed);
    }
    let statistics = world.engine.statistics();
    assert!(statistics.orders > 0 && statistics.fills > 0 && statistics.breaks > 0, "seed {seed}: {statistics:?}");
    assert!(world.cuts > 5, "seed {seed}: the state was read back {} times", world.cuts);
    replay(&world, seed);
    world.cuts
}

/// The same input into a new engine. The strategy's intents are played back from the commands' inputs by an equal script.
fn replay(world: &World, seed: u64) {
    let script = Script::default();
    let mut engine = Engine::new(config(), Box::new(Playback { plans: world.plans_taken(), at: 0, script }));
    for (stamp, record) in &world.inputs {
        engine.apply(*stamp, record, &mut NoOutbox);
    }
    assert_eq!(engine.state_hash(), world.engine.state_hash(), "seed {seed}");
    assert_eq!(engine.full_hash(), world.engine.full_hash(), "seed {seed}");
}

/// Gives the same intents at the same calls.
struct Playback {
    plans: Vec<(usize, Vec<OrderIntent>)>,
    at: usize,
    script: Script,
}

impl engine::Host for Playback {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        self.script.load(slot)
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.script.set_parameter(parameter)
    }

    fn call(&mut self, _slot: u8, _callback: Callback, _event: engine::EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let intents = self.plans.iter().find(|(at, _)| *at == self.at).map(|(_, intents)| intents.clone());
        self.at += 1;
        for intent in intents.unwrap_or_default() {
            orders.intents[orders.intents_count as usize] = intent;
            orders.intents_count += 1;
        }
        0
    }
}

#[test]
fn seeds_1_to_150() {
    let cuts: u64 = (1..=150).map(|seed| run(seed, 400)).sum();
    println!("{cuts} states written and read back");
}

#[test]
fn seed_9001_long() {
    run(9001, 6_000);
}
