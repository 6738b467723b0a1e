//! Two engines of one shard: the one that follows has its leader's state, and takes its place with nothing lost and nothing twice.

#[path = "support/outside.rs"]
mod outside;
#[path = "support/quoter.rs"]
mod quoter;
mod support;
#[path = "support/two.rs"]
mod two;

use engine::{EventRef, Host, NoOutbox, replay_reader};
use journal::{MemoryStorage, Reader};
use links::{Offer, Publication};
use quoter::Quoter;
use records::*;
use support::Rng;
use tiles::Storage;
use two::{SILENCE_NS, STEP_NS, World};

#[test]
fn a_standby_folds_what_its_leader_folds_and_says_nothing() {
    let mut world = World::new(false, 4096);
    world.open();
    let mut random = Rng(7);
    for _ in 0..3_000 {
        world.touch(1 + random.below(30) as i64);
        (0..random.below(4)).for_each(|_| world.both());
    }
    world.a_while();
    let [leader, standby] = world.states();
    assert_eq!(leader, standby);
    assert!(leader.0 > 6_000 && !world.seen::<NewOrder>(0).is_empty());
    assert!(world.engines[1].commands.borrow().is_empty(), "it follows");
    assert!(world.counter(1, "hashes_compared") > 3);
    let pair = ["partner", "role"].map(|name| [0, 1].map(|which| world.counter(which, name)));
    assert_eq!(pair, [[2, 2], [1, 0]]);
    assert_eq!(world.counter(0, "partner_acked"), leader.0);
    let mut reader = Reader::from_segments(world.engines[1].storage.segments()).unwrap();
    let replay = replay_reader(&mut reader, None, Box::new(Quoter), &mut NoOutbox, &mut |_, _| {}).unwrap();
    assert_eq!(replay.state_hash, leader.1, "its journal is its leader's");
}

#[test]
fn at_durability_standby_an_order_waits_for_the_acknowledgement_and_a_cancel_does_not() {
    let mut world = World::new(true, 4096);
    world.open();
    world.a_while();
    world.touch(15);
    world.now_ns += STEP_NS;
    world.work(0);
    assert_eq!((world.seen::<NewOrder>(0).len(), world.tile(0).engine().live_orders().count()), (0, 1));
    world.work(1);
    world.work(0);
    world.work(0);
    let sent = world.seen::<NewOrder>(0);
    assert_eq!(sent.len(), 1);
    let mut event = support::event_of(sent[0].owner.order_id, OrderEventKind::Accepted);
    (event.owner, event.lots, event.leaves_lots) = (sent[0].owner, sent[0].lots, sent[0].lots);
    (event.price_nanos, event.venue_order_ref) = (sent[0].price_nanos, sent[0].owner.order_id);
    world.offer(bytes_of(&event));
    world.both();
    // The standby stands still: orders wait, then are given back; cancels leave at once.
    world.touch(16);
    world.now_ns += STEP_NS;
    world.work(0);
    world.touch(10);
    world.now_ns += STEP_NS;
    world.work(0);
    assert_eq!((world.seen::<NewOrder>(0).len(), world.seen::<CancelOrder>(0).len()), (1, 1));
    world.now_ns += 2 * SILENCE_NS;
    world.work(0);
    world.work(0);
    assert_eq!((world.counter(0, "partner"), world.counter(0, "commands_returned")), (0, 1));
    world.touch(17);
    world.now_ns += STEP_NS;
    world.work(0);
    world.work(0);
    assert_eq!((world.seen::<NewOrder>(0).len(), world.counter(0, "commands_returned")), (1, 2), "it is away");
    // It goes on: so does trading.
    world.a_while();
    world.touch(18);
    world.a_while();
    assert_eq!((world.counter(0, "partner"), world.seen::<NewOrder>(0).len()), (2, 2));
    // It dies, and whoever may says that nobody takes it for whole.
    world.engines[1].tile = None;
    world.a_while();
    world.lead(0, 1);
    world.both();
    world.touch(19);
    world.both();
    world.both();
    assert_eq!((world.counter(0, "alone"), world.seen::<NewOrder>(0).len()), (1, 3));
    world.start(1, 0, Box::new(Quoter));
    world.a_while();
    assert_eq!((world.counter(0, "alone"), world.counter(0, "partner")), (0, 2), "it is waited for again");
    let [leader, standby] = world.states();
    assert_eq!(leader, standby);
}

#[test]
fn a_leader_that_makes_way_takes_nothing_more_and_its_standby_goes_on_where_it_stopped() {
    let mut buffered = 0;
    for seed in 0..200 {
        let mut random = Rng(seed);
        let mut world = World::new(seed % 2 == 0, 4096);
        world.open();
        world.a_while();
        let mut steps = 20 + random.below(200);
        while world.counter(0, "ceded") == 0 {
            steps = steps.saturating_sub(1);
            if steps == 1 {
                world.cede(0, 1);
            }
            world.trade(&mut random);
        }
        let [leader, standby] = world.states();
        assert_eq!(leader, standby, "seed {seed}");
        world.answer(0);
        world.touch(1 + random.below(30) as i64);
        (0..random.below(5)).for_each(|_| world.both());
        assert_eq!(world.states()[0], leader, "seed {seed}: it takes nothing");
        world.engines[0].tile = None;
        world.lead(1, 2);
        world.both();
        assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (1, 0), "seed {seed}");
        world.give_place(1);
        world.both();
        let taken = world.journaled(1);
        assert!(taken.values().all(|count| *count == 1), "seed {seed}: an input was taken twice");
        assert_eq!(taken.len() as u64, world.reference + 1, "seed {seed}: an input was lost");
        buffered += taken.len() - world.journaled(0).len();
        let knows = |order: NewOrder| world.tile(1).engine().order(order.owner.order_id).is_some();
        assert!(world.seen::<NewOrder>(0).into_iter().all(knows), "seed {seed}: an order is forgotten");
        // Its own epoch's way back: the other one follows, and makes way in its turn.
        world.engines[0].storage = MemoryStorage::new();
        world.start(0, 0, Box::new(Quoter));
        world.keep_history();
        world.a_while();
        world.cede(1, 2);
        world.a_while();
        assert_eq!(world.counter(1, "ceded"), 1, "seed {seed}");
        assert_eq!(world.states()[0], world.states()[1], "seed {seed}");
    }
    assert!(buffered > 200, "{buffered} inputs came meanwhile");
}

#[test]
fn a_leader_makes_way_for_a_standby_that_could_lead_alone_and_goes_on_if_it_does_not() {
    let mut world = World::new(true, 4096);
    world.cede(0, 1);
    world.now_ns += STEP_NS;
    world.work(0);
    assert_eq!(world.counter(0, "cedes"), 0, "its standby is not in step");
    world.open();
    world.a_while();
    world.cede(0, 7);
    let mut other_shard = Cede::new();
    (other_shard.shard, other_shard.epoch) = (2, 1);
    world.lead[0].producer().offer(bytes_of(&other_shard));
    world.both();
    assert_eq!(world.counter(0, "cedes"), 0, "another epoch, another shard");
    let goes_on = |world: &mut World, why: &str| {
        let before = world.tile(0).engine().input();
        world.touch(15);
        world.both();
        assert_eq!((world.counter(0, "cedes"), world.tile(0).engine().input() > before), (0, true), "{why}");
    };
    let cedes = |world: &mut World| {
        world.cede(0, 1);
        world.both();
        assert_eq!(world.counter(0, "cedes"), 1);
    };
    cedes(&mut world);
    (0..9_000).for_each(|_| world.pause());
    assert_eq!(world.counter(0, "cedes"), 1, "0.9 s");
    world.cede(0, 1);
    (0..1_010).for_each(|_| world.pause());
    goes_on(&mut world, "nothing came of it within a second");
    cedes(&mut world);
    world.lead(0, 1);
    world.both();
    goes_on(&mut world, "it is told to lead on");
    cedes(&mut world);
    for _ in 0..=SILENCE_NS / STEP_NS {
        world.now_ns += STEP_NS;
        world.work(0);
    }
    world.now_ns += STEP_NS;
    world.work(0);
    goes_on(&mut world, "its standby stands still");
}

#[test]
fn a_standby_does_not_follow_a_leader_of_a_newer_release_and_does_not_lead() {
    let mut world = World::new(true, 4096);
    world.open();
    world.a_while();
    assert_eq!([0, 1].map(|which| world.counter(which, "partner")), [2, 2]);
    // Another build has taken the leader's place, with records that this one does not know.
    world.engines[0].tile = None;
    let input = world.tile(1).engine().input();
    let mut mark = LeaderMark::new();
    (mark.shard, mark.epoch, mark.schema, mark.time_ns) = (1, 1, SCHEMA + 1, world.now_ns);
    (mark.input, mark.sends_from, mark.first_input) = (input + 1, 1, 1);
    let mut frame = InputFrame::new();
    (frame.input, frame.time_ns) = (input + 1, world.now_ns);
    let message = [bytes_of(&frame), bytes_of(&Timer::new())].concat();
    for record in [bytes_of(&mark), &message] {
        assert_eq!(world.between[0].producer().offer(record), Offer::Sent);
    }
    world.both();
    assert_eq!((world.counter(1, "unfit"), world.counter(1, "partner")), (5, 1), "told, and not in step");
    assert_eq!(world.tile(1).engine().input(), input, "it takes nothing of it");
    // One of its own release is back: that is over.
    mark.schema = SCHEMA;
    assert_eq!(world.between[0].producer().offer(bytes_of(&mark)), Offer::Sent);
    world.both();
    assert_eq!(world.counter(1, "unfit"), 0);
    mark.schema += 1;
    assert_eq!(world.between[0].producer().offer(bytes_of(&mark)), Offer::Sent);
    world.both();
    world.lead(1, 2);
    world.both();
    assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (0, 5));
}

#[test]
fn a2_a_standby_that_is_told_to_lead_knows_every_order_that_a_venue_saw_and_takes_each_input_once() {
    let mut takeovers_with_orders = 0;
    for seed in 0..200 {
        let mut random = Rng(seed);
        let mut world = World::new(true, 4096);
        world.open();
        world.a_while();
        for _ in 0..20 + random.below(200) {
            world.trade(&mut random);
        }
        world.answer(0);
        let positions = world.tile(0).engine().input();
        world.engines[0].tile = None;
        for _ in 0..random.below(3) {
            world.touch(1 + random.below(30) as i64);
        }
        (0..40).for_each(|_| world.both());
        world.lead(1, 2);
        world.both();
        assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (1, 0), "seed {seed}");
        world.give_place(1);
        let standby = world.tile(1).engine();
        assert_eq!(standby.identity().epoch, 2);
        for order in world.seen::<NewOrder>(0) {
            let known = standby.order(order.owner.order_id);
            assert!(known.is_some(), "seed {seed}: order {:x} of {positions} inputs", order.owner.order_id);
        }
        takeovers_with_orders += usize::from(!world.seen::<NewOrder>(0).is_empty());
        let taken = world.journaled(1);
        assert!(taken.values().all(|count| *count == 1), "seed {seed}: an input was taken twice");
        assert_eq!(taken.len() as u64, world.reference + 1, "seed {seed}: an input was lost");
        // Not before its gateway obeys it: what was said to the one before is no word on that.
        for epoch in [1, 2] {
            world.session_is_up(epoch);
            for lots in [15, 25, 15] {
                world.touch(lots);
                world.both();
                world.both();
                world.answer(1);
                world.both();
            }
            let sent = world.seen::<NewOrder>(1);
            assert_eq!(
                (sent.is_empty(), world.tile(1).engine().standing().unobeyed),
                (epoch == 1, epoch == 1),
                "seed {seed}"
            );
            assert!(sent.iter().all(|order| order.owner.epoch == 2));
        }
        // The one that led comes back with nothing, and follows.
        world.engines[0].storage = MemoryStorage::new();
        world.start(0, 0, Box::new(Quoter));
        world.a_while();
        let states = world.states();
        assert_eq!(states[0], states[1], "seed {seed}");
        assert_eq!((world.counter(1, "partner"), world.counter(1, "alone")), (2, 0));
    }
    assert!(takeovers_with_orders > 150, "{takeovers_with_orders}");
}

#[test]
fn at_process_a_standby_reads_what_was_never_sent_from_the_journal_that_a_dead_leader_left() {
    let mut behind = 0;
    for seed in 0..50 {
        let mut random = Rng(seed);
        let mut world = World::new(false, 4096);
        world.keep_history();
        world.open();
        world.a_while();
        for _ in 0..200 {
            world.touch(1 + random.below(30) as i64);
            world.now_ns += STEP_NS;
            world.work(0);
            world.answer(0);
            if random.below(16) == 0 {
                world.work(1);
            }
        }
        let led = world.tile(0).engine().input();
        behind += usize::from(world.tile(1).engine().input() < led);
        world.engines[0].tile = None;
        world.lead(1, 2);
        world.both();
        assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (1, 0), "seed {seed}");
        let standby = world.tile(1).engine();
        assert!(world.seen::<NewOrder>(0).iter().all(|order| standby.order(order.owner.order_id).is_some()));
        let taken = world.journaled(1);
        assert_eq!((taken.len() as u64, taken.values().max()), (world.reference + 1, Some(&1)), "seed {seed}");
    }
    assert!(behind > 30, "{behind}");
}

#[test]
fn a_standby_that_was_away_asks_for_what_it_lacks_and_holds_nobody_back() {
    // Little enough to be in what its leader still has before it; and more, which only the journal has.
    for (touches, history, in_step) in [(200, false, true), (4_000, true, true), (4_000, false, false)] {
        let mut world = World::new(false, 64);
        world.open();
        world.a_while();
        if history {
            world.keep_history();
        }
        for _ in 0..touches {
            world.touch(11);
            world.now_ns += STEP_NS;
            world.work(0);
        }
        (0..10).for_each(|_| world.a_while());
        let states = world.states();
        assert_eq!((states[0] == states[1], world.counter(0, "partner")), (in_step, 1 + u64::from(in_step)));
        if !in_step {
            world.engines[0].tile = None;
            world.lead(1, 2);
            world.both();
            assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (0, 1));
        }
    }
}

#[test]
fn one_whose_links_went_past_what_its_leader_is_known_to_have_read_does_not_lead() {
    let mut world = World::new(false, 64);
    world.open();
    world.a_while();
    for _ in 0..400 {
        world.touch(11);
        world.now_ns += STEP_NS;
        world.work(0);
    }
    world.engines[0].tile = None;
    world.lead(1, 2);
    world.both();
    assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (0, 3));
}

#[test]
fn a1_an_acknowledgement_of_another_epoch_frees_nothing() {
    let mut world = World::new(true, 4096);
    world.engines.iter_mut().for_each(|engine| engine.tile = None);
    world.engines[0].storage = MemoryStorage::new();
    world.start(0, 3, Box::new(Quoter));
    let mut standby = world.between[1].producer();
    let mut says = |world: &mut World, epoch: u16, shard: u16| {
        let mut word = StandbyWord::new();
        (word.epoch, word.shard, word.state) = (epoch, shard, STANDBY_IN_STEP);
        word.input = world.tile(0).engine().input();
        assert_eq!(standby.offer(bytes_of(&word)), Offer::Sent);
        world.both();
        world.both();
    };
    world.open();
    says(&mut world, 3, 1);
    world.touch(15);
    world.both();
    // Of the life before, of a later one that this engine knows nothing of, of another shard.
    for (epoch, shard) in [(2, 1), (0, 1), (4, 1), (3, 2)] {
        says(&mut world, epoch, shard);
        assert_eq!(world.seen::<NewOrder>(0).len(), 0, "epoch {epoch} of shard {shard}");
    }
    says(&mut world, 3, 1);
    assert_eq!(world.seen::<NewOrder>(0).len(), 1);
}

/// Does what [`Quoter`] does, a lot more at the hundredth call.
struct Miscounting(Quoter, u64);

impl Host for Miscounting {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        self.0.load(slot)
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.0.set_parameter(parameter)
    }

    fn reset(&mut self, slot: u8) {
        self.0.reset(slot);
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let status = self.0.call(slot, callback, event, orders);
        self.1 += 1;
        orders.intents[0].lots += i64::from(self.1 == 100);
        status
    }
}

#[test]
fn a3_one_that_folds_to_another_state_is_told_and_never_leads() {
    let mut world = World::new(true, 4096);
    world.engines[1].tile = None;
    world.start(1, 0, Box::new(Miscounting(Quoter, 0)));
    world.open();
    world.a_while();
    for _ in 0..300 {
        world.touch(15);
        world.both();
        world.answer(0);
        world.both();
    }
    world.a_while();
    assert_eq!([0, 1].map(|which| world.counter(which, "partner")), [3, 3]);
    let before = world.seen::<NewOrder>(0).len();
    world.touch(16);
    world.a_while();
    assert_eq!(world.seen::<NewOrder>(0).len(), before, "nobody acknowledges");
    world.engines[0].tile = None;
    world.lead(1, 2);
    world.both();
    assert_eq!((world.counter(1, "role"), world.counter(1, "unfit")), (0, 2));
}

#[test]
fn a_leader_that_stood_still_learns_that_another_leads_and_what_it_alone_has_is_not_followed() {
    let mut world = World::new(false, 4096);
    world.open();
    world.a_while();
    assert_eq!(world.counter(1, "suspects"), 0);
    world.now_ns += 2 * SILENCE_NS;
    world.work(1);
    assert_eq!(world.counter(1, "suspects"), 1);
    world.lead(1, 2);
    world.work(1);
    assert_eq!(world.counter(1, "role"), 1);
    world.give_place(1);
    // It goes on, and journals what the other one has not.
    world.touch(15);
    world.both();
    world.a_while();
    assert_eq!((world.counter(0, "superseded"), world.counter(0, "role")), (1, 1));
    assert_eq!(world.counter(1, "superseded"), 0);
    world.engines[0].tile = None;
    world.start(0, 0, Box::new(Quoter));
    world.a_while();
    assert_eq!([0, 1].map(|which| world.counter(which, "partner")), [3, 3], "its journal went on by itself");
    world.engines[0].tile = None;
    world.engines[0].storage = MemoryStorage::new();
    world.start(0, 0, Box::new(Quoter));
    world.keep_history();
    world.a_while();
    let states = world.states();
    assert_eq!(states[0], states[1]);
    // An older epoch is no order to lead.
    world.engines[1].tile = None;
    world.lead(0, 2);
    world.both();
    assert_eq!((world.counter(0, "role"), world.counter(0, "unfit")), (0, 4));
    world.lead(0, 3);
    world.both();
    assert_eq!((world.counter(0, "role"), world.counter(0, "unfit")), (1, 0));
}

/// A quiet market: the leader's cycles are far apart, and what its standby asks for lies behind more of the journal than it looks at
/// before it is asked again.
#[test]
fn a_standby_that_stood_still_is_whole_again_while_its_leader_has_little_to_do() {
    let mut world = World::new(false, 8192);
    world.open();
    world.a_while();
    for lots in 0..400 {
        world.touch(1 + lots % 3);
        world.now_ns += STEP_NS;
        world.work(0);
    }
    world.now_ns += 2 * SILENCE_NS;
    world.work(0);
    assert_eq!(world.counter(0, "partner"), 0, "it is away");
    for _ in 0..60 {
        world.now_ns += 15_000_000;
        world.work(0);
        world.work(1);
    }
    let pair = [0, 1].map(|which| world.counter(which, "partner"));
    assert_eq!(pair, [2, 2]);
    let [leader, standby] = world.states();
    assert!(leader.0 - standby.0 < 4, "{leader:?} {standby:?}");
}

/// Its host was lost before its device had the head of its journal.
#[test]
fn a_standby_whose_journal_has_no_head_asks_for_all() {
    let mut world = World::new(false, 4096);
    world.open();
    world.a_while();
    world.engines[1].tile = None;
    let storage = MemoryStorage::new();
    drop(storage.open(&journal::segment_name(0), 64 << 10).unwrap());
    drop(storage.open(&journal::segment_name(1), 64 << 10).unwrap());
    world.engines[1].storage = storage;
    world.start(1, 0, Box::new(Quoter));
    world.keep_history();
    world.a_while();
    let [leader, standby] = world.states();
    assert_eq!(leader, standby);
    assert_eq!(world.counter(1, "partner"), 2);
}
