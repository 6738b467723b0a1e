//! Round trip of a record over two rings between two spinning threads: `cargo run --release -p links --example round_trip`.

use std::time::Instant;

use links::{Counters, Offer, Publication, Ring, RingConfig};

const ROUNDS: u32 = 500_000;

fn main() {
    let record_bytes = 64;
    let config = RingConfig { depth_records: 1024, record_bytes_max: record_bytes, reliable: vec![true] };
    let (there, back) = (Ring::heap(&config).expect("a ring"), Ring::heap(&config).expect("a ring"));
    let (mut echo_in, echo_ring) = (there.consumer(0).expect("one consumer"), back.clone());
    let (mut input, mut output) = (back.consumer(0).expect("one consumer"), there.producer());
    let mut echo_out = echo_ring.producer();
    let echo = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < ROUNDS {
            echo_in.poll(1, &mut |record| {
                assert_eq!(echo_out.offer(record), Offer::Sent);
                seen += 1;
            });
        }
    });
    let histogram = Counters::local().histogram("round_trip_ns");
    let record = vec![7; record_bytes];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        assert_eq!(output.offer(&record), Offer::Sent);
        while input.poll(1, &mut |_| {}) == 0 {
            std::hint::spin_loop();
        }
        histogram.record(start.elapsed().as_nanos() as u64);
    }
    echo.join().expect("the echo ends");
    let seen = histogram.snapshot();
    for share in [0.5, 0.99, 0.999, 0.9999] {
        println!("ring round trip {record_bytes} B p{}: {} ns", share * 100.0, seen.percentile_ns(share));
    }
}
