//! Random valid messages survive the way through views, fields and encoders, and through the readable description.

mod common;

use common::{Random, random_message};
use wire::describe::{PROTOCOLS, Protocol, Value};
use wire::{itch50, moldudp64, ouch50, soupbin};

fn encoded(protocol: &Protocol, group: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = [0; 2048];
    let length = match (protocol.name, group) {
        ("itch50", _) => itch50::decode(bytes).unwrap().encode(&mut out),
        ("soupbin", _) => soupbin::decode(bytes).unwrap().encode(&mut out),
        ("ouch50", "Inbound") => ouch50::decode_inbound(bytes).unwrap().encode(&mut out),
        ("ouch50", _) => ouch50::decode_outbound(bytes).unwrap().encode(&mut out),
        _ if name == "Request" => moldudp64::Request::new(bytes).unwrap().fields().encode(&mut out),
        _ => moldudp64::Downstream::new(bytes).unwrap().fields().encode(&mut out),
    };
    out[..length].to_vec()
}

#[test]
fn every_message_of_every_protocol_survives_seed_1() {
    let mut random = Random(1);
    let mut kinds = 0;
    for protocol in PROTOCOLS {
        for message in protocol.messages {
            kinds += 1;
            for _ in 0..200 {
                let bytes = random_message(protocol, message, &mut random);
                assert_eq!(encoded(protocol, message.group, message.name, &bytes), bytes, "{}", message.name);
            }
        }
    }
    assert_eq!(kinds, 24 + 26 + 10 + 2, "messages were added or lost: change this count with the tables");
}

#[test]
fn every_message_survives_its_readable_form_seed_2() {
    let mut random = Random(2);
    for protocol in PROTOCOLS {
        for message in protocol.messages {
            for _ in 0..50 {
                let bytes = random_message(protocol, message, &mut random);
                let readable = protocol.read(message, &bytes);
                let value = |name: &str| readable.fields.iter().find(|(field, _)| field.name == name);
                let appendage = readable.appendage.as_ref().map(|elements| {
                    let raw = |(tag, field, value): &(u8, Option<&'static wire::describe::Field>, Value)| {
                        let bytes = match (field, value) {
                            (Some(field), value) => field.write(value).unwrap(),
                            (None, Value::Bytes(bytes)) => bytes.clone(),
                            (None, Value::Number(_)) => unreachable!("unknown elements are bytes"),
                        };
                        (*tag, bytes)
                    };
                    elements.iter().map(raw).collect::<Vec<_>>()
                });
                let written = protocol
                    .write(message, &|field| value(field.name).map(|(_, value)| value.clone()), appendage.as_deref())
                    .unwrap();
                assert_eq!(written, bytes, "{}", message.name);
            }
        }
    }
}

#[test]
fn an_appendage_built_is_read_back() {
    let mut buffer = ouch50::AppendageBuffer::default();
    buffer.firm(*b"LIME").min_qty(300).expire_time(57_600).peg_offset(-100);
    let order = ouch50::EnterOrderFields { user_ref_num: 7, appendage: buffer.bytes(), ..Default::default() };
    let mut out = [0; 128];
    let length = order.encode(&mut out);
    let view = ouch50::EnterOrder::new(&out[..length]).unwrap();
    let appendage = view.appendage();
    assert_eq!(appendage.firm(), Some(*b"LIME"));
    assert_eq!(appendage.min_qty(), Some(300));
    assert_eq!(appendage.expire_time(), Some(57_600));
    assert_eq!(appendage.peg_offset(), Some(-100));
    assert_eq!(appendage.max_floor(), None);
    assert_eq!(appendage.elements().count(), 4);
    assert_eq!(view.fields(), order);
}

#[test]
fn a_message_may_end_before_an_optional_appendage() {
    let short = ouch50::CancelOrderFields { user_ref_num: 1, quantity: 2, appendage: None };
    let long = ouch50::CancelOrderFields { appendage: Some(&[]), ..short };
    let mut out = [0; 32];
    assert_eq!(short.encode(&mut out), 9);
    assert_eq!(long.encode(&mut out), 11);
    assert_eq!(ouch50::CancelOrder::new(&out[..11]).unwrap().fields(), long);
}
