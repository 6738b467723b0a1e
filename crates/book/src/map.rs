//! From a hashed key to the place of an order or of a level: buckets of one cache line, seven entries each.
//!
//! Invariant: an entry lies in its home bucket or, when that was full, in the first later bucket that had room; every
//! bucket counts the entries that passed over it, so a search ends at the first bucket that none passed. Nothing is ever
//! moved, so removal is one store. The keys themselves lie with what the places name; the map keeps 32 bits of the hash.

use records::{Element, Plain};

use crate::memory::FixedArray;

/// Entries of a bucket; the eighth lane counts.
const LANES: usize = 7;

/// One cache line: tags and places apart, so that all tags are compared at once.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Bucket {
    /// Tags of the entries, 0 where there is none; the last counts the entries that passed over this bucket.
    tags: [u32; LANES + 1],
    /// Places of the entries; the last is always 0, where a search that found nothing may look without harm.
    places: [u32; LANES + 1],
}

// SAFETY: repr(C), numbers only, 64 bytes without padding.
unsafe impl Plain for Bucket {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u4"), 16);
}
const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// Bit k: the k-th entry has this tag (0: is vacant).
    #[inline(always)]
    fn matches(&self, tag: u32) -> u32 {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{
                __m128i, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_load_si128, _mm_movemask_ps, _mm_set1_epi32,
            };
            let tags = self.tags.as_ptr().cast::<__m128i>();
            // SAFETY: the tags are 32 bytes at a multiple of 64, and every x86-64 processor has these instructions.
            let (low, high) = unsafe {
                let wanted = _mm_set1_epi32(tag.cast_signed());
                let low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
                let high = _mm_cmpeq_epi32(_mm_load_si128(tags.add(1)), wanted);
                (_mm_movemask_ps(_mm_castsi128_ps(low)), _mm_movemask_ps(_mm_castsi128_ps(high)))
            };
            (low | high << 4).cast_unsigned() & 0x7f
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        (0..LANES).fold(0, |mask, lane| mask | u32::from(self.tags[lane] == tag) << lane)
    }
}

/// A key's mixed bits: the upper ones choose the bucket, some of the rest are the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mixed(u64);

impl Mixed {
    /// Of an order reference. Venues number orders densely, in strides, or at random.
    #[inline(always)]
    pub(crate) const fn order(order_ref: u64) -> Self {
        Self((order_ref ^ (order_ref >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Of a price of an instrument. Both sides of a price meet in one bucket: who replaces an order need not know its side.
    #[inline(always)]
    pub(crate) const fn level(instrument: u32, price_nanos: i64) -> Self {
        let key = price_nanos.cast_unsigned().wrapping_add((instrument as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self((key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Never 0, which is vacant.
    #[inline(always)]
    const fn tag(self) -> u32 {
        (self.0 >> 12) as u32 | 1
    }
}

/// Where an entry lies and what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    bucket: u32,
    lane: u32,
    /// The place that was inserted.
    pub(crate) place: u32,
}

/// The map.
pub(crate) struct PlaceMap {
    buckets: FixedArray<Bucket>,
    mask: usize,
    shift: u32,
}

impl PlaceMap {
    /// Room for so many entries at a load that leaves nearly every entry in its home bucket.
    pub(crate) fn new(entries: usize) -> Self {
        let buckets = (entries / 4).next_power_of_two().max(4);
        assert!(buckets <= 1 << 30, "a map holds at most 2^32 entries");
        Self { buckets: FixedArray::zeroed(buckets), mask: buckets - 1, shift: 64 - buckets.trailing_zeros() }
    }

    #[inline(always)]
    fn home(&self, mixed: Mixed) -> usize {
        (mixed.0 >> self.shift) as usize
    }

    /// Asks for the line that a search starts at.
    #[inline(always)]
    pub(crate) fn prefetch(&self, mixed: Mixed) {
        self.buckets.prefetch(self.home(mixed));
    }

    /// The place of the first entry at home whose tag agrees, almost always the one meant; 0 where none does.
    #[inline(always)]
    pub(crate) fn guess(&self, mixed: Mixed) -> u32 {
        let bucket = &self.buckets[self.home(mixed)];
        let lane = (bucket.matches(mixed.tag()) | 1 << LANES).trailing_zeros();
        bucket.places[lane as usize & LANES]
    }

    /// The entry with this key; `is_meant` says whether a place has it.
    #[inline(always)]
    pub(crate) fn find(&self, mixed: Mixed, is_meant: impl Fn(u32) -> bool) -> Option<Found> {
        let mut at = self.home(mixed);
        loop {
            let bucket = &self.buckets[at];
            let mut matches = bucket.matches(mixed.tag());
            while matches != 0 {
                let lane = matches.trailing_zeros();
                let place = bucket.places[lane as usize & LANES];
                if is_meant(place) {
                    return Some(Found { bucket: at as u32, lane, place });
                }
                matches &= matches - 1;
            }
            if bucket.tags[LANES] == 0 {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds an entry that is not there. There is room: a map has more lanes than entries were asked for.
    #[inline(always)]
    pub(crate) fn insert(&mut self, mixed: Mixed, place: u32) {
        let mut at = self.home(mixed);
        loop {
            let bucket = &mut self.buckets[at];
            let vacant = bucket.matches(0);
            if vacant != 0 {
                let lane = vacant.trailing_zeros() as usize & LANES;
                bucket.tags[lane] = mixed.tag();
                bucket.places[lane] = place;
                return;
            }
            bucket.tags[LANES] += 1;
            at = (at + 1) & self.mask;
        }
    }

    /// Takes an entry that was found out.
    #[inline(always)]
    pub(crate) fn remove(&mut self, mixed: Mixed, found: Found) {
        self.buckets[found.bucket as usize].tags[found.lane as usize & LANES] = 0;
        let mut at = self.home(mixed);
        while at != found.bucket as usize {
            self.buckets[at].tags[LANES] -= 1;
            at = (at + 1) & self.mask;
        }
    }

    /// Writes to every page.
    pub(crate) fn touch(&mut self) {
        self.buckets.touch();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_map_agrees_with_a_hash_map_on_crowded_keys() {
        let mut keys = [0_u64; 64];
        let mut map = PlaceMap::new(64);
        let mut twin: HashMap<u64, u32> = HashMap::new();
        let mut free: Vec<u32> = (0..64).collect();
        let mut state = 1_u64;
        // Few home buckets and few tags, so that entries pass over full buckets and agree in their tags.
        let mixed = |key: u64| Mixed((key % 3) << 60 | (key % 5) << 13);
        let mut crowded = 0;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (state >> 40) % 96;
            let found = map.find(mixed(key), |place| keys[place as usize] == key);
            match (found, twin.get(&key)) {
                (Some(found), Some(&expected)) => {
                    assert_eq!(found.place, expected);
                    map.remove(mixed(key), found);
                    twin.remove(&key);
                    free.push(expected);
                    keys[expected as usize] = u64::MAX;
                }
                (None, None) => {
                    if let Some(place) = free.pop() {
                        keys[place as usize] = key;
                        map.insert(mixed(key), place);
                        twin.insert(key, place);
                    }
                }
                other => panic!("{key}: {other:?}"),
            }
            crowded += usize::from(map.buckets.iter().any(|bucket| bucket.tags[LANES] > 0));
        }
        assert!(twin.len() > 16 && crowded > 1_000);
        for (key, _) in twin {
            let found = map.find(mixed(key), |place| keys[place as usize] == key).expect("it is held");
            map.remove(mixed(key), found);
        }
        assert!(map.buckets.iter().all(|bucket| bucket.tags == [0; LANES + 1]), "no trace is left");
    }

    #[test]
    fn a_guess_is_what_a_search_finds() {
        let mut map = PlaceMap::new(1_000);
        (1..1_000_u64).for_each(|key| map.insert(Mixed::order(key), key as u32));
        let agree = (1..1_000_u64).filter(|&key| map.guess(Mixed::order(key)) == key as u32).count();
        assert!(agree > 900, "{agree}");
        assert_eq!(map.guess(Mixed::order(5_000)), 0);
    }
}
