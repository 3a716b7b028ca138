//! Faults as a client sees them, and what the books say of clients.

use std::time::Duration;

use super::*;

const NOW: &str = "2026-04-10T02:00:00Z";

fn data(vendor: Vendor, world: &World) -> (&'static str, String, String) {
    let customer = world.customer(0, 0);
    match vendor {
        Vendor::Printanista => {
            let path = format!("/PublicApi/PrintReleaf/Report?customerId={customer}&startDate=2026-04-01&endDate=2026-04-01");
            ("GET", path, String::new())
        }
        Vendor::ThreeManager => ("GET", format!("/api/v1/organizations/{customer}/devices?page=1&pageSize=100"), String::new()),
        Vendor::MpsMonitor => {
            ("POST", "/PrintReleaf/Customer".into(), format!(r#"{{"Code":"{customer}","PageNumber":1,"PageRows":100}}"#))
        }
    }
}

async fn ask(client: &mut Client, request: &(&'static str, String, String)) -> std::io::Result<Reply> {
    client.call(request.0, &request.1, &request.2).await
}

#[tokio::test]
async fn every_status_of_the_contract_can_be_had_from_every_vendor() {
    for vendor in Vendor::ALL {
        let world = World::of(vendor, NOW).await;
        let mut client = world.client(0).await;
        let request = data(vendor, &world);
        let mps = vendor == Vendor::MpsMonitor;
        let expected = [
            (Fault::CredentialsRefused, if mps { 200 } else { 401 }, if mps { "InvalidDealerToken" } else { "unauthorized" }),
            (Fault::Unauthorized, 401, "unauthorized"),
            (Fault::InsufficientPermissions, 403, r#"{"error":"insufficient_permissions"}"#),
            (Fault::ReportNotEnabled, 403, r#"{"error":"report_not_enabled","report":"PrintReleafReport"}"#),
            (Fault::NotFound, if mps { 200 } else { 404 }, if mps { "CustomerNotFound" } else { "customer_not_found" }),
            (Fault::TooManyRequests(RetryAfter::Seconds(7)), 429, ""),
            (Fault::Unavailable(RetryAfter::Date(60)), 503, ""),
            (Fault::Status(500), 500, "<html>"),
            (Fault::Status(502), 502, "<html>"),
            (Fault::Status(504), 504, "<html>"),
            (Fault::Misfit(Misfit::Html), 200, "<html>"),
            (Fault::Misfit(Misfit::Empty), 200, "{}"),
            (Fault::Misfit(Misfit::Negative), 200, ":-1"),
            (Fault::Misfit(Misfit::MissingField), 200, "V2\":"),
            (Fault::Invalid("TooManyRequests".into()), 200, r#""IsValid":false,"#),
            (Fault::Redirect, 302, ""),
        ];
        let healthy = ask(&mut client, &request).await.unwrap();
        for (fault, status, text) in expected {
            world.simulator.set_fault(0, Some(fault.clone()));
            let reply = ask(&mut client, &request).await.unwrap();
            assert_eq!(reply.status, status, "{vendor:?} {fault:?}");
            assert!(
                String::from_utf8_lossy(&reply.body).contains(text),
                "{vendor:?} {fault:?}: {}",
                String::from_utf8_lossy(&reply.body)
            );
            match fault {
                Fault::TooManyRequests(_) => assert_eq!(reply.header("retry-after"), Some("7")),
                Fault::Unavailable(_) => assert_eq!(reply.header("retry-after"), Some("Fri, 10 Apr 2026 02:01:00 GMT")),
                Fault::Redirect => assert_eq!(reply.header("location"), Some("/redirected/elsewhere")),
                _ => {}
            }
        }
        world.simulator.set_fault(0, None);
        assert_eq!(ask(&mut client, &request).await.unwrap().json(), healthy.json());
        assert_eq!(world.simulator.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn answers_are_cut_dripped_delayed_dropped_and_blown_up() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let request = data(Vendor::Printanista, &world);
    let mut client = world.client(0).await;
    let healthy = ask(&mut client, &request).await.unwrap().json();

    world.simulator.set_fault(0, Some(Fault::CutBody));
    client.send(request.0, &request.1, "").await.unwrap();
    assert_eq!(client.head().await.unwrap().status, 200, "the head arrives");
    let mut half = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut half).await;
    assert!(!half.is_empty() && serde_json::from_slice::<Value>(&half).is_err());

    world.simulator.set_fault(0, Some(Fault::Drip(Duration::from_micros(1))));
    let mut client = world.client(0).await;
    let reply = ask(&mut client, &request).await.unwrap();
    assert_eq!((reply.header("content-length"), reply.json()), (None, healthy.clone()));

    world.simulator.set_fault(0, Some(Fault::Slow(Duration::from_millis(1))));
    assert_eq!(ask(&mut client, &request).await.unwrap().json(), healthy);

    world.simulator.set_fault(0, Some(Fault::GzipBomb));
    let bomb = ask(&mut client, &request).await.unwrap();
    assert_eq!((bomb.header("content-encoding"), bomb.body.len() < 1_000_000), (Some("gzip"), true));

    world.simulator.set_fault(0, Some(Fault::Drop));
    assert!(ask(&mut client, &request).await.is_err());
    assert!(world.connect(0).await.is_ok(), "only the request is dropped");
}

#[tokio::test]
async fn a_server_that_is_down_or_false_lets_nobody_in() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let request = data(Vendor::Printanista, &world);
    for fault in [Fault::Down, Fault::WrongCertificate] {
        let mut client = world.client(0).await;
        world.simulator.set_fault(0, Some(fault.clone()));
        assert!(ask(&mut client, &request).await.is_err(), "{fault:?} closes what is open");
        assert!(world.connect(0).await.is_err(), "{fault:?}");
        world.simulator.set_fault(0, None);
        assert_eq!(ask(&mut world.client(0).await, &request).await.unwrap().status, 200);
    }
    world.simulator.add_fault(0, FaultRule::new(Fault::Down).times(2));
    assert!(world.connect(0).await.is_err());
    assert!(world.connect(0).await.is_err());
    assert!(world.connect(0).await.is_ok());
}

#[tokio::test]
async fn rules_choose_by_customer_count_time_and_chance() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let mut client = world.client(0).await;
    let (first, second) = (data(Vendor::Printanista, &world), world.customer(0, 1));
    let other = ("GET", first.1.replace(&world.customer(0, 0), &second), String::new());
    let status = ("GET", "/PublicApi/PrintReleaf/Status".to_owned(), String::new());

    world.simulator.add_fault(0, FaultRule::new(Fault::Status(500)).customer(world.customer(0, 0)).after(1).times(2));
    let mut seen = Vec::new();
    for request in [&first, &other, &first, &status, &first, &first] {
        seen.push(ask(&mut client, request).await.unwrap().status);
    }
    assert_eq!(seen, [200, 200, 500, 200, 500, 200]);

    world.simulator.set_fault(0, None);
    let window = Window::between(at(NOW) + hours(1), at(NOW) + hours(2));
    world.simulator.add_fault(0, FaultRule::new(Fault::Status(502)).on([Kind::Health]).within(window));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push((ask(&mut client, &status).await.unwrap().status, ask(&mut client, &first).await.unwrap().status));
        world.clock.advance(hours(1));
    }
    assert_eq!(seen, [(200, 200), (502, 200), (200, 200)]);

    let mut draws = Vec::new();
    for _ in 0..2 {
        world.simulator.set_fault(0, None);
        world.simulator.add_fault(0, FaultRule::new(Fault::Status(504)).permille(300));
        let mut draw = Vec::new();
        for _ in 0..100 {
            draw.push(ask(&mut client, &status).await.unwrap().status);
        }
        draws.push(draw);
    }
    assert_eq!(draws[0], draws[1], "chance is drawn from the seed");
    assert!((10..60).contains(&draws[0].iter().filter(|status| **status == 504).count()));
}

#[tokio::test]
async fn the_books_count_requests_and_name_violations() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let request = data(Vendor::Printanista, &world);
    let mut client = world.client(0).await;
    for _ in 0..3 {
        ask(&mut client, &request).await.unwrap();
    }
    client.get("/PublicApi/PrintReleaf/Status").await;
    let stats = world.simulator.stats().remove(0);
    assert_eq!((stats.connections, stats.requests(), stats.by_status[&200]), (1, 4, 4));
    assert_eq!((stats.by_kind[&Kind::Data], stats.by_kind[&Kind::Health], stats.max_data_in_flight), (3, 1, 1));
    let record = world.simulator.requests(0).remove(0);
    assert_eq!((record.customer, record.first_day), (Some(world.customer(0, 0)), Some(day("2026-04-01"))));
    assert!(world.simulator.violations().is_empty());

    assert_eq!(client.call("DELETE", "/PublicApi/PrintReleaf/Status", "").await.unwrap().status, 405);
    assert_eq!(client.get("/PublicApi/Devices").await.status, 404);
    assert_eq!(
        client.get("/PublicApi/PrintReleaf/Report?customerId=1&startDate=1.4.2026&endDate=2026-04-01").await.status,
        400
    );
    client.get("/redirected/elsewhere").await;
    let violations = world.simulator.violations();
    assert_eq!(violations.len(), 4, "{violations:?}");
    for (violation, part) in violations.iter().zip(["DELETE", "no such path", "startDate", "redirect was followed"]) {
        assert!(violation.contains(part), "{violation}");
    }
}

#[tokio::test]
async fn two_requests_for_data_at_a_time_are_a_violation_but_a_check_beside_is_not() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let request = data(Vendor::Printanista, &world);
    let mut slow = world.client(0).await;
    let mut beside = world.client(0).await;
    world.simulator.add_fault(0, FaultRule::new(Fault::Drip(Duration::from_micros(200))).on([Kind::Data]).times(1));
    slow.send(request.0, &request.1, "").await.unwrap();
    let head = slow.head().await.unwrap();
    assert_eq!(beside.get("/PublicApi/PrintReleaf/Status").await.status, 200);
    ask(&mut beside, &request).await.unwrap();
    slow.rest(head).await.unwrap();
    // The next answer on that connection comes after the books are closed on the first.
    slow.get("/PublicApi/PrintReleaf/Status").await;
    let violations = world.simulator.violations();
    assert!(violations.len() == 1 && violations[0].contains("2 requests for customers' data at a time"), "{violations:?}");
    assert_eq!(world.simulator.stats()[0].max_data_in_flight, 2);
}

#[tokio::test]
async fn a_request_given_up_before_the_next_is_no_violation() {
    let world = World::of(Vendor::Printanista, NOW).await;
    let request = data(Vendor::Printanista, &world);
    world.simulator.add_fault(0, FaultRule::new(Fault::Slow(Duration::from_hours(1))).times(1));
    let mut hanging = world.client(0).await;
    hanging.send(request.0, &request.1, "").await.unwrap();
    while !world.simulator.stats()[0].by_kind.contains_key(&Kind::Data) {
        tokio::task::yield_now().await;
    }
    drop(hanging);
    ask(&mut world.client(0).await, &request).await.unwrap();
    assert_eq!(world.simulator.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn stops_at_once() {
    let world = World::of(Vendor::MpsMonitor, NOW).await;
    let address = world.simulator.address(0).unwrap();
    let ca = world.simulator.ca_pem().to_owned();
    let _open = world.client(0).await;
    world.simulator.shutdown().await;
    assert!(Client::connect(address, &ca).await.is_err());
}
