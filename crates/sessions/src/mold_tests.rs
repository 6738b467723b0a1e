use super::*;

const SESSION: [u8; 10] = *b"MERIDIAN01";

fn packet(first: u64, messages: &[&[u8]]) -> Vec<u8> {
    let mut packer = Packer::new(SESSION, first);
    messages.iter().for_each(|message| assert!(packer.push(message)));
    packer.packet().to_vec()
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(u64, Vec<u8>),
    Gap(u64, u64),
    Recovered,
    End,
    Malformed(Malformed),
    NewSession,
}

fn feed(receiver: &mut Receiver, packet: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    receiver.on_packet(packet, &mut |event| {
        seen.push(match event {
            Event::Message { sequence, bytes } => Seen::Message(sequence, bytes.to_vec()),
            Event::Gap { from, to } => Seen::Gap(from, to),
            Event::Recovered => Seen::Recovered,
            Event::End => Seen::End,
            Event::Malformed(malformed) => Seen::Malformed(malformed),
            Event::NewSession(_) => Seen::NewSession,
        });
    });
    seen
}

fn message(sequence: u64, bytes: &[u8]) -> Seen {
    Seen::Message(sequence, bytes.to_vec())
}

#[test]
fn the_second_line_adds_nothing() {
    let mut receiver = Receiver::new(Some(1), 4096);
    let first = packet(1, &[b"a", b"b"]);
    assert_eq!(feed(&mut receiver, &first), [message(1, b"a"), message(2, b"b")]);
    assert_eq!(feed(&mut receiver, &first), []);
}

#[test]
fn a_packet_lost_on_one_line_comes_from_the_other() {
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(1, &[b"a"]));
    assert_eq!(feed(&mut receiver, &packet(3, &[b"c"])), [Seen::Gap(2, 3)]);
    assert_eq!(feed(&mut receiver, &packet(2, &[b"b"])), [message(2, b"b"), message(3, b"c"), Seen::Recovered]);
}

#[test]
fn kept_messages_come_in_order_however_they_arrived() {
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(5, &[b"e"]));
    feed(&mut receiver, &packet(3, &[b"c", b"d"]));
    feed(&mut receiver, &packet(2, &[b"b"]));
    let seen = feed(&mut receiver, &packet(1, &[b"a"]));
    let expected: Vec<_> = (1..=5).zip([b"a", b"b", b"c", b"d", b"e"]).map(|(n, bytes)| message(n, bytes)).collect();
    assert_eq!(seen[..5], expected[..]);
    assert_eq!(seen[5..], [Seen::Recovered]);
}

#[test]
fn a_heartbeat_shows_a_gap_at_the_end() {
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(1, &[b"a"]));
    assert_eq!(feed(&mut receiver, &packet(4, &[])), [Seen::Gap(2, 4)]);
    assert_eq!(receiver.gap(), Some((2, 4)));
}

#[test]
fn a_late_joiner_goes_on_from_its_snapshot() {
    let mut receiver = Receiver::new(None, 4096);
    assert_eq!(feed(&mut receiver, &packet(100, &[b"x"])), [message(100, b"x")]);
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(9, &[b"i", b"j"]));
    receiver.skip_to(9);
    let mut count = 0;
    receiver.resume(&mut |event| count += usize::from(matches!(event, Event::Message { .. } | Event::Recovered)));
    assert_eq!(count, 3);
}

#[test]
fn a_held_receiver_keeps_what_comes_until_the_snapshot_is_in() {
    let mut receiver = Receiver::new(Some(1), 4096);
    receiver.hold();
    for _line in 0..2 {
        assert_eq!(feed(&mut receiver, &packet(1, &[b"a", b"b"])), []);
        assert_eq!(feed(&mut receiver, &packet(3, &[b"c"])), []);
    }
    receiver.skip_to(2);
    let mut sequences = Vec::new();
    receiver.resume(&mut |event| {
        if let Event::Message { sequence, .. } = event {
            sequences.push(sequence);
        }
    });
    assert_eq!(sequences, [2, 3]);
    assert_eq!(feed(&mut receiver, &packet(4, &[b"d"])), [message(4, b"d")]);
}

#[test]
fn malformed_packets_deliver_nothing() {
    let mut receiver = Receiver::new(Some(1), 4096);
    let good = packet(1, &[b"abc"]);
    assert_eq!(feed(&mut receiver, &good[..19]), [Seen::Malformed(Malformed::Short)]);
    assert_eq!(feed(&mut receiver, &good[..23]), [Seen::Malformed(Malformed::Truncated)]);
    let mut long = good.clone();
    long.push(0);
    assert_eq!(feed(&mut receiver, &long), [Seen::Malformed(Malformed::Trailing)]);
    assert_eq!(feed(&mut receiver, &good), [message(1, b"abc")]);
}

#[test]
fn the_end_and_a_new_session_are_told() {
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(1, &[b"a"]));
    assert_eq!(feed(&mut receiver, &Packer::new(SESSION, 2).end_of_session()), [Seen::End]);
    let other = PacketHeader { session: *b"MERIDIAN02", sequence: 1, count: 0 }.write();
    assert_eq!(feed(&mut receiver, &other), [Seen::NewSession]);
    receiver.follow(*b"MERIDIAN02");
    assert_eq!(receiver.next(), 1);
}

/// Whatever the lines lose, repeat and reorder: each message once, in order.
#[test]
fn any_arrival_order_gives_one_sequence() {
    for seed in 1..200_u64 {
        let mut random = seed;
        let mut draw = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        let mut arrivals: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut next = 1;
        while next < 100 {
            let count = 1 + draw(4);
            let bodies: Vec<Vec<u8>> = (next..next + count).map(|n| n.to_le_bytes().to_vec()).collect();
            let bytes = packet(next, &bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
            arrivals.push((next * 10 + draw(200), bytes.clone()));
            arrivals.push((next * 10 + draw(200), bytes));
            next += count;
        }
        arrivals.sort();
        let mut receiver = Receiver::new(Some(1), 1 << 16);
        let mut delivered = Vec::new();
        for (_, bytes) in &arrivals {
            for seen in feed(&mut receiver, bytes) {
                if let Seen::Message(sequence, body) = seen {
                    assert_eq!(body, sequence.to_le_bytes());
                    delivered.push(sequence);
                }
            }
        }
        assert_eq!(delivered, (1..next).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_closed_gap_is_delivered_in_bursts_and_what_comes_meanwhile_keeps_its_place() {
    let mut receiver = Receiver::new(Some(1), 4096);
    receiver.set_burst(2);
    for sequence in 2..=6 {
        feed(&mut receiver, &packet(sequence, &[&[sequence as u8]]));
    }
    let delivered = |seen: &[Seen]| {
        let number = |seen: &Seen| if let Seen::Message(sequence, _) = seen { Some(*sequence) } else { None };
        seen.iter().filter_map(number).collect::<Vec<_>>()
    };
    assert_eq!(delivered(&feed(&mut receiver, &packet(1, &[&[1]]))), [1, 2, 3]);
    assert!(receiver.is_waiting());
    assert_eq!(delivered(&feed(&mut receiver, &packet(7, &[&[7]]))), [4, 5]);
    let mut rest = Vec::new();
    while receiver.is_waiting() {
        receiver.resume(&mut |event| {
            if let Event::Message { sequence, .. } = event {
                rest.push(sequence);
            }
        });
    }
    assert_eq!(rest, [6, 7]);
    assert_eq!((receiver.gap(), receiver.next()), (None, 8));
}

#[test]
fn a_snapshot_forgets_numbers_that_came_by_mistake() {
    let mut receiver = Receiver::new(Some(1), 4096);
    feed(&mut receiver, &packet(1 << 40, &[b"far"]));
    feed(&mut receiver, &packet(1 << 41, &[]));
    feed(&mut receiver, &packet(12, &[b"kept"]));
    assert_eq!(receiver.gap(), Some((1, 1 << 41)));
    receiver.hold();
    receiver.skip_to(10);
    assert_eq!(receiver.gap(), Some((10, 13)));
    receiver.forget_kept();
    receiver.skip_to(10);
    assert_eq!(receiver.gap(), None);
}
