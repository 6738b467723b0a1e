//! What an end over two links promises: every record of either once, in the order of its link, and the words of the one that spoke
//! before those of the one that speaks now.

use links::{Merged, Offer, Publication, Ring, RingConfig, RingProducer, Subscription};

const SEEDS: u64 = 300;
const STEPS: u64 = 2_000;

/// Numbers from a seed (xorshift64*): the test's only source of chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

fn pair(depth: usize, reliable: bool) -> ([RingProducer; 2], Merged<dyn Subscription + Send>) {
    let config = RingConfig { depth_records: depth, record_bytes_max: 16, reliable: vec![reliable] };
    let rings = [Ring::heap(&config).unwrap(), Ring::heap(&config).unwrap()];
    let ends = [rings[0].consumer(0).unwrap(), rings[1].consumer(0).unwrap()];
    let [first, second] = ends;
    ([rings[0].producer(), rings[1].producer()], Merged::new(first, second))
}

fn record(link: u64, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&link.to_le_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn read(bytes: &[u8]) -> (usize, u64) {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    (word(0) as usize, word(8))
}

#[test]
fn nothing_is_lost_or_doubled_and_each_link_keeps_its_order() {
    for seed in 1..=SEEDS {
        let mut chance = Chance(seed);
        let (mut producers, mut both) = pair(1 + chance.below(64) as usize, true);
        let (mut sent, mut seen) = ([0_u64; 2], [0_u64; 2]);
        for _ in 0..STEPS {
            let link = chance.below(2) as usize;
            if chance.below(3) < 2 {
                let records = chance.below(40);
                for _ in 0..records {
                    if producers[link].offer(&record(link as u64, sent[link])) == Offer::Sent {
                        sent[link] += 1;
                    }
                }
            } else {
                let limit = 1 + chance.below(32) as usize;
                let taken = both.poll(limit, &mut |bytes| {
                    let (link, number) = read(bytes);
                    assert_eq!(number, seen[link], "seed {seed}, link {link}");
                    seen[link] += 1;
                });
                assert!(taken <= limit, "seed {seed}");
            }
        }
        while both.poll(16, &mut |bytes| seen[read(bytes).0] += 1) > 0 {}
        assert_eq!((seen, both.lost()), (sent, 0), "seed {seed}");
    }
}

#[test]
fn what_lossy_ends_lost_adds_up() {
    for seed in 1..=SEEDS {
        let mut chance = Chance(seed);
        let (mut producers, mut both) = pair(8, false);
        let (mut sent, mut seen, mut last) = (0, 0, [None; 2]);
        for _ in 0..STEPS {
            let link = chance.below(2) as usize;
            if chance.below(40) > 0 {
                assert_eq!(producers[link].offer(&record(link as u64, sent)), Offer::Sent);
                sent += 1;
            } else {
                seen += both.poll(4, &mut |bytes| {
                    let (link, number) = read(bytes);
                    assert!(last[link].is_none_or(|last| number > last), "seed {seed}");
                    last[link] = Some(number);
                }) as u64;
            }
        }
        // A lossy end learns of its last losses with the next record.
        for link in 0..2_u64 {
            assert_eq!(producers[link as usize].offer(&record(link, sent)), Offer::Sent);
            sent += 1;
        }
        loop {
            match both.poll(16, &mut |_| {}) {
                0 => break,
                taken => seen += taken as u64,
            }
        }
        assert_eq!(seen + both.lost(), sent, "seed {seed}");
    }
}

#[test]
fn the_words_of_the_engine_that_led_come_before_those_of_the_one_that_leads() {
    let (mut producers, mut both) = pair(64, true);
    for (turn, link) in [0_u64, 1, 0, 1].into_iter().enumerate() {
        let other = 1 - link as usize;
        for number in 0..10 {
            producers[link as usize].offer(&record(link, number));
        }
        let mut seen = Vec::new();
        both.poll(4, &mut |bytes| seen.push(read(bytes)));
        // It speaks on while the other, which takes its place, begins to.
        producers[other].offer(&record(other as u64, 100));
        while both.poll(4, &mut |bytes| seen.push(read(bytes))) > 0 {}
        let expected: Vec<_> = (0..10).map(|number| (link as usize, number)).chain([(other, 100)]).collect();
        assert_eq!(seen, expected, "turn {turn}");
    }
}

#[test]
fn one_that_floods_does_not_silence_the_other() {
    let (mut producers, mut both) = pair(64, true);
    producers[1].offer(&record(1, 0));
    let mut heard = None;
    for poll in 0..1_000 {
        while producers[0].offer(&record(0, 0)) == Offer::Sent {}
        both.poll(8, &mut |bytes| heard = if read(bytes).0 == 1 { Some(poll) } else { heard });
    }
    assert!(heard.is_some_and(|poll| poll <= 256), "{heard:?}");
}

#[test]
fn it_is_connected_while_one_of_them_is() {
    let ([first, second], both) = pair(8, true);
    assert!(both.connected());
    drop(first);
    assert!(both.connected());
    drop(second);
    assert!(!both.connected());
}
