//! Reforestation projects: the operator keeps the list, accounts choose from it.

use super::named_enum;
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Whether a project can be chosen.
    ProjectStatus {
        /// Can be chosen.
        Active = "ACTIVE",
        /// Takes no new trees; past certificates keep it.
        Closed = "CLOSED",
    }
}

/// A reforestation project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Key.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Millionths of a degree north of the equator.
    pub latitude: Option<i64>,
    /// Millionths of a degree east of Greenwich.
    pub longitude: Option<i64>,
    /// What is planted and by whom, in plain text.
    pub description: String,
    /// Who verifies it.
    pub verifier: Option<String>,
    /// Address of a picture.
    pub image_url: Option<String>,
    /// Whether it can be chosen.
    pub status: ProjectStatus,
    /// Whether it takes the trees of accounts without a choice.
    pub is_default: bool,
    /// Trees it can take in all, in hundredths; `None` for no limit.
    pub stock: Option<i64>,
    /// Trees of certificates in force, in hundredths.
    pub allocated: i64,
    /// When it was created.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// How many trees a project can still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inventory {
    /// No limit was given.
    Unlimited,
    /// So many hundredths are left.
    Left(i64),
    /// Less than a tenth is left: so many hundredths.
    Low(i64),
    /// Certificates promise more than there is, by so many hundredths, or exactly all there is (0): plant more, or close the project.
    Short(i64),
}

impl Project {
    /// How many trees it can still take.
    pub fn inventory(&self) -> Inventory {
        let Some(stock) = self.stock else { return Inventory::Unlimited };
        let left = stock.saturating_sub(self.allocated);
        if left <= 0 {
            Inventory::Short(left.saturating_neg())
        } else if left < stock / 10 {
            Inventory::Low(left)
        } else {
            Inventory::Left(left)
        }
    }
}
