//! How arguments are read: each refusal says what was expected.

use chrono_tz::Tz;

use crate::{
    domain::{
        account::{AccountRole, Permission},
        pages::Decimal,
    },
    id::{Kind, PublicId, Uuid},
};

/// What an id of each kind looks like, for messages.
const SAMPLE: &str = "01h455vb4pex5vsknk084sn02q";

fn id(kind: Kind, what: &str, text: &str) -> Result<Uuid, String> {
    PublicId::parse_kind(kind, text.trim()).ok_or_else(|| {
        let prefix = kind.prefix();
        match PublicId::parse(text.trim()) {
            Some(_) => format!("this is the id of something else; the id of {what} begins with {prefix}_"),
            None => format!("this is not an id; the id of {what} looks like {prefix}_{SAMPLE}"),
        }
    })
}

pub(super) fn account_id(text: &str) -> Result<Uuid, String> {
    id(Kind::Account, "an account", text)
}

pub(super) fn server_id(text: &str) -> Result<Uuid, String> {
    id(Kind::Server, "a server", text)
}

pub(super) fn user_id(text: &str) -> Result<Uuid, String> {
    id(Kind::User, "a user", text)
}

pub(super) fn project_id(text: &str) -> Result<Uuid, String> {
    id(Kind::Project, "a project", text)
}

/// Degrees with at most 6 decimals, as millionths.
pub(super) fn degrees(text: &str) -> Result<i64, String> {
    let read = text.trim().parse::<Decimal>().ok().and_then(|degrees| degrees.scaled(6));
    let read = read.and_then(|millionths| i64::try_from(millionths).ok());
    read.ok_or_else(|| "write degrees like -4.75, with at most 6 decimals".to_owned())
}

pub(super) fn role(text: &str) -> Result<AccountRole, String> {
    AccountRole::parse(&text.to_ascii_uppercase()).ok_or_else(|| one_of(AccountRole::ALL, AccountRole::as_str))
}

pub(super) fn permission(text: &str) -> Result<Permission, String> {
    Permission::parse(&text.to_ascii_uppercase()).ok_or_else(|| one_of(Permission::ALL, Permission::as_str))
}

pub(super) fn time_zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "this is not a time zone; write it like Europe/Berlin, or UTC".to_owned())
}

fn one_of<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    format!("write one of {}", all.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_is_expected() {
        let feed = PublicId::new(Kind::Feed, Uuid::from_u128(7)).to_string();
        assert!(account_id(&feed).unwrap_err().contains("begins with acc_"));
        assert!(server_id("7").unwrap_err().contains("srv_01h455"));
        assert_eq!(account_id(&PublicId::new(Kind::Account, Uuid::from_u128(7)).to_string()), Ok(Uuid::from_u128(7)));
        assert_eq!(role("partner"), Ok(AccountRole::Partner));
        assert_eq!(role("boss").unwrap_err(), "write one of DISTRIBUTOR, PARTNER, CUSTOMER");
        assert_eq!(permission("Admin"), Ok(Permission::Admin));
        assert!(time_zone("Berlin").is_err());
    }
}
