//! What a message, a group's entry, the header or the trailer may hold, as one table to look a tag up in.
//!
//! Invariant: a table is at most half full, so a look-up ends after a few places whatever the tag.

use super::kind::Kind;

/// Members of one table, those of its components among them.
pub(super) const MEMBERS_MAX: usize = 1024;
/// No group, no list of values.
pub(super) const NONE: u16 = u16::MAX;
/// A bit a member.
pub(super) type Bits = [u64; MEMBERS_MAX / 64];

/// What is known of a tag at its place in a message.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Slot {
    /// 0: vacant.
    pub(super) tag: u32,
    /// Its place among the members.
    pub(super) member: u16,
    /// The layout of the group's entries, or [`NONE`].
    pub(super) group: u16,
    /// The list of its values, or [`NONE`].
    pub(super) values: u16,
    pub(super) kind: Kind,
    spare: u8,
}

const VACANT: Slot = Slot { tag: 0, member: 0, group: NONE, values: NONE, kind: Kind::Text, spare: 0 };

impl Slot {
    pub(super) const fn new(tag: u32, member: u16, group: u16, values: u16, kind: Kind) -> Self {
        Self { tag, member, group, values, kind, spare: 0 }
    }
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    slots: Box<[Slot]>,
    shift: u32,
    /// Tags of the members, in order.
    pub(super) tags: Box<[u32]>,
    /// Bits of the members that must be there.
    pub(super) required: Box<Bits>,
    /// How many words of bits have a member.
    pub(super) words: usize,
}

impl Layout {
    pub(super) fn new(members: &[(Slot, bool)]) -> Self {
        assert!(members.len() <= MEMBERS_MAX, "the draft was checked");
        let size = (members.len() * 2).next_power_of_two().max(4);
        let mut layout = Self {
            slots: vec![VACANT; size].into_boxed_slice(),
            shift: 32 - size.trailing_zeros(),
            tags: members.iter().map(|(slot, _)| slot.tag).collect(),
            required: Box::new([0; MEMBERS_MAX / 64]),
            words: members.len().div_ceil(64),
        };
        for (slot, required) in members {
            let mut at = layout.home(slot.tag);
            while layout.slots[at].tag != 0 {
                at = (at + 1) & (size - 1);
            }
            layout.slots[at] = *slot;
            layout.required[usize::from(slot.member) / 64] |= u64::from(*required) << (slot.member % 64);
        }
        layout
    }

    #[inline(always)]
    const fn home(&self, tag: u32) -> usize {
        (tag.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    /// What is known of the tag; `None` where it is no member.
    #[inline(always)]
    pub(super) fn find(&self, tag: u32) -> Option<&Slot> {
        let mut at = self.home(tag);
        loop {
            // SAFETY: there are a power of two of slots, at least four, so the mask keeps the place below their number.
            let slot = unsafe { self.slots.get_unchecked(at & (self.slots.len() - 1)) };
            if slot.tag == tag {
                return if tag == 0 { None } else { Some(slot) };
            }
            if slot.tag == 0 {
                return None;
            }
            at += 1;
        }
    }

    /// The tag of a member that must be there and was not seen.
    #[inline]
    pub(super) fn missing(&self, seen: &Bits) -> Option<u32> {
        for (word, (required, seen)) in self.required.iter().zip(seen).enumerate().take(self.words) {
            let missing = required & !seen;
            if missing != 0 {
                return Some(self.tags[word * 64 + missing.trailing_zeros() as usize]);
            }
        }
        None
    }
}

/// The values that a field may have.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Bit per letter: it alone is a value.
    letters: [u64; 4],
    /// Values of two to seven letters, packed.
    short: Box<[u64]>,
    /// Longer ones.
    long: Box<[Box<[u8]>]>,
}

impl Values {
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut letters, mut short, mut long) = ([0; 4], Vec::new(), Vec::new());
        for value in values {
            match value {
                [] => {}
                [letter] => letters[usize::from(*letter) / 64] |= 1 << (letter % 64),
                value if value.len() <= 7 => short.push(packed(value)),
                value => long.push(value.into()),
            }
        }
        Self { letters, short: short.into(), long: long.into() }
    }

    #[inline]
    pub(super) fn contains(&self, value: &[u8]) -> bool {
        match value {
            [letter] => self.letters[usize::from(*letter) / 64] >> (letter % 64) & 1 != 0,
            value if value.len() <= 7 => self.short.contains(&packed(value)),
            value => self.long.iter().any(|known| **known == *value),
        }
    }
}

/// At most seven letters behind a one that tells their number.
fn packed(value: &[u8]) -> u64 {
    value.iter().fold(1, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_found_and_nothing_else() {
        let members: Vec<_> = (0..MEMBERS_MAX as u16)
            .map(|member| (Slot::new(u32::from(member) * 7 + 1, member, NONE, NONE, Kind::Text), member % 3 == 0))
            .collect();
        let layout = Layout::new(&members);
        for tag in 0..9_000 {
            let expected = (tag % 7 == 1 && tag < 7 * MEMBERS_MAX as u32).then_some((tag / 7) as u16);
            assert_eq!(layout.find(tag).map(|slot| slot.member), expected, "{tag}");
        }
        let mut seen = *layout.required;
        assert_eq!(layout.missing(&seen), None);
        seen[3] &= !(1 << 6);
        assert_eq!(layout.missing(&seen), Some(198 * 7 + 1));
        assert_eq!(Layout::new(&[]).find(35).map(|slot| slot.tag), None);
        assert_eq!(layout.find(u32::MAX).map(|slot| slot.tag), None);
    }

    #[test]
    fn values_of_any_length_are_told_apart() {
        let values = Values::new([&b"1"[..], b"AB", b"\xff", b"12345678", b"PRE-OPENING"].into_iter());
        for (value, there) in [
            (&b"1"[..], true),
            (b"2", false),
            (b"\xff", true),
            (b"AB", true),
            (b"BA", false),
            (b"\0AB", false),
            (b"12345678", true),
            (b"123456789", false),
            (b"PRE-OPENING", true),
            (b"", false),
        ] {
            assert_eq!(values.contains(value), there, "{}", value.escape_ascii());
        }
    }
}
