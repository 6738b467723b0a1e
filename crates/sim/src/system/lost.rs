//! Disks that go wrong: hosts that are lost with what was not forced, devices that stall or refuse, bits that flip, and what an
//! operator does about it.
//!
//! Invariant: what an engine is started on is what its disk kept, or what was put back from a copy after damage was told.

use std::collections::BTreeSet;

use engine::{Outbox, replay_reader};
use journal::{Reader, segment_name, segment_number, snapshot_sequence, survey_segments};
use records::{Header, Kind as RecordKind, NewOrder, ReplaceOrder, read_from};
use tiles::Storage;

use super::faults::{Fault, Kind};
use super::invariants::{Broken, Invariant, broken};
use super::run::{Deed, Run};
use super::start::{Role, System};
use crate::SimDisk;
use crate::random::Random;
use crate::shadow::leave_snapshot;

/// The orders that a journal's replay sends.
#[derive(Default)]
struct Sent(BTreeSet<u64>);

impl Outbox for Sent {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        let owner = match read_from::<Header>(record).and_then(|header| header.kind()) {
            Some(RecordKind::NewOrder) => read_from::<NewOrder>(record).map(|order| order.owner),
            Some(RecordKind::ReplaceOrder) => read_from::<ReplaceOrder>(record).map(|order| order.owner),
            _ => None,
        };
        self.0.extend(owner.map(|owner| owner.order_id));
    }

    fn output(&mut self, _record: &[u8]) {}
}

/// An order that the venue saw and the journal that is left does not send.
fn unknown_order(system: &mut System, number: u16) -> Option<String> {
    let disk = disk_of(system, number);
    let host = system.region(number).host();
    let mut sent = Sent::default();
    let reader = Reader::from_storage(&disk, system.settings.engine_segment_bytes(number));
    let read = reader.map_err(|error| error.to_string()).and_then(|mut reader| {
        replay_reader(&mut reader, None, host, &mut sent, &mut |_, _| {}).map_err(|error| error.to_string())
    });
    let summary = match read {
        Ok(replay) => replay.summary,
        Err(why) => return Some(why),
    };
    let truth = system.region(number).truth.borrow();
    let unknown = truth.taken().iter().find(|id| !sent.0.contains(id))?;
    let last = summary.last.sequence;
    Some(format!("the venue took order {unknown:x}; the disk ends at input {last} and has no cause of it"))
}

fn disk_of(system: &mut System, number: u16) -> SimDisk {
    system.disk_of(number, Role::Engine)
}

/// The disks of both engines of a region, or of the one.
fn disks_of(system: &mut System, number: u16) -> Vec<SimDisk> {
    let second = system.region(number).pair.is_some().then(|| system.disk_of(number, Role::Standby));
    [Some(disk_of(system, number)), second].into_iter().flatten().collect()
}

impl Run {
    /// Beside a dead engine's journal its shadow has left a snapshot, sometimes.
    pub(super) fn leave_snapshot(&mut self, region: u16) {
        let (chance, segment_bytes) =
            (self.system.settings.snapshots, self.system.settings.engine_segment_bytes(region));
        if !self.random.chance(chance) {
            return;
        }
        let disk = disk_of(&mut self.system, region);
        let config = super::configs::engine(&self.system.settings, region, Vec::new()).engine;
        let host = self.system.region(region).host();
        let mut random = Random::new(self.random.number());
        if let Some(input) = leave_snapshot(&disk, segment_bytes, config, host, &mut random) {
            self.looked.snapshots += 1;
            self.say(format!("a snapshot of engine {region} at input {input}"));
        }
    }

    /// Begins a fault of a disk; whether it could be.
    pub(super) fn begin_of_disk(&mut self, fault: &Fault) -> Result<bool, Broken> {
        let region = fault.region;
        let disk = disk_of(&mut self.system, region);
        match fault.kind {
            Kind::HostLost => return self.lose_host(fault),
            Kind::DiskRots => return self.rot(fault),
            Kind::DiskStalls => disk.set_stalls(true),
            _ => disk.set_refuses(true),
        }
        self.ill[usize::from(region) - 1] = true;
        Ok(true)
    }

    /// The disk is well again; one that refused is another, with what the old one had, and the engine is started on it.
    pub(super) fn end_of_disk(&mut self, fault: &Fault) -> Result<(), Broken> {
        let region = fault.region;
        self.ill[usize::from(region) - 1] = false;
        // By now who led may be the one that follows.
        for disk in disks_of(&mut self.system, region) {
            disk.set_stalls(false);
            disk.set_refuses(false);
        }
        let id = self.system.region(region).id(Role::Engine);
        if fault.kind == Kind::DiskRefuses && fault.draw & 4 == 0 && self.lose_host(fault)? {
            return Ok(());
        }
        if fault.kind == Kind::DiskRefuses && self.system.processes.runs(id) {
            self.crash(Role::Engine, region)?;
            let at_ns = self.now_ns() + 1 + fault.draw % 1_000_000_000;
            self.put(at_ns, Deed::Start(Role::Engine, region));
        }
        Ok(())
    }

    /// All processes of a region die at one moment, their links with them, and the engine's disk has what it was made to keep.
    fn lose_host(&mut self, fault: &Fault) -> Result<bool, Broken> {
        let region = fault.region;
        let engine = self.system.region(region).id(Role::Engine);
        if !self.system.processes.runs(engine) {
            return Ok(false);
        }
        let ours = [Role::Feed, Role::Gateway, Role::Agent, Role::Line];
        self.crash(Role::Engine, region)?;
        ours.into_iter().for_each(|role| self.system.kill(role, region));
        self.system.processes.renew_links(engine);
        self.lose_standby(region)?;
        for disk in disks_of(&mut self.system, region) {
            if fault.draw & 1 == 0 {
                disk.lose_host();
            } else {
                disk.tear_host(&mut Random::new(fault.draw));
            }
        }
        if let Some(what) = unknown_order(&mut self.system, region) {
            return Err(broken(&self.system, Invariant::Durable, format!("region {region}: {what}")));
        }
        self.looked.hosts_lost += 1;
        let mut at_ns = self.now_ns() + fault.for_ns;
        for role in ours.into_iter().chain([Role::Engine, Role::Standby]) {
            self.put(at_ns, Deed::Start(role, region));
            at_ns += (fault.draw >> 8) % 300_000_000;
        }
        Ok(true)
    }

    /// The second engine of a host that is lost.
    fn lose_standby(&mut self, region: u16) -> Result<(), Broken> {
        if self.system.region(region).pair.is_none() {
            return Ok(());
        }
        self.crash(Role::Standby, region)?;
        let (leads, follows) = {
            let region = self.system.region(region);
            (region.id(Role::Engine), region.id(Role::Standby))
        };
        self.system.processes.renew_links(follows);
        self.system.processes.wait_for(leads, follows);
        self.system.region(region).pair.iter_mut().for_each(|pair| pair.host_is_lost());
        Ok(())
    }

    /// A bit of a closed segment or of a snapshot flips while the engine is dead. A segment is put back from its copy once its damage
    /// was told; a snapshot is left as it is.
    fn rot(&mut self, fault: &Fault) -> Result<bool, Broken> {
        let region = fault.region;
        let engine = self.system.region(region).id(Role::Engine);
        let disk = disk_of(&mut self.system, region);
        let names = disk.list().unwrap_or_default();
        let segments = names.iter().filter_map(|name| segment_number(name));
        let closed: Vec<u64> = segments.filter(|number| disk.used_bytes(&segment_name(number + 1)) > 0).collect();
        let snapshot = names.iter().rev().find(|name| snapshot_sequence(name).is_some());
        if !self.system.processes.runs(engine) || (closed.is_empty() && snapshot.is_none()) {
            return Ok(false);
        }
        self.crash(Role::Engine, region)?;
        self.put(self.now_ns() + fault.for_ns, Deed::Start(Role::Engine, region));
        let bit_of = |name: &str| (fault.draw >> 8) as usize % (8 * disk.used_bytes(name)).max(1);
        if let Some(name) = snapshot.filter(|_| closed.is_empty() || fault.draw & 1 == 0) {
            disk.flip_bit(name, bit_of(name));
            self.say(format!("a bit of {name} of engine {region} flips"));
            return Ok(true);
        }
        let name = segment_name(closed[fault.draw as usize / 2 % closed.len()]);
        let bit = bit_of(&name);
        disk.flip_bit(&name, bit);
        self.say(format!("bit {bit} of {name} of engine {region} flips"));
        let read = |name: &String| Some((segment_number(name)?, disk.read(name).unwrap_or_default()));
        let found = survey_segments(&names.iter().filter_map(read).collect::<Vec<_>>());
        let believed = found.as_ref().is_ok_and(|found| found.faults.is_empty());
        // A bit that nobody reads is told, and ends no reading. Where a snapshot lies behind the damage an engine does not see it;
        // else it must not start.
        let stopped = found.as_ref().map_or(true, |found| found.stopped.is_some());
        let starts = stopped && snapshot.is_none() && self.system.start(Role::Engine, region).is_ok();
        if believed || starts {
            let what = format!(
                "region {region}: bit {bit} of {name} flipped; the journal passes for whole: {believed}, engine starts: {starts}"
            );
            return Err(broken(&self.system, Invariant::Told, what));
        }
        disk.flip_bit(&name, bit);
        self.looked.damage_told += 1;
        Ok(true)
    }
}
