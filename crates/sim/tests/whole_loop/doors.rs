//! Connections that want in and do not log in: they wait for a bounded time, in bounded number, and keep nobody out. And
//! sockets that stay open with nobody behind them.

use records::*;
use sim::Faults;
use tiles::{Clock, Tcp, TcpRead};

use crate::world::{MILLISECOND, Setup, World, order_port, snapshot_port};

fn setup(seed: u64) -> Setup {
    Setup { run_ns: 100 * MILLISECOND, ..Setup::new(seed) }
}

fn connect(world: &World, count: usize, to: std::net::SocketAddrV4) -> Vec<Box<dyn Tcp>> {
    (0..count).map(|_| tiles::Net::tcp_connect(&world.sim.net, to).unwrap()).collect()
}

fn closed(sockets: &mut [Box<dyn Tcp>]) -> usize {
    sockets.iter_mut().filter_map(|socket| matches!(socket.read(&mut [0; 8]), TcpRead::Closed).then_some(())).count()
}

#[test]
fn idle_connections_keep_no_client_out_of_an_order_port() {
    for seed in 1..=3 {
        let mut world = World::empty(setup(seed));
        let storm = world.storm(1);
        world.start_exchange(1, storm);
        let mut idle = connect(&world, 100, order_port(1));
        world.run(10 * MILLISECOND);
        assert!(closed(&mut idle) >= 84, "seed {seed}: the oldest made room");
        world.start_feed(1);
        world.start_rest();
        // More of them come all the time, before and after the login.
        while world.sim.clock.now_ns() < world.stop_ns {
            idle.extend(connect(&world, 2, order_port(1)));
            world.run(MILLISECOND);
        }
        world.run_to_rest();
        // A gateway logs in twice: to learn where the session stands, and to go on from there.
        assert_eq!(world.counter("exchange1.port1.logins"), 2, "seed {seed}");
        assert_eq!(world.counter("gateway1.gateway.disconnects"), 0, "seed {seed}: who is in is not displaced");
        assert!(world.counter("exchange1.port1.displaced") > 100, "seed {seed}");
        assert!(world.check_at_rest().fills > 0, "seed {seed}: it traded");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

#[test]
fn idle_connections_keep_no_feed_from_a_snapshot() {
    for seed in 1..=3 {
        let mut world = World::without_feeds(Setup { feed_messages: 128, ..setup(seed) });
        let mut idle = connect(&world, 100, snapshot_port(1));
        world.run(50 * MILLISECOND);
        world.start_feed(1);
        while world.sim.clock.now_ns() < world.stop_ns {
            idle.extend(connect(&world, 1, snapshot_port(1)));
            world.run(MILLISECOND);
        }
        world.run_to_rest();
        world.run(1_200 * MILLISECOND);
        assert!(world.counter("exchange1.snapshot.given") > 0, "seed {seed}");
        assert!(world.counter("exchange1.snapshot.displaced") > 84, "seed {seed}");
        assert!(world.check_at_rest().accepted > 0, "seed {seed}: it traded after it joined");
    }
}

#[test]
fn a_login_a_byte_at_a_time_is_cut_off_in_time() {
    let mut world = World::without_feeds(setup(7));
    let mut drips = connect(&world, 1, order_port(1));
    drips.extend(connect(&world, 1, snapshot_port(1)));
    world.run(MILLISECOND);
    // Packets of one byte's payload that are allowed before a login, a byte at a time.
    let debug = [0, 2, b'+', b'x'];
    let (mut sent, mut over_ns) = ([0_usize; 2], [0; 2]);
    let start_ns = world.sim.clock.now_ns();
    while over_ns.contains(&0) {
        for (at, socket) in drips.iter_mut().enumerate() {
            match socket.write(&[debug[sent[at] % debug.len()]]) {
                Ok(count) => sent[at] += count,
                Err(_) if over_ns[at] == 0 => over_ns[at] = world.sim.clock.now_ns(),
                Err(_) => {}
            }
        }
        world.run(20 * MILLISECOND);
        assert!(world.sim.clock.now_ns() < start_ns + 4_000 * MILLISECOND, "cut off in time");
    }
    for over_ns in over_ns {
        let held_ns = over_ns - start_ns;
        assert!((1_900..2_200).contains(&(held_ns / MILLISECOND)), "{held_ns}: two seconds are given");
    }
    assert_eq!(world.counter("exchange1.port1.late_logins"), 1);
    assert_eq!(world.counter("exchange1.snapshot.late_logins"), 1);
    assert_eq!(world.counter("exchange1.port1.up"), 1, "the gateway is in all the while");
}

/// Streams look healthy and carry nothing (FAILURES V2).
#[test]
fn v2_a_half_open_socket_is_noticed_on_both_sides_and_its_orders_stay_held() {
    let window_shut = Faults { tcp_delay_ns: (u64::MAX / 4, u64::MAX / 4), ..Faults::NONE };
    for seed in 1..=4 {
        let mut world =
            World::new(Setup { cancel_on_disconnect: if seed % 2 == 0 { "all" } else { "none" }, ..setup(seed) });
        while world.with_engine(|engine| engine.live_orders().count()) < 5 {
            world.run(MILLISECOND);
        }
        // From now on bytes are taken and never arrive; closing is not seen by the other side either.
        world.sim.net.set_faults(Faults { udp_delay_ns: Faults::NONE.udp_delay_ns, ..window_shut });
        world.run(20_000 * MILLISECOND);
        assert_eq!(
            world.counter("exchange1.port1.up"),
            0,
            "seed {seed}: the exchange gave it up after fifteen seconds"
        );
        assert!(world.counter("gateway1.gateway.disconnects") > 0, "seed {seed}: so did the gateway");
        let (held, unknown) = world.with_engine(|engine| (engine.live_orders().count(), engine.unknown_orders()));
        assert!(held >= 5 && unknown == held, "seed {seed}: {unknown} of {held} unknown, all held");
        world.sim.net.set_faults(Faults::NONE);
        world.run(60_000 * MILLISECOND);
        world.check_at_rest();
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
        let told = world.inputs(
            |record| matches!(record, RecordRef::Session(session) if session.state == SessionState::Down.code()),
        );
        assert!(told > 0, "seed {seed}");
    }
}
