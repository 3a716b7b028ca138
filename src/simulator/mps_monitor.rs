//! MPS Monitor's desk: the dealer, and a customer's devices with their current counters.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::Value;

use super::{
    desk::{Answer, Call, Clutter, Desk, Misuse, Times, quoted},
    fault::Kind,
    fleet::Listed,
    spec::Access,
};

const DEALER: &str = "/PrintReleaf/Dealer";
const CUSTOMER: &str = "/PrintReleaf/Customer";

pub(super) fn understand(method: &Method, path: &str, body: &str) -> Result<Call, Misuse> {
    if !matches!(path, DEALER | CUSTOMER) {
        return Err((404, "no such path".into()));
    }
    if *method != Method::POST {
        return Err((405, "both reads are POST".into()));
    }
    let body: Value = serde_json::from_str(body).map_err(|_| (400, String::from("the body is not JSON")))?;
    if path == DEALER {
        return Ok(Call::new(Kind::Health));
    }
    let code = body.get("Code").and_then(Value::as_str).ok_or_else(|| (400, String::from("Code is missing")))?;
    let number = |name: &str, default: u64| {
        body.get(name).map_or(Some(default), Value::as_u64).filter(|n| *n >= 1).and_then(|n| usize::try_from(n).ok())
    };
    let page = number("PageNumber", 1).ok_or_else(|| (400, String::from("PageNumber is not a number from 1 on")))?;
    let rows = number("PageRows", 100).ok_or_else(|| (400, String::from("PageRows is not a number from 1 on")))?;
    Ok(Call { customer: Some(code.to_owned()), page, rows: rows.min(1000), ..Call::new(Kind::Data) })
}

/// HTTP 200 that is an error all the same.
pub(super) fn invalid(code: &str) -> String {
    format!(
        r#"{{"Result":null,"TotalRows":0,"IsValid":false,"Errors":[{{"Code":{},"Description":"refused"}}],"ReturnValue":""}}"#,
        quoted(code)
    )
}

pub(super) fn answer(desk: &Desk<'_>, call: &Call) -> Answer {
    let Access::MpsMonitor { dealer_token } = &desk.spec.access else {
        return (500, "{}".into());
    };
    if desk.header("authorization").strip_prefix("DealerToken ") != Some(dealer_token) {
        return (200, invalid("InvalidDealerToken"));
    }
    if call.kind == Kind::Health {
        let result = format!(r#"{{"Code":"D{:08X}","Description":{}}}"#, desk.index, quoted(&desk.spec.name));
        return (200, format!(r#"{{"Result":{result},"IsValid":true,"Errors":[],"ReturnValue":""}}"#));
    }
    let Some(view) = call.customer.as_deref().and_then(|id| desk.fleet.customer(desk.index, id)) else {
        return (200, invalid("CustomerNotFound"));
    };
    let devices = view.listed(desk.now.timestamp_millis());
    let mut items = String::with_capacity(call.rows.min(devices.len()) * 360);
    let mut times = Times::default();
    for device in call.slice(&devices) {
        if !items.is_empty() {
            items.push(',');
        }
        write_device(&mut items, device, view.days().start(0), &mut times);
    }
    let body = format!(
        concat!(
            r#"{{"Result":{{"Code":{},"Description":{},"TimeZoneIana":{},"City":"Milano","Email":"office@example.com","#,
            r#""Devices":[{}]}},"TotalRows":{},"IsValid":true,"Errors":[],"ReturnValue":""}}"#
        ),
        quoted(&view.spec.external_id),
        quoted(&view.spec.name),
        quoted(desk.spec.zone.name()),
        items,
        devices.len()
    );
    (200, body)
}

fn write_device(out: &mut String, device: &Listed<'_>, first: i64, times: &mut Times) {
    let counter = device.read.and_then(|(read, shows)| Some((read, shows, shows.total?, shows.large?)));
    let clutter = Clutter::of(device.key, counter.map_or(0, |(_, _, total, _)| total));
    let _ = write!(
        out,
        r#"{{"Id":{},"IsInsideProject":{},"LastUpdate":"{}","SerialNumber":"{:X}","IpAddress":"10.1.{}.{}","Model":"{}","Counter":"#,
        quoted(&device.spec.id),
        device.managed,
        times.of(device.read.map_or(device.since.max(first), |(read, _)| read)),
        clutter.serial,
        clutter.address[0],
        clutter.address[1],
        clutter.model
    );
    match counter {
        None => out.push_str("null}"),
        Some((read, shows, total, large)) => {
            let _ = write!(
                out,
                r#"{{"Received":"{}","Mono":{},"Color":{},"MonoA3":{},"ColorA3":{},"Fax":{},"Scan":{}}}}}"#,
                times.of(read),
                total - shows.color,
                shows.color,
                large - shows.color_large,
                shows.color_large,
                clutter.faxes,
                clutter.scans
            );
        }
    }
}
