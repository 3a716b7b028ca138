//! MPS Monitor's paths and spellings.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    connector::client::{Count, IsoTime, present},
    secret::Secret,
};

pub(super) const CUSTOMER: &str = "/PrintReleaf/Customer";
pub(super) const DEALER: &str = "/PrintReleaf/Dealer";
const PAGE_ROWS: u32 = 100;

pub(super) fn authorization(dealer_token: &Secret) -> Zeroizing<String> {
    Zeroizing::new(format!("DealerToken {}", dealer_token.expose()))
}

pub(super) fn customer_body(code: &str, page: u32) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        code: &'a str,
        page_number: u32,
        page_rows: u32,
    }
    serde_json::to_vec(&Body { code, page_number: page, page_rows: PAGE_ROWS }).unwrap_or_default()
}

/// Whether an answer is one, and if not, why.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verdict<'a> {
    pub(super) is_valid: bool,
    #[serde(borrow, default)]
    pub(super) errors: Option<Vec<Problem<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Problem<'a> {
    #[serde(borrow, rename = "Code")]
    pub(super) code: Option<Cow<'a, str>>,
}

pub(super) const INVALID_DEALER_TOKEN: &str = "InvalidDealerToken";
pub(super) const CUSTOMER_NOT_FOUND: &str = "CustomerNotFound";
pub(super) const TOO_MANY_REQUESTS: &str = "TooManyRequests";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DealerAnswer<'a> {
    #[serde(borrow, rename = "Result")]
    pub(super) _result: Dealer<'a>,
    pub(super) is_valid: bool,
}

#[derive(Deserialize)]
pub(super) struct Dealer<'a> {
    #[serde(borrow, rename = "Code")]
    pub(super) _code: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CustomerAnswer<'a> {
    #[serde(borrow)]
    pub(super) result: Customer<'a>,
    /// Devices on all pages.
    pub(super) total_rows: u64,
    pub(super) is_valid: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Customer<'a> {
    #[serde(borrow)]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) devices: Vec<Device<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Device<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    pub(super) is_inside_project: bool,
    /// Null: known but unread.
    #[serde(deserialize_with = "present")]
    pub(super) counter: Option<Counter>,
}

/// A count may be null but not absent.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Counter {
    pub(super) received: IsoTime,
    #[serde(deserialize_with = "present")]
    pub(super) mono: Option<Count>,
    #[serde(deserialize_with = "present")]
    pub(super) color: Option<Count>,
    #[serde(rename = "MonoA3", deserialize_with = "present")]
    pub(super) mono_large: Option<Count>,
    #[serde(rename = "ColorA3", deserialize_with = "present")]
    pub(super) color_large: Option<Count>,
}
