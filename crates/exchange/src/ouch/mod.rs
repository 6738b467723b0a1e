//! OUCH 5.0, the venue's side: requests to commands, events to answers.

pub(crate) mod inbound;
pub(crate) mod outbound;
