//! Where the store is and how to be let in.
//!
//! Invariant: a client is made only of a configuration that `Config::check` found nothing wrong with; all that is wrong is told
//! at once.

use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Certificates for `https` endpoints, each as PEM text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authority whose servers are trusted.
    pub ca_pem: Vec<u8>,
    /// The client's certificate and key, both or neither.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
}

/// All that a client needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `http://host:port` or `https://host:port`, one a member.
    pub endpoints: Vec<String>,
    /// Needed for `https`.
    pub tls: Option<Tls>,
    /// User and password, where users are not known by their certificates.
    pub user: Option<(String, String)>,
    /// How long one member may take to connect.
    pub connect: Duration,
    /// How long one member may take to answer a read before another one is asked.
    pub attempt: Duration,
    /// The key whose value is the number that an operator raises after a restore.
    pub generation_key: Vec<u8>,
}

impl Config {
    /// A configuration with the usual times.
    pub fn new(endpoints: Vec<String>, generation_key: Vec<u8>) -> Self {
        Self {
            endpoints,
            tls: None,
            user: None,
            connect: Duration::from_secs(1),
            attempt: Duration::from_secs(1),
            generation_key,
        }
    }

    /// Everything that is wrong with it: a sentence each.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.endpoints.is_empty() {
            wrong.push("endpoints is empty; allowed: at least one http://host:port or https://host:port".to_owned());
        }
        for endpoint in &self.endpoints {
            let secure = endpoint.starts_with("https://");
            if !(secure || endpoint.starts_with("http://")) || Endpoint::from_shared(endpoint.clone()).is_err() {
                wrong.push(format!("endpoints: {endpoint} is none; allowed: http://host:port or https://host:port"));
            } else if secure && self.tls.is_none() {
                wrong.push(format!("ca is missing; {endpoint} needs the authority that signed its certificate"));
            } else if !secure && self.tls.is_some() {
                wrong.push(format!("ca is given and {endpoint} is plain http; allowed: https endpoints with ca"));
            }
        }
        wrong
    }

    /// A way to each member.
    pub(crate) fn ways(&self) -> Result<Vec<Endpoint>, String> {
        self.endpoints
            .iter()
            .map(|endpoint| self.way(endpoint).map_err(|error| format!("{endpoint}: {error}")))
            .collect()
    }

    fn way(&self, endpoint: &str) -> Result<Endpoint, String> {
        let say = |error: tonic::transport::Error| super::error::chain(&error);
        let mut way = Endpoint::from_shared(endpoint.to_owned()).map_err(say)?;
        if let Some(tls) = &self.tls {
            let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca_pem));
            if let Some((certificate, key)) = &tls.identity_pem {
                config = config.identity(Identity::from_pem(certificate, key));
            }
            way = way.tls_config(config).map_err(say)?;
        }
        // The server takes pings that come no more often than every five seconds.
        Ok(way
            .connect_timeout(self.connect)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(6))
            .keep_alive_timeout(Duration::from_secs(3))
            .keep_alive_while_idle(true))
    }
}
