//! Fields of messages, sound and not.

use super::*;

fn soh(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte == b'|' { SOH } else { byte }).collect()
}

fn read(bytes: &[u8]) -> (Vec<(u32, Vec<u8>)>, Option<FieldError>) {
    let mut fields = Fields::new(40);
    let error = fields.read(bytes, &DataFields::standard()).err();
    (fields.message(bytes).iter().map(|(tag, value)| (tag, value.to_vec())).collect(), error)
}

fn pair(tag: u32, value: &str) -> (u32, Vec<u8>) {
    (tag, soh(value))
}

#[test]
fn every_field_stands_in_order_with_its_value() {
    let (fields, error) = read(&soh("8=FIX.4.4|9=5|35=D|1=A|5001=user|20000001=long|58=a=b|58=|10=005|"));
    assert_eq!(error, None);
    let expected = [
        pair(8, "FIX.4.4"),
        pair(9, "5"),
        pair(35, "D"),
        pair(1, "A"),
        pair(5001, "user"),
        pair(20_000_001, "long"),
        pair(58, "a=b"),
        pair(58, ""),
        pair(10, "005"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn lookups_find_the_first_and_go_on_from_a_position() {
    let bytes = soh("8=FIX.4.4|9=5|35=AE|453=2|448=A|448=B|10=005|");
    let mut fields = Fields::new(40);
    fields.read(&bytes, &DataFields::none()).unwrap();
    let message = fields.message(&bytes);
    assert_eq!(message.kind(), b"AE");
    assert_eq!(message.get(448), Some(&b"A"[..]));
    assert_eq!(message.find_after(5, 448), Some((5, &b"B"[..])));
    assert_eq!(message.find_after(6, 448), None);
    assert_eq!(message.find_after(7, 10), None);
    assert_eq!(message.get(1), None);
}

#[test]
fn a_data_field_ends_where_its_length_says() {
    let (fields, error) = read(&soh("35=B|95=9|96=a|8=FIX|b|10=000|"));
    assert_eq!(error, None);
    assert_eq!(fields, [pair(35, "B"), pair(95, "9"), pair(96, "a|8=FIX|b"), pair(10, "000")]);
    let long = format!("95=200|96={}|58=after|", "|".repeat(200));
    let (fields, error) = read(&soh(&long));
    assert_eq!((fields.len(), error), (3, None));
    assert_eq!(fields[2], pair(58, "after"));
    // A length without its data field, and a data field without its length, are fields like others.
    assert_eq!(read(&soh("95=3|58=x|96=abc|")).1, None);
}

#[test]
fn a_wrong_data_length_is_told_and_what_follows_is_read() {
    for length in ["3", "5", "9999", "x", "-1", ""] {
        let (fields, error) = read(&soh(&format!("35=B|95={length}|96=abcd|58=after|")));
        let error = error.unwrap();
        assert_eq!((error.fault, error.tag, error.reason()), (FieldFault::DataLength, 95, Some(reject::DATA_FORMAT)));
        assert_eq!(fields.last(), Some(&pair(58, "after")));
    }
}

#[test]
fn faults_of_tags_are_told_with_the_tag_s_letters() {
    for (text, fault, letters, reason) in [
        ("a=1|", FieldFault::TagNotANumber, "a", None),
        ("=1|", FieldFault::TagNotANumber, "", None),
        ("4garbled9=TW|", FieldFault::TagNotANumber, "4garbled9", None),
        ("49garbled=TW|", FieldFault::TagNotANumber, "49garbled", None),
        ("1 =x|", FieldFault::TagNotANumber, "1 ", None),
        ("-=x|", FieldFault::TagNotANumber, "-", None),
        ("hello|", FieldFault::NoEquals, "hello", None),
        ("|", FieldFault::NoEquals, "", None),
        ("12345|6=x|", FieldFault::NoEquals, "12345", None),
        ("0=HI|", FieldFault::TagNumber, "0", Some(0)),
        ("-1=HI|", FieldFault::TagNumber, "-1", Some(0)),
        ("4294967297=HI|", FieldFault::TagNumber, "4294967297", Some(0)),
        ("99999999999999999999999=HI|", FieldFault::TagNumber, "99999999999999999999999", Some(0)),
        ("58=cut", FieldFault::Unterminated, "58=cut", None),
    ] {
        let bytes = soh(&format!("35=D|{text}"));
        let (fields, error) = read(&bytes);
        let error = error.unwrap();
        assert_eq!((error.fault, error.reason()), (fault, reason), "{text}");
        assert_eq!(&bytes[error.start as usize..error.end as usize], letters.as_bytes(), "{text}");
        assert_eq!(fields[0], pair(35, "D"));
    }
}

#[test]
fn more_fields_than_fit_are_an_error_and_no_panic() {
    let (fields, error) = read(&soh(&"1=a|".repeat(41)));
    assert_eq!(fields.len(), 40);
    assert_eq!(error.map(|error| (error.fault, error.reason())), Some((FieldFault::TooMany, Some(reject::OTHER))));
    assert_eq!(read(&soh(&"1=a|".repeat(40))).1, None);
    let mut full = Fields::new(1);
    assert!(full.read(&soh("95=1|96=x|"), &DataFields::standard()).is_err());
}

#[test]
fn length_fields_of_a_venue_are_added() {
    let bytes = soh("9500=3|9501=a|b|70000=3|70001=c|d|");
    let mut fields = Fields::new(9);
    fields.read(&bytes, &DataFields::standard().with(9500, 9501).with(70_000, 70_001)).unwrap();
    assert_eq!(fields.message(&bytes).get(9501), Some(&b"a\x01b"[..]));
    assert_eq!(fields.message(&bytes).get(70_001), Some(&b"c\x01d"[..]));
    assert!(fields.read(&bytes, &DataFields::standard()).is_err());
}

/// A plain reader, one byte after the other.
fn twin(bytes: &[u8]) -> Option<Vec<(u32, Vec<u8>)>> {
    let body = bytes.strip_suffix(&[SOH])?;
    body.split(|byte| *byte == SOH)
        .map(|field| {
            let at = field.iter().position(|byte| *byte == b'=')?;
            let tag = std::str::from_utf8(&field[..at]).ok()?;
            let sound = !tag.is_empty() && tag.len() <= 9 && tag.bytes().all(|byte| byte.is_ascii_digit());
            let tag = tag.parse().ok().filter(|tag| sound && *tag != 0)?;
            Some((tag, field[at + 1..].to_vec()))
        })
        .collect()
}

#[test]
fn any_bytes_give_what_a_plain_reader_gives_seed_1() {
    let mut state = 1_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let (mut sound, mut faulty) = (0, 0);
    for _ in 0..30_000 {
        let mut bytes = Vec::new();
        for _ in 0..next(25) {
            let tag = match next(4) {
                0 => next(10),
                1 => next(100_000),
                2 => next(3_000_000_000),
                _ => next(999),
            };
            bytes.extend_from_slice(tag.to_string().as_bytes());
            bytes.push(b'=');
            bytes.extend((0..next(12)).map(|_| b"0123456789ABC=.-\xff"[next(17) as usize]));
            bytes.push(SOH);
        }
        for _ in 0..next(2) * next(3) {
            if !bytes.is_empty() {
                let at = next(bytes.len() as u64) as usize;
                bytes[at] = b"\x01=9a-"[next(5) as usize];
            }
        }
        let mut fields = Fields::new(200);
        let result = fields.read(&bytes, &DataFields::none());
        match twin(&bytes) {
            Some(expected) => {
                assert_eq!(result, Ok(()));
                let found: Vec<_> = fields.message(&bytes).iter().map(|(tag, value)| (tag, value.to_vec())).collect();
                assert_eq!(found, expected, "{}", bytes.escape_ascii());
                sound += 1;
            }
            None => {
                assert!(result.is_err() || bytes.is_empty(), "{}", bytes.escape_ascii());
                faulty += 1;
            }
        }
    }
    assert!(sound > 1_000 && faulty > 1_000, "{sound} sound and {faulty} faulty messages");
}

#[test]
fn what_is_remembered_of_other_messages_changes_nothing() {
    let texts = [
        "8=FIX.4.4|9=5|35=D|1=A|5001=user|20000001=long|58=a=b|58=|10=005|",
        "8=FIX.4.4|9=5|35=8|37=A|5001=user|150=F|58=a=b|58=x|10=005|",
        "8=FIX.4.4|9=5|35=B|95=3|96=a|b|58=a=b|58=|10=005|",
        "8=FIX.4.4|9=5|35=B|95=2|96=a|b|58=a=b|58=|10=005|",
        "8=FIX.4.4|9=5|35=B|5001=3|96=a|b|1=|10=005|",
        "8=FIX.4.4|9=5|350=D|1x=A|1=A|0=u|1|",
        "8=FIX|1=|2=|3=|4=|10=000|",
        "8=FIX.4.4|9=5|35=D|1=A|5001=3|58=a|b|10=00",
        "1=a|",
    ];
    let kinds = [DataFields::standard(), DataFields::none(), DataFields::standard().with(5001, 58)];
    let mut reused = Fields::new(12);
    let mut state = 3_u64;
    for round in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bytes = soh(texts[(state >> 33) as usize % texts.len()]);
        if state >> 62 == 0 {
            let at = (state >> 40) as usize % bytes.len();
            bytes[at] = [b'=', SOH, b'1', b'9', b'x'][(state >> 50) as usize % 5];
        }
        let data = &kinds[(state >> 55) as usize % 40 / 10 % kinds.len()];
        let mut fresh = Fields::new(12);
        assert_eq!(reused.read(&bytes, data), fresh.read(&bytes, data), "round {round}: {}", bytes.escape_ascii());
        assert_eq!(reused.as_slice(), fresh.as_slice(), "round {round}: {}", bytes.escape_ascii());
    }
}

/// Data of any length, wherever its end lies in the windows that are looked at, in a table that has read such messages before.
#[test]
fn data_of_every_length_ends_where_it_should() {
    let mut fields = Fields::new(40);
    for filler in [0, 1, 30, 57, 58, 59, 60, 61, 62, 63, 64, 65] {
        for length in 0..200 {
            let text = format!("58={}|95={length}|96={}|1=A|2=B|10=123|", "x".repeat(filler), "|".repeat(length));
            let bytes = soh(&text);
            fields.read(&bytes, &DataFields::standard()).unwrap();
            let read: Vec<_> = fields.message(&bytes).iter().map(|(tag, value)| (tag, value.to_vec())).collect();
            let (filled, data) = ("x".repeat(filler), "|".repeat(length));
            let expected = [
                pair(58, &filled),
                pair(95, &length.to_string()),
                pair(96, &data),
                pair(1, "A"),
                pair(2, "B"),
                pair(10, "123"),
            ];
            assert_eq!(read, expected, "{filler} and {length}");
        }
    }
}
