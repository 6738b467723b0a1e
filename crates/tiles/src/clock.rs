//! UTC from the processor's time stamp counter, disciplined by the system's clock.
//!
//! Between two looks at the system's clock (every 50 ms) time is `anchor + ticks × slope`, about 10 ns a reading. The slope
//! is chosen so that the reading meets the system's clock at the next look, within 500 ppm: a clock that steps back or
//! is slewed never makes ours run backwards. A jump forward of more than 10 ms is followed at once.
//!
//! Invariant: never decreasing. Where the counter is not invariant, every reading is the system's own.

use std::cell::Cell;

use crate::Clock;

const LOOK_NS: u64 = 50_000_000;
const JUMP_NS: u64 = 10_000_000;
/// Slew at most 1/2000 (500 ppm) of the time between two looks.
const SLEW_SHARE: i128 = 2000;
/// Slope: ns per tick, as a fixed-point number with this many bits after the point.
const FRACTION_BITS: u32 = 32;

/// The machine's time. See the module. Each thread has its own.
pub struct RealClock {
    /// Ticks and UTC at the last look.
    anchor: Cell<(u64, u64)>,
    next_look_ticks: Cell<u64>,
    /// Slope in use.
    slope: Cell<u64>,
    /// Slope as measured since the start, the best knowledge of the counter's rate.
    rate: Cell<u64>,
    /// Ticks and system time at the start.
    origin: (u64, u64),
    invariant: bool,
}

/// The system's UTC, ns.
fn system_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec that is ours; CLOCK_REALTIME always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    // SAFETY: the instruction exists on every x86-64.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn ticks() -> u64 {
    system_ns()
}

/// Whether the counter runs at one rate in every power state and on every core (CPUID 8000_0007, EDX bit 8).
#[cfg(target_arch = "x86_64")]
fn invariant_counter() -> bool {
    use std::arch::x86_64::__cpuid;
    __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn invariant_counter() -> bool {
    false
}

/// Ticks and system time that belong together: of several pairs the one with the fewest ticks between its two readings.
fn pair() -> (u64, u64) {
    (0..8)
        .map(|_| {
            let before = ticks();
            let now = system_ns();
            let after = ticks();
            (after.wrapping_sub(before), before.wrapping_add(after.wrapping_sub(before) / 2), now)
        })
        .min()
        .map_or((0, 0), |(_, middle, now)| (middle, now))
}

fn slope(ticks: u64, ns: u64) -> u64 {
    u64::try_from((u128::from(ns) << FRACTION_BITS) / u128::from(ticks.max(1))).unwrap_or(u64::MAX)
}

fn scaled(ticks: u64, slope: u64) -> u64 {
    ((u128::from(ticks) * u128::from(slope)) >> FRACTION_BITS) as u64
}

impl RealClock {
    /// Measures the counter's rate for 5 ms; it is measured further, and better, as time goes on.
    pub fn new() -> Self {
        let invariant = invariant_counter();
        let origin = pair();
        let mut last = origin;
        while invariant && last.1 < origin.1 + 5_000_000 {
            std::hint::spin_loop();
            last = pair();
        }
        let rate = slope(last.0.wrapping_sub(origin.0), last.1.saturating_sub(origin.1));
        let clock = Self {
            anchor: Cell::new(last),
            next_look_ticks: Cell::new(last.0),
            slope: Cell::new(rate),
            rate: Cell::new(rate),
            origin,
            invariant,
        };
        clock.look(last.0);
        clock
    }

    #[inline]
    fn estimate(&self, at: u64) -> u64 {
        let (ticks, ns) = self.anchor.get();
        ns + scaled(at.saturating_sub(ticks), self.slope.get())
    }

    /// Compares with the system's clock and sets anchor and slope anew.
    #[cold]
    fn look(&self, at: u64) {
        let ours = self.estimate(at);
        let (ticks, system) = pair();
        let since_start = ticks.wrapping_sub(self.origin.0);
        let measured = slope(since_start, system.saturating_sub(self.origin.1));
        // A system clock that was stepped would spoil the rate: only small corrections are believed.
        if measured.abs_diff(self.rate.get()) < self.rate.get() / 1000 {
            self.rate.set(measured);
        }
        let ours = ours + scaled(ticks.saturating_sub(at), self.slope.get());
        let ahead = i128::from(system) - i128::from(ours);
        let start = if ahead > i128::from(JUMP_NS) { system } else { ours };
        let slew_max = i128::from(LOOK_NS) / SLEW_SHARE;
        let slew = (i128::from(system) - i128::from(start)).clamp(-slew_max, slew_max);
        let rate = i128::from(self.rate.get());
        let slope = rate + rate * slew / i128::from(LOOK_NS);
        self.slope.set(u64::try_from(slope).unwrap_or(self.rate.get()));
        self.anchor.set((ticks, start));
        let look_ticks = (u128::from(LOOK_NS) << FRACTION_BITS) / u128::from(self.rate.get().max(1));
        self.next_look_ticks.set(ticks + u64::try_from(look_ticks).unwrap_or(0));
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        if !self.invariant {
            let now = system_ns().max(self.anchor.get().1);
            self.anchor.set((0, now));
            return now;
        }
        let at = ticks();
        if at >= self.next_look_ticks.get() {
            self.look(at);
        }
        self.estimate(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_decreases_and_stays_with_the_system() {
        let clock = RealClock::new();
        let (mut last, end) = (0, system_ns() + 200_000_000);
        while system_ns() < end {
            let now = clock.now_ns();
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
        let apart = clock.now_ns().abs_diff(system_ns());
        assert!(apart < 1_000_000, "{apart} ns apart");
    }
}
