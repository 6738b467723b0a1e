//! Letters to numbers and times, and back: against plain code, and the edges of each type.

use super::*;

#[test]
fn numbers_are_whole_and_in_range_or_none() {
    for (text, value) in [
        ("0", Some(0)),
        ("-7", Some(-7)),
        ("0007", Some(7)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("99999999999999999999999", None),
        ("+7", None),
        ("", None),
        ("-", None),
        ("1.0", None),
        (" 1", None),
        ("--1", None),
    ] {
        assert_eq!(integer(text.as_bytes()), value, "{text}");
    }
    for (text, value) in [
        ("187.25", Some(187_250_000_000)),
        ("-0.5", Some(-500_000_000)),
        (".5", Some(500_000_000)),
        ("5.", Some(5_000_000_000)),
        ("200.00", Some(200_000_000_000)),
        ("0.000000001", Some(1)),
        ("0.0000000010", Some(1)),
        ("0.0000000011", None),
        ("9223372036.854775807", Some(i64::MAX)),
        ("-9223372036.854775808", Some(i64::MIN)),
        ("9223372036.854775808", None),
        ("+200.00", None),
        ("1e5", None),
        (".", None),
        ("-", None),
        ("-.", None),
        ("", None),
        ("1.2.3", None),
        ("1,5", None),
    ] {
        assert_eq!(decimal_nanos(text.as_bytes()), value, "{text}");
    }
    assert_eq!([boolean(b"Y"), boolean(b"N"), boolean(b"y"), boolean(b"")], [Some(true), Some(false), None, None]);
    assert_eq!([character(b"F"), character(b"FF"), character(b"\x02")], [Some(b'F'), None, None]);
}

#[test]
fn times_are_read_and_written_back() {
    let time = utc_time_ns(b"20260115-14:30:00.123").unwrap();
    assert_eq!(time, 1_768_487_400_123_000_000);
    for (text, precision) in [
        ("20260115-14:30:00", Precision::Seconds),
        ("20260115-14:30:00.123", Precision::Milliseconds),
        ("20260115-14:30:00.123456", Precision::Microseconds),
        ("20260115-14:30:00.123456789", Precision::Nanoseconds),
        ("19700101-00:00:00.000", Precision::Milliseconds),
        ("20000229-23:59:59.999", Precision::Milliseconds),
        ("25540721-23:34:33.709551615", Precision::Nanoseconds),
    ] {
        let mut out = [0; TIME_LETTERS_MAX];
        let letters = write_time(&mut out, utc_time_ns(text.as_bytes()).unwrap(), precision);
        assert_eq!(out[..letters].escape_ascii().to_string(), text);
    }
    let (mut cache, written) = (DayCache::default(), Cell::default());
    for text in [
        "20260115-14:30:00.123",
        "20260115-23:59:59.999",
        "20260116-00:00:00.000",
        "20251231-00:00:00.000",
        "20251231-00:00:00.001",
    ] {
        let mut out = [0; TIME_ROOM];
        let time = cache.utc_time_ns(text.as_bytes()).unwrap();
        assert_eq!(Some(time), utc_time_ns(text.as_bytes()));
        let letters = Written::write(&written, &mut out, time, Precision::Milliseconds);
        assert_eq!(out[..letters].escape_ascii().to_string(), text);
        assert!(is_utc_time(text.as_bytes()));
    }
    assert_eq!(utc_time_ns(b"20260115-14:30:00.123456789123"), utc_time_ns(b"20260115-14:30:00.123456789"));
    for bad in [
        "20260115-14:30:00.",
        "20260115-14:30:00.12",
        "20260115 14:30:00",
        "20260115-24:00:00",
        "20260115-14:60:00",
        "20260115-14:30:61",
        "20260229-14:30:00",
        "20261301-14:30:00",
        "20260100-14:30:00",
        "19691231-23:59:59",
        "99991231-23:59:59",
        "2026011-14:30:00",
        "",
        "20260115-1430:00",
    ] {
        assert_eq!(utc_time_ns(bad.as_bytes()), None, "{bad}");
        assert_eq!(DayCache::default().utc_time_ns(bad.as_bytes()), None, "{bad}");
        assert!(bad.starts_with("9999") || !is_utc_time(bad.as_bytes()), "{bad}");
    }
    assert_eq!(utc_date_days(b"19700102"), Some(1));
    assert_eq!(time_of_day_ns(b"00:00:01"), Some(1_000_000_000));
}

#[test]
fn what_is_kept_of_the_last_time_changes_nothing() {
    let texts: [&[u8]; 14] = [
        b"20260115-14:30:00.123",
        b"20260115-14:30:00",
        b"20260115-14:30:00.12",
        b"20260115-14:30:01.000001",
        b"20260116-14:30:00.123",
        b"20260115-14:30:00.123456789",
        b"20260115-23:59:60.000",
        b"20260115-14:60:00",
        b"20260229-14:30:00",
        b"19700101-00:00:00",
        b"20260115-\0\0\0\0\0\0\0\0",
        b"\0\0\0\0\0\0\0\0-\0\0\0\0\0\0\0\0",
        b"20260115-14:30:0",
        b"20260115 14:30:00",
    ];
    let (mut cache, written, mut state) = (DayCache::default(), Cell::default(), 7_u64);
    for round in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = (state >> 33) as usize;
        if pick.is_multiple_of(3) {
            let base = utc_time_ns(texts[[0, 4, 9][pick / 3 % 3]]).unwrap();
            let time_ns = base + (state >> 20) % 3_000_000_000;
            let (mut kept, mut plain) = ([0; TIME_ROOM], [0; TIME_LETTERS_MAX]);
            let letters = Written::write(&written, &mut kept, time_ns, Precision::Nanoseconds);
            assert_eq!(letters, write_time(&mut plain, time_ns, Precision::Nanoseconds));
            assert_eq!(kept[..letters], plain[..letters], "round {round}");
        } else {
            let text = texts[pick / 3 % texts.len()];
            assert_eq!(cache.utc_time_ns(text), utc_time_ns(text), "round {round}: {}", text.escape_ascii());
        }
    }
}

#[test]
fn every_day_of_four_centuries_is_its_own_date() {
    let mut expected = (1970, 1, 1);
    for day in 0..150_000 {
        let (year, month, of_month) = civil(day);
        assert_eq!((year, month, of_month), expected);
        assert_eq!(days(year, month, of_month), day);
        let text = format!("{year:04}{month:02}{of_month:02}");
        assert_eq!(utc_date_days(text.as_bytes()), Some(day as u32));
        let next = format!("{year:04}{month:02}{:02}", of_month + 1);
        expected = match utc_date_days(next.as_bytes()) {
            Some(_) => (year, month, of_month + 1),
            None if month < 12 => (year, month + 1, 1),
            None => (year + 1, 1, 1),
        };
    }
}

#[test]
fn numbers_are_written_as_they_are_read() {
    for value in [0, 1, -1, 9, 10, 12_345, 1_000_000_000, 123_456_789_012, i64::MAX, i64::MIN] {
        let mut out = [0; INTEGER_LETTERS_MAX];
        let at = write_integer(&mut out, value);
        assert_eq!(out[at..].escape_ascii().to_string(), value.to_string());
        let mut out = [0; DECIMAL_LETTERS_MAX];
        let at = write_decimal(&mut out, value);
        assert_eq!(decimal_nanos(&out[at..]), Some(value));
        assert!(!out[at..].ends_with(b"0") || !out[at..].contains(&b'.'));
    }
}

#[test]
fn up_to_four_digits_are_one_number() {
    for number in 0..10_000_u32 {
        let letters: [u8; 4] = format!("{number:04}").into_bytes().try_into().unwrap();
        for count in 1..=4 {
            assert_eq!(four_digits(u32::from_le_bytes(letters), count), Some(number % 10_u32.pow(count as u32)));
        }
    }
    for (letters, count, number) in [
        (*b"\x01:12", 2, Some(12)),
        (*b"1:23", 3, None),
        (*b"12/3", 4, None),
        (*b"a123", 4, None),
        (*b"=123", 3, Some(123)),
    ] {
        assert_eq!(four_digits(u32::from_le_bytes(letters), count), number, "{letters:?}");
    }
}

#[test]
fn eight_digits_are_one_number() {
    let digits: [u8; 8] = [0, 0, 0, 1, 2, 3, 4, 5];
    assert_eq!(packed_digits(u64::from_le_bytes(digits)), 12_345);
    assert_eq!(packed_digits(u64::from_le_bytes([9; 8])), 99_999_999);
}
