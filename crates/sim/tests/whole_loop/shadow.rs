//! Engines that start again find what a shadow left beside their journal, wherever in it that was.

use engine::{EngineTileConfig, Started};
use sim::Random;
use tiles::Context;

use crate::world::World;

impl World {
    /// Before an engine starts: every second later life, by the seed, begins with a snapshot.
    pub fn leave_snapshot(&self, context: &Context, config: &EngineTileConfig) {
        let mut chance = Random::new(self.setup.seed ^ u64::from(self.engine_lives) << 32);
        if self.engine_lives > 1 && config.segment_bytes != 0 && chance.chance(500_000) {
            let (storage, segment_bytes) = (context.storage.as_ref(), config.segment_bytes);
            let left = sim::leave_snapshot(storage, segment_bytes, config.engine, self.host(), &mut chance);
            let open = |segment| journal::Reader::from_storage_at(storage, segment_bytes, segment);
            let found = left.and_then(|_| Started::newest(storage, &open, config.engine, self.host()).ok()?.mark);
            assert!(
                left.is_none_or(|left| found.is_some_and(|mark| mark.sequence >= left)),
                "it cannot be gone on from"
            );
        }
    }
}
