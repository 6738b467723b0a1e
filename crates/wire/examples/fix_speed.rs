//! How fast FIX messages are framed, read, checked and built, for looking at one change after another: `fix_speed [ROUNDS]`.

use std::hint::black_box;
use std::time::Instant;
use wire::fix::measure::{Parser, Sample, Writer};
use wire::fix::{DataFields, Fields, Framed, Validation, Version, frame};

fn timed(name: &str, rounds: u32, mut work: impl FnMut() -> u64) {
    let mut best = u128::MAX;
    for _ in 0..3_000 {
        let begun = Instant::now();
        for _ in 0..rounds {
            black_box(work());
        }
        best = best.min(begun.elapsed().as_nanos());
    }
    println!("{name:28} {:7.1} ns", best as f64 / f64::from(rounds));
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(200);
    for (name, sample) in [("order", Sample::Order), ("report", Sample::Report)] {
        let mut writer = Writer::new(sample);
        let bytes = writer.build(48_213).to_vec();
        for (what, validated) in [("parse", false), ("parse, validated", true)] {
            let mut parser = Parser::new(Version::Fix44.dictionary(), validated);
            timed(&format!("{name} {what}"), rounds, || parser.fold(7, black_box(&bytes)).unwrap());
        }
        let mut sequence = 48_000;
        timed(&format!("{name} build"), rounds, || {
            sequence += 1;
            black_box(writer.build(sequence)).len() as u64
        });
        let data = DataFields::standard();
        let dictionary = Version::Fix44.dictionary();
        let mut fields = Fields::default();
        timed(&format!("{name} frame"), rounds, || match frame(black_box(&bytes), 4096) {
            Framed::Message { length } => length as u64,
            _ => 0,
        });
        timed(&format!("{name} read"), rounds, || fields.read(black_box(&bytes), &data).is_ok().into());
        fields.read(&bytes, &data).unwrap();
        timed(&format!("{name} validate"), rounds, || {
            dictionary.validate(&fields.message(black_box(&bytes)), &Validation::FULL).is_ok().into()
        });
    }
}
