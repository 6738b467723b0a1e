//! `make fuzz`: FIX inputs made of one another, for so long, from a seed; what is reached is told as a table.
//!
//!     fuzz_fix --seconds 120 --seed 1 --corpus crates/sessions/tests/fix_fuzz/corpus.txt [--keep]
//!
//! Inputs start as the kept corpus. Fields are changed, doubled, left out, messages spliced; most are then given the length,
//! checksum and number that they should have, so that what lies behind those checks is reached. An input that leads to an outcome
//! which none led to before is worked on further, and written to the corpus with `--keep`, where it is short enough.
//!
//! Invariant: equal seeds make equal inputs as far as both runs get; one that breaks what must hold is printed and ends the run
//! with 1.

#[path = "../tests/fix_fuzz/harness.rs"]
mod harness;

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::{Harness, Outcomes, unescaped};
use wire::fix::{SOH, checksum};

const KEPT_BYTES_MAX: usize = 1_500;
const INPUT_BYTES_MAX: usize = 12_000;
const TAGS: [&str; 30] = [
    "8", "9", "35", "34", "49", "56", "52", "43", "122", "97", "98", "108", "141", "789", "7", "16", "36", "123",
    "112", "11", "55", "54", "38", "95", "96", "453", "448", "0", "-1", "x",
];
const VALUES: [&str; 26] = [
    "",
    "0",
    "1",
    "2",
    "3",
    "5",
    "9",
    "-1",
    "Y",
    "N",
    "999999",
    "18446744073709551615",
    "99999999999999999999999",
    "x",
    "A",
    "D",
    "4",
    "20260115-14:30:00",
    "20260115-14:30:01.123",
    "20990101-00:00:00",
    "FIX.4.4",
    "FIX.4.2",
    "3.5",
    "=",
    "TW",
    "8=FIX.4.4",
];
const KINDS: [&str; 14] = ["0", "1", "2", "3", "4", "5", "A", "D", "8", "F", "AE", "j", "ZZ", "B"];

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// A message as its fields, without BodyLength and CheckSum.
type Fields = Vec<Vec<u8>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned();
    let number = |name: &str, usual: u64| after(name).map_or(Some(usual), |word| word.parse().ok());
    let (Some(seconds), Some(seed), Some(path)) = (number("--seconds", 120), number("--seed", 1), after("--corpus"))
    else {
        eprintln!("usage: fuzz_fix --corpus FILE [--seconds N] [--seed N] [--keep]");
        return ExitCode::from(2);
    };
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            eprintln!("--corpus {path}: {error}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|_| ()));
    let mut fuzzer = Fuzzer::new(seed);
    let inputs = kept.lines().map(unescaped).chain([first_words()]);
    for input in inputs {
        if let Err(said) = fuzzer.take(input) {
            eprintln!("{said}");
            return ExitCode::from(1);
        }
    }
    let (begun, mut told) = (Instant::now(), 0);
    let old = fuzzer.corpus.len();
    while begun.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..256 {
            let input = fuzzer.another();
            if let Err(said) = fuzzer.take(input) {
                eprintln!("{said}");
                return ExitCode::from(1);
            }
        }
        let elapsed = begun.elapsed().as_secs() / 10;
        if elapsed > told {
            told = elapsed;
            eprintln!("{:>4} s  {:>9} inputs  {:>4} outcomes", told * 10, fuzzer.runs, fuzzer.reached.len());
        }
    }
    fuzzer.report(seed, begun.elapsed().as_secs(), old);
    if words.iter().any(|word| word == "--keep") {
        let short = fuzzer.corpus[old..].iter().filter(|input| input.len() <= KEPT_BYTES_MAX);
        let lines: String = short.map(|input| format!("{}\n", input.escape_ascii())).collect();
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        if let Err(error) = opened.and_then(|mut file| file.write_all(lines.as_bytes())) {
            eprintln!("--corpus {path}: {error}");
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

struct Fuzzer {
    harness: Harness,
    random: Random,
    corpus: Vec<Vec<u8>>,
    reached: BTreeMap<String, u64>,
    runs: u64,
}

impl Fuzzer {
    fn new(seed: u64) -> Self {
        let (harness, random) = (Harness::new(), Random(seed));
        Self { harness, random, corpus: Vec::new(), reached: BTreeMap::new(), runs: 0 }
    }

    /// Runs an input, and keeps it where it led to something new.
    fn take(&mut self, input: Vec<u8>) -> Result<(), String> {
        let seed = self.random.below(1 << 30) as u64;
        self.runs += 1;
        let ran = catch_unwind(AssertUnwindSafe(|| self.harness.run(&input, seed)));
        let outcomes: Outcomes = ran.map_err(|why| {
            let why =
                why.downcast_ref::<String>().cloned().or_else(|| why.downcast_ref::<&str>().map(|&text| text.into()));
            let why = why.unwrap_or_else(|| "a panic".into());
            format!("{why}\nat seed {seed} with this input:\n{}", input.escape_ascii())
        })?;
        let mut new = false;
        for outcome in outcomes {
            let seen = self.reached.entry(outcome).or_default();
            new |= *seen == 0;
            *seen += 1;
        }
        if new {
            self.corpus.push(input);
        }
        Ok(())
    }

    /// An input made of others.
    fn another(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let at = random.below(self.corpus.len());
        let mut messages = split(&self.corpus[at]);
        for _ in 0..=random.below(3) {
            let other = random.below(self.corpus.len());
            change(&mut messages, &self.corpus[other], random);
        }
        let (repaired, numbered) = (random.below(10) < 8, random.below(10) < 6);
        let mut input = Vec::new();
        for (number, fields) in messages.iter_mut().enumerate() {
            if numbered {
                renumber(fields, number + 1);
            }
            input.extend(if repaired { sealed(fields) } else { fields.concat() });
        }
        if random.below(6) == 0 && !input.is_empty() {
            let at = random.below(input.len());
            input[at] = [SOH, b'=', b'0', 0xff, b'8'][random.below(5)];
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn report(&self, seed: u64, seconds: u64, old: usize) {
        let kinds: BTreeMap<&str, (u64, u64)> =
            self.reached.iter().fold(BTreeMap::new(), |mut kinds, (outcome, seen)| {
                let kind = outcome.split(' ').next().unwrap_or("");
                let (outcomes, inputs): &mut (u64, u64) = kinds.entry(kind).or_default();
                (*outcomes, *inputs) = (*outcomes + 1, *inputs + seen);
                kinds
            });
        println!(
            "seed {seed}: {} inputs in {seconds} s, {} of them new in outcome, {old} kept before",
            self.runs,
            self.corpus.len() - old
        );
        println!("{:<12} {:>9} {:>12}", "", "outcomes", "seen");
        for (kind, (outcomes, seen)) in kinds {
            println!("{kind:<12} {outcomes:>9} {seen:>12}");
        }
        println!();
        for (outcome, seen) in self.reached.iter().filter(|(outcome, _)| !outcome.starts_with("said 3")) {
            println!("{seen:>12}  {outcome}");
        }
        let rejects = self.reached.iter().filter(|(outcome, _)| outcome.starts_with("said 3")).map(|(_, seen)| seen);
        println!("{:>12}  said 3, by reason and tag", rejects.sum::<u64>());
    }
}

/// One change.
fn change(messages: &mut Vec<Fields>, other: &[u8], random: &mut Random) {
    if messages.is_empty() || random.below(8) == 0 {
        let others = split(other);
        if !others.is_empty() {
            let at = random.below(messages.len() + 1);
            messages.insert(at, others[random.below(others.len())].clone());
        }
        return;
    }
    let at = random.below(messages.len());
    if random.below(12) == 0 {
        match random.below(2) {
            0 => drop(messages.remove(at)),
            _ => messages.insert(at, messages[at].clone()),
        }
        return;
    }
    let fields = &mut messages[at];
    let place = random.below(fields.len().max(1));
    let field = |tag: &str, value: &str| format!("{tag}={value}\x01").into_bytes();
    match random.below(7) {
        0 if !fields.is_empty() => drop(fields.remove(place)),
        1 if !fields.is_empty() => fields.insert(place, fields[place].clone()),
        2 if fields.len() > 1 => {
            let with = random.below(fields.len());
            fields.swap(place, with);
        }
        3 if !fields.is_empty() => {
            let tag = fields[place].split(|byte| *byte == b'=').next().unwrap_or(b"").to_vec();
            let value = random.one(&VALUES);
            fields[place] = [&tag, &b"="[..], value.as_bytes(), &[SOH]].concat();
        }
        4 => {
            let kind = random.one(&KINDS);
            if let Some(found) = fields.iter_mut().find(|field| field.starts_with(b"35=")) {
                *found = field("35", kind);
            }
        }
        5 => {
            let many = 1 + random.below(40) / 39 * 80;
            for _ in 0..many {
                fields.push(field(random.one(&TAGS), random.one(&VALUES)));
            }
        }
        _ => fields.insert(place, field(random.one(&TAGS), random.one(&VALUES))),
    }
}

/// The messages of an input, each as its fields but 9 and 10.
fn split(input: &[u8]) -> Vec<Fields> {
    let mut messages: Vec<Fields> = Vec::new();
    for field in input.split_inclusive(|byte| *byte == SOH) {
        if field.starts_with(b"8=") || messages.is_empty() {
            messages.push(Vec::new());
        }
        if !field.starts_with(b"9=") && !field.starts_with(b"10=") {
            messages.last_mut().expect("one was begun").push(field.to_vec());
        }
    }
    messages
}

/// The message with its number.
fn renumber(fields: &mut Fields, number: usize) {
    let found = fields.iter_mut().find(|field| field.starts_with(b"34="));
    if let Some(field) = found {
        *field = format!("34={number}\x01").into_bytes();
    }
}

/// The message with its length and checksum.
fn sealed(fields: &Fields) -> Vec<u8> {
    let Some((first, rest)) = fields.split_first() else { return Vec::new() };
    let body = rest.concat();
    let mut bytes = [&first[..], format!("9={}\x01", body.len()).as_bytes(), &body].concat();
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

/// A conversation to begin with: logon, orders, a request for what was sent, a goodbye.
fn first_words() -> Vec<u8> {
    let bodies: [&str; 8] = [
        "35=A|34=1|49=TW|52=20260115-14:30:00|56=ISLD|98=0|108=30|",
        "35=D|34=2|49=TW|52=20260115-14:30:00|56=ISLD|11=a|21=1|55=A|54=1|38=1|40=1|60=20260115-14:30:00|",
        "35=D|34=3|49=TW|52=20260115-14:30:00|56=ISLD|11=b|21=1|55=A|54=1|38=1|40=1|60=20260115-14:30:00|453=1|448=x|447=D|452=1|",
        "35=1|34=4|49=TW|52=20260115-14:30:00|56=ISLD|112=one|",
        "35=2|34=5|49=TW|52=20260115-14:30:00|56=ISLD|7=1|16=0|",
        "35=B|34=6|49=TW|52=20260115-14:30:00|56=ISLD|148=news|33=1|58=line|95=3|96=a=b|",
        "35=4|34=7|49=TW|52=20260115-14:30:00|56=ISLD|123=Y|36=9|",
        "35=5|34=9|49=TW|52=20260115-14:30:00|56=ISLD|",
    ];
    let messages = bodies.iter().map(|body| {
        let fields: Fields = ["8=FIX.4.4|", body]
            .concat()
            .replace('|', "\x01")
            .into_bytes()
            .split_inclusive(|byte| *byte == SOH)
            .map(<[u8]>::to_vec)
            .collect();
        sealed(&fields)
    });
    messages.collect::<Vec<_>>().concat()
}
