//! What Printanista's answers mean.

use super::{Error, wire};
use crate::{
    connector::{
        PeriodAnswer, Report,
        client::{Misfit, Reply, json, name},
    },
    domain::pages::Pages,
};

pub(super) fn status(reply: &Reply<'_>) -> Result<(), Error> {
    match reply.status {
        200 => Ok(json::<wire::Status<'_>>(reply.body).map(drop)?),
        403 if lacks_permission(reply) => Err(Error::PermissionMissing),
        401 | 403 => Err(Error::CredentialsRefused),
        other => Err(Error::Status(other)),
    }
}

pub(super) fn report(reply: &Reply<'_>, customer: &str, report: Report) -> Result<PeriodAnswer, Error> {
    match reply.status {
        200 => Ok(totals(reply.body, customer, report)?),
        401 => Err(Error::CredentialsRefused),
        403 if lacks_permission(reply) => Err(Error::PermissionMissing),
        403 => Err(Error::ReportNotEnabled),
        404 => Err(Error::CustomerNotFound),
        other => Err(Error::Status(other)),
    }
}

fn totals(body: &[u8], customer: &str, report: Report) -> Result<PeriodAnswer, Misfit> {
    let totals: wire::Totals<'_> = json(body)?;
    // Pages of one customer must never reach another's account.
    if !totals.customer_id.eq_ignore_ascii_case(customer) {
        return Err(Misfit::Field("customerId is another customer's".to_owned()));
    }
    if totals.number_of_devices < 0 {
        return Err(Misfit::Field("numberOfDevices is negative".to_owned()));
    }
    Ok(PeriodAnswer {
        customer_name: totals.customer_name.as_deref().and_then(name),
        devices: Some(totals.number_of_devices),
        pages: Pages { small: totals.small_page_count.0, large: totals.large_page_count.0, duplex: totals.duplex_page_count.0 },
        last_audit: totals.last_audit_date.map(|time| time.0),
        report,
    })
}

fn lacks_permission(reply: &Reply<'_>) -> bool {
    json::<wire::Refusal<'_>>(reply.body).is_ok_and(|refusal| refusal.error == wire::INSUFFICIENT_PERMISSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connector::ConnectorError, domain::failure::FailureReason};

    const SAMPLE: &str = r#"{"customerName":"Acme GmbH","customerId":"10233","numberOfDevices":42,"smallPageCount":18250,"largePageCount":310,
 "duplexPageCount":4120,"lastAuditDate":"2026-03-02T04:11:09Z","contact":"someone@example.com","devices":[{"serial":"X1"}]}"#;

    fn read(status: u16, body: &str) -> Result<PeriodAnswer, ConnectorError> {
        Ok(report(&Reply { status, body: body.as_bytes() }, "10233", Report::All)?)
    }

    fn reason(status: u16, body: &str) -> FailureReason {
        read(status, body).unwrap_err().reason()
    }

    #[test]
    fn reads_the_totals() {
        assert_eq!(
            read(200, SAMPLE),
            Ok(PeriodAnswer {
                customer_name: Some("Acme GmbH".into()),
                devices: Some(42),
                pages: Pages { small: 18250, large: 310, duplex: 4120 },
                last_audit: Some("2026-03-02T04:11:09Z".parse().unwrap()),
                report: Report::All,
            })
        );
        let never =
            read(200, &SAMPLE.replace(r#""2026-03-02T04:11:09Z""#, "null").replace(r#""Acme GmbH""#, r#""Caf\u00e9 \"A\"""#))
                .unwrap();
        assert_eq!((never.last_audit, never.customer_name.as_deref()), (None, Some("Café \"A\"")));
    }

    #[test]
    fn whatever_does_not_fit_is_named() {
        for (from, to, detail) in [
            (r#""smallPageCount":18250"#, r#""smallPageCount":null"#, "smallPageCount has another type"),
            (r#""smallPageCount":18250"#, r#""smallPageCount":"18250""#, "smallPageCount has another type"),
            (r#""smallPageCount":18250,"#, "", "missing field smallPageCount"),
            (r#""largePageCount":310"#, r#""largePageCount":-310"#, "largePageCount is negative"),
            (r#""duplexPageCount":4120"#, r#""duplexPageCount":4120.5"#, "duplexPageCount has another type"),
            (r#""numberOfDevices":42,"#, "", "missing field numberOfDevices"),
            (r#""lastAuditDate":"2026-03-02T04:11:09Z""#, r#""last":1"#, "missing field lastAuditDate"),
            (r#""customerId":"10233""#, r#""customerId":"10234""#, "customerId is another customer's"),
        ] {
            let error = read(200, &SAMPLE.replace(from, to)).unwrap_err();
            assert_eq!((error.reason(), error.detail()), (FailureReason::AnswerNotUnderstood, detail));
            assert!(!error.passing() && !error.is_server_level() && !error.needs_check());
        }
        assert_eq!(reason(200, "<html></html>"), FailureReason::AnswerNotUnderstood);
        assert_eq!(reason(302, ""), FailureReason::AnswerNotUnderstood);
        let cut = read(200, &SAMPLE[..100]).unwrap_err();
        assert!(cut.passing() && cut.needs_check());
    }

    #[test]
    fn refusals_are_the_feeds_or_the_servers() {
        assert_eq!(reason(401, ""), FailureReason::CredentialsRefused);
        assert_eq!(reason(403, r#"{"error":"insufficient_permissions"}"#), FailureReason::PermissionMissing);
        assert_eq!(
            reason(403, r#"{"error":"report_not_enabled","report":"PrintReleafReport"}"#),
            FailureReason::ReportNotEnabled
        );
        assert_eq!(reason(404, r#"{"error":"customer_not_found"}"#), FailureReason::CustomerNotFound);
        let check = |status_code, body: &str| -> Result<(), ConnectorError> {
            Ok(status(&Reply { status: status_code, body: body.as_bytes() })?)
        };
        assert_eq!(check(200, r#"{"product":"Printanista","version":"4.1.0"}"#), Ok(()));
        assert_eq!(check(401, "").unwrap_err().reason(), FailureReason::CredentialsRefused);
        assert_eq!(check(403, "").unwrap_err().reason(), FailureReason::CredentialsRefused);
        assert_eq!(
            check(403, r#"{"error":"insufficient_permissions"}"#).unwrap_err().reason(),
            FailureReason::PermissionMissing
        );
        assert_eq!(check(200, "{}").unwrap_err().reason(), FailureReason::AnswerNotUnderstood);
    }

    #[test]
    fn customer_ids_are_opaque() {
        let day = "2026-03-01".parse().unwrap();
        let path = wire::report_path(Report::ManagedOnly, "1&customerId=2#/..", day, day);
        assert_eq!(
            path,
            "/PublicApi/PrintReleaf/ManagedOnlyReport?customerId=1%26customerId%3D2%23%2F..&startDate=2026-03-01&endDate=2026-03-01"
        );
    }
}
