//! Printanista's desk: status and the two reports, totals between two dates.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::Days;

use super::{
    desk::{Answer, Call, Desk, Misuse, day, fields, quoted, time},
    fault::Kind,
    fleet::CustomerView,
    spec::{Access, Totals},
};

const STATUS: &str = "/PublicApi/PrintReleaf/Status";
const REPORT: &str = "/PublicApi/PrintReleaf/Report";
const MANAGED_ONLY: &str = "/PublicApi/PrintReleaf/ManagedOnlyReport";

pub(super) fn understand(method: &Method, path: &str, query: &str) -> Result<Call, Misuse> {
    if !matches!(path, STATUS | REPORT | MANAGED_ONLY) {
        return Err((404, "no such path".into()));
    }
    if *method != Method::GET {
        return Err((405, "not a read".into()));
    }
    if path == STATUS {
        return Ok(Call::new(Kind::Health));
    }
    let fields = fields(query);
    let customer = fields.get("customerId").cloned().ok_or_else(|| (400, String::from("customerId is missing")))?;
    let (first, last) = (day(&fields, "startDate")?, day(&fields, "endDate")?);
    if last < first {
        return Err((400, "endDate is before startDate".into()));
    }
    Ok(Call {
        customer: Some(customer),
        first_day: Some(first),
        last_day: Some(last),
        managed_only: path == MANAGED_ONLY,
        ..Call::new(Kind::Data)
    })
}

pub(super) fn answer(desk: &Desk<'_>, call: &Call) -> Answer {
    let Access::Printanista { username, password, api_key } = &desk.spec.access else {
        return (500, "{}".into());
    };
    let basic = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
    if desk.header("authorization") != basic || desk.header("x-api-key") != api_key {
        return (401, r#"{"error":"unauthorized"}"#.into());
    }
    if call.kind == Kind::Health {
        return (200, r#"{"product":"Printanista","version":"4.1.0","edition":"Enterprise"}"#.into());
    }
    let Some(view) = call.customer.as_deref().and_then(|id| desk.fleet.customer(desk.index, id)) else {
        return (404, r#"{"error":"customer_not_found"}"#.into());
    };
    let (enabled, report) = if call.managed_only {
        (view.spec.reports.managed_only, "PrintReleafManagedOnlyReport")
    } else {
        (view.spec.reports.all, "PrintReleafReport")
    };
    if !enabled {
        return (403, format!(r#"{{"error":"report_not_enabled","report":"{report}"}}"#));
    }
    (200, report_of(desk, call, &view))
}

fn report_of(desk: &Desk<'_>, call: &Call, view: &CustomerView<'_>) -> String {
    let days = view.days();
    let now = desk.now.timestamp_millis();
    let first = call.first_day.map_or(0, |day| days.number(day));
    let last = call.last_day.map_or(0, |day| days.number(day)).min(days.day_of(now));
    let mut pages = Totals::ZERO;
    if first <= last {
        pages = view.printed(days.start(first), days.start(last + 1), call.managed_only, Some(now));
        for shown in view.spec.shown.iter().filter(|shown| shown.window.contains(desk.now)) {
            let number = days.number(shown.day);
            if (first..=last).contains(&number) {
                let truth = view.printed(days.start(number), days.start(number + 1), call.managed_only, Some(now));
                pages = pages - truth + truth.zip(Totals::ZERO, |amount, _| amount * shown.permille / 1000);
            }
        }
    }
    let until =
        call.last_day.and_then(|day| day.checked_add_days(Days::new(1))).map_or(now, |day| days.start(days.number(day)) - 1);
    let devices = view.count(now.min(until), call.managed_only);
    let audit = view.last_audit(desk.now.timestamp_millis()).map_or("null".into(), |at| quoted(&time(at.timestamp_millis())));
    format!(
        concat!(
            r#"{{"customerName":{},"customerId":{},"numberOfDevices":{},"smallPageCount":{},"largePageCount":{},"#,
            r#""duplexPageCount":{},"lastAuditDate":{},"contactEmail":"office@example.com","accountManager":"J. Doe"}}"#
        ),
        quoted(&view.spec.name),
        quoted(&view.spec.external_id),
        devices,
        pages.small,
        pages.large,
        pages.duplex,
        audit
    )
}
