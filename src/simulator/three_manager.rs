//! 3manager's desk: tokens, organizations, devices with their counters as of now or the end of a day.

use std::fmt::Write as _;

use axum::http::Method;

use super::{
    desk::{Answer, Call, Clutter, Desk, Misuse, Times, count, day, fields, quoted},
    fault::Kind,
    fleet::Listed,
    spec::Access,
    tokens::Refresh,
};

const TOKEN: &str = "/oauth/token";
const ORGANIZATIONS: &str = "/api/v1/organizations";

pub(super) fn understand(method: &Method, path: &str, query: &str, body: &str) -> Result<Call, Misuse> {
    if path == TOKEN {
        if *method != Method::POST {
            return Err((405, "a token is asked for by POST".into()));
        }
        return Ok(Call { form: fields(body), ..Call::new(Kind::Token) });
    }
    let rest = path.strip_prefix(ORGANIZATIONS).ok_or_else(|| (404, String::from("no such path")))?;
    let organization = match rest.strip_prefix('/').and_then(|rest| rest.strip_suffix("/devices")) {
        Some(id) if !id.is_empty() && !id.contains('/') => Some(unescaped(id)),
        None if rest.is_empty() => None,
        _ => return Err((404, "no such path".into())),
    };
    if *method != Method::GET {
        return Err((405, "not a read".into()));
    }
    let fields = fields(query);
    let (page, rows) = (count(&fields, "page", 1)?, count(&fields, "pageSize", 100)?);
    let date = fields.contains_key("date").then(|| day(&fields, "date")).transpose()?;
    let kind = match (&organization, rows) {
        (Some(_), _) => Kind::Data,
        (None, 1) => Kind::Health,
        (None, _) => Kind::CustomerList,
    };
    Ok(Call { customer: organization, first_day: date, last_day: date, page, rows: rows.min(1000), ..Call::new(kind) })
}

/// A path segment without its percent signs.
fn unescaped(segment: &str) -> String {
    // A form reads a plus as a space; a path does not.
    fields(&format!("x={}", segment.replace('+', "%2B"))).remove("x").unwrap_or_default()
}

pub(super) fn answer(desk: &Desk<'_>, call: &Call, violation: impl Fn(&str)) -> Answer {
    if call.kind == Kind::Token {
        return token(desk, call, violation);
    }
    let bearer = desk.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    if !desk.tokens.is_valid(desk.now, bearer) {
        return (401, r#"{"error":"invalid_token"}"#.into());
    }
    let Some(id) = call.customer.as_deref() else {
        let items = call.slice(&desk.spec.customers).iter().map(|customer| {
            format!(
                r#"{{"organizationId":{},"name":{},"country":"DE"}}"#,
                quoted(&customer.external_id),
                quoted(&customer.name)
            )
        });
        let items: Vec<_> = items.collect();
        return envelope(call, &items.join(","), desk.spec.customers.len());
    };
    let Some(view) = desk.fleet.customer(desk.index, id) else {
        return (404, r#"{"error":"customer_not_found"}"#.into());
    };
    let now = desk.now.timestamp_millis();
    let at = call.first_day.map_or(now, |day| view.days().end(view.days().number(day)).min(now));
    let known: Vec<_> = view.listed(at).into_iter().filter(|device| device.read.is_some()).collect();
    let mut items = String::with_capacity(call.rows.min(known.len()) * 360);
    let mut times = Times::default();
    for device in call.slice(&known) {
        if !items.is_empty() {
            items.push(',');
        }
        write_device(&mut items, device, &mut times);
    }
    envelope(call, &items, known.len())
}

fn envelope(call: &Call, items: &str, total: usize) -> Answer {
    (200, format!(r#"{{"items":[{items}],"page":{},"pageSize":{},"totalCount":{total}}}"#, call.page, call.rows))
}

fn write_device(out: &mut String, device: &Listed<'_>, times: &mut Times) {
    let Some((read, shows)) = device.read else { return };
    let clutter = Clutter::of(device.key, shows.total.or(shows.small).unwrap_or_default());
    let _ = write!(
        out,
        r#"{{"deviceId":{},"isManaged":{},"lastSeenAt":"{}","serialNumber":"{:x}","ipAddress":"10.0.{}.{}","model":"{}","counters":{{"#,
        quoted(&device.spec.id),
        device.managed,
        times.of(read),
        clutter.serial,
        clutter.address[0],
        clutter.address[1],
        clutter.model
    );
    let counters = [
        ("totalPages", shows.total),
        ("lifecountA4", shows.small),
        ("lifecountA3", shows.large),
        ("duplexTotal", shows.duplex),
    ];
    for (name, value) in counters {
        match value {
            Some(value) => {
                let _ = write!(out, r#""{name}":{value},"#);
            }
            // Some devices lack the field, others have it as null.
            None if device.key & 1 == 1 => {
                let _ = write!(out, r#""{name}":null,"#);
            }
            None => {}
        }
    }
    let _ = write!(out, r#""scanTotal":{},"faxTotal":{}}}}}"#, clutter.scans, clutter.faxes);
}

fn token(desk: &Desk<'_>, call: &Call, violation: impl Fn(&str)) -> Answer {
    let Access::ThreeManager { username, password } = &desk.spec.access else {
        return (500, "{}".into());
    };
    let field = |name: &str| call.form.get(name).map(String::as_str).unwrap_or_default();
    let granted = match field("grant_type") {
        "password" => field("username") == username && field("password") == password,
        "refresh_token" => match desk.tokens.spend(field("refresh_token"), desk.shaky) {
            Refresh::Good => true,
            Refresh::Unknown => false,
            Refresh::Spent => {
                violation("a spent refresh token was used again");
                false
            }
        },
        other => {
            violation(&format!("unknown grant type {other:?}"));
            return (400, r#"{"error":"unsupported_grant_type"}"#.into());
        }
    };
    if !granted {
        return (400, r#"{"error":"invalid_grant"}"#.into());
    }
    let (access, refresh) = desk.tokens.issue(desk.now, desk.spec.token_life);
    let life = desk.spec.token_life.num_seconds();
    (200, format!(r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{life},"refresh_token":"{refresh}"}}"#))
}
