//! Two engines of a firm and the line between them: the near one asks, the far one has an executor slot at the other venue.
#![allow(dead_code)] // Each test file uses its part.

use engine::{Engine, NoOutbox};
use records::*;

use crate::support::{self, OTHER_VENUE, SHARE, SLOT, Script, VENUE, World, bootstrap, config, records_of};

pub const NEAR: u16 = 1;
pub const FAR: u16 = 2;
pub const REPEAT_NS: u64 = 5_000;
pub const SILENCE_NS: u64 = 40_000;
pub const AGE_NS_MAX: u64 = 30_000;
/// The strategy node of every slot here.
const STRATEGY: u32 = 3;

/// What fate does to a datagram; chances are per hundred.
#[derive(Clone, Copy, Default)]
pub struct Fate {
    pub lost: u64,
    pub doubled: u64,
    /// The longest way, ns.
    pub delay_ns_max: u64,
}

pub struct Pair {
    pub near: World,
    pub far: World,
    pub now_ns: u64,
    pub cut: bool,
    flying: Vec<(u64, u16, Vec<u8>)>,
    epochs: [u16; 2],
    stormed: u64,
}

/// The first inputs of an engine that asks, or of one with an executor.
pub fn first_inputs(shard: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records_of(&bootstrap(1)) {
        match parse(&record).unwrap() {
            RecordRef::EngineStart(mut start) => {
                start.shard = shard;
                bytes.extend_from_slice(bytes_of(&start));
                bytes.extend_from_slice(bytes_of(&peer(if shard == NEAR { FAR } else { NEAR })));
            }
            RecordRef::Slot(mut slot) if shard == FAR => {
                (slot.origin, slot.serves) = (NEAR, STRATEGY);
                bytes.extend_from_slice(bytes_of(&slot));
            }
            RecordRef::SlotBind(mut bind) if shard == NEAR && bind.header.venue == OTHER_VENUE => {
                bind.executor = FAR as u8;
                bytes.extend_from_slice(bytes_of(&bind));
            }
            _ => bytes.extend_from_slice(&record),
        }
    }
    bytes
}

/// A request of the near engine to reserve a leg, which the far one can.
pub fn request(id: u64, now_ns: u64) -> ExecutorRequest {
    let mut record = ExecutorRequest::new();
    (record.header.venue, record.header.instrument) = (OTHER_VENUE, SHARE);
    (record.multi_leg_id, record.leg, record.strategy) = (id, 1, STRATEGY);
    (record.price_nanos, record.unwind_nanos, record.lots) = (support::PRICE, UNDEF_PRICE, 1);
    (record.until_ns, record.unwind_ns, record.asked_ns) = (now_ns + 1_000_000_000, 1_000_000, now_ns);
    (record.request, record.ask, record.origin, record.shard) = (1, LegAsk::Reserve.code(), NEAR, FAR);
    (record.side, record.time_in_force) = (Side::Buy.code(), TimeInForce::Day.code());
    record
}

pub fn peer(shard: u16) -> Peer {
    let mut record = Peer::new();
    (record.shard, record.repeat_ns, record.silence_ns, record.age_ns_max) = (shard, REPEAT_NS, SILENCE_NS, AGE_NS_MAX);
    record
}

impl Pair {
    pub fn new() -> Self {
        let world = |shard| {
            let mut world = World::of(config(), &first_inputs(shard));
            world.quote_all();
            world
        };
        let (near, far) = (world(NEAR), world(FAR));
        let now_ns = near.now_ns.max(far.now_ns);
        Self { near, far, now_ns, cut: false, flying: Vec::new(), epochs: [1; 2], stormed: 0 }
    }

    /// Requests that the far engine refuses, all at one moment: of a strategy that nobody serves there, or for too much.
    pub fn storm(&mut self, count: u64) {
        self.sync();
        for _ in 0..count {
            self.stormed += 1;
            let mut record = request(1 << 62 | self.stormed, self.now_ns);
            if self.stormed.is_multiple_of(2) {
                record.strategy = STRATEGY + 96;
            } else {
                record.lots = 1 << 40;
            }
            self.far.give_at_once(bytes_of(&record));
        }
        self.far.out.peers.clear(); // Nobody asked for those answers.
    }

    pub fn world(&mut self, shard: u16) -> &mut World {
        if shard == NEAR { &mut self.near } else { &mut self.far }
    }

    /// Both engines' clocks stand at the later of the two.
    pub fn sync(&mut self) {
        self.now_ns = self.now_ns.max(self.near.now_ns).max(self.far.now_ns);
        (self.near.now_ns, self.far.now_ns) = (self.now_ns, self.now_ns);
    }

    /// What was said goes on its way.
    pub fn send(&mut self, fate: Fate, mut chance: impl FnMut(u64) -> u64) {
        self.sync();
        let said: Vec<_> = self.near.out.peers.drain(..).chain(self.far.out.peers.drain(..)).collect();
        for (shard, record) in said {
            if self.cut || chance(100) < fate.lost {
                continue;
            }
            for _ in 0..1 + u64::from(chance(100) < fate.doubled) {
                let due_ns = self.now_ns + chance(fate.delay_ns_max + 1);
                self.flying.push((due_ns, shard, record.clone()));
            }
        }
    }

    /// What has arrived by now is taken.
    pub fn arrive(&mut self) {
        self.sync();
        let (now_ns, mut due) = (self.now_ns, Vec::new());
        self.flying.retain(|one| {
            if one.0 <= now_ns {
                due.push(one.clone());
            }
            one.0 > now_ns
        });
        due.sort_by_key(|one| one.0);
        for (_, shard, record) in due {
            self.world(shard).give_bytes(&record);
        }
        self.sync();
    }

    /// Over a good line: until nobody says anything more.
    pub fn talk(&mut self) {
        while {
            self.send(Fate::default(), |_| 99);
            !self.flying.is_empty()
        } {
            self.now_ns += 100;
            self.arrive();
        }
    }

    pub fn wait(&mut self, time_ns: u64) {
        self.sync();
        self.now_ns += time_ns;
        self.sync();
        self.near.give(&Timer::new());
        self.far.give(&Timer::new());
        self.sync();
    }

    /// An engine dies and comes back from its journal, under the next epoch, its sessions up again.
    pub fn restart(&mut self, shard: u16) {
        let epoch = &mut self.epochs[usize::from(shard) - 1];
        *epoch += 1;
        let epoch = *epoch;
        let world = self.world(shard);
        let script = Script::default();
        script.0.borrow_mut().by_call = world.plans_taken().into_iter().collect();
        let plans = std::mem::take(&mut world.script.0.borrow_mut().plans);
        let mut engine = Engine::new(config(), Box::new(script.clone()));
        for (stamp, record) in &world.inputs {
            engine.apply(*stamp, record, &mut NoOutbox);
        }
        assert_eq!(engine.full_hash(), world.engine.full_hash(), "a replay differs");
        script.0.borrow_mut().plans = plans;
        (world.engine, world.script) = (engine, script);
        world.out.peers.clear(); // What was not on its way died with it.
        let mut start: EngineStart = read_from(&world.inputs[0].1).unwrap();
        start.epoch = epoch;
        world.give(&start);
        for venue in [VENUE, OTHER_VENUE] {
            world.session(venue, SessionState::Up);
        }
        self.sync();
    }

    /// The first leg at the near venue, the second at the far one.
    pub fn ask(&mut self, intents: Vec<OrderIntent>) {
        self.sync();
        self.near.intend(intents);
        self.sync();
    }

    /// New orders that an engine sent so far.
    pub fn orders(&mut self, shard: u16) -> Vec<NewOrder> {
        self.world(shard).commands::<NewOrder>()
    }

    /// What the near engine's slot was told last.
    pub fn told(&self) -> MultiLegView {
        let views = self.near.heard().into_iter().rev();
        let mut views =
            views.filter_map(|one| if let support::Heard::MultiLeg(view) = one { Some(view) } else { None });
        views.next().expect("it was told")
    }

    /// Nothing is open or reserved at either engine.
    pub fn assert_free(&self, about: &str) {
        for (name, world) in [("near", &self.near), ("far", &self.far)] {
            for at in 1..=3 {
                let one = world.engine.limits().exposure(risk::Binding(at));
                let open =
                    (one.open_buy_lots, one.open_sell_lots, one.spare_lots, one.open_orders, one.gross_held_nanos);
                assert_eq!(open, (0, 0, 0, 0, 0), "{about}: something stays reserved {name}");
            }
            assert_eq!(world.engine.live_orders().count(), 0, "{about}: {name}");
        }
    }

    pub fn far_position(&self) -> i64 {
        self.far.position(SHARE)
    }

    /// The executor slot is stopped, or disabled, with its orders.
    pub fn stop_executor(&mut self, run: SlotRun) {
        let mut control = StrategyControl::new();
        (control.slot, control.run, control.cancel) = (SLOT, run.code(), 1);
        self.far.give(&control);
    }
}
