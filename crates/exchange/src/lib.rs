//! The house exchange: matching, sequencer, publishers, ingress.
