//! From a run that fails to a smaller one that fails alike.
//!
//! Invariant: what comes out fails by the same invariant as what went in.

use super::{Outcome, Settings, run};

/// Runs at most.
const RUNS_MAX: usize = 200;

struct Shrinking<'a> {
    best: (Settings, Outcome),
    runs: usize,
    run: &'a dyn Fn(&Settings) -> Outcome,
}

impl Shrinking<'_> {
    /// Takes these settings if they fail alike.
    fn try_this(&mut self, settings: Settings) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let outcome = (self.run)(&settings);
        let wanted = self.best.1.broken.as_ref().map(|broken| broken.invariant);
        let alike = outcome.broken.as_ref().map(|broken| broken.invariant) == wanted;
        if alike {
            self.best = (settings, outcome);
        }
        alike
    }

    /// Leaves out faults, many at once first, then one by one.
    fn fewer_faults(&mut self) {
        let mut chunk = self.best.0.plan().len();
        while chunk > 0 {
            let mut at = 0;
            loop {
                let kept: Vec<usize> = self.best.0.plan().iter().map(|fault| fault.number).collect();
                if at >= kept.len() {
                    break;
                }
                let less = kept.iter().enumerate().filter(|(place, _)| !(at..at + chunk).contains(place));
                let faults = Some(less.map(|(_, number)| *number).collect());
                if !self.try_this(Settings { faults, ..self.best.0.clone() }) {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    /// A shorter time, with the faults that fall into it.
    fn shorter(&mut self) {
        let broken_ns = self.best.1.broken.as_ref().map_or(0, |broken| broken.at_ns);
        for run_ns in [broken_ns + 100_000_000, broken_ns / 2, broken_ns / 4] {
            let run_ns = run_ns.max(100_000_000);
            if run_ns < self.best.0.run_ns {
                self.try_this(Settings { run_ns, ..self.best.0.clone() });
            }
        }
    }

    /// Fewer things that strategies do.
    fn fewer_acts(&mut self) {
        let mut acts_max = self.best.1.orders;
        while acts_max > 0 && self.runs < RUNS_MAX {
            if !self.try_this(Settings { acts_max, ..self.best.0.clone() }) {
                break;
            }
            acts_max /= 2;
        }
    }
}

/// The smallest run found that fails as this one does, and how many runs it took.
pub fn shrink(settings: &Settings, outcome: Outcome) -> (Settings, Outcome, usize) {
    shrink_by(settings, outcome, &run)
}

/// As [`shrink`], of runs that are done so.
pub fn shrink_by(
    settings: &Settings,
    outcome: Outcome,
    run: &dyn Fn(&Settings) -> Outcome,
) -> (Settings, Outcome, usize) {
    let mut shrinking = Shrinking { best: (settings.clone(), outcome), runs: 0, run };
    shrinking.shorter();
    shrinking.fewer_faults();
    shrinking.shorter();
    shrinking.fewer_acts();
    let (settings, outcome) = shrinking.best;
    (settings, outcome, shrinking.runs)
}
