//! Messages built, and read back.

use super::*;
use crate::fix::write_time;
use crate::fix::{DataFields, Fields, Framed, frame, utc_time_ns};

const TIME: &[u8] = b"20260115-14:30:00.123";

fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if *byte == SOH { '|' } else { char::from(*byte) }).collect()
}

#[test]
fn the_header_stands_in_order_of_its_tags() {
    let time = utc_time_ns(TIME).unwrap();
    let header = Header::new("FIX.4.4", "TW", "ISLD").with(57, b"DESK").with(50, b"TRADER");
    let mut out = [0; 600];
    let mut builder = Builder::new(&header, &mut out);
    let message = builder.begin(b"0").finish(7, time).unwrap();
    assert_eq!(
        shown(message),
        "8=FIX.4.4|9=67|35=0|34=7|49=TW|50=TRADER|52=20260115-14:30:00.123|56=ISLD|57=DESK|10=219|"
    );
    let message = builder
        .begin(b"D")
        .header_field(122, b"20260115-14:29:00")
        .header_field(43, b"Y")
        .field(11, b"ID")
        .finish(8, time)
        .unwrap();
    assert!(shown(message).contains(
        "35=D|34=8|43=Y|49=TW|50=TRADER|52=20260115-14:30:00.123|56=ISLD|57=DESK|122=20260115-14:29:00|11=ID|10="
    ));
    assert_eq!(frame(message, 4096), Framed::Message { length: message.len() });
    let length = message.len();
    let seconds = header.clone().with_precision(Precision::Seconds).with(56, b"X");
    assert!(Builder::new(&seconds, &mut out).begin(b"0").finish(1, time).unwrap().len() < length);
    assert!(shown(Builder::new(&seconds, &mut out).begin(b"0").finish(1, time).unwrap()).contains("|56=X|"));
}

#[test]
fn what_does_not_fit_is_full_and_the_next_message_may_fit() {
    let header = Header::new("FIX.4.4", "A", "B");
    let room = header.room();
    let mut none = [0; 9];
    assert_eq!(Builder::new(&header, &mut none).begin(b"0").finish(1, 0), Err(Full));
    let mut out = vec![0; room + 30];
    let mut builder = Builder::new(&header, &mut out);
    assert_eq!(builder.begin(b"D").field(58, &[b'x'; 20]).finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"D").field(58, b"a\x01b").finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"D").header_field(115, b"a\x01b").finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"D").header_field(115, &[b'x'; 300]).finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"").finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"TOOLONGTYPE").finish(1, 0), Err(Full));
    assert_eq!(builder.begin(b"D").fields(b"58=cut").finish(1, 0), Err(Full));
    assert!(builder.begin(b"D").field(58, &[b'x'; 19]).finish(u64::MAX, u64::MAX).is_ok());
}

#[test]
fn random_messages_are_read_back_field_by_field_seed_1() {
    let mut state = 1_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let header = Header::new("FIXT.1.1", "SENDER", "TARGET").with(1128, b"9");
    let mut out = vec![0; 8192];
    let mut fields = Fields::default();
    for sequence in 1..3_000 {
        let mut expected = Vec::new();
        let mut builder = Builder::new(&header, &mut out);
        builder.begin([&b"D"[..], b"8", b"AE", b"UTYPE"][next(4) as usize]);
        for _ in 0..next(30) {
            let tag = next(20_000) as u32 + 2_500;
            let number = next(u64::from(u32::MAX)) as i64 * (next(5) as i64 - 2) * next(1_000) as i64;
            let mut letters = [0; 27];
            let value = match next(6) {
                0 => {
                    builder.integer(tag, number);
                    number.to_string().into_bytes()
                }
                1 => {
                    builder.decimal(tag, number);
                    let mut letters = [0; DECIMAL_LETTERS_MAX];
                    let at = write_decimal(&mut letters, number);
                    letters[at..].to_vec()
                }
                2 => {
                    builder.time(tag, number.unsigned_abs(), Precision::Microseconds);
                    let count = write_time(&mut letters, number.unsigned_abs(), Precision::Microseconds);
                    letters[..count].to_vec()
                }
                3 => {
                    let value: Vec<u8> = (0..next(100)).map(|_| next(256) as u8).collect();
                    builder.data(95, 96, &value);
                    expected.push((95, value.len().to_string().into_bytes()));
                    expected.push((96, value));
                    continue;
                }
                4 => {
                    builder.boolean(tag, number > 0);
                    vec![if number > 0 { b'Y' } else { b'N' }]
                }
                _ => {
                    let value: Vec<u8> = (0..next(40)).map(|_| 2 + next(254) as u8).collect();
                    builder.field(tag, &value);
                    value
                }
            };
            expected.push((tag, value));
        }
        let message = builder.finish(sequence, sequence * 1_000_000).unwrap();
        assert_eq!(frame(message, 8192), Framed::Message { length: message.len() });
        fields.read(message, &DataFields::standard()).unwrap();
        let read = fields.message(message);
        assert_eq!(read.get(34).unwrap(), sequence.to_string().as_bytes());
        assert_eq!(read.get(52).and_then(utc_time_ns), Some(sequence * 1_000_000));
        let body: Vec<_> = read.iter().skip(8).map(|(tag, value)| (tag, value.to_vec())).collect();
        assert_eq!(body[..body.len() - 1], expected[..], "message {sequence}");
    }
}

/// Every length of names, kinds, numbers and times: the header is what plain code makes of the same fields.
#[test]
fn headers_of_all_lengths_are_what_plain_code_writes_seed_2() {
    let mut state = 2_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut out = vec![0xee; 2_048];
    for round in 0..4_000 {
        let sender = "S".repeat(1 + next(64) as usize);
        let target = "T".repeat(if next(2) == 0 { 1 + next(12) } else { 1 + next(64) } as usize);
        let begin = ["FIX.4.2", "FIXT.1.1", "FIX.4.4-SOMETHING"][next(3) as usize];
        let precision = [Precision::Seconds, Precision::Milliseconds, Precision::Microseconds, Precision::Nanoseconds]
            [next(4) as usize];
        let header = Header::new(begin, &sender, &target).with_precision(precision);
        let kind = &b"ABCDEFGH"[..1 + next(8) as usize];
        let sequence = next(1 << 31) >> next(31);
        let time_ns = [next(1 << 31) << 31, 1_768_487_400_000_000_000 + next(3_000_000_000)][next(2) as usize];
        let text = vec![b'x'; next(40) as usize];
        let mut builder = Builder::new(&header, &mut out);
        let message = builder.begin(kind).field(58, &text).finish(sequence, time_ns).unwrap();
        let mut letters = [0; 27];
        let count = write_time(&mut letters, time_ns, precision);
        let (time, kind, text) =
            [&letters[..count], kind, &text].map(|part| String::from_utf8(part.to_vec()).unwrap()).into();
        let body = format!("35={kind}\x0134={sequence}\x0149={sender}\x0152={time}\x0156={target}\x0158={text}\x01");
        assert_eq!(shown(message), shown(&seal(begin.as_bytes(), body.as_bytes())), "round {round}");
    }
}

/// Prices and sizes at the edges of what is written in one step.
#[test]
fn decimals_are_what_plain_code_writes() {
    let header = Header::new("FIX.4.4", "A", "B");
    let mut out = vec![0; 1_024];
    for whole in [0, 1, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999_999, 100_000_000, 9_000_000_000] {
        for part in [0, 1, 99_999, 100_000, 100_001, 500_000_000, 120_000_000, 999_900_000, 999_999_999] {
            for nanos in [whole * 1_000_000_000 + part, -(whole * 1_000_000_000 + part)] {
                let mut letters = [0; DECIMAL_LETTERS_MAX];
                let at = write_decimal(&mut letters, nanos);
                let mut builder = Builder::new(&header, &mut out);
                let message = builder.begin(b"D").decimal(44, nanos).decimal(10_044, nanos).finish(1, 0).unwrap();
                let text = shown(&letters[at..]);
                assert!(
                    shown(message).contains(&format!("|44={text}|10044={text}|10=")),
                    "{nanos}: {}",
                    shown(message)
                );
            }
        }
    }
}
