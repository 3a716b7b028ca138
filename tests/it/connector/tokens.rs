//! 3manager's tokens: kept, refreshed once, logged in again, given up.

use std::sync::{Arc, Mutex};

use coppice::{
    connector::{ReadAt, ReadRequest},
    domain::failure::FailureReason,
};

use super::{
    World, day,
    scripted::{Request, Say, Scripted},
    three_manager,
};

/// The vendor's side: the access token that works, the refresh token that works, and what it is told to refuse.
#[derive(Default)]
struct Desk {
    issued: u32,
    access: Option<String>,
    refresh: Option<String>,
    refuses_all_access: bool,
    refuses_login: bool,
    log: Vec<String>,
}

impl Desk {
    fn answer(&mut self, request: &Request) -> Say {
        if request.line != "POST /oauth/token" {
            let bearer = request.headers["authorization"].strip_prefix("Bearer ").map(str::to_owned);
            if self.refuses_all_access || bearer != self.access {
                return Say::status(401, "");
            }
            self.log.push("data".into());
            return Say::json(r#"{"items":[],"page":1,"pageSize":100,"totalCount":0}"#);
        }
        let granted = if let Some(token) = request.body.strip_prefix("grant_type=refresh_token&refresh_token=") {
            self.log.push("refresh".into());
            self.refresh.take_if(|refresh| refresh == token).is_some()
        } else {
            self.log.push("login".into());
            assert_eq!(request.body, "grant_type=password&username=user-Qx7f&password=pass-Zk2w");
            !self.refuses_login
        };
        if !granted {
            return Say::status(400, r#"{"error":"invalid_grant"}"#);
        }
        self.issued += 1;
        let (access, refresh) = (format!("A{}", self.issued), format!("R{}", self.issued));
        (self.access, self.refresh) = (Some(access.clone()), Some(refresh.clone()));
        Say::json(format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":1799,"refresh_token":"{refresh}"}}"#
        ))
    }
}

async fn start() -> (Scripted, Arc<Mutex<Desk>>) {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let behind = Arc::clone(&desk);
    (Scripted::start(move |request, _| behind.lock().unwrap().answer(request)).await, desk)
}

fn taken(desk: &Mutex<Desk>) -> Vec<String> {
    std::mem::take(&mut desk.lock().unwrap().log)
}

fn ask() -> ReadRequest<'static> {
    ReadRequest { at: ReadAt::Now, ..day("a1f0") }
}

#[tokio::test]
async fn one_login_serves_until_the_token_runs_out_and_then_it_is_refreshed() {
    let (server, desk) = start().await;
    let world = World::of(&server);
    let connector = world.open(&server.url(), three_manager());
    connector.read(&ask()).await.unwrap();
    connector.read(&ask()).await.unwrap();
    assert_eq!(taken(&desk), ["login", "data", "data"]);
    world.clock.advance(chrono::TimeDelta::seconds(1780));
    connector.read(&ask()).await.unwrap();
    assert_eq!(taken(&desk), ["refresh", "data"], "before the vendor has to refuse it");
    desk.lock().unwrap().access = None;
    connector.read(&ask()).await.unwrap();
    assert_eq!(taken(&desk), ["refresh", "data"], "and when the vendor refused it early");
    connector.check().await.unwrap();
    assert_eq!(taken(&desk), ["login", "data"], "a check tries the stored credentials");
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_means_one_more_login() {
    let (server, desk) = start().await;
    let connector = World::of(&server).open(&server.url(), three_manager());
    connector.read(&ask()).await.unwrap();
    taken(&desk);
    {
        let mut desk = desk.lock().unwrap();
        (desk.access, desk.refresh) = (None, None);
    }
    connector.read(&ask()).await.unwrap();
    assert_eq!(taken(&desk), ["refresh", "login", "data"]);
}

#[tokio::test]
async fn refused_for_good_it_is_given_up() {
    let (server, desk) = start().await;
    let connector = World::of(&server).open(&server.url(), three_manager());
    desk.lock().unwrap().refuses_all_access = true;
    let error = connector.read(&ask()).await.unwrap_err();
    assert_eq!(error.reason(), FailureReason::CredentialsRefused);
    assert_eq!(taken(&desk), ["login", "refresh", "login"]);
    desk.lock().unwrap().refuses_login = true;
    let error = connector.check().await.unwrap_err();
    assert!(error.reason() == FailureReason::CredentialsRefused && error.is_server_level() && !error.passing());
    assert_eq!(taken(&desk), ["login"]);
}

#[tokio::test]
async fn many_who_find_the_token_refused_share_one_refresh() {
    let (server, desk) = start().await;
    let connector = World::of(&server).open(&server.url(), three_manager());
    connector.read(&ask()).await.unwrap();
    taken(&desk);
    desk.lock().unwrap().access = None;
    let all = futures_util::future::join_all((0..8).map(|_| connector.customers())).await;
    assert!(all.iter().all(Result::is_ok));
    let renewals = taken(&desk).into_iter().filter(|what| what != "data").collect::<Vec<_>>();
    assert_eq!(renewals, ["refresh"]);
}
