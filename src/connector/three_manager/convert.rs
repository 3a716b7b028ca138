//! What 3manager's answers mean.

use std::time::Duration;

use super::{Error, wire};
use crate::{
    connector::{
        VendorCustomer,
        client::{Count, Grant, Misfit, Page, Reply, id, json, name},
    },
    domain::device::{Counters, DeviceReading},
    secret::Secret,
};

pub(super) fn grant(reply: &Reply<'_>) -> Result<Grant, Error> {
    match reply.status {
        200 => {
            let token: wire::Token<'_> = json(reply.body)?;
            Ok(Grant {
                access: Secret::new(token.access),
                refresh: token.refresh.map(Secret::new),
                lives: Duration::from_secs(token.expires_in),
            })
        }
        400 if json::<wire::TokenError<'_>>(reply.body).is_ok_and(|refusal| refusal.error == wire::INVALID_GRANT) => {
            Err(Error::LoginRefused)
        }
        401 | 403 => Err(Error::LoginRefused),
        other => Err(Error::Status(other)),
    }
}

pub(super) fn organizations(reply: &Reply<'_>) -> Result<Page<VendorCustomer>, Error> {
    match reply.status {
        200 => {}
        401 => return Err(Error::TokenRefused),
        403 => return Err(Error::PermissionMissing),
        other => return Err(Error::Status(other)),
    }
    let page: wire::Envelope<wire::Organization<'_>> = json(reply.body)?;
    let customer = |item: &wire::Organization<'_>| -> Result<VendorCustomer, Misfit> {
        let external_id = id(&item.id, "organizationId")?;
        Ok(VendorCustomer { name: name(&item.name).unwrap_or_else(|| external_id.clone()), external_id })
    };
    Ok(Page { items: page.items.iter().map(customer).collect::<Result<_, _>>()?, total: page.total_count })
}

pub(super) fn devices(reply: &Reply<'_>) -> Result<Page<DeviceReading>, Error> {
    match reply.status {
        200 => {}
        401 => return Err(Error::TokenRefused),
        403 | 404 => return Err(Error::CustomerNotFound),
        other => return Err(Error::Status(other)),
    }
    let page: wire::Envelope<wire::Device<'_>> = json(reply.body)?;
    let reading = |item: &wire::Device<'_>| -> Result<DeviceReading, Misfit> {
        Ok(DeviceReading {
            vendor_device_id: id(&item.id, "deviceId")?,
            managed: item.is_managed,
            read_at: item.last_seen_at.map(|time| time.0),
            counters: item.counters.as_ref().map(counters),
        })
    };
    Ok(Page { items: page.items.iter().map(reading).collect::<Result<_, _>>()?, total: page.total_count })
}

fn counters(wire: &wire::Counters) -> Counters {
    let count = |value: Option<Count>| value.map(|count| count.0);
    Counters { total: count(wire.total), small: count(wire.small), large: count(wire.large), duplex: count(wire.duplex) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connector::ConnectorError, domain::failure::FailureReason};

    const DEVICE: &str = r#"{"deviceId":"d-77","isManaged":true,"lastSeenAt":"2026-03-02T03:50:00Z",
 "counters":{"totalPages":120455,"lifecountA4":120010,"lifecountA3":445,"duplexTotal":30100,"scanTotal":991,"faxTotal":3},
 "serialNumber":"X1","ip":"10.0.0.7"}"#;

    fn read(status: u16, device: &str) -> Result<Vec<DeviceReading>, ConnectorError> {
        let body = format!(r#"{{"items":[{device}],"page":1,"pageSize":100,"totalCount":1}}"#);
        Ok(devices(&Reply { status, body: body.as_bytes() }).map(|page| page.items)?)
    }

    #[test]
    fn reads_devices() {
        let counters = Counters { total: Some(120_455), small: Some(120_010), large: Some(445), duplex: Some(30_100) };
        let expected = DeviceReading {
            vendor_device_id: "d-77".into(),
            managed: true,
            read_at: Some("2026-03-02T03:50:00Z".parse().unwrap()),
            counters: Some(counters),
        };
        assert_eq!(read(200, DEVICE), Ok(vec![expected.clone()]));
        let partly = DEVICE.replace(r#""lifecountA4":120010,"lifecountA3":445"#, r#""lifecountA4":null,"lifecountA3":null"#);
        let partly = read(200, &partly).unwrap().remove(0);
        assert_eq!(partly.counters, Some(Counters { small: None, large: None, ..counters }));
        let unread = r#"{"deviceId":"d-77","isManaged":true,"lastSeenAt":null,"counters":null}"#;
        assert_eq!(read(200, unread), Ok(vec![DeviceReading { read_at: None, counters: None, ..expected }]));
    }

    #[test]
    fn whatever_does_not_fit_is_named() {
        for (from, to, detail) in [
            (r#""deviceId":"d-77""#, r#""deviceId":77"#, "items[0].deviceId has another type"),
            (r#""deviceId":"d-77""#, r#""deviceId":"""#, "deviceId is empty or too long"),
            (r#""isManaged":true"#, r#""isManaged":null"#, "items[0].isManaged has another type"),
            (r#""isManaged":true,"#, "", "missing field items[0].isManaged"),
            (r#""lastSeenAt":"2026-03-02T03:50:00Z""#, r#""lastSeenAt":"today""#, "items[0].lastSeenAt has another type"),
            (r#""totalPages":120455"#, r#""totalPages":"120455""#, "items[0].counters.totalPages has another type"),
            (r#""totalPages":120455"#, r#""totalPages":-1"#, "items[0].counters.totalPages is negative"),
            (r#""counters""#, r#""meters""#, "missing field items[0].counters"),
        ] {
            let error = read(200, &DEVICE.replace(from, to)).unwrap_err();
            assert_eq!((error.reason(), error.detail()), (FailureReason::AnswerNotUnderstood, detail));
        }
    }

    #[test]
    fn refusals_are_the_feeds_or_the_servers() {
        let reason = |status| read(status, DEVICE).unwrap_err().reason();
        assert_eq!([404, 403].map(reason), [FailureReason::CustomerNotFound; 2]);
        let login = |status, body: &str| -> Result<(), ConnectorError> {
            Ok(grant(&Reply { status, body: body.as_bytes() }).map(drop)?)
        };
        assert_eq!(login(400, r#"{"error":"invalid_grant"}"#).unwrap_err().reason(), FailureReason::CredentialsRefused);
        assert_eq!(login(400, r#"{"error":"invalid_request"}"#).unwrap_err().reason(), FailureReason::AnswerNotUnderstood);
        assert_eq!(login(401, "").unwrap_err().reason(), FailureReason::CredentialsRefused);
        assert_eq!(login(200, r#"{"access_token":"a","token_type":"Bearer","expires_in":1799,"refresh_token":"r"}"#), Ok(()));
        let secret = login(200, r#"{"access_token":["hunter2"],"expires_in":1799}"#).unwrap_err();
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn reads_organizations() {
        let body = br#"{"items":[{"organizationId":"a1f0","name":"Acme"},{"organizationId":"b","name":" "}],"page":1,"pageSize":100,"totalCount":2}"#;
        let page = organizations(&Reply { status: 200, body }).unwrap();
        let customer = |id: &str, name: &str| VendorCustomer { external_id: id.into(), name: name.into() };
        assert_eq!((page.total, page.items), (2, vec![customer("a1f0", "Acme"), customer("b", "b")]));
    }

    #[test]
    fn organization_ids_are_opaque() {
        let day = "2026-03-01".parse().ok();
        let path = wire::devices_path("a/b?c", day).map(|path| wire::page_of(&path, 2));
        assert_eq!(path.as_deref(), Some("/api/v1/organizations/a%2Fb%3Fc/devices?date=2026-03-01&page=2&pageSize=100"));
        for steps in ["", ".", ".."] {
            assert_eq!(wire::devices_path(steps, None), None);
        }
    }
}
