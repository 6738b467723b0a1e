//! Failures that others had with order sessions, over the whole loop, each by its name in the list of failures.

use records::*;
use sim::Faults;
use tiles::Storage;

use crate::flow::Desk;
use crate::strategy::Step;
use crate::world::{MILLISECOND, OUR_SESSION, Setup, World};

const PRICE: i64 = 585 * NANOS;
const TICK: i64 = NANOS / 100;

fn setup(seed: u64) -> Setup {
    Setup { run_ns: 60 * MILLISECOND, ..Setup::new(seed) }
}

/// A day order and one that names its own end, both live.
fn two_orders(world: &mut World) {
    world.script(Step::New(Side::Buy, PRICE, 30, TimeInForce::Day));
    world.script(Step::New(Side::Buy, PRICE - TICK, 40, TimeInForce::GoodTillTime));
    world.run(3 * MILLISECOND);
    assert_eq!((world.live(), world.held()), (vec![PRICE - TICK, PRICE], (70, 0)));
}

/// What our session asked the exchange, in order: letters for connect, disconnect, query, enter, replace, cancel.
fn asked(world: &mut World) -> String {
    let (tile, id) = world.venue(1).exchange.take().expect("an exchange runs");
    world.sim.kill(id);
    drop(tile);
    let disk = world.sim.disk("exchange1");
    let mut reader = journal::Reader::from_storage(&disk, world.setup.segment_bytes).unwrap();
    let mut letters = String::new();
    while let Some((_, record)) = reader.next().unwrap() {
        let header: Header = read_from(record).unwrap();
        if header.source != OUR_SESSION {
            continue;
        }
        letters.push(match parse(record) {
            Ok(RecordRef::ExchangeControl(control)) => match ExchangeAction::from_code(control.action) {
                Some(ExchangeAction::Connect) => 'c',
                Some(ExchangeAction::Disconnect) => 'd',
                Some(ExchangeAction::Query) => 'q',
                _ => continue,
            },
            Ok(RecordRef::ExchangeRequest(request)) => match request.what {
                b'A' | b'H' => 'q',
                b'F' | b'q' => 'C',
                _ => continue,
            },
            Ok(RecordRef::ExchangeEnter(_)) => 'E',
            Ok(RecordRef::ExchangeReplace(_)) => 'R',
            Ok(RecordRef::ExchangeCancel(_)) => 'C',
            _ => continue,
        });
    }
    letters
}

#[test]
pub fn v1_cancel_on_disconnect_by_venue_table() {
    let table: [(&str, &[i64]); 3] = [("none", &[PRICE - TICK, PRICE]), ("all", &[]), ("day_orders", &[PRICE - TICK])];
    for (seed, (word, survivors)) in (1..).zip(table) {
        let (mut world, _) = World::scripted(Setup { cancel_on_disconnect: word, ..setup(seed) });
        two_orders(&mut world);
        world.sim.net.cut_streams();
        // As soon as it can, the strategy sends the next.
        for _ in 0..12 {
            world.script(Step::New(Side::Buy, PRICE - 2 * TICK, 1, TimeInForce::Day));
            world.run(MILLISECOND / 2);
            let down = world.counter("gateway1.gateway.state") == 2;
            assert!(
                !down || world.held() == (70, 2),
                "{word}: whatever is promised, both are held while nobody can say"
            );
        }
        world.run(3 * MILLISECOND);
        let old: Vec<i64> = world.live().into_iter().filter(|price| *price != PRICE - 2 * TICK).collect();
        assert_eq!(old, survivors, "{word}: what the venue says");
        assert!(world.live().len() > survivors.len(), "{word}: it goes on");
        world.finish();
        world.check_at_rest();
        let told = CancelOnDisconnect::code_of_word(word).unwrap();
        assert_eq!(world.breaks(), [""; 0], "{word}");
        let promises = world
            .inputs(|record| matches!(record, RecordRef::Session(session) if session.cancel_on_disconnect == told));
        assert!(promises >= 3, "{word}: each state of the session is told with the promise");
    }
}

#[test]
pub fn v1_a_promise_that_the_venue_does_not_keep_ends_no_order() {
    let (mut world, _) = World::scripted(Setup { promised: Some("all"), ..setup(4) });
    two_orders(&mut world);
    world.sim.net.cut_streams();
    world.run(10 * MILLISECOND);
    assert_eq!((world.live(), world.held()), (vec![PRICE - TICK, PRICE], (70, 0)));
    world.finish();
    world.check_at_rest();
    assert_eq!(world.breaks(), [""; 0]);
}

#[test]
pub fn v1_after_every_login_the_status_is_asked_before_the_first_order() {
    for seed in 5..=12 {
        let (mut world, _) = World::scripted(setup(seed));
        for _ in 0..4 {
            for _ in 0..16 {
                world.script(Step::New(Side::Buy, PRICE, 1, TimeInForce::ImmediateOrCancel));
                world.run(MILLISECOND / 3);
            }
            world.sim.net.cut_streams();
        }
        world.finish();
        let said = asked(&mut world);
        // A login that only learns where the venue stands, a login, the query, orders.
        let mut may_order = false;
        for letter in said.chars() {
            match letter {
                'c' | 'd' => may_order = false,
                'q' => may_order = true,
                _ => assert!(may_order, "seed {seed}: {said}"),
            }
        }
        assert!(said.matches("qE").count() >= 4, "seed {seed}: {said}");
    }
}

/// Six orders were sent when the network went away; the venue has them all (hummingbot 8457, 3374).
#[test]
pub fn h1_orders_whose_answers_are_lost_use_their_limit_until_the_venue_answers() {
    let gone = Faults { tcp_delay_ns: (u64::MAX / 4, u64::MAX / 4), ..Faults::NONE };
    let (mut world, desk) = World::scripted(Setup { run_ns: 200_000 * MILLISECOND, ..setup(21) });
    let room = |world: &World| world.with_engine(|engine| engine.limits().headroom(risk::Binding(1)).0);
    for number in 0..6 {
        world.script(Step::New(Side::Buy, PRICE - number * TICK, 300, TimeInForce::Day));
    }
    while world.counter("gateway1.gateway.sent") < 6 {
        world.sim.step();
    }
    // What left arrives; nothing that is said from now on does, and no connection can be made.
    world.sim.net.set_faults(gone);
    for second in 0..60 {
        world.run(1_000 * MILLISECOND);
        let (held, unknown) = world.held();
        assert_eq!((held, room(&world)), (1_800, 200), "second {second}");
        // The gateway's patience with a silent venue is fifteen seconds.
        assert!((13..17).contains(&second) || unknown == if second < 15 { 0 } else { 6 }, "second {second}: {unknown}");
    }
    assert_eq!(world.live().len(), 6);
    world.sim.net.set_faults(Faults::NONE);
    world.run(10_000 * MILLISECOND);
    assert_eq!((world.live().len(), world.held(), room(&world)), (6, (1_800, 0), 200), "all six are live");
    // And "dead" orders fill.
    desk.hit(Side::Sell, PRICE - 5 * TICK, 1_000);
    world.run(10 * MILLISECOND);
    let position =
        |world: &World| world.with_engine(|engine| engine.positions().iter().map(|cell| cell.lots).sum::<i64>());
    assert_eq!((position(&world), world.held(), room(&world)), (1_000, (800, 0), 200));
    for number in 0..6 {
        world.script(Step::Cancel(PRICE - number * TICK));
    }
    world.run(10 * MILLISECOND);
    assert_eq!((world.held(), room(&world)), ((0, 0), 1_000));
    assert_eq!(world.check_at_rest().fills, 4);
    assert_eq!(world.breaks(), [""; 0]);
}

/// The map of ids is gone with its disk: what the venue says of our orders still finds them (ibx 322).
#[test]
pub fn v3_a_gateway_that_lost_its_map_finds_orders_and_fills_by_the_ids_in_their_texts() {
    for seed in 31..=36 {
        let mut world = World::new(Setup { run_ns: 120 * MILLISECOND, ..Setup::new(seed) });
        for _ in 0..2 {
            world.run(40 * MILLISECOND);
            world.kill_gateway(1);
            let disk = world.sim.disk("gateway1");
            disk.list().unwrap().iter().for_each(|name| disk.remove(name).unwrap());
            // Fills happen meanwhile.
            world.run(10 * MILLISECOND);
            world.start_gateway(1);
        }
        world.run_to_rest();
        let checked = world.check_at_rest();
        assert!(checked.fills > 5, "seed {seed}: {checked:?}");
        assert!(world.counter("gateway1.gateway.orders_adopted") > 10, "seed {seed}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
}

/// The engine's memory is gone as well: positions come back from the venue's word, and each is a break that someone sees.
#[test]
pub fn v3_an_engine_that_lost_everything_adopts_orders_and_fills_as_breaks() {
    let (mut world, desk) = World::scripted(setup(37));
    for (price, lots) in [(PRICE, 700), (PRICE - TICK, 500)] {
        world.script(Step::New(Side::Buy, price, lots, TimeInForce::Day));
    }
    world.run(3 * MILLISECOND);
    desk.hit(Side::Sell, PRICE, 12);
    world.run(2 * MILLISECOND);
    world.kill_gateway(1);
    let (tile, id) = world.engine.take().expect("an engine runs");
    world.sim.kill(id);
    drop(tile);
    for name in ["engine", "gateway1"] {
        let disk = world.sim.disk(name);
        disk.list().unwrap().iter().for_each(|name| disk.remove(name).unwrap());
    }
    world.begin_engine_anew();
    world.start_gateway(1);
    world.run(10 * MILLISECOND);
    let (position, breaks) = world.with_engine(|engine| {
        (engine.positions().iter().map(|cell| cell.lots).sum::<i64>(), engine.statistics().breaks)
    });
    assert_eq!((position, world.held()), (12, (1_188, 0)), "as the venue has it");
    assert_eq!(breaks, 2, "both orders are told as unknown to us");
    let room = world.with_engine(|engine| engine.limits().headroom(risk::Binding(1)).0);
    assert_eq!(room, 2_000 - 1_200, "the firm's limit knows of them");
}

#[test]
pub fn v4_a_bust_is_booked_once_however_often_it_is_told() {
    // The exchange counts its trades from one: the first was that of 30.
    a_change_is_booked_once(|desk| desk.bust(1), 0);
}

#[test]
pub fn v4_a_correction_is_booked_once_however_often_it_is_told() {
    a_change_is_booked_once(|desk| desk.correct(1, PRICE - 3 * TICK, 22), 22);
}

/// The trade of 30 lots becomes one of `left`.
fn a_change_is_booked_once(change: fn(&Desk), left: i64) {
    for (seed, lost) in (41..).zip(["nothing", "session", "gateway", "engine"]) {
        let (mut world, desk) = World::scripted(setup(seed));
        two_orders(&mut world);
        desk.hit(Side::Sell, PRICE - TICK, 50);
        world.run(2 * MILLISECOND);
        let state = |world: &World| {
            world.with_engine(|engine| {
                let position: i64 = engine.positions().iter().map(|cell| cell.lots).sum();
                (position, engine.limits().account_position(risk::Binding(1)), engine.statistics().breaks)
            })
        };
        assert_eq!((state(&world), world.held()), ((50, 50, 0), (20, 0)), "{lost}");
        match lost {
            "session" => world.sim.net.cut_streams(),
            "gateway" => world.kill_gateway(1),
            "engine" => {
                let (tile, id) = world.engine.take().expect("an engine runs");
                world.sim.kill(id);
                drop(tile);
            }
            _ => {}
        }
        change(&desk);
        world.run(MILLISECOND / 2);
        match lost {
            "gateway" => world.start_gateway(1),
            "engine" => world.start_engine(),
            _ => {}
        }
        world.run(10 * MILLISECOND);
        let changed = ((20 + left, 20 + left, 1), (20, 0));
        assert_eq!((state(&world), world.held()), changed, "{lost}: taken back, told once");
        // The day is replayed once more.
        world.kill_gateway(1);
        world.start_gateway(1);
        world.run(10 * MILLISECOND);
        assert_eq!((state(&world), world.held()), changed, "{lost}: and not again");
        world.finish();
        let checked = world.check_at_rest();
        assert_eq!(checked.position, 20 + left, "{lost}: exchange, engine and drop copy");
        let told = world.breaks();
        assert!(told.len() == 1 && told[0].contains("kind: 7"), "{lost}: {told:?}");
    }
}

/// The seed decides who is first.
#[test]
pub fn v5_cancels_and_replaces_that_cross_fills_count_each_fill_once() {
    let (mut canceled, mut filled, mut child_filled) = (0, 0, 0);
    for seed in 51..=90 {
        let (mut world, desk) = World::scripted(setup(seed));
        two_orders(&mut world);
        let (first, second) = if seed % 2 == 0 { (true, false) } else { (false, true) };
        for (price, replaced) in [(PRICE, first), (PRICE - TICK, second)] {
            world.script(if replaced { Step::Replace(price, price + 3 * TICK, 60) } else { Step::Cancel(price) });
        }
        // The strategy's timer is a millisecond away at most: the fill meets the command on its way.
        let wait_ns = (seed * 37 % 50) * MILLISECOND / 40;
        world.run(wait_ns);
        desk.hit(Side::Sell, PRICE - TICK, 65);
        world.run(3 * MILLISECOND);
        desk.hit(Side::Sell, PRICE - TICK, 20);
        world.run(3 * MILLISECOND);
        let checked = {
            world.finish();
            world.check_at_rest()
        };
        match checked.position {
            85.. => child_filled += 1,
            65..=84 => filled += 1,
            _ => canceled += 1,
        }
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
    let all = [canceled, filled, child_filled];
    assert!(all.iter().filter(|count| **count > 0).count() >= 2, "{all:?}: both orders of events were met");
}

/// Disconnects in the midst of cancel-replaces change no position (nautilus 4230, 4288).
#[test]
pub fn r7_disconnects_amid_replaces_leave_no_phantom() {
    for seed in 91..=98 {
        let (mut world, desk) = World::scripted(setup(seed));
        two_orders(&mut world);
        for round in 0..6 {
            world.script(Step::Replace(PRICE + round * TICK, PRICE + (round + 1) * TICK, 60 + round));
            world.run((seed + round as u64) % 4 * MILLISECOND / 3);
            world.sim.net.break_streams();
            desk.hit(Side::Sell, PRICE + round * TICK, 2);
            world.run(6 * MILLISECOND);
        }
        world.finish();
        let checked = world.check_at_rest();
        assert!(checked.position > 0, "seed {seed}: {checked:?}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}
