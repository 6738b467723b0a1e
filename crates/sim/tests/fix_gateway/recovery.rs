//! Connections that are lost, gateways that die, venues that die, forget, or do not answer.

use records::OrderEventKind::*;
use records::*;
use sim::{Faults, Random};

use crate::venue::Do;
use crate::world::{CENT, MILLISECOND, PORT, Setup, World, kind};

/// The connection is cut, the venue does something, the session comes back.
fn meanwhile(world: &mut World, act: impl FnOnce(&mut World)) {
    world.sim.net.cut_streams();
    act(world);
    world.run(12);
    assert_eq!(world.states.last(), Some(&SessionState::Up));
}

#[test]
fn what_was_missed_is_resent_by_number_and_told_once() {
    let mut world = World::up(Setup::new(101));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.venue_does(Do::Fill(0, 40, 58_533));
    world.sim.run_for(MILLISECOND / 10);
    meanwhile(&mut world, |_| ());
    let fills = world.events.iter().filter(|event| event.event == Filled.code()).count();
    assert_eq!((fills, world.said(id).last().unwrap().3), (1, 40));
    assert_eq!(world.counter("gateway.fills_by_status"), 0);
}

#[test]
fn fills_that_only_a_status_tells_of_are_booked_once_as_their_difference() {
    for (seed, version) in (111..).zip(["FIX.4.2", "FIX.4.4", "FIXT.1.1"]) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let id = world.buy(100, 58_533);
        world.run(2);
        world.venue_does(Do::Fill(0, 10, 58_530));
        world.run(2);
        world.venue_does(Do::Mute(true));
        world.venue_does(Do::Fill(0, 20, 58_520));
        world.venue_does(Do::Fill(0, 20, 58_510));
        world.venue_does(Do::Mute(false));
        world.run(2);
        for _ in 0..2 {
            meanwhile(&mut world, |_| ());
        }
        let fills: Vec<_> = world.events.iter().filter(|event| event.event == Filled.code()).copied().collect();
        assert_eq!(fills.len(), 2, "{version}");
        let (lots, price) = (fills[1].lots, fills[1].price_nanos);
        assert_eq!(
            (lots, price, fills[1].cumulative_lots, fills[1].leaves_lots),
            (40, 58_515 * CENT, 50, 50),
            "{version}"
        );
        assert!(fills[1].execution_id >> 63 == 1, "{version}: no venue's number");
        world.kill_gateway();
        world.start_gateway();
        world.run(12);
        let told: Vec<_> = world.events.iter().filter(|event| event.event == Filled.code()).collect();
        assert!(told.iter().skip(2).all(|event| event.possible_duplicate == 1), "{version}");
        assert_eq!(world.kinds(id)[0], Accepted, "{version}");
    }
}

/// A media driver that took a paused gateway for dead gives what it took after that again to the next one.
#[test]
fn commands_that_an_earlier_life_sent_come_again_and_are_not_said_to_have_never_left() {
    let mut world = World::up(Setup::new(121));
    let first = world.order(|order| order.header.sequence = 10);
    world.run(2);
    let second = world.replace(first, 80, 58_534);
    let third = world.order(|order| order.header.sequence = 12);
    world.run(2);
    world.kill_gateway();
    assert_eq!(world.sim.give_again("gateway", 3), 3);
    let heard = world.events.len();
    world.start_gateway();
    world.run(12);
    assert_eq!(world.counter("gateway.commands_repeated"), 3, "before the session is up, too");
    let never: Vec<_> = world.events[heard..].iter().filter(|event| event.event == NotSent.code()).collect();
    assert!(never.is_empty(), "{never:?}");
    assert_eq!(world.taken(&["D", "G"]), ["D", "G", "D"], "nothing is sent twice");
    for id in [second, third] {
        world.cancel(id, 0);
        world.run(2);
        assert_eq!(world.kinds(id).last(), Some(&Canceled), "it is known");
    }
}

/// What an earlier life refused is known to the engine as never sent: it is not sent when it comes again.
#[test]
fn an_order_that_an_earlier_life_refused_and_that_comes_again_does_not_leave() {
    let mut world = World::up(Setup::new(122));
    world.order(|order| order.header.sequence = 10);
    world.run(2);
    world.sim.net.cut_streams();
    world.sim.run_for(MILLISECOND / 4);
    world.venue_does(Do::Mute(true));
    let refused = world.order(|order| order.header.sequence = 11);
    world.sim.run_for(MILLISECOND / 4);
    world.venue_does(Do::Mute(false));
    world.run(12);
    assert_eq!(world.kinds(refused), [NotSent]);
    world.order(|order| order.header.sequence = 12);
    world.run(2);
    world.kill_gateway();
    assert_eq!(world.sim.give_again("gateway", 2), 2);
    world.start_gateway();
    world.run(12);
    // As if they came when the session is up.
    assert_eq!(world.kinds(refused), [NotSent, NotSent]);
    assert_eq!(world.taken(&["D"]).len(), 2);
}

/// The engine's host may be lost with the link, or with what its disk did not have; a venue of FIX says a day's reports once.
#[test]
fn a_gateway_that_starts_again_says_again_what_lasts_however_long_ago_it_was() {
    let mut world = World::up(Setup::new(107));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.venue_does(Do::Fill(0, 40, 58_533));
    // How far the venue was heard is journaled each second: everything before was handed on.
    world.run(1_500);
    world.venue_does(Do::Fill(0, 10, 58_533));
    world.run(1_500);
    let first: Vec<_> = world.events.clone();
    for life in 1..=2 {
        world.events.clear();
        world.kill_gateway();
        world.start_gateway();
        world.run(12);
        assert_eq!(
            world.said(id)[..3],
            [(Accepted, 100, 100, 0), (Filled, 40, 60, 40), (Filled, 10, 50, 50)],
            "{life}"
        );
        let fills = |events: &[OrderEvent]| -> Vec<u64> {
            events.iter().filter(|event| event.event == Filled.code()).map(|event| event.execution_id).collect()
        };
        assert_eq!(fills(&world.events), fills(&first), "{life}: by the same numbers, each once");
        assert!(world.events.iter().all(|event| event.possible_duplicate == 1), "{life}");
    }
}

#[test]
fn a_fill_that_is_said_again_under_a_new_number_is_marked_and_changes_nothing() {
    let mut world = World::up(Setup::new(105));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.venue_does(Do::Fill(0, 40, 58_533));
    world.venue_does(Do::Again(0, 40, 58_533));
    world.venue_does(Do::Fill(0, 10, 58_533));
    world.run(3);
    assert_eq!(world.said(id)[1..], [(Filled, 40, 60, 40), (Filled, 40, 60, 40), (Filled, 10, 50, 50)]);
    let fills: Vec<_> = world.events.iter().filter(|event| event.event == Filled.code()).collect();
    assert_eq!((fills[0].execution_id, fills[1].execution_id), (2, 2));
    assert_eq!([0, 1, 2].map(|at: usize| fills[at].possible_duplicate), [0, 1, 0]);
    meanwhile(&mut world, |_| ());
    assert_eq!(world.counter("gateway.fills_by_status"), 0);
}

#[test]
fn a_report_that_comes_after_the_status_that_told_of_its_fill_is_passed_over() {
    for (seed, dies) in [(108, false), (109, true)] {
        let mut world = World::up(Setup::new(seed));
        let id = world.buy(100, 58_533);
        world.run(2);
        for next in [Do::Mute(true), Do::Fill(0, 40, 58_533), Do::Mute(false)] {
            world.venue_does(next);
        }
        world.run(2);
        meanwhile(&mut world, |_| ());
        assert_eq!(world.said(id).last(), Some(&(Filled, 40, 60, 40)), "the status told of it");
        if dies {
            world.kill_gateway();
            world.start_gateway();
            world.run(12);
        }
        let before = world.events.len();
        world.venue_does(Do::Late(0, 40, 58_533));
        world.venue_does(Do::Again(0, 40, 58_533));
        world.run(2);
        assert_eq!(world.events.len(), before, "after a death of the gateway: {dies}");
        world.venue_does(Do::Fill(0, 10, 58_533));
        world.run(2);
        assert_eq!(world.said(id).last(), Some(&(Filled, 10, 50, 50)));
    }
}

/// The map of ids and the session's numbers are gone with their disk: what the venue says of our orders finds them again, by
/// resending all of the day, or by its statuses where the numbers begin anew.
#[test]
fn a_gateway_that_lost_its_disk_adopts_what_the_venue_tells_of() {
    for (seed, profile) in [(106, "{}"), (107, r#"{"reset_on_logon":true}"#)] {
        let mut world = World::up(Setup::new(seed));
        let id = world.buy(100, 58_533);
        world.run(2);
        world.venue_does(Do::Fill(0, 40, 58_533));
        world.run(2);
        world.kill_gateway();
        world.lose_gateway_disk();
        world.states.clear();
        world.setup.profile = profile;
        world.start_gateway();
        world.run(30);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "{profile}");
        assert_eq!(world.counter("gateway.orders_adopted"), 1, "{profile}");
        let fills: Vec<_> = world.events.iter().filter(|event| event.event == Filled.code()).collect();
        assert!(fills.iter().skip(1).all(|fill| fill.possible_duplicate == 1 && fill.execution_id == 2), "{profile}");
        world.cancel(id, 0);
        world.run(2);
        assert_eq!(world.said(id).last(), Some(&(Canceled, 60, 0, 40)), "{profile}");
    }
}

/// F8: a spare gateway takes the place of one that is lost, with the numbers and the orders of some time before.
#[test]
fn f8_a_gateway_that_goes_on_from_an_older_store_takes_the_venues_numbers_and_knows_what_stands() {
    for (seed, version) in (151..).zip(["FIX.4.2", "FIX.4.4", "FIXT.1.1"]) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let first = world.buy(100, 58_533);
        world.run(2);
        world.kill_gateway();
        let copied = world.sim.disk("gateway").copy();
        world.start_gateway();
        world.run(12);
        let second = world.buy(50, 58_530);
        world.run(2);
        world.venue_does(Do::Fill(0, 40, 58_533));
        world.venue_does(Do::Fill(1, 10, 58_530));
        world.run(2);
        let replaced = world.replace(first, 90, 58_531);
        world.run(2);
        let sent = world.taken(&["D", "G"]);
        world.kill_gateway();
        world.sim.disk("gateway").put_back(&copied);
        let heard = world.events.len();
        world.start_gateway();
        world.run(40);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "{version}");
        assert_eq!(world.taken(&["D", "G"]), sent, "{version}: nothing is sent again");
        let again: Vec<_> = world.events[heard..].iter().filter(|event| event.event == Filled.code()).collect();
        assert!(again.iter().all(|fill| fill.possible_duplicate == 1), "{version}: {again:?}");
        for (id, leaves, filled) in [(replaced, 50, 40), (second, 40, 10)] {
            world.cancel(id, 0);
            world.run(3);
            assert_eq!(world.said(id).last(), Some(&(Canceled, leaves, 0, filled)), "{version}");
        }
        // Both sides go on with the same numbers.
        let third = world.buy(10, 58_500);
        world.run(2);
        meanwhile(&mut world, |_| ());
        assert_eq!(world.kinds(third), [Accepted], "{version}");
    }
}

#[test]
fn orders_end_by_the_venues_word_alone() {
    for (seed, version) in (121..).zip(["FIX.4.2", "FIX.4.4", "FIXT.1.1"]) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let [filled, canceled, forgotten, open] = std::array::from_fn(|_| world.buy(10, 100));
        world.run(2);
        for next in [Do::Mute(true), Do::Fill(0, 10, 100), Do::TakeOff(1, 8), Do::Mute(false), Do::Forget(2)] {
            world.venue_does(next);
        }
        world.run(2);
        meanwhile(&mut world, |_| ());
        assert_eq!(world.kinds(filled), [Accepted, Filled], "{version}");
        assert_eq!(world.kinds(canceled), [Accepted, Canceled], "{version}");
        assert_eq!(world.kinds(forgotten), [Accepted, Unknown], "{version}: it was taken once");
        assert_eq!(world.kinds(open), [Accepted], "{version}");
        assert_eq!(world.counter("gateway.orders_forgotten"), 1, "{version}");
    }
}

#[test]
fn an_order_that_never_arrived_is_not_found_and_never_sent_again() {
    for (seed, version) in (131..).zip(["FIX.4.2", "FIX.4.4", "FIXT.1.1"]) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let first = world.buy(10, 100);
        world.run(2);
        world.sim.net.cut_after(PORT, true, 20);
        let [lost, cut] = std::array::from_fn(|_| world.buy(10, 100));
        let replacement = world.replace(first, 20, 100);
        world.run(15);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "{version}");
        for id in [lost, cut] {
            assert_eq!(world.kinds(id), [NotFound], "{version}");
        }
        assert_eq!(world.kinds(replacement), [ReplaceRejected], "{version}");
        assert_eq!((world.taken(&["D"]).len(), world.taken(&["G"]).len()), (1, 0), "{version}");
        assert_eq!(world.kinds(first), [Accepted], "{version}");
    }
}

#[test]
fn a_venue_that_does_not_answer_questions_leaves_states_unknown() {
    for (seed, kinds, refuses) in [(141, vec!["AF"], true), (142, vec!["AF", "H"], true), (143, vec!["AF", "H"], false)]
    {
        let mut world = World::up(Setup::new(seed));
        let open = world.buy(10, 100);
        world.run(2);
        if refuses {
            world.books.borrow_mut().ways.unsupported = kinds.clone();
        } else {
            world.books.borrow_mut().ways.ignores = kinds.clone();
        }
        world.sim.net.cut_streams();
        world.run(80);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "{kinds:?}");
        let expected = if kinds.len() == 1 { vec![Accepted] } else { vec![Accepted, Unknown] };
        assert_eq!(world.kinds(open), expected, "{kinds:?}");
        let id = world.buy(10, 100);
        world.run(2);
        assert_eq!(world.kinds(id), [Accepted], "{kinds:?}: it goes on");
    }
}

#[test]
fn numbers_that_begin_anew_forget_no_open_order() {
    for (seed, profile) in
        [(151, r#"{"reset_on_logon":true}"#), (152, r#"{"reset_on_disconnect":true,"reset_on_logon":true}"#)]
    {
        let mut world = World::up(Setup { profile, ..Setup::new(seed) });
        let gone = world.buy(10, 100);
        let open = world.buy(10, 100);
        world.run(2);
        world.cancel(gone, 0);
        world.run(2);
        for round in 0..3 {
            world.sim.net.cut_streams();
            world.run(12);
            assert_eq!(world.states.last(), Some(&SessionState::Up), "round {round}");
        }
        world.kill_gateway();
        world.start_gateway();
        world.run(12);
        assert!(world.counter("gateway.sessions_renewed") > 0);
        assert_eq!(world.states.last(), Some(&SessionState::Up));
        let second = world.replace(open, 20, 101);
        world.run(2);
        assert_eq!(world.kinds(second), [Replaced]);
        world.cancel(second, 0);
        world.run(2);
        assert_eq!(world.kinds(second), [Replaced, Canceled]);
    }
}

/// Kills, cuts, losses of reports by seed: the gateway's word at the end is the venue's, and each execution is told once.
#[test]
fn whatever_dies_the_venues_word_is_found_again_and_no_order_is_sent_twice() {
    let mut kills = 0;
    for seed in 201..=230 {
        let version = ["FIX.4.2", "FIX.4.4", "FIXT.1.1"][seed as usize % 3];
        let faults = Faults { tcp_delay_ns: (5_000, 300_000), tcp_window_bytes: 700, ..Faults::NONE };
        let mut world = World::new(Setup { version, faults, ..Setup::new(seed) });
        let mut random = Random::new(seed);
        let mut ids = Vec::new();
        world.run(10);
        for _ in 0..60 {
            match random.between(0, 11) {
                0..=3 => ids.push(world.buy(random.between(10, 50) as i64, 100)),
                4 if !ids.is_empty() => {
                    let id = ids[random.between(0, ids.len() as u64 - 1) as usize];
                    world.cancel(id, 0);
                }
                5 if !ids.is_empty() => {
                    let id = ids[random.between(0, ids.len() as u64 - 1) as usize];
                    ids.push(world.replace(id, random.between(20, 60) as i64, 101));
                }
                6..=7 => {
                    let open: Vec<_> = {
                        let books = world.books.borrow();
                        let left = |order: &crate::venue::Order| order.open && order.lots - order.filled > 3;
                        (0..books.orders.len()).filter(|at| left(&books.orders[*at])).collect()
                    };
                    if !open.is_empty() && world.books.borrow().script.is_empty() {
                        let at = open[random.between(0, open.len() as u64 - 1) as usize];
                        world.venue_does(Do::Fill(at, 1, 100));
                    }
                }
                8 => world.sim.net.cut_streams(),
                9 => world.sim.net.break_streams(),
                10 => {
                    kills += 1;
                    world.kill_gateway();
                    world.run(random.between(0, 2));
                    world.start_gateway();
                }
                _ => {
                    world.kill_venue();
                    world.run(random.between(0, 2));
                    world.start_venue();
                }
            }
            world.sim.run_for(random.between(0, 2 * MILLISECOND));
            world.hear();
        }
        world.sim.net.set_faults(Faults::NONE);
        world.run(60);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "seed {seed}");
        check(&world, seed);
    }
    assert!(kills > 50, "{kills}");
}

/// The engine's side of the bargain, as small as can be: what was said of each execution and order, against the venue's books.
fn check(world: &World, seed: u64) {
    let books = world.books.borrow();
    let mut booked = std::collections::BTreeMap::new();
    for event in world.events.iter().filter(|event| event.event == Filled.code()) {
        let again = booked.insert(event.execution_id, (event.owner.order_id, event.lots));
        assert!(again.is_none() || event.possible_duplicate == 1, "seed {seed}: {event:?}");
        assert!(again.is_none_or(|before| before.1 == event.lots), "seed {seed}");
    }
    let filled: i64 = books.orders.iter().map(|order| order.filled).sum();
    assert_eq!(booked.values().map(|told| told.1).sum::<i64>(), filled, "seed {seed}: lots filled");
    for order in &books.orders {
        let read = |name: &String| venues::gateway::fix::ClientId::read(name.as_bytes()).0;
        let id = read(order.names.last().expect("a name"));
        let last = world.events.iter().filter(|event| event.owner.order_id == id).collect::<Vec<_>>();
        let ended = last.iter().any(|event| {
            let dead = [Canceled, Rejected, NotFound, Expired, NotSent].contains(&kind(event));
            dead || kind(event) == Filled && event.leaves_lots == 0
        });
        assert!(!last.is_empty(), "seed {seed}: nothing was said of {order:?}");
        assert_eq!(!ended, order.open, "seed {seed}: {order:?}\n{last:#?}");
    }
}
