//! What a ring promises: whole records, in order, none twice; reliable consumers lose none, lossy ones count what they lose.

use std::thread;

use links::{Offer, Publication, Ring, RingConfig, Subscription};

fn config(depth_records: usize, record_bytes_max: usize, reliable: &[bool]) -> RingConfig {
    RingConfig { depth_records, record_bytes_max, reliable: reliable.to_vec() }
}

fn drain(from: &mut dyn Subscription) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while from.poll(16, &mut |record| records.push(record.to_vec())) > 0 {}
    records
}

/// A record whose every byte follows from its number, of a length that does too.
fn record(number: u64) -> Vec<u8> {
    let length = 8 + (number as usize * 7) % 57;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((8..length).map(|index| (number as u8).wrapping_add(index as u8)));
    bytes
}

fn number_of(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes, record(number), "a record came through changed");
    number
}

#[test]
fn records_of_any_length_come_whole_and_in_order_round_the_end() {
    let ring = Ring::heap(&config(8, 64, &[true])).unwrap();
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer(0).unwrap());
    for number in 0..10_000 {
        assert_eq!(producer.offer(&record(number)), Offer::Sent);
        if number % 3 == 0 {
            let seen: Vec<u64> = drain(consumer.as_mut()).iter().map(|bytes| number_of(bytes)).collect();
            let first = if number == 0 { 0 } else { number - 2 };
            assert_eq!(seen, (first..=number).collect::<Vec<_>>());
        }
    }
    assert_eq!(consumer.lost(), 0);
}

#[test]
fn a_full_reliable_ring_refuses_and_then_goes_on() {
    let ring = Ring::heap(&config(4, 64, &[true])).unwrap();
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer(0).unwrap());
    assert!(producer.has_room(4));
    let mut sent = 0;
    while producer.offer(&[7; 64]) == Offer::Sent {
        sent += 1;
    }
    assert!(sent >= 4, "{sent}");
    assert!(!producer.has_room(1));
    assert_eq!(consumer.poll(1, &mut |_| {}), 1);
    assert_eq!(producer.offer(&[8; 64]), Offer::Sent);
    assert_eq!(drain(consumer.as_mut()).len(), sent);
}

#[test]
fn room_that_was_promised_is_there_at_every_position() {
    let ring = Ring::heap(&config(5, 48, &[true])).unwrap();
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer(0).unwrap());
    for step in 0..500_usize {
        assert!(producer.has_room(5), "step {step}");
        for _ in 0..5 {
            assert_eq!(producer.offer(&vec![1; 1 + step % 48]), Offer::Sent, "step {step}");
        }
        assert_eq!(drain(consumer.as_mut()).len(), 5);
    }
}

#[test]
fn a_lossy_consumer_never_holds_the_producer_back_and_counts_every_loss() {
    let ring = Ring::heap(&config(8, 64, &[false, true])).unwrap();
    let (mut producer, mut lossy, mut reliable) =
        (ring.producer(), ring.consumer(0).unwrap(), ring.consumer(1).unwrap());
    let (mut seen, mut last) = (0, None);
    for number in 0..5000 {
        assert_eq!(producer.offer(&record(number)), Offer::Sent);
        drain(reliable.as_mut());
        if number % 100 == 99 {
            for bytes in drain(lossy.as_mut()) {
                let number = number_of(&bytes);
                assert!(last.is_none_or(|last| number > last));
                last = Some(number);
                seen += 1;
            }
        }
    }
    assert_eq!(seen + lossy.lost(), 5000);
    assert!(lossy.lost() > 4000, "{}", lossy.lost());
}

#[test]
fn a_ring_without_consumers_says_so() {
    let ring = Ring::heap(&config(8, 64, &[true])).unwrap();
    let mut producer = ring.producer();
    assert_eq!(producer.offer(&[1]), Offer::NotConnected);
    let consumer = ring.consumer(0).unwrap();
    assert!(consumer.connected());
    assert_eq!(producer.offer(&[1]), Offer::Sent);
    drop(producer);
    assert!(!consumer.connected());
    drop(consumer);
    assert_eq!(ring.producer().offer(&[1]), Offer::NotConnected);
}

#[test]
fn threads_meet_over_a_ring_file_without_loss_or_torn_records() {
    const RECORDS: u64 = 100_000;
    let directory = std::env::temp_dir().join(format!("meridian-ring-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("a_b");
    Ring::create(&path, &config(64, 64, &[true, false])).unwrap();
    let (reliable, lossy, source) =
        (Ring::open(&path).unwrap(), Ring::open(&path).unwrap(), Ring::open(&path).unwrap());
    let (mut reliable, mut lossy) = (reliable.consumer(0).unwrap(), lossy.consumer(1).unwrap());
    let writer = thread::spawn(move || {
        let mut producer = source.producer();
        for number in 0..RECORDS {
            while producer.offer(&record(number)) != Offer::Sent {
                thread::yield_now();
            }
        }
    });
    let reader = thread::spawn(move || {
        let (mut seen, mut next) = (0, 0);
        while next < RECORDS {
            let taken = lossy.poll(8, &mut |bytes| {
                let number = number_of(bytes);
                assert!(number >= next);
                next = number + 1;
                seen += 1;
            });
            if taken == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(seen + lossy.lost(), RECORDS);
    });
    let mut expected = 0;
    while expected < RECORDS {
        let taken = reliable.poll(32, &mut |bytes| {
            assert_eq!(number_of(bytes), expected);
            expected += 1;
        });
        if taken == 0 {
            thread::yield_now();
        }
    }
    writer.join().unwrap();
    reader.join().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_new_producer_and_a_new_consumer_go_on_where_the_old_ended() {
    let ring = Ring::heap(&config(8, 64, &[true, false])).unwrap();
    let mut consumer = ring.consumer(0).unwrap();
    let mut lossy = ring.consumer(1).unwrap();
    let mut producer = ring.producer();
    for number in 0..4 {
        producer.offer(&record(number));
    }
    assert_eq!(consumer.poll(2, &mut |_| {}), 2);
    drop((producer, consumer));
    assert_eq!(ring.producer().offer(&record(4)), Offer::Sent);
    let rest = drain(ring.consumer(0).unwrap().as_mut());
    assert_eq!(rest.iter().map(|bytes| number_of(bytes)).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(drain(lossy.as_mut()).len(), 5);
    assert_eq!(lossy.lost(), 0);
    assert!(drain(ring.consumer(1).unwrap().as_mut()).is_empty(), "a lossy consumer begins with the next record");
}

#[test]
fn foreign_files_and_senseless_configurations_are_refused() {
    let path = std::env::temp_dir().join(format!("meridian-not-a-ring-{}", std::process::id()));
    std::fs::write(&path, vec![9; 8192]).unwrap();
    assert!(Ring::open(&path).is_err());
    std::fs::write(&path, b"short").unwrap();
    assert!(Ring::open(&path).is_err());
    std::fs::remove_file(&path).unwrap();
    assert!(Ring::heap(&config(0, 64, &[true])).is_err());
    assert!(Ring::heap(&config(8, 64, &[])).is_err());
    assert!(Ring::heap(&config(8, 64, &[true])).unwrap().consumer(1).is_err());
}

#[test]
fn a_lossy_consumer_made_reliable_loses_nothing_more_and_frees_the_one_whose_place_it_takes() {
    let ring = Ring::heap(&config(8, 64, &[true, false])).unwrap();
    let (mut producer, leader, mut standby) = (ring.producer(), ring.consumer(0).unwrap(), ring.consumer(1).unwrap());
    let mut number = 0;
    let mut fill = |producer: &mut dyn Publication| {
        let first = number;
        while producer.offer(&record(number)) == Offer::Sent {
            number += 1;
        }
        first..number
    };
    let waiting = fill(&mut producer);
    drop(leader);
    assert_eq!(standby.poll(3, &mut |_| {}), 3);
    assert_eq!((standby.sequence(), fill(&mut producer).count()), (3, 0), "the dead one still holds the producer back");
    ring.set_reliable(1, true).unwrap();
    ring.set_reliable(0, false).unwrap();
    for _ in 0..100 {
        let seen: Vec<u64> = drain(standby.as_mut()).iter().map(|bytes| number_of(bytes)).collect();
        assert!(seen.is_sorted());
        fill(&mut producer);
    }
    let whole = drain(standby.as_mut());
    assert!(!whole.is_empty() && standby.lost() == 0 && waiting.start == 0);
    let mut back = ring.consumer(0).unwrap();
    for _ in 0..3 {
        fill(&mut producer);
        assert!(!drain(standby.as_mut()).is_empty());
    }
    drain(back.as_mut());
    assert!(back.lost() > 0, "it is the lossy one now");
    assert_eq!(back.sequence(), standby.sequence());
    assert!(Ring::heap(&config(8, 64, &[true])).unwrap().set_reliable(0, false).is_err());
}

#[test]
fn a_consumer_knows_the_number_of_the_record_before_it_from_the_start() {
    let ring = Ring::heap(&config(4, 64, &[true, false])).unwrap();
    let mut producer = ring.producer();
    assert_eq!(ring.consumer(0).unwrap().sequence(), 0);
    for number in 1..200_u64 {
        let mut consumer = ring.consumer(0).unwrap();
        assert_eq!(consumer.sequence(), number - 1, "all were read");
        assert_eq!(producer.offer(&record(number)), Offer::Sent);
        let attached = ring.consumer(0).unwrap();
        assert_eq!(attached.sequence(), number - 1, "one waits");
        assert_eq!(consumer.poll(8, &mut |_| {}), 1);
        assert_eq!((consumer.sequence(), ring.consumer(1).unwrap().sequence()), (number, number));
    }
}
