//! Users and roles of the store: who may read and write which keys.
//!
//! Invariant: setting up twice is the same as once, so that it can be repeated after a failure.

use etcd_client::{PermissionType, UserAddOptions};
use tokio::time::Instant;

use super::call::{Effect, Etcd};
use super::error::{Error, Kind, Result};
use super::types::Keys;

/// What a role may do with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and watch.
    Read,
    /// Change.
    Write,
    /// Both.
    ReadWrite,
}

/// One line of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Which keys.
    pub keys: Keys,
    /// What with them.
    pub access: Access,
}

impl From<&Permission> for etcd_client::Permission {
    fn from(from: &Permission) -> Self {
        let kind = match from.access {
            Access::Read => PermissionType::Read,
            Access::Write => PermissionType::Write,
            Access::ReadWrite => PermissionType::Readwrite,
        };
        match &from.keys {
            Keys::One(key) => Self::new(kind, key.clone()),
            Keys::Prefix(key) if key.is_empty() => Self::new(kind, key.clone()).with_all_keys(),
            Keys::Prefix(key) => Self::new(kind, key.clone()).with_prefix(),
        }
    }
}

/// What is there already is as good as done.
fn there(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind == Kind::Refused && error.message.contains("already exist") => Ok(()),
        other => other,
    }
}

impl Etcd {
    /// Makes a role and grants it what it may do.
    pub async fn add_role(&self, role: &str, permissions: &[Permission], deadline: Instant) -> Result<()> {
        let made =
            self.call(Effect::Write, deadline, |mut client| async move { client.role_add(role).await.map(drop) }).await;
        there(made)?;
        for permission in permissions {
            self.call(Effect::Write, deadline, |mut client| {
                let granted = etcd_client::Permission::from(permission);
                async move { client.role_grant_permission(role, granted).await.map(drop) }
            })
            .await?;
        }
        Ok(())
    }

    /// Makes a user with these roles. Without a password it is known by its certificate's common name alone.
    pub async fn add_user(
        &self,
        user: &str,
        password: Option<&str>,
        roles: &[String],
        deadline: Instant,
    ) -> Result<()> {
        let made = self
            .call(Effect::Write, deadline, |mut client| async move {
                let options = password.is_none().then(|| UserAddOptions::new().with_no_pwd());
                client.user_add(user, password.unwrap_or(""), options).await.map(drop)
            })
            .await;
        let existed = made.is_err();
        there(made)?;
        if let (true, Some(password)) = (existed, password) {
            self.call(Effect::Write, deadline, |mut client| async move {
                client.user_change_password(user, password).await.map(drop)
            })
            .await?;
        }
        for role in roles {
            self.call(Effect::Write, deadline, |mut client| async move {
                client.user_grant_role(user, role).await.map(drop)
            })
            .await?;
        }
        Ok(())
    }

    /// From here on every caller must be a known user. The user `root` with the role `root` must be there.
    pub async fn require_users(&self, deadline: Instant) -> Result<()> {
        let done =
            self.call(Effect::Write, deadline, |mut client| async move { client.auth_enable().await.map(drop) }).await;
        match done {
            // It took effect under us: the connection is no longer a known user's.
            Err(error) if error.kind == Kind::Unauthenticated && error.message.contains("user name is empty") => {
                Err(Error::new(Kind::Unauthenticated, "users are required already; this caller is none"))
            }
            other => other,
        }
    }
}
