//! One WebSocket from its upgrade to its close. Everything happens in one task: what the client says, what its operations
//! send and the clocks are polled in turn, and while a message waits to be taken nothing else is polled, so that nothing
//! is ever queued here.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{
    StreamExt as _,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll},
};
use serde_json::{Map, Value};
use tokio::time::{Instant, MissedTickBehavior, Sleep, interval_at, sleep, sleep_until, timeout};
use tracing::debug;

use super::message::{ClientMessage, OfOperation, ack, next, pong, reason};
use crate::{
    graphql::Code,
    http::{
        Api,
        auth::{self, Identity},
        backend::{Backend, Transport},
        operation::{self, Caller, Finished, Step, json},
        params::Params,
    },
};

/// How long a close frame may take to be sent and answered.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a socket ends.
enum End {
    /// With this code and reason.
    Close(u16, Cow<'static, str>),
    /// The client is gone.
    Gone,
}

impl End {
    const fn close(code: u16, reason: &'static str) -> Self {
        Self::Close(code, Cow::Borrowed(reason))
    }
}

/// An open WebSocket.
pub(super) struct Session<B: Backend> {
    api: Arc<Api<B>>,
    socket: WebSocket,
    request_id: String,
    client: Option<IpAddr>,
    actor: Option<B::Actor>,
    /// Rings when the sign-in ends.
    expires: Option<Pin<Box<Sleep>>>,
    acknowledged: bool,
    operations: SelectAll<BoxStream<'static, (Arc<str>, Step)>>,
    running: HashMap<Arc<str>, AbortHandle>,
    started: u64,
}

impl<B: Backend> Session<B> {
    pub(super) fn new(api: Arc<Api<B>>, socket: WebSocket, request_id: String, client: Option<IpAddr>) -> Self {
        Self {
            api,
            socket,
            request_id,
            client,
            actor: None,
            expires: None,
            acknowledged: false,
            operations: SelectAll::new(),
            running: HashMap::new(),
            started: 0,
        }
    }

    /// Serves it to its end; `identity` is of the credential in the upgrade's headers.
    pub(super) async fn run(mut self, identity: Option<Identity<B::Actor>>, spoken: bool) {
        self.adopt(identity);
        let end = if spoken { self.serve().await } else { End::close(4406, "Subprotocol not acceptable") };
        // Operations end before the farewell, which may take a while.
        self.operations = SelectAll::new();
        match end {
            End::Gone => debug!("A socket's client left"),
            End::Close(code, text) => {
                debug!(socket.code = code, socket.reason = &*text, "A socket is closed");
                farewell(self.socket, code, &text).await;
            }
        }
    }

    async fn serve(&mut self) -> End {
        let api = Arc::clone(&self.api);
        let init = sleep(api.settings.socket.init_timeout);
        tokio::pin!(init);
        let keep_alive = api.settings.keep_alive;
        let mut pulse = interval_at(Instant::now() + keep_alive, keep_alive);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        let drain = api.drain.started();
        tokio::pin!(drain);
        loop {
            let served = tokio::select! {
                () = &mut drain => Err(End::close(1001, "Going away")),
                () = &mut init, if !self.acknowledged => Err(End::close(4408, "Connection initialisation timeout")),
                () = expiry(self.expires.as_mut()) => Err(End::close(4403, "The sign-in has ended")),
                _ = pulse.tick() => {
                    if !still_signed_in(&*api, self.actor.as_ref()).await {
                        Err(End::close(4403, "The sign-in has ended"))
                    } else if std::mem::replace(&mut heard, false) {
                        self.send(Message::Ping(bytes::Bytes::new())).await
                    } else {
                        Err(End::close(1001, "No sign of life"))
                    }
                }
                received = self.socket.recv() => {
                    heard = true;
                    self.receive(received).await
                }
                Some((id, step)) = self.operations.next(), if !self.operations.is_empty() => self.forward(&id, &step).await,
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    async fn receive(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match received {
            Some(Ok(Message::Text(text))) if text.len() > self.api.settings.socket.max_message => Err(too_large()),
            Some(Ok(Message::Text(text))) => match ClientMessage::parse(&text) {
                Ok(message) => self.handle(message).await,
                Err(wrong) => Err(End::close(4400, wrong)),
            },
            Some(Ok(Message::Binary(_))) => Err(End::close(4400, "Messages are text")),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            // The library has no type for it that this crate could name.
            Some(Err(error)) if error.to_string().contains("too long") => Err(too_large()),
            Some(Err(_)) => Err(End::close(1002, "Protocol error")),
            Some(Ok(Message::Close(_))) => {
                // The library has its answer ready, and sends it when it is asked for more.
                let _ = timeout(FAREWELL, self.socket.recv()).await;
                Err(End::Gone)
            }
            None => Err(End::Gone),
        }
    }

    async fn handle(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::Init(_) if self.acknowledged => Err(End::close(4429, "Too many initialisation requests")),
            ClientMessage::Init(payload) => self.init(&payload).await,
            ClientMessage::Ping(payload) => self.send_text(pong(payload.as_ref())).await,
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe { .. } if !self.acknowledged => Err(End::close(4401, "Unauthorized")),
            ClientMessage::Subscribe { id, params } => self.subscribe(id, params).await,
            ClientMessage::Complete { id } => {
                if let Some(handle) = self.running.remove(&*id) {
                    handle.abort();
                }
                Ok(())
            }
        }
    }

    async fn init(&mut self, payload: &Map<String, Value>) -> Result<(), End> {
        let refused = |code| match code {
            Code::Internal => End::close(4500, "Internal server error"),
            _ => End::close(4403, "Forbidden"),
        };
        let credential = auth::from_payload(payload).map_err(|problem| refused(problem.code()))?;
        let checked = timeout(self.api.settings.request_timeout, auth::sign_in(&*self.api.backend, credential, self.client));
        let identity =
            checked.await.map_err(|_| End::close(4500, "Internal server error"))?.map_err(|problem| refused(problem.code()))?;
        if identity.is_some() {
            self.adopt(identity);
        }
        self.acknowledged = true;
        self.send_text(ack()).await
    }

    fn adopt(&mut self, identity: Option<Identity<B::Actor>>) {
        let ttl = identity
            .as_ref()
            .and_then(|identity| identity.expires_at)
            .map(|end| (end - self.api.clock.now()).to_std().unwrap_or_default());
        // An instant too far to be counted to is none.
        self.expires = ttl.and_then(|ttl| Instant::now().checked_add(ttl)).map(|end| Box::pin(sleep_until(end)));
        self.actor = identity.map(|identity| identity.actor);
    }

    async fn subscribe(&mut self, id: String, params: Params) -> Result<(), End> {
        self.started += 1;
        let request_id = format!("{}.{}", self.request_id, self.started);
        let id: Arc<str> = id.into();
        let full = self.running.len() >= self.api.settings.socket.max_operations;
        let (handle, registration) = AbortHandle::new_pair();
        match self.running.entry(Arc::clone(&id)) {
            Entry::Occupied(_) => {
                return Err(End::Close(4409, format!("Subscriber for {id} already exists").into()));
            }
            Entry::Vacant(_) if full => {
                let message = "Too many operations run on this socket; complete some first.";
                let refused = Finished::refused(&*self.api.backend, Code::RateLimited, message, &request_id);
                return self.send_text(error_message(&id, &refused)).await;
            }
            Entry::Vacant(entry) => entry.insert(handle),
        };
        let caller = Caller { actor: self.actor.clone(), request_id, client: self.client };
        let steps = operation::stream(Arc::clone(&self.api), params, caller, Transport::Socket);
        self.operations.push(Abortable::new(steps.map(move |step| (Arc::clone(&id), step)), registration).boxed());
        Ok(())
    }

    async fn forward(&mut self, id: &Arc<str>, step: &Step) -> Result<(), End> {
        let text = match step {
            Step::Next(answer) => next(id, &answer.to_json()),
            Step::Shared(payload) => next(id, payload),
            Step::Refused(answer) => error_message(id, answer),
            Step::Done => json(&OfOperation::<()> { id, r#type: "complete", payload: None }),
        };
        if !matches!(step, Step::Next(_) | Step::Shared(_))
            && let Some(handle) = self.running.remove(id)
        {
            handle.abort();
        }
        self.send_text(text).await
    }

    async fn send_text(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.api.settings.socket.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::close(1013, "The reader is too slow; try again later")),
        }
    }
}

/// Whether key or session of the sign-in were not ended meanwhile; nobody's sign-in cannot end.
async fn still_signed_in<B: Backend>(api: &Api<B>, actor: Option<&B::Actor>) -> bool {
    match actor {
        Some(actor) => api.backend.holds(actor).await,
        None => true,
    }
}

async fn expiry(end: Option<&mut Pin<Box<Sleep>>>) {
    match end {
        Some(end) => end.await,
        None => std::future::pending().await,
    }
}

fn too_large() -> End {
    End::close(1009, "The message is too large")
}

fn error_message(id: &str, refused: &Finished) -> String {
    json(&OfOperation { id, r#type: "error", payload: Some(refused.errors()) })
}

/// Sends a close frame and waits for its answer. After an unreadable message there is none to wait for; leaving the rest
/// unread at once would reset the connection and take the frame with it.
async fn farewell(mut socket: WebSocket, code: u16, text: &str) {
    let frame = CloseFrame { code, reason: reason(text).into() };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        loop {
            match socket.recv().await {
                Some(Ok(_)) => {}
                Some(Err(_)) if matches!(code, 1002 | 1009) => sleep(Duration::from_secs(1)).await,
                Some(Err(_)) | None => return,
            }
        }
    };
    let _ = timeout(FAREWELL, goodbye).await;
}
