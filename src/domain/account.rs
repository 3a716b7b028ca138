//! Accounts (DISTRIBUTOR > PARTNER > CUSTOMER), users, API keys, and who may do what.

use chrono_tz::Tz;

use super::named_enum;
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Level of an account in the tree.
    AccountRole {
        /// Top of a tree; its children are partners.
        Distributor = "DISTRIBUTOR",
        /// A dealer: registers servers; its children are customers.
        Partner = "PARTNER",
        /// An organisation that prints.
        Customer = "CUSTOMER",
    }
}

impl AccountRole {
    /// The role of the accounts directly below; `None` for a customer, which has none.
    pub const fn child(self) -> Option<Self> {
        match self {
            Self::Distributor => Some(Self::Partner),
            Self::Partner => Some(Self::Customer),
            Self::Customer => None,
        }
    }
}

named_enum! {
    /// Whether an account or user is in use.
    ActiveStatus {
        /// In use.
        Active = "ACTIVE",
        /// Switched off; everything it has is kept.
        Inactive = "INACTIVE",
    }
}

named_enum! {
    /// What a user or API key may do within its account; each includes the one before.
    Permission {
        /// Queries and subscriptions.
        Read = "READ",
        /// Also accounts, projects, servers, feeds, runs, anomalies and deposits.
        Write = "WRITE",
        /// Also users, API keys and certificates.
        Admin = "ADMIN",
    }
}

/// A node of the account tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Key.
    pub id: Uuid,
    /// The account above; `None` at the top.
    pub parent_id: Option<Uuid>,
    /// Level in the tree.
    pub role: AccountRole,
    /// Whether its feeds collect.
    pub status: ActiveStatus,
    /// Name, as certificates show it; 1 to 200 characters.
    pub name: String,
    /// Says what today is for it.
    pub time_zone: Tz,
    /// The partner system's own id; unique under one parent.
    pub external_id: Option<String>,
    /// When it was created.
    pub created_at: Instant,
    /// When a field of its own last changed.
    pub updated_at: Instant,
    /// Grows by one with each change of its settings.
    pub version: i32,
}

/// A person who signs in; name and e-mail are the only personal data kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Key.
    pub id: Uuid,
    /// The account the user belongs to.
    pub account_id: Uuid,
    /// Full name.
    pub name: String,
    /// E-mail address, lower case, unique in the installation.
    pub email: String,
    /// What the user may do.
    pub permission: Permission,
    /// INACTIVE: cannot sign in.
    pub status: ActiveStatus,
    /// When it was created.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// Grows by one with each change.
    pub version: i32,
}

/// A key for a partner system; of its secret only a digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Key.
    pub id: Uuid,
    /// The account the key belongs to.
    pub account_id: Uuid,
    /// What it is for.
    pub name: String,
    /// The first characters of the key, to recognise it by.
    pub hint: String,
    /// What the key may do.
    pub permission: Permission,
    /// When it was created.
    pub created_at: Instant,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Instant>,
}

/// Who asks: every use case takes one and answers for its account and those below it only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// A user or a key.
    pub who: Who,
    /// The account it belongs to.
    pub account_id: Uuid,
    /// What it may do there.
    pub permission: Permission,
}

impl Actor {
    /// Whether it may see and change users, API keys and certificates.
    pub fn administers(&self) -> bool {
        self.permission >= Permission::Admin
    }
}

/// What an [`Actor`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A signed-in person.
    User(Uuid),
    /// A partner system.
    ApiKey(Uuid),
}
