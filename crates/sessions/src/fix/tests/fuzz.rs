//! Messages that nobody should send, by seed: fields changed, doubled, left out, out of range.

use std::collections::BTreeMap;

use wire::fix::checksum;

use super::*;

const COMMON: [&str; 8] = ["0", "1", "2", "3", "4", "D", "8", "j"];
const RARE: [&str; 4] = ["5", "A", "ZZ", ""];
const VALUES: [&str; 16] = [
    "",
    "0",
    "1",
    "2",
    "5",
    "-1",
    "Y",
    "N",
    "999999",
    "18446744073709551615",
    "99999999999999999999999",
    "x",
    "20260115-14:30:00",
    "20990101-00:00:00",
    "FIX.4.4",
    "3.5",
];
const TAGS: [&str; 20] = [
    "7", "16", "34", "36", "43", "49", "52", "56", "97", "98", "108", "112", "122", "123", "141", "789", "0", "-4",
    "x", "95",
];

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// A message from TW, mostly sound, with a few fields changed.
fn message(random: &mut Random, expected: u64) -> Vec<u8> {
    let kind = if random.below(12) == 0 { RARE[random.below(RARE.len())] } else { COMMON[random.below(COMMON.len())] };
    let number = match random.below(60) {
        0 => u64::MAX - random.below(3) as u64,
        1..10 => expected + random.below(6) as u64,
        10 => expected.saturating_sub(1),
        _ if kind == "A" => 1,
        _ => expected,
    };
    let mut fields: Vec<(String, String)> =
        [("35", kind), ("34", &number.to_string()), ("49", "TW"), ("52", "20260115-14:30:00"), ("56", "ISLD")]
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .to_vec();
    let more = [
        ("43", "Y"),
        ("122", "20260115-14:29:00"),
        ("98", "0"),
        ("108", "30"),
        ("7", "1"),
        ("16", "0"),
        ("123", "Y"),
        ("141", "Y"),
    ];
    for (tag, value) in more {
        if random.below(3) == 0 {
            fields.push((tag.to_owned(), value.to_owned()));
        }
    }
    if random.below(2) == 0 {
        fields.push(("36".to_owned(), (expected + random.below(4) as u64).to_string()));
    }
    // Two of three are left as they are.
    for _ in 0..random.below(9) / 6 * (1 + random.below(2)) {
        let at = random.below(fields.len());
        match random.below(4) {
            0 => drop(fields.remove(at)),
            1 => fields.push(fields[at].clone()),
            2 => fields[at].1 = VALUES[random.below(VALUES.len())].to_owned(),
            _ => {
                fields.push((TAGS[random.below(TAGS.len())].to_owned(), VALUES[random.below(VALUES.len())].to_owned()))
            }
        }
        if fields.is_empty() {
            break;
        }
    }
    let body: String = fields.iter().map(|(tag, value)| format!("{tag}={value}\x01")).collect();
    let version = if random.below(40) == 0 { "FIX.4.2" } else { "FIX.4.4" };
    let mut bytes = format!("8={version}\x019={}\x01{body}", body.len()).into_bytes();
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

#[test]
fn no_message_breaks_a_session_and_every_outcome_is_reached() {
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..3_000_u64 {
        let mut random = Random(seed);
        let next_expected = seed % 3 == 0;
        let more = json!({"next_expected": next_expected, "resend_chunk": seed % 2 * 3, "ahead_messages_max": 1, "resend_repeats_max": 5});
        let mut side = if seed % 5 == 0 {
            let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
            table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let mut side = Side::memory(table);
            side.session.connect(START_NS);
            side
        } else {
            acceptor(more)
        };
        let mut now_ns = START_NS;
        for _ in 0..40 {
            let (expected, _) = side.session.numbers();
            let bytes = message(&mut random, expected);
            if let Framed::Message { length } = frame(&bytes, 1 << 14) {
                side.hears(now_ns, &bytes[..length]);
            } else {
                side.session.garbled();
            }
            if random.below(4) == 0 {
                let _up_or_not = side.order(now_ns, "o");
            }
            now_ns += random.below(3) as u64 * SECOND;
            side.passes(now_ns);
            // Whole, sound messages alone come out, each with a number that was used.
            for said in side.said() {
                let number = value(&said, 34).unwrap().parse::<u64>().unwrap();
                assert!(number < side.session.numbers().1.max(2), "seed {seed}: {said}");
            }
            assert!(side.session.numbers().0 <= (1 << 53) + 100, "seed {seed}");
            if side.session.state() == State::Down {
                break;
            }
        }
        let end = side.session.ended().map_or("up", End::name);
        *reached.entry(format!("end {end}")).or_default() += 1;
        for count in Count::ALL {
            *reached.entry(count.name().to_owned()).or_default() += side.session.counts().get(*count);
        }
    }
    for outcome in [
        "end up",
        "end bad_logon",
        "end logged_out",
        "end too_low",
        "end unexpected",
        "end no_number",
        "end reset_disagreed",
        "garbled",
        "rejects",
        "rejects_in",
        "logons_refused",
        "too_high",
        "duplicates",
        "ahead_full",
        "resends_asked",
        "resends",
        "replayed",
        "gap_fills",
        "resets_refused",
        "resets",
    ] {
        assert!(reached.get(outcome).is_some_and(|seen| *seen > 0), "{outcome} is never reached: {reached:#?}");
    }
}
