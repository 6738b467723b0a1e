//! Two engines with parts of one bound: whatever orders, fills, raisings and lowerings do, in whatever order they are
//! delivered, the worst case over both never passes the bound that is in force in the store.
//!
//! Method: the store holds the bound and its parts, which add up to it after every step. A raising is written first and
//! delivered later; of a lowering only the target is written, each engine is given the smaller of part and target, and its
//! part and the bound move down together once the engine says that it is inside. Deliveries wait as long as they like and
//! may be repeated. The worst case is added up from the orders and fills themselves, not from the trees' counters.

mod common;

use common::*;
use records::{Allocation, Enforcement, LimitSet, Metric, MoneyNanos, Side};
use risk::{Binding, Hold, Outcome};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A bound as the store has it.
struct Stored {
    limit: u32,
    side: Side,
    bound: i64,
    parts: [i64; 2],
    /// What a lowering under way wants each part to be.
    target: Option<[i64; 2]>,
    revision: u64,
}

struct Engine {
    firm: Firm,
    binding: Binding,
    /// Orders with the lots that they may still trade.
    orders: Vec<(Hold, i64)>,
    position: i64,
}

impl Engine {
    fn new(holder: u32) -> Self {
        let mut firm = Firm::new();
        firm.tree.set_holder(holder);
        for (id, metric) in [(90, Metric::PositionLong), (91, Metric::PositionShort)] {
            firm.set(LimitSet { enforcement: Enforcement::Global.code(), ..limit(id, FIRM, metric, 1_000_000) });
        }
        let binding = firm.bind(1, 1);
        Self { firm, binding, orders: Vec::new(), position: 0 }
    }

    /// The worst case of a side, from the orders themselves.
    fn worst(&self, side: Side) -> i64 {
        let open: i64 = self.orders.iter().filter(|(hold, _)| hold.side() == side).map(|(_, lots)| lots).sum();
        side.sign() * self.position + open
    }

    fn trade(&mut self, random: &mut Random) -> bool {
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let at = random.below(self.orders.len().max(1) as u64) as usize;
        match (random.below(3), self.orders.get_mut(at)) {
            (1, Some((hold, open))) => {
                let lots = 1 + random.below(*open as u64) as i64;
                assert_eq!(self.firm.tree.on_fill(hold, lots, price(100)), 0);
                self.position += hold.side().sign() * lots;
                *open -= lots;
                if *open == 0 {
                    self.firm.tree.on_closed(hold, 0);
                    self.orders.swap_remove(at);
                }
                true
            }
            (2, Some((hold, _))) => {
                self.firm.tree.on_closed(hold, 0);
                self.orders.swap_remove(at);
                true
            }
            _ => {
                let lots = 1 + random.below(12) as i64;
                let held = self.firm.send(self.binding, side, lots);
                let passed = held.is_ok();
                self.orders.extend(held.ok().map(|hold| (hold, lots)));
                passed
            }
        }
    }

    fn take(&mut self, record: &Allocation) -> Outcome {
        self.firm.tree.apply_allocation(record)
    }

    fn is_inside(&self, limit: u32) -> bool {
        let usage = self.firm.tree.usage(self.firm.tree.limit_place(limit).unwrap()).unwrap();
        usage.free() >= 0
    }
}

struct World {
    random: Random,
    stored: [Stored; 2],
    engines: [Engine; 2],
    refused: usize,
    lowered: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let stored = |limit, side| Stored { limit, side, bound: 60, parts: [40, 20], target: None, revision: 1 };
        Self {
            random: Random(seed),
            stored: [stored(90, Side::Buy), stored(91, Side::Sell)],
            engines: [Engine::new(1), Engine::new(2)],
            refused: 0,
            lowered: 0,
        }
    }

    /// The agent of an engine hands over what the store has now, for the `again`th time.
    fn deliver(&mut self, at: usize, engine: usize) {
        let stored = &self.stored[at];
        let part = stored.target.map_or(stored.parts[engine], |target| target[engine].min(stored.parts[engine]));
        let part = MoneyNanos::new(part.into());
        let record = Allocation {
            limit: stored.limit,
            holder: engine as u32 + 1,
            upper: part,
            lower: part,
            revision: stored.revision,
            ..Allocation::new()
        };
        assert!(matches!(self.engines[engine].take(&record), Outcome::Applied | Outcome::Older));
        let foreign = Allocation { holder: 2 - engine as u32, revision: stored.revision + 1, ..record };
        assert!(matches!(self.engines[engine].take(&foreign), Outcome::Refused(_)));
        let Some(target) = stored.target else { return };
        if self.engines[engine].is_inside(stored.limit) {
            // Reported, and taken down in the store with the bound; the part in force stays what it is.
            let stored = &mut self.stored[at];
            stored.bound -= (stored.parts[engine] - target[engine]).max(0);
            stored.parts[engine] = stored.parts[engine].min(target[engine]);
            if stored.parts == target {
                stored.target = None;
                self.lowered += 1;
            }
        }
    }

    fn step(&mut self) {
        let (at, engine) = (self.random.below(2) as usize, self.random.below(2) as usize);
        match self.random.below(20) {
            0 if self.stored[at].target.is_none() => {
                let more = 1 + self.random.below(20) as i64;
                let stored = &mut self.stored[at];
                stored.parts[engine] += more; // Bound and part in one transaction, then the delivery.
                stored.bound += more;
                stored.revision += 1;
            }
            1 if self.stored[at].target.is_none() => {
                // Never so far that long and short bounds exclude each other.
                let most = 1 + (self.stored[at].bound / 3).max(0) as u64;
                let down = [self.random.below(most) as i64, self.random.below(most) as i64];
                let stored = &mut self.stored[at];
                stored.target = Some([stored.parts[0] - down[0], stored.parts[1] - down[1]]); // Below zero, too.
                stored.revision += 1;
            }
            2..=5 => self.deliver(at, engine),
            _ => {
                let passed = self.engines[engine].trade(&mut self.random);
                self.refused += usize::from(!passed);
            }
        }
    }

    fn check(&self, seed: u64) {
        for stored in &self.stored {
            assert_eq!(stored.parts.iter().sum::<i64>(), stored.bound, "seed {seed}: the parts add up");
            let worst: i64 = self.engines.iter().map(|engine| engine.worst(stored.side)).sum();
            assert!(worst <= stored.bound, "seed {seed}: {:?} {worst} beyond {}", stored.side, stored.bound);
        }
    }
}

#[test]
fn no_order_takes_both_engines_past_the_bound_in_force() {
    let mut lowered = 0;
    for seed in 1..=60 {
        let mut world = World::new(seed);
        for _ in 0..3_000 {
            world.step();
            world.check(seed);
        }
        assert!(world.refused > 100, "seed {seed}: {}", world.refused);
        lowered += world.lowered;
    }
    assert!(lowered > 600, "{lowered} lowerings came to their end"); // Some wait for a position that nobody closes.
}
