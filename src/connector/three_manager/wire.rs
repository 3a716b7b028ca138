//! 3manager's paths and spellings.

use std::{borrow::Cow, fmt::Write as _};

use chrono::NaiveDate;
use serde::Deserialize;

use crate::{
    connector::{
        client::{Call, Count, IsoTime, present},
        url::push_encoded,
    },
    secret::Secret,
};

pub(super) const PAGE_SIZE: u32 = 100;
const TOKEN: &str = "/oauth/token";
const ORGANIZATIONS: &str = "/api/v1/organizations";

pub(super) fn login(username: &str, password: &Secret) -> Call {
    Call::post_form(TOKEN, &[("grant_type", "password"), ("username", username), ("password", password.expose())])
}

pub(super) fn refresh(token: &Secret) -> Call {
    Call::post_form(TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", token.expose())])
}

pub(super) fn organizations_path(page: u32, size: u32) -> String {
    format!("{ORGANIZATIONS}?page={page}&pageSize={size}")
}

/// The devices of one organization, without the page; `None` for ids that no path can hold.
pub(super) fn devices_path(organization: &str, day: Option<NaiveDate>) -> Option<String> {
    // However they are encoded, these are no segments but steps.
    if matches!(organization, "" | "." | "..") {
        return None;
    }
    let mut path = format!("{ORGANIZATIONS}/");
    push_encoded(&mut path, organization);
    path.push_str("/devices?");
    if let Some(day) = day {
        let _ = write!(path, "date={day}&");
    }
    Some(path)
}

pub(super) fn page_of(path: &str, page: u32) -> String {
    format!("{path}page={page}&pageSize={PAGE_SIZE}")
}

#[derive(Deserialize)]
pub(super) struct Token<'a> {
    #[serde(borrow, rename = "access_token")]
    pub(super) access: Cow<'a, str>,
    /// Seconds.
    pub(super) expires_in: u64,
    #[serde(borrow, rename = "refresh_token")]
    pub(super) refresh: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct TokenError<'a> {
    #[serde(borrow)]
    pub(super) error: Cow<'a, str>,
}

/// `error` of a refused login or refresh token.
pub(super) const INVALID_GRANT: &str = "invalid_grant";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<T> {
    pub(super) items: Vec<T>,
    pub(super) total_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization<'a> {
    #[serde(borrow, rename = "organizationId")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device<'a> {
    #[serde(borrow, rename = "deviceId")]
    pub(super) id: Cow<'a, str>,
    pub(super) is_managed: bool,
    #[serde(deserialize_with = "present")]
    pub(super) last_seen_at: Option<IsoTime>,
    #[serde(deserialize_with = "present")]
    pub(super) counters: Option<Counters>,
}

/// Each may be null or absent.
#[derive(Deserialize)]
pub(super) struct Counters {
    #[serde(rename = "totalPages")]
    pub(super) total: Option<Count>,
    #[serde(rename = "lifecountA4")]
    pub(super) small: Option<Count>,
    #[serde(rename = "lifecountA3")]
    pub(super) large: Option<Count>,
    /// Sheets.
    #[serde(rename = "duplexTotal")]
    pub(super) duplex: Option<Count>,
}
