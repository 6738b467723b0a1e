//! What a person is told: what is known, what is missing, what that means.
//!
//! Invariant: everything that keeps a change from coming into force is a sentence here.

use serde_json::{Value, json};

use super::Agent;
use super::peers::PeerView;
use super::trust::Sight;

impl Agent {
    /// Everything that is not as it should be, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        match &self.store.sight {
            Sight::Never => sentences.push("store: not heard of yet; trading goes on with what is in force".to_owned()),
            Sight::Away(_) => sentences.push("store: away; trading goes on with what is in force".to_owned()),
            Sight::Present => {}
        }
        if let Some(why) = &self.store.suspect {
            sentences.push(format!("store: not trusted, nothing is taken but kills: {why}"));
        }
        sentences.extend(self.findings.iter().map(|(key, why)| format!("{key}: {why}")));
        sentences.extend(self.parts_held());
        let engine = self.engine.word(self.now_ns);
        if engine != "up" {
            sentences.push(format!("engine: {engine}"));
        } else if !self.engine.whole {
            sentences.push("engine: its state was asked for; positions may miss something".to_owned());
        }
        if let Some(epoch) = self.store_epoch().filter(|epoch| *epoch != self.engine.epoch && engine == "up") {
            sentences.push(format!("epoch: {epoch} in the store, {} in the engine", self.engine.epoch));
        }
        sentences.extend(self.standing().into_iter().map(|(_, sentence)| sentence));
        for (place, over) in &self.overrides.0 {
            let origin = over.origin();
            sentences.push(format!("kill at {place}: {origin}; in force until it is re-armed by the API"));
        }
        for (region, view) in &self.peers {
            if view.start == 0 {
                sentences.push(format!("region {region}: not heard of yet"));
            } else if view.stale || view.unsure {
                sentences.push(format!("region {region}: positions may miss something"));
            }
        }
        sentences
    }

    /// All that is known, as JSON.
    pub fn status(&self) -> Value {
        let trust = self.store.trust();
        let store = match &self.store.sight {
            Sight::Never => "never",
            Sight::Present if self.store.suspect.is_some() => "not trusted",
            Sight::Present => "present",
            Sight::Away(_) => "away",
        };
        let away_since = if let Sight::Away(since) = self.store.sight { Some(since) } else { None };
        json!({
            "region": self.region,
            "holder": self.holder(),
            "store": {
                "state": store, "away_since_ns": away_since, "why": self.store.suspect,
                "revision": self.store.revision, "generation": self.store.generation(),
                "cluster": trust.map(|trust| format!("{:x}", trust.cluster)),
                "repeated": self.store.repeated, "resyncs": self.store.resyncs,
            },
            "engine": {
                "state": self.engine.word(self.now_ns), "watermark": self.engine.watermark, "whole": self.engine.whole,
                "epoch": self.engine.epoch, "store_epoch": self.store_epoch(),
                "standing": self.standing().iter().map(|(word, _)| *word).collect::<Vec<_>>(), "restarts": self.engine.restarts,
                "outputs_lost": self.engine.lost, "unreadable": self.engine.unreadable, "rejects": self.engine.rejects,
            },
            "limits": self.limits_status(),
            "kills": self.kills_status(),
            "positions": self.positions_status(),
            "peers": self.peers.iter().map(|(region, view)| self.peer_status(region, view)).collect::<Vec<_>>(),
            "datagrams": {"bad": self.outgoing.bad, "of_strangers": self.outgoing.strangers},
            "sentences": self.sentences(),
        })
    }

    fn limits_status(&self) -> Vec<Value> {
        let row = |(id, known): (&u32, &super::Known<crate::values::Limit>)| {
            let sent = self.delivery.limits.get(id);
            let part = self.delivery.parts.get(id);
            json!({
                "limit": id, "revision": known.version.1, "generation": known.version.0,
                "input": sent.and_then(|sent| sent.confirmed), "refused": sent.is_some_and(|sent| sent.refused),
                "global": known.value.global, "part_input": part.and_then(|part| part.confirmed),
            })
        };
        self.limits.iter().map(row).collect()
    }

    fn kills_status(&self) -> Vec<Value> {
        let places = self.delivery.kills.iter();
        let row = |(place, sent): (&String, &super::deliver::Sent<crate::values::KillFields>)| {
            let (new_orders, resting, flatten) = sent.what.words();
            json!({
                "place": place, "new_orders": new_orders, "resting": resting, "flatten": flatten,
                "input": sent.confirmed, "local": self.overrides.0.contains_key(place),
            })
        };
        places.map(row).collect()
    }

    fn peer_status(&self, region: &str, view: &PeerView) -> Value {
        let age = (view.heard_ns > 0).then(|| self.now_ns.saturating_sub(view.heard_ns));
        json!({
            "region": region, "watermark": view.watermark, "age_ns": age, "stale": view.stale || view.start == 0,
            "unsure": view.unsure, "gaps": view.gaps, "repeated": view.repeated,
        })
    }

    /// Every account's position in every instrument, by region and over all of them.
    fn positions_status(&self) -> Vec<Value> {
        let mut rows: std::collections::BTreeMap<(String, String), std::collections::BTreeMap<String, i64>> =
            Default::default();
        for (key, lots) in self.own_rows() {
            rows.entry(key).or_default().insert(self.region.clone(), lots);
        }
        for (region, view) in &self.peers {
            for (key, (lots, _)) in &view.rows {
                rows.entry(key.clone()).or_default().insert(region.clone(), *lots);
            }
        }
        rows.into_iter()
            .map(|((account, instrument), regions)| {
                let total: i64 = regions.values().sum();
                json!({"account": account, "instrument": instrument, "lots": total, "regions": regions})
            })
            .collect()
    }
}
