//! The links that a tile produces, taken out of its context.
//!
//! Invariant: each that is missing is named.

use links::Publication;
use tiles::Context;

use super::{EngineTileConfig, FeedLink};

/// The link to the gateway of each venue, by the venue's number.
pub(super) fn command_links(
    config: &EngineTileConfig,
    context: &mut Context,
    problems: &mut Vec<String>,
) -> Vec<Option<Box<dyn Publication>>> {
    let venues = config.engine.venues_max + 1;
    let mut commands: Vec<_> = (0..venues).map(|_| None).collect();
    for (venue, name) in &config.commands {
        match (context.publications.remove(name), commands.get_mut(usize::from(*venue))) {
            (Some(link), Some(place)) => *place = Some(link),
            (None, _) => problems.push(format!("{}.commands: no link {name}", config.name)),
            (_, None) => {
                problems.push(format!("{}.commands: venue {venue}: allowed are 1 to {}", config.name, venues - 1))
            }
        }
    }
    commands
}

/// The way to each feed.
pub(super) fn feed_links(
    config: &EngineTileConfig,
    context: &mut Context,
    problems: &mut Vec<String>,
) -> Vec<FeedLink> {
    let mut feeds = Vec::new();
    for (venue, name) in &config.feeds {
        match context.publications.remove(name) {
            Some(link) => feeds.push(FeedLink { venue: *venue, link, owed: false }),
            None => problems.push(format!("{}.feeds: no link {name}", config.name)),
        }
    }
    feeds
}

/// The link to each other engine, by its shard.
pub(super) fn peer_links(
    config: &EngineTileConfig,
    context: &mut Context,
    problems: &mut Vec<String>,
) -> Vec<(u16, Box<dyn Publication>)> {
    let mut peers = Vec::new();
    for (peer, name) in &config.peers {
        match context.publications.remove(name) {
            Some(link) => peers.push((peer.shard, link)),
            None => problems.push(format!("{}.peers: no link {name}", config.name)),
        }
    }
    peers
}
