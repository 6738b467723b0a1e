//! Quotes in sets: what a set says on the wire, what its answer begins and ends, and what becomes of it where something dies.

use records::OrderEventKind::*;
use records::Side::{Buy, Sell};
use records::*;

use crate::venue::{Do, Quote};
use crate::world::{CENT, MILLISECOND, Setup, World, name};

const MASS: &str = r#"{"quotes":"mass"}"#;

fn world(seed: u64) -> World {
    World::up(Setup { dialect: MASS, ..Setup::new(seed) })
}

/// Bid and offer, taken.
fn two_sides(world: &mut World) -> (u64, u64) {
    let ids = (world.quote(Buy, 100, 58_530), world.quote(Sell, 80, 58_540));
    world.end_set();
    world.run(2);
    (ids.0, ids.1)
}

fn sets(world: &World) -> Vec<Vec<Quote>> {
    world.books.borrow().quotes.clone()
}

fn entry(id: u64, side: char, price: &str, lots: i64) -> Quote {
    Quote { entry: name(id), symbol: "AAPL".into(), side, price: price.into(), lots }
}

/// One more life of the gateway, with nothing of the one before in the events.
fn again(world: &mut World) {
    world.kill_gateway();
    world.events.clear();
    world.start_gateway();
    world.run(60);
    assert_eq!(world.states.last(), Some(&SessionState::Up));
}

#[test]
fn a_set_is_one_message_whose_answer_begins_and_ends_orders() {
    for (seed, version) in (401..).zip(["FIX.4.3", "FIX.4.4", "FIXT.1.1"]) {
        let mut world = World::up(Setup { version, dialect: MASS, ..Setup::new(seed) });
        assert_eq!(world.in_sets, 1, "the engine is told");
        let (bid, offer) = (world.quote(Buy, 100, 58_530), world.quote(Sell, 80, 58_540));
        world.run(2);
        assert!(sets(&world).is_empty(), "{version}: it waits for the end of its set");
        world.end_set();
        world.run(2);
        assert_eq!(sets(&world), [[entry(bid, '1', "585.3", 100), entry(offer, '2', "585.4", 80)]], "{version}");
        let head = world.last("i");
        assert_eq!([&head[&301], &head[&296], &head[&302], &head[&304], &head[&295]], ["2", "1", "1", "2", "2"]);
        assert_eq!((world.said(bid), world.said(offer)), (vec![(Accepted, 100, 100, 0)], vec![(Accepted, 80, 80, 0)]));
        assert_eq!(world.last_event(bid).price_nanos, 58_530 * CENT);
        // The bid moves: the old one goes first, and ends when the venue has answered.
        world.books.borrow_mut().ways.ignores = vec!["i"];
        world.pull(bid);
        let second = world.quote(Buy, 60, 58_531);
        world.end_set();
        world.run(2);
        assert_eq!((world.kinds(bid), world.kinds(second)), (vec![Accepted], vec![]), "{version}: not answered");
        world.books.borrow_mut().ways.ignores = vec![];
        let third = world.quote(Buy, 50, 58_532);
        world.pull(second);
        world.end_set();
        world.run(2);
        assert_eq!(sets(&world)[1], [entry(second, '1', "0", 0), entry(third, '1', "585.32", 50)], "{version}");
        assert_eq!((world.kinds(second), world.said(third)), (vec![Canceled], vec![(Accepted, 50, 50, 0)]));
        assert!(world.taken(&["D", "F", "G"]).is_empty());
    }
}

#[test]
fn a_fill_that_crosses_the_set_is_of_the_quote_that_it_names() {
    for (seed, names_entries) in [(411, false), (412, true)] {
        let mut world = world(seed);
        world.books.borrow_mut().ways.names_entries = names_entries;
        let (bid, offer) = two_sides(&mut world);
        // The venue trades before it reads what is on its way.
        world.pull(bid);
        let second = world.quote(Buy, 100, 58_531);
        world.end_set();
        world.venue_does(Do::Fill(0, 30, 58_530));
        world.run(2);
        assert_eq!(world.said(bid), [(Accepted, 100, 100, 0), (Filled, 30, 70, 30), (Canceled, 70, 0, 30)]);
        assert_eq!(world.said(second), [(Accepted, 100, 100, 0)]);
        // Filled to the end while it is pulled: nothing is left to end.
        world.pull(offer);
        world.end_set();
        world.venue_does(Do::Fill(1, 80, 58_540));
        world.venue_does(Do::Fill(2, 10, 58_531));
        world.run(2);
        assert_eq!(world.said(offer)[1..], [(Filled, 80, 0, 80)]);
        assert_eq!(world.said(second)[1..], [(Filled, 10, 90, 10)]);
    }
}

#[test]
fn refusals_are_of_an_entry_or_of_the_set() {
    let mut world = world(421);
    world.books.borrow_mut().ways.refuses_quotes = Some(("585.41", 8));
    let (bid, offer) = two_sides(&mut world);
    world.pull(offer);
    let (refused, other) = (world.quote(Sell, 80, 58_541), world.quote(Sell, 10, 58_550));
    world.end_set();
    world.run(2);
    assert_eq!((world.kinds(refused), world.last_event(refused).reason), (vec![Rejected], Reason::InvalidPrice.code()));
    assert_eq!((world.kinds(offer), world.kinds(other)), (vec![Accepted, Canceled], vec![Accepted]));
    // A set that is refused whole did nothing: by an answer, by a reject of the message.
    for (sets_refused, unsupported, reason) in
        [(Some(2), vec![], Reason::Closed), (None, vec!["i"], Reason::InvalidField)]
    {
        world.books.borrow_mut().ways.refuses_sets = sets_refused;
        world.books.borrow_mut().ways.unsupported = unsupported;
        world.pull(bid);
        let next = world.quote(Buy, 10, 58_500);
        world.end_set();
        world.run(2);
        assert_eq!((world.kinds(next), world.last_event(next).reason), (vec![Rejected], reason.code()));
        assert_eq!((*world.kinds(bid).last().unwrap(), world.last_event(bid).reason), (CancelRejected, reason.code()));
    }
    world.books.borrow_mut().ways = Default::default();
    world.cancel(bid, 0);
    world.run(2);
    assert_eq!(*world.kinds(bid).last().unwrap(), Canceled, "it stood all the while");
}

#[test]
fn a_set_whose_end_is_lost_ends_with_what_comes_next_and_a_full_one_is_sent() {
    let mut world = World::up(Setup { dialect: r#"{"quotes":"mass","quote_entries_max":2}"#, ..Setup::new(431) });
    world.quote(Buy, 100, 58_530);
    world.heartbeat();
    world.run(2);
    assert_eq!(sets(&world).len(), 1);
    world.quote(Sell, 100, 58_540);
    let plain = world.buy(10, 58_500);
    world.run(2);
    assert_eq!((sets(&world).len(), world.kinds(plain)), (2, vec![Accepted]));
    assert_eq!(world.taken(&["i", "D"]), ["i", "i", "D"], "in their order");
    for cents in 0..5 {
        world.quote(Buy, 1, 58_000 + cents);
    }
    world.end_set();
    world.run(2);
    assert_eq!(sets(&world)[2..].iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    world.end_set();
    world.run(2);
    assert_eq!((sets(&world).len(), world.counter("gateway.unknown_records")), (5, 0), "an empty one is none");
}

#[test]
fn cancels_that_are_no_quotes_and_sweeps_pull_quotes_at_once() {
    let mut world = world(441);
    let (bid, offer) = two_sides(&mut world);
    world.cancel(bid, 50);
    world.run(2);
    assert_eq!(sets(&world)[1], [entry(bid, '1', "0", 0)], "a reduction pulls the whole: it would begin anew");
    assert_eq!(world.said(bid)[1], (Canceled, 100, 0, 0));
    let plain = world.buy(10, 58_500);
    let ids: Vec<u64> = (0..3).map(|at| world.quote(Buy, 10, 58_000 + at)).collect();
    world.end_set();
    world.run(2);
    world.mass_cancel(|_| ());
    world.run(3);
    let swept = sets(&world).last().unwrap().clone();
    assert_eq!(swept.len(), 4, "in one message: {swept:?}");
    for id in ids.into_iter().chain([offer, plain]) {
        assert_eq!(
            (*world.kinds(id).last().unwrap(), world.last_event(id).reason),
            (Canceled, Reason::UserRequested.code())
        );
    }
    // In the same set: what was not sent yet is sent before it is pulled.
    let hasty = world.quote(Buy, 10, 58_010);
    world.pull(hasty);
    world.end_set();
    world.run(2);
    assert_eq!(world.kinds(hasty), [Accepted, Canceled]);
    assert!(world.books.borrow().orders.iter().all(|order| !order.open));
}

#[test]
fn what_an_entry_cannot_say_leaves_as_an_order_and_so_does_all_where_the_venue_takes_no_quotes() {
    type Change = fn(&mut NewOrder);
    let rows: [Change; 5] = [
        |order| order.post_only = 1,
        |order| order.display_lots = 20,
        |order| order.minimum_lots = 20,
        |order| (order.side, order.short_sale) = (Sell.code(), 1),
        |order| order.time_in_force = TimeInForce::ImmediateOrCancel.code(),
    ];
    let mut world = world(451);
    for change in rows {
        let id = world.order(|order| {
            order.quote = 1;
            change(order);
        });
        world.end_set();
        world.run(2);
        assert_eq!((world.kinds(id), world.taken(&["i"]).len()), (vec![Accepted], 0));
        world.pull(id);
        world.run(2);
        assert_eq!((world.kinds(id), &world.last("F")[&41]), (vec![Accepted, Canceled], &name(id)));
    }
    let mut world = World::up(Setup::new(452));
    assert_eq!(world.in_sets, 0);
    let id = world.quote(Buy, 100, 58_530);
    world.end_set();
    world.run(2);
    assert_eq!((world.kinds(id), world.taken(&["i", "D"])), (vec![Accepted], vec!["D".to_owned()]));
}

#[test]
fn a_throttle_refuses_new_quotes_and_never_what_pulls() {
    let profile = r#"{"out_messages_max":3,"out_window_ns":50000000}"#;
    let mut world = World::up(Setup { profile, dialect: MASS, ..Setup::new(461) });
    world.run(60);
    let (bid, _) = two_sides(&mut world);
    world.buy(1, 100);
    world.buy(1, 100);
    world.pull(bid);
    let next = world.quote(Buy, 10, 58_531);
    world.end_set();
    world.run(2);
    assert_eq!((world.kinds(next), world.last_event(next).reason), (vec![NotSent], Reason::Throttled.code()));
    assert_eq!((world.kinds(bid), sets(&world).last().unwrap().len()), (vec![Accepted, Canceled], 1));
}

#[test]
fn after_a_death_statuses_tell_of_quotes() {
    let mut world = world(471);
    let (bid, offer) = two_sides(&mut world);
    world.books.borrow_mut().ways.ignores = vec!["i"];
    world.pull(bid);
    let lost = world.quote(Buy, 10, 58_531);
    world.end_set();
    world.run(2);
    world.books.borrow_mut().ways.ignores = vec![];
    world.venue_does(Do::Mute(true));
    world.venue_does(Do::Fill(1, 30, 58_540));
    world.venue_does(Do::Mute(false));
    world.run(1);
    again(&mut world);
    assert_eq!(world.kinds(lost), [NotFound], "the venue never had it");
    assert_eq!(world.said(offer).last(), Some(&(Filled, 30, 50, 30)), "by its status");
    assert!(!world.kinds(bid).contains(&Canceled), "it still stands");
    world.pull(bid);
    world.end_set();
    world.venue_does(Do::Fill(1, 5, 58_540));
    world.run(2);
    assert_eq!((*world.kinds(bid).last().unwrap(), world.said(offer).last()), (Canceled, Some(&(Filled, 5, 45, 35))));
    assert!(world.taken(&["Z"]).is_empty());
}

#[test]
fn quotes_of_which_no_status_tells_are_pulled_after_each_logon() {
    let dialect = r#"{"quotes":"mass","quote_status":false}"#;
    for (seed, dies) in [(481, true), (482, false)] {
        let mut world = World::up(Setup { dialect, ..Setup::new(seed) });
        world.books.borrow_mut().ways.hides_quotes = true;
        let (bid, offer) = two_sides(&mut world);
        let plain = world.buy(10, 58_500);
        world.run(2);
        world.venue_does(Do::Fill(0, 30, 58_530));
        world.sim.run_for(MILLISECOND / 10);
        if dies {
            again(&mut world);
        } else {
            world.sim.net.cut_streams();
            world.run(12);
        }
        assert_eq!(world.said(bid).last(), Some(&(Canceled, 70, 0, 30)), "what filled was said by number");
        assert_eq!(world.said(offer).last(), Some(&(Canceled, 80, 0, 0)));
        assert!(!world.kinds(plain).contains(&Canceled), "an order is none of them");
        assert_eq!(world.taken(&["Z"]).len(), 1);
        let next = world.quote(Buy, 10, 58_531);
        world.end_set();
        world.run(2);
        assert_eq!(world.kinds(next), [Accepted]);
    }
    // A venue that does not answer: nobody knows.
    let mut world = World::up(Setup { dialect, ..Setup::new(483) });
    let (bid, _) = two_sides(&mut world);
    world.books.borrow_mut().ways.hides_quotes = true;
    world.books.borrow_mut().ways.ignores = vec!["Z"];
    again(&mut world);
    assert_eq!(*world.kinds(bid).last().unwrap(), Unknown);
}

#[test]
fn deaths_by_seed_leave_every_quote_as_the_venue_has_it() {
    for seed in 491..=506 {
        let mut world = world(seed);
        let mut random = sim::Random::new(seed);
        let mut ids: Vec<u64> = Vec::new();
        for _ in 0..40 {
            for _ in 0..random.between(1, 4) {
                match (random.between(0, 2), ids.is_empty()) {
                    (0, false) => world.pull(ids[random.between(0, ids.len() as u64 - 1) as usize]),
                    _ => ids.push(world.quote(Buy, 10, 58_000 + random.between(0, 9) as i64)),
                }
            }
            world.end_set();
            world.sim.run_for(random.between(1, MILLISECOND));
            let open = world.books.borrow().orders.iter().position(|order| order.open);
            if let Some(at) = open.filter(|_| random.between(0, 2) == 0) {
                let left = world.books.borrow().orders[at].lots - world.books.borrow().orders[at].filled;
                world.venue_does(Do::Fill(at, random.between(1, left as u64) as i64, 58_000));
            }
            if random.between(0, 5) == 0 {
                world.kill_gateway();
                world.run(1);
                world.start_gateway();
                world.run(30);
            }
        }
        world.run(60);
        for id in &ids {
            let (mut filled, mut seen) = (0, std::collections::BTreeSet::new());
            let of = world.events.iter().filter(|event| event.owner.order_id == *id);
            for event in of.clone().filter(|event| event.event == Filled.code() && seen.insert(event.execution_id)) {
                filled += event.lots;
            }
            let ends = [Canceled, Rejected, NotFound, NotSent].map(OrderEventKind::code);
            let whole = filled == 10;
            let ended = whole || of.clone().any(|event| ends.contains(&event.event));
            let begun = of.clone().any(|event| event.event == Accepted.code()) || filled > 0;
            let books = world.books.borrow();
            let true_name = format!("1/{}B", name(*id));
            let truth = books.orders.iter().find(|order| order.names[0] == true_name);
            let found = truth.map_or((0, false), |order| (order.filled, order.open));
            let said: Vec<_> = world.said(*id);
            assert_eq!((filled, begun && !ended), found, "seed {seed}, {true_name}: {said:?}");
        }
    }
}
