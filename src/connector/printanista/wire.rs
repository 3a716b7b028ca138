//! Printanista's paths and spellings.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::NaiveDate;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    connector::{
        Report,
        client::{Count, IsoTime, present, secret_header},
        url::push_encoded,
    },
    secret::Secret,
};

pub(super) const STATUS: &str = "/PublicApi/PrintReleaf/Status";
const REPORT: &str = "/PublicApi/PrintReleaf/Report";
const MANAGED_ONLY_REPORT: &str = "/PublicApi/PrintReleaf/ManagedOnlyReport";
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `error` of a 403: the user is not a Dealer Admin.
pub(super) const INSUFFICIENT_PERMISSIONS: &str = "insufficient_permissions";

/// Both dates are inclusive.
pub(super) fn report_path(report: Report, customer: &str, from: NaiveDate, to: NaiveDate) -> String {
    let path = match report {
        Report::All => REPORT,
        Report::ManagedOnly => MANAGED_ONLY_REPORT,
    };
    let mut path = format!("{path}?customerId=");
    push_encoded(&mut path, customer);
    path + &format!("&startDate={from}&endDate={to}")
}

pub(super) fn headers(username: &str, password: &Secret, api_key: &Secret) -> Option<HeaderMap> {
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    let basic = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    let mut headers = secret_header(AUTHORIZATION, &basic)?;
    headers.extend(secret_header(API_KEY, api_key.expose())?);
    Some(headers)
}

#[derive(Deserialize)]
pub(super) struct Status<'a> {
    #[serde(borrow, rename = "product")]
    pub(super) _product: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals<'a> {
    #[serde(borrow, deserialize_with = "present")]
    pub(super) customer_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) customer_id: Cow<'a, str>,
    pub(super) number_of_devices: i32,
    pub(super) small_page_count: Count,
    pub(super) large_page_count: Count,
    /// Sheets.
    pub(super) duplex_page_count: Count,
    /// Null: never audited.
    #[serde(deserialize_with = "present")]
    pub(super) last_audit_date: Option<IsoTime>,
}

#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub(super) error: Cow<'a, str>,
}
