//! Nanoseconds a message for decoding an ITCH file into normalised records, best and median of some passes:
//! `cargo run --release -p wire --example decode_speed FILE`.

use std::time::Instant;

fn main() -> Result<(), std::io::Error> {
    let path = std::env::args().nth(1).ok_or(std::io::Error::other("usage: decode_speed FILE"))?;
    let file = std::fs::read(path)?;
    let mut nanoseconds = Vec::new();
    let mut done = wire::files::Decoded::default();
    for _ in 0..7 {
        let start = Instant::now();
        done = wire::files::decode_all(std::hint::black_box(&file));
        nanoseconds.push(start.elapsed().as_nanos() as f64 / (done.messages.max(1) as f64));
    }
    nanoseconds.sort_by(f64::total_cmp);
    println!("{done:?}\nbest {:.2} ns, median {:.2} ns a message", nanoseconds[0], nanoseconds[3]);
    Ok(())
}
