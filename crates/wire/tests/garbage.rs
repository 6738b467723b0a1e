//! Bytes of any origin are messages or errors that say how much to skip; never a panic, never a stuck reader.

mod common;

use common::{Random, itch_file, random_message};
use wire::describe::{PROTOCOLS, identify};
use wire::files::{Messages, decode_all};
use wire::normalise::ItchNormaliser;
use wire::{Reason, WireError, itch50, moldudp64, ouch50, soupbin};

fn decode_with_all(bytes: &[u8]) {
    let _ = itch50::decode(bytes);
    let _ = soupbin::decode(bytes);
    let _ = ouch50::decode_inbound(bytes);
    let _ = ouch50::decode_outbound(bytes);
    let _ = moldudp64::Downstream::new(bytes);
    let _ = moldudp64::Request::new(bytes);
    for protocol in PROTOCOLS {
        for group in [None, Some("Inbound"), Some("Request")] {
            if let Ok((message, size)) = identify(protocol, group, bytes) {
                let _ = protocol.read(message, &bytes[..size]);
            }
        }
    }
    let mut normaliser = ItchNormaliser::new(1);
    normaliser.map_all();
    let _ = normaliser.normalise(bytes, 1, 1, 1, &mut |_: &[u8]| {});
}

#[test]
fn truncated_and_flipped_messages_never_panic_seed_3() {
    let mut random = Random(3);
    for protocol in PROTOCOLS {
        for message in protocol.messages {
            let bytes = random_message(protocol, message, &mut random);
            (0..=bytes.len()).for_each(|end| decode_with_all(&bytes[..end]));
            for _ in 0..30 {
                let mut flipped = bytes.clone();
                let at = random.below(flipped.len() as u64) as usize;
                flipped[at] ^= 1 << random.below(8);
                decode_with_all(&flipped);
            }
        }
    }
}

#[test]
fn noise_never_panics_seed_4() {
    let mut random = Random(4);
    for _ in 0..20_000 {
        let mut bytes = vec![0; random.below(90) as usize];
        random.fill(&mut bytes);
        decode_with_all(&bytes);
    }
}

#[test]
fn a_file_of_noise_ends_seed_5() {
    let mut random = Random(5);
    for _ in 0..200 {
        let mut file = vec![0; random.below(4096) as usize];
        random.fill(&mut file);
        let _ = decode_all(&file);
    }
}

#[test]
fn one_bad_message_leaves_its_neighbours_whole() {
    let good = itch_file(6, 3);
    let mut file = good.clone();
    file.extend_from_slice(&[0, 5, b'?', 1, 2, 3, 4]);
    file.extend_from_slice(&[0, 3, b'A', 1, 2]);
    file.extend_from_slice(&good);
    let done = decode_all(&file);
    assert_eq!((done.messages, done.bad), (6, 2));
    let skipped: Vec<_> = Messages::new(&file).map(|message| itch50::decode(message.unwrap())).collect();
    assert_eq!(skipped[3].unwrap_err(), WireError::UnknownType { code: b'?', skip: 5 });
    assert_eq!(skipped[4].unwrap_err(), WireError::Length { code: b'A', expected: 36, found: 3 });
}

#[test]
fn a_cut_file_says_what_is_missing() {
    let file = itch_file(7, 2);
    let last = Messages::new(&file[..file.len() - 1]).last().unwrap();
    assert_eq!(last.unwrap_err().reason(), Reason::Truncated);
}

#[test]
fn a_stream_waits_for_the_rest_of_a_packet() {
    let mut out = [0; 64];
    let length = soupbin::SequencedDataFields { message: b"hello" }.encode(&mut out);
    for end in 0..length {
        assert_eq!(soupbin::decode(&out[..end]).unwrap_err().reason(), Reason::Truncated);
    }
    assert_eq!(soupbin::decode(&out).unwrap().bytes().len(), length, "what follows a packet is left alone");
    assert_eq!(soupbin::decode(&[0, 0, 1, 2]).unwrap_err().skip(), 2, "an empty packet is passed over");
}
