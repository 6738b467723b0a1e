//! The kept corpus of the FIX fuzzer (`make fuzz`): every input still holds, and together they still reach what they reached.

mod harness;

use harness::{Harness, Outcomes, unescaped};

/// An input a line, escaped.
const CORPUS: &str = include_str!("corpus.txt");

#[test]
fn every_kept_input_holds_and_every_kind_of_outcome_is_reached() {
    let (mut harness, mut reached) = (Harness::new(), Outcomes::new());
    let inputs: Vec<Vec<u8>> = CORPUS.lines().map(unescaped).collect();
    assert!(!inputs.is_empty());
    for input in &inputs {
        for seed in 0..12 {
            reached.append(&mut harness.run(input, seed));
        }
    }
    for outcome in [
        "garbled begin",
        "garbled length",
        "garbled too_long",
        "garbled checksum",
        "garbled type",
        "fields TagNotANumber",
        "fields NoEquals",
        "fields TagNumber",
        "fields DataLength",
        "fields TooMany",
        "fields Unterminated",
        "dictionary full Required tag missing",
        "dictionary full Tag not defined for this message type",
        "dictionary full Value is incorrect (out of range) for this tag",
        "dictionary full Incorrect data format for value",
        "dictionary full Tag appears more than once",
        "dictionary full Tag specified out of required order",
        "dictionary full Incorrect NumInGroup count for repeating group",
        "end bad_logon",
        "end logged_out",
        "end too_low",
        "end none",
        "end no_number",
        "end unexpected",
        "said 0 -",
        "said 1 -",
        "said 2 true",
        "said 3 1 ",
        "said 4 Y",
        "said 5 -",
        "said A -",
        "said D Y",
        "said j 3",
        "said j 5",
        "count too_high",
        "count resends",
        "count duplicates",
        "count replayed",
        "count resets",
        "count ahead_full",
    ] {
        assert!(reached.iter().any(|found| found.starts_with(outcome)), "{outcome} is not reached: {reached:#?}");
    }
}
