//! What is asked, and how much of an answer is read.

use std::{io::Write as _, sync::Arc};

use coppice::{
    connector::{Answer, ReadAt, ReadRequest, Report},
    domain::{failure::FailureReason, feed::CollectionScope},
};
use tokio::sync::Notify;

use super::{
    World, day, mps_monitor, printanista,
    scripted::{Say, Scripted},
    three_manager, totals,
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn printanista_is_asked_by_the_contract_on_one_connection() {
    let server = Scripted::start(|request, _| match request.line.split('?').next() {
        Some("GET /PublicApi/PrintReleaf/Status") => Say::json(r#"{"product":"Printanista","version":"4.1.0"}"#),
        Some("GET /PublicApi/PrintReleaf/Report") if request.line.contains("=b&") => {
            Say::status(403, r#"{"error":"report_not_enabled","report":"PrintReleafReport"}"#)
        }
        _ => Say::json(totals(if request.line.contains("=b&") { "b" } else { "a/1" })),
    })
    .await;
    let connector = World::of(&server).open(&server.url(), printanista());
    connector.check().await.unwrap();
    let report = async |ask: &ReadRequest<'_>| match connector.read(ask).await {
        Ok(Answer::Period(answer)) => Ok((answer.report, answer.pages.small)),
        Ok(Answer::Devices(_)) => panic!("devices"),
        Err(error) => Err(error.reason()),
    };
    assert_eq!(report(&day("a/1")).await, Ok((Report::All, 10)));
    assert_eq!(report(&day("b")).await, Ok((Report::ManagedOnly, 10)), "falls back");
    assert_eq!(report(&ReadRequest { scope: CollectionScope::ManagedOnly, ..day("b") }).await, Ok((Report::ManagedOnly, 10)));
    let covered = ReadRequest { report: Some(Report::All), ..day("b") };
    assert_eq!(report(&covered).await, Err(FailureReason::ReportNotEnabled), "a covered day has its report");

    let dates = "startDate=2026-03-01&endDate=2026-03-01";
    assert_eq!(
        server.lines(),
        [
            "GET /PublicApi/PrintReleaf/Status".to_owned(),
            format!("GET /PublicApi/PrintReleaf/Report?customerId=a%2F1&{dates}"),
            format!("GET /PublicApi/PrintReleaf/Report?customerId=b&{dates}"),
            format!("GET /PublicApi/PrintReleaf/ManagedOnlyReport?customerId=b&{dates}"),
            format!("GET /PublicApi/PrintReleaf/ManagedOnlyReport?customerId=b&{dates}"),
            format!("GET /PublicApi/PrintReleaf/Report?customerId=b&{dates}"),
        ]
    );
    for request in server.seen() {
        assert_eq!(request.headers["authorization"], "Basic dXNlci1ReDdmOnBhc3MtWmsydw==");
        assert_eq!(request.headers["x-api-key"], "key-Vb9m-0123456789");
        assert_eq!(request.connection, 0, "connections are kept");
    }
}

#[tokio::test]
async fn mps_monitor_pages_until_the_row_count() {
    let server = Scripted::start(|request, _| {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        let page = body["PageNumber"].as_u64().unwrap();
        let first = (page - 1) * 100;
        let devices: Vec<String> = (first..250.min(first + 100))
            .map(|id| format!(r#"{{"Id":"d{id}","IsInsideProject":false,"Counter":null}}"#))
            .collect();
        let result = format!(r#"{{"Code":"C","Devices":[{}]}}"#, devices.join(","));
        Say::json(format!(r#"{{"Result":{result},"TotalRows":250,"IsValid":true,"Errors":[],"ReturnValue":""}}"#))
    })
    .await;
    let connector = World::of(&server).open(&server.url(), mps_monitor());
    let ask = ReadRequest { at: ReadAt::Now, ..day("C") };
    let Ok(Answer::Devices(devices)) = connector.read(&ask).await else { panic!("no devices") };
    assert_eq!((devices.len(), devices[249].vendor_device_id.as_str()), (250, "d249"));
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].line, "POST /PrintReleaf/Customer");
    assert_eq!(seen[2].body, r#"{"Code":"C","PageNumber":3,"PageRows":100}"#);
    assert_eq!(seen[2].headers["authorization"], "DealerToken 6f9619ff-8b86-d011-b42d-00c04fc964ff");
    assert_eq!(connector.read(&day("C")).await.unwrap_err().reason(), FailureReason::Internal, "it has no past days");
}

#[tokio::test]
async fn one_request_for_customers_data_at_a_time() {
    let checked = Arc::new(Notify::new());
    let server = Scripted::start(move |request, _| {
        if request.line.contains("Status") {
            checked.notify_one();
            return Say::json(r#"{"product":"Printanista"}"#);
        }
        let customer = if request.line.contains("=a&") { "a" } else { "b" };
        // The first is answered only after the check came, the second at once.
        if customer == "a" { Say::When(Arc::clone(&checked), totals(customer)) } else { Say::json(totals(customer)) }
    })
    .await;
    let connector = World::of(&server).open(&server.url(), printanista());
    let (a, b) = (day("a"), day("b"));
    let (first, second, checked) = tokio::join!(connector.read(&a), connector.read(&b), connector.check());
    assert!(first.is_ok() && second.is_ok());
    assert!(checked.is_ok(), "a check does not wait for the reads");
    assert!(server.lines()[2].contains("customerId=b"), "the second read waited for the first");
}

#[tokio::test]
async fn packed_answers_are_bounded_after_unpacking() {
    let server = Scripted::start(|request, _| {
        let body = match &request.line {
            line if line.contains("=small&") => gzip(totals("small").as_bytes()),
            // Fits the contract, were it not for its 8 MiB of spaces.
            _ => gzip(format!("{}{}", " ".repeat(8 << 20), totals("bomb")).as_bytes()),
        };
        assert!(body.len() < 1 << 20);
        Say::Answer { status: 200, headers: vec![("content-encoding", "gzip".into())], body }
    })
    .await;
    let mut world = World::of(&server);
    world.settings.max_body = 1 << 20;
    let connector = world.open(&server.url(), printanista());
    assert!(connector.read(&day("small")).await.is_ok());
    let error = connector.read(&day("bomb")).await.unwrap_err();
    assert_eq!((error.reason(), error.detail()), (FailureReason::AnswerNotUnderstood, "the body is too large"));
    assert_eq!(server.seen().len(), 2, "it is not asked for again");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Scripted::start(|request, _| {
        if request.line.contains("elsewhere") {
            Say::json(totals("a"))
        } else {
            Say::status(302, "").with("location", "/elsewhere")
        }
    })
    .await;
    let connector = World::of(&server).open(&server.url(), printanista());
    assert_eq!(connector.read(&day("a")).await.unwrap_err().reason(), FailureReason::AnswerNotUnderstood);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn three_manager_lists_its_customers() {
    let server = Scripted::start(|request, _| {
        if request.line == "POST /oauth/token" {
            return Say::json(r#"{"access_token":"A","token_type":"Bearer","expires_in":1799,"refresh_token":"R"}"#);
        }
        let page: u32 = if request.line.contains("page=1&") { 1 } else { 2 };
        let items: Vec<String> = (0..if page == 1 { 100 } else { 3 })
            .map(|item| format!(r#"{{"organizationId":"o{page}-{item}","name":"N"}}"#))
            .collect();
        Say::json(format!(r#"{{"items":[{}],"page":{page},"pageSize":100,"totalCount":103}}"#, items.join(",")))
    })
    .await;
    let connector = World::of(&server).open(&server.url(), three_manager());
    assert_eq!(connector.customers().await.unwrap().len(), 103);
    assert_eq!(
        server.lines(),
        ["POST /oauth/token", "GET /api/v1/organizations?page=1&pageSize=100", "GET /api/v1/organizations?page=2&pageSize=100"]
    );
}
