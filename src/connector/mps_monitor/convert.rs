//! What MPS Monitor's answers mean. A status of 200 means nothing before `IsValid` was looked at.

use super::{Error, wire};
use crate::{
    connector::client::{Count, Misfit, Page, Reply, id, json},
    domain::device::{Counters, DeviceReading},
};

pub(super) fn dealer(reply: &Reply<'_>) -> Result<(), Error> {
    let answer: wire::DealerAnswer<'_> = valid(reply, |answer: &wire::DealerAnswer<'_>| answer.is_valid)?;
    drop(answer);
    Ok(())
}

pub(super) fn devices(reply: &Reply<'_>, customer: &str) -> Result<Page<DeviceReading>, Error> {
    let answer: wire::CustomerAnswer<'_> = match reply.status {
        403 | 404 => return Err(Error::CustomerNotFound),
        _ => valid(reply, |answer: &wire::CustomerAnswer<'_>| answer.is_valid)?,
    };
    // Pages of one customer must never reach another's account.
    if !answer.result.code.eq_ignore_ascii_case(customer) {
        return Err(Misfit::Field("Result.Code is another customer's".to_owned()).into());
    }
    let items = answer.result.devices.iter().map(reading).collect::<Result<_, _>>()?;
    Ok(Page { items, total: answer.total_rows })
}

/// Reads the answer in one go; only one that does not fit, or says it is not valid, is asked for its errors.
fn valid<'a, T: serde::Deserialize<'a>>(reply: &Reply<'a>, is_valid: fn(&T) -> bool) -> Result<T, Error> {
    match reply.status {
        200 => {}
        401 | 403 => return Err(Error::TokenRefused),
        other => return Err(Error::Status(other)),
    }
    let read = json::<T>(reply.body);
    match read {
        Ok(answer) if is_valid(&answer) => Ok(answer),
        Ok(_) => Err(refusal(&json(reply.body)?)),
        Err(misfit) => match json::<wire::Verdict<'_>>(reply.body) {
            Ok(verdict) if !verdict.is_valid => Err(refusal(&verdict)),
            _ => Err(misfit.into()),
        },
    }
}

fn refusal(verdict: &wire::Verdict<'_>) -> Error {
    let first = verdict.errors.as_ref().and_then(|errors| errors.first()?.code.as_deref());
    match first {
        Some(wire::INVALID_DEALER_TOKEN) => Error::TokenRefused,
        Some(wire::CUSTOMER_NOT_FOUND) => Error::CustomerNotFound,
        Some(wire::TOO_MANY_REQUESTS) => Error::TooManyRequests,
        _ => Error::Invalid,
    }
}

fn reading(device: &wire::Device<'_>) -> Result<DeviceReading, Misfit> {
    Ok(DeviceReading {
        vendor_device_id: id(&device.id, "Id")?,
        managed: device.is_inside_project,
        read_at: device.counter.as_ref().map(|counter| counter.received.0),
        counters: device.counter.as_ref().map(counters),
    })
}

/// `Mono` and `Color` count every side, the A3 ones among them. A sum is there only if both its parts are, so that a part that is null in one
/// answer makes the device unreadable that day instead of lowering it. A device whose `Color` is null counts as monochrome by its small and
/// large sides; so it is read by other counters than one with `Color`, and neither can pass for the other.
fn counters(wire: &wire::Counter) -> Counters {
    let count = |value: Option<Count>| value.map(|count| count.0);
    let (mono, mono_large) = (count(wire.mono), count(wire.mono_large));
    match (mono, count(wire.color)) {
        (Some(mono), Some(color)) => Counters {
            total: mono.checked_add(color),
            large: mono_large.zip(count(wire.color_large)).and_then(|(mono, color)| mono.checked_add(color)),
            ..Counters::default()
        },
        (Some(mono), None) => {
            Counters { small: mono.checked_sub(mono_large.unwrap_or(0)), large: mono_large, ..Counters::default() }
        }
        _ => Counters::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connector::ConnectorError, domain::failure::FailureReason};

    const CODE: &str = "EA45CEF3D8EF6D0F";
    const SAMPLE: &str = r#"{"Result":{"Code":"EA45CEF3D8EF6D0F","Description":"Acme","TimeZoneIana":"Europe/Rome","Devices":[
   {"Id":"kV2x","IsInsideProject":true,"LastUpdate":"2026-03-02T03:40:00Z","SerialNumber":"X1",
    "Counter":{"Received":"2026-03-02T03:40:00Z","Mono":90211,"Color":40100,"MonoA3":300,"ColorA3":40,"Fax":7}}]},
 "TotalRows":1,"IsValid":true,"Errors":[],"ReturnValue":""}"#;

    fn read(status: u16, body: &str) -> Result<Vec<DeviceReading>, ConnectorError> {
        Ok(devices(&Reply { status, body: body.as_bytes() }, CODE).map(|page| page.items)?)
    }

    fn counted(from: &str, to: &str) -> Option<Counters> {
        assert!(SAMPLE.contains(from), "{from}");
        read(200, &SAMPLE.replace(from, to)).unwrap().remove(0).counters
    }

    #[test]
    fn reads_devices() {
        let expected = DeviceReading {
            vendor_device_id: "kV2x".into(),
            managed: true,
            read_at: Some("2026-03-02T03:40:00Z".parse().unwrap()),
            counters: Some(Counters { total: Some(130_311), large: Some(340), small: None, duplex: None }),
        };
        assert_eq!(read(200, SAMPLE), Ok(vec![expected.clone()]));
        let start = SAMPLE.find(r#"{"Received""#).unwrap();
        let end = SAMPLE.find("}}]}").unwrap() + 1;
        let unread = format!("{}null{}", &SAMPLE[..start], &SAMPLE[end..]);
        assert_eq!(read(200, &unread), Ok(vec![DeviceReading { read_at: None, counters: None, ..expected }]));
    }

    #[test]
    fn a_missing_part_never_lowers_a_sum() {
        let none = Counters::default();
        assert_eq!(counted(r#""Mono":90211"#, r#""Mono":null"#), Some(none));
        let monochrome = Counters { small: Some(89_911), large: Some(300), ..none };
        assert_eq!(counted(r#""Color":40100"#, r#""Color":null"#), Some(monochrome));
        assert_eq!(counted(r#""ColorA3":40"#, r#""ColorA3":null"#), Some(Counters { total: Some(130_311), ..none }));
        assert_eq!(
            counted("90211", "9223372036854775807"),
            Some(Counters { large: Some(340), ..none }),
            "an overflow is no count"
        );
    }

    #[test]
    fn an_answer_that_is_not_valid_is_an_error() {
        for (code, reason, passing) in [
            ("InvalidDealerToken", FailureReason::CredentialsRefused, false),
            ("CustomerNotFound", FailureReason::CustomerNotFound, false),
            ("TooManyRequests", FailureReason::VendorBusy, true),
            ("DatabaseAsleep", FailureReason::VendorFailed, true),
        ] {
            for result in ["null", "{}", r#""""#, r#"{"Code":"EA45CEF3D8EF6D0F","Devices":[]}"#] {
                let body = format!(
                    r#"{{"Result":{result},"TotalRows":0,"IsValid":false,"Errors":[{{"Code":"{code}","Description":"hunter2"}}],"ReturnValue":""}}"#
                );
                let error = read(200, &body).unwrap_err();
                assert_eq!((error.reason(), error.passing()), (reason, passing), "{body}");
                assert!(!format!("{error} {error:?}").contains("hunter2"));
                let check: ConnectorError = dealer(&Reply { status: 200, body: body.as_bytes() }).unwrap_err().into();
                assert_eq!(check.reason(), reason);
            }
        }
        let silent = read(200, r#"{"Result":null,"IsValid":false}"#).unwrap_err();
        assert_eq!(silent.reason(), FailureReason::VendorFailed);
        assert_eq!(read(401, "").unwrap_err().reason(), FailureReason::CredentialsRefused);
        assert_eq!(read(403, "").unwrap_err().reason(), FailureReason::CustomerNotFound);
        assert_eq!(read(404, "").unwrap_err().reason(), FailureReason::CustomerNotFound);
    }

    #[test]
    fn whatever_does_not_fit_is_named() {
        for (from, to, detail) in [
            (r#""Id":"kV2x""#, r#""Id":7"#, "Result.Devices[0].Id has another type"),
            (r#""IsInsideProject":true,"#, "", "missing field Result.Devices[0].IsInsideProject"),
            (r#""Counter":"#, r#""Count":"#, "missing field Result.Devices[0].Counter"),
            (
                r#""Received":"2026-03-02T03:40:00Z""#,
                r#""Received":null"#,
                "Result.Devices[0].Counter.Received has another type",
            ),
            (r#""Mono":90211"#, r#""Mono":"90211""#, "Result.Devices[0].Counter.Mono has another type"),
            (r#""Mono":90211,"#, "", "missing field Result.Devices[0].Counter.Mono"),
            (r#""ColorA3":40"#, r#""ColorA3":-40"#, "Result.Devices[0].Counter.ColorA3 is negative"),
            (r#""TotalRows":1,"#, "", "missing field TotalRows"),
            (r#""IsValid":true,"#, "", "missing field IsValid"),
            (r#""Code":"EA45CEF3D8EF6D0F""#, r#""Code":"B""#, "Result.Code is another customer's"),
        ] {
            let error = read(200, &SAMPLE.replace(from, to)).unwrap_err();
            assert_eq!((error.reason(), error.detail()), (FailureReason::AnswerNotUnderstood, detail));
        }
        assert!(
            dealer(&Reply {
                status: 200,
                body: br#"{"Result":{"Code":"D","Description":"Dealer"},"IsValid":true,"Errors":[]}"#
            })
            .is_ok()
        );
    }

    #[test]
    fn customer_codes_are_opaque() {
        let body = wire::customer_body("a\"b\\", 2);
        assert_eq!(std::str::from_utf8(&body), Ok(r#"{"Code":"a\"b\\","PageNumber":2,"PageRows":100}"#));
    }
}
