//! What several tests share: seeded numbers, random valid messages, a small ITCH flow.

#![allow(dead_code)]

use wire::describe::{Kind, Message, Protocol, Tail};
use wire::itch50;

/// SplitMix64: the same numbers for the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.next() as u8);
    }
}

/// A message with random values in every field, variable parts included.
pub fn random_message(protocol: &Protocol, message: &Message, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; message.size];
    random.fill(&mut bytes);
    match message.tail {
        Tail::None => {}
        Tail::Bytes => {
            let mut tail = vec![0; random.below(60) as usize];
            random.fill(&mut tail);
            bytes.extend_from_slice(&tail);
        }
        Tail::OptionalAppendage if random.below(2) == 0 => {}
        Tail::Appendage | Tail::OptionalAppendage => append_elements(protocol, &mut bytes, random),
    }
    let start = if protocol.prefixed { 2 } else { 0 };
    if protocol.prefixed {
        let length = (bytes.len() - 2) as u16;
        bytes[..2].copy_from_slice(&length.to_be_bytes());
    }
    if let Some(code) = message.code {
        bytes[start] = code;
    }
    bytes
}

fn append_elements(protocol: &Protocol, bytes: &mut Vec<u8>, random: &mut Random) {
    let mut elements = Vec::new();
    for field in protocol.elements {
        if random.below(3) == 0 {
            elements.extend_from_slice(&[field.kind.size() as u8 + 1, field.tag]);
            let mut value = vec![0; field.kind.size()];
            random.fill(&mut value);
            elements.extend_from_slice(&value);
        }
    }
    if random.below(4) == 0 {
        elements.extend_from_slice(&[3, 200, 1, 2]); // a tag of a later revision
    }
    bytes.extend_from_slice(&(elements.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&elements);
}

/// One random but sensible ITCH message: sides, states and flags are among those the table names.
pub fn sensible_itch(random: &mut Random) -> Vec<u8> {
    let at = random.below(itch50::PROTOCOL.messages.len() as u64) as usize;
    let message = &itch50::PROTOCOL.messages[at];
    let mut bytes = random_message(&itch50::PROTOCOL, message, random);
    for field in message.fields {
        let one_letter = field.kind == Kind::Char && !field.values.is_empty();
        if one_letter {
            let pick = random.below(field.values.len() as u64) as usize;
            bytes[field.offset] = field.values[pick].0.as_bytes()[0];
        } else if field.kind == (Kind::Number { bytes: 8, signed: false, decimals: 0 }) {
            bytes[field.offset] &= 0x7f;
        }
    }
    bytes
}

/// A file of sensible messages with two length bytes each.
pub fn itch_file(seed: u64, messages: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut file = Vec::new();
    for _ in 0..messages {
        let message = sensible_itch(&mut random);
        file.extend_from_slice(&(message.len() as u16).to_be_bytes());
        file.extend_from_slice(&message);
    }
    file
}
