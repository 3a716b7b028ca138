//! What every request passes before the engine sees it.
//!
//! ```text
//!  text or id ─► document ─► limits ─► rules of the schema ─► variables ─► pages, spans ─► cost ─► budget ─► its turn ─► the engine
//! ```
//!
//! - Whatever is refused here is a request error: nothing has run, and the answer has no data.
//! - Whatever is refused took time in proportion to the length of what was sent.
//! - The engine's own rules are switched off: what passes here is valid by the specification, as graphql-js reads it; the
//!   corpus in `tests/clients/corpus` holds both to the same verdicts.
//! - Cost is taken from the caller's budget before the operation runs, and what the answer did not come to is given back after.
//!   An operation that was stopped for taking too long gets nothing back; a subscription pays for its start only.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use apollo_compiler::executable::Operation;
use async_graphql::{Request, Response, ServerError, Value, Variables};
use serde_json::{Map, Value as Json};

mod budget;
mod convert;
mod cost;
mod document;
mod estimate;
mod limits;
mod measure;
mod roots;
mod trusted;
mod turns;
mod values;

pub(super) use self::cost::points;
pub use self::{
    budget::{Balance, Rate},
    cost::{MUTATION as MUTATION_COST, PLAIN_LIST, ROW as ROW_COST, WEIGHTS},
    limits::Limits,
    trusted::{TrustedDocuments, TrustedOnly},
};
use self::{
    budget::{Budgets, Overdrawn, Payer},
    document::Document,
    turns::Turns,
};
use crate::{
    clock::SharedClock,
    domain::account::Actor,
    graphql::error::{Code, server_error},
};

/// Valid documents kept to spare reading them again: so many texts of at most so many bytes, twice.
const KEPT: usize = 256;
const KEPT_LENGTH: usize = 8 * 1024;

/// How a gate judges.
#[derive(Debug, Clone)]
pub struct GateSettings {
    /// What a document may ask at once.
    pub limits: Limits,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// Documents that can be asked for by id.
    pub trusted: TrustedDocuments,
    /// Whose own documents are not run.
    pub trusted_only: TrustedOnly,
    /// What a signed-in caller may spend.
    pub budget: Rate,
    /// What an address may spend from which nobody is signed in.
    pub anonymous_budget: Rate,
    /// Operations of more than 100 points that are worked on at once; the others wait in the order in which they came.
    pub at_once: usize,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            introspection: true,
            trusted: TrustedDocuments::default(),
            trusted_only: TrustedOnly::Nobody,
            budget: Rate { points: 10_000_000, per_second: 1_000_000 },
            anonymous_budget: Rate { points: 50_000, per_second: 500 },
            at_once: 3,
        }
    }
}

/// Who asks, and for what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asker<'a> {
    /// The caller; `None` when nobody is signed in.
    pub actor: Option<&'a Actor>,
    /// Where the request came from; `None` without a network.
    pub address: Option<IpAddr>,
    /// The trusted document asked for instead of a text.
    pub document_id: Option<&'a str>,
}

/// Judges requests.
pub struct Gate {
    settings: GateSettings,
    budgets: Budgets,
    turns: Turns,
    clock: SharedClock,
    kept: Mutex<Kept>,
}

/// The documents kept: those lately asked for, and those before.
#[derive(Default)]
struct Kept {
    young: HashMap<String, Arc<Document>>,
    old: HashMap<String, Arc<Document>>,
}

/// A request that has passed; goes with it.
#[derive(Debug)]
pub(super) struct Admitted {
    document: Arc<Document>,
    operation: Option<String>,
    variables: Map<String, Json>,
    requested: usize,
    payer: Payer,
    balance: Option<Balance>,
}

impl Admitted {
    /// The same operation again, with nothing of a caller's in it.
    pub(super) fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(Variables::from_json(Json::Object(self.variables.clone())));
        request.operation_name.clone_from(&self.operation);
        request.set_parsed_query(self.document.executable.clone());
        request
    }

    /// Whether the answer can be written as it is resolved: where the engine itself puts together what fields of one name come to, it does
    /// so with values.
    pub(super) fn can_be_written(&self) -> bool {
        !self.document.merges
    }

    /// Names the document for as long as this is kept: equal texts have, as a rule, one document.
    pub(super) fn document_address(&self) -> usize {
        Arc::as_ptr(&self.document).addr()
    }

    /// What beside the document decides an answer: two for whom it is equal get equal ones.
    pub(super) fn question(&self, actor: Option<&Actor>) -> String {
        // Users and API keys are seen by themselves and by administrators.
        let who = actor.filter(|_| self.document.shows_people).map(|actor| actor.who);
        let of = actor.map(|actor| (actor.account_id, actor.permission, who));
        format!("{:?} {:?} {:?}", self.operation, of, self.variables)
    }
}

impl Gate {
    /// A gate; trusted documents that do not pass it are told to the log.
    pub fn new(settings: GateSettings, clock: SharedClock) -> Self {
        for (id, text) in settings.trusted.iter() {
            if let Err(errors) = Document::read(text, &settings.limits) {
                let reason = errors.first().map_or("", |error| error.message.as_str());
                tracing::warn!(document.id = id, reason, "a trusted document is refused whenever it is asked for");
            }
        }
        let budgets = Budgets::new(settings.budget, settings.anonymous_budget);
        let turns = Turns::new(settings.at_once);
        Self { settings, budgets, turns, clock, kept: Mutex::default() }
    }

    /// Makes a request ready for the engine, or says what to answer instead of running it.
    pub(super) fn admit(&self, request: &mut Request, asker: &Asker<'_>) -> Result<Arc<Admitted>, Vec<ServerError>> {
        self.choose_text(request, asker).map_err(|error| vec![error])?;
        let document = self.document(&request.query)?;
        if document.introspects && !self.settings.introspection {
            return Err(vec![server_error(Code::Forbidden, "Introspection is switched off here.")]);
        }
        let name = request.operation_name.as_deref();
        let operation = document.operation(name).map_err(|error| vec![error])?;
        let Ok(Json::Object(given)) = serde_json::to_value(&request.variables) else {
            return Err(vec![server_error(Code::BadRequest, "`variables` cannot be read.")]);
        };
        let schema = document::schema().map_err(|error| vec![error])?;
        let variables = values::coerce_variables(schema, operation, &given)?;
        measure::check_ranges(&document.executable, &variables).map_err(|error| vec![error])?;
        let requested = cost::requested(&document.typed, operation, &variables);
        let payer = Payer::of(asker.actor, asker.address);
        let balance = self.charge(payer, requested).map_err(|error| vec![error])?;

        request.variables = Variables::from_json(Json::Object(variables.clone()));
        request.set_parsed_query(document.executable.clone());
        let operation = request.operation_name.clone();
        let admitted = Arc::new(Admitted { document, operation, variables, requested, payer, balance });
        request.data.insert(Arc::clone(&admitted));
        Ok(admitted)
    }

    /// Puts the text of a trusted document into the request, or refuses what comes without.
    fn choose_text(&self, request: &mut Request, asker: &Asker<'_>) -> Result<(), ServerError> {
        let Some(id) = asker.document_id else {
            if self.settings.trusted_only.applies(asker.actor.map(|actor| actor.permission)) {
                return Err(server_error(Code::Forbidden, "Only trusted documents are run here: send a `documentId`."));
            }
            return Ok(());
        };
        if !request.query.is_empty() {
            return Err(server_error(Code::BadRequest, "Send `query` or `documentId`, not both."));
        }
        let unknown = || server_error(Code::BadRequest, "There is no trusted document with this `documentId`.");
        self.settings.trusted.find(id).ok_or_else(unknown)?.clone_into(&mut request.query);
        Ok(())
    }

    fn document(&self, text: &str) -> Result<Arc<Document>, Vec<ServerError>> {
        if let Some(document) = self.lock().get(text) {
            return Ok(document);
        }
        let document = Arc::new(Document::read(text, &self.settings.limits)?);
        if text.len() <= KEPT_LENGTH {
            self.lock().put(text.to_owned(), Arc::clone(&document));
        }
        Ok(document)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn charge(&self, payer: Payer, requested: usize) -> Result<Option<Balance>, ServerError> {
        let most = self.settings.limits.complexity;
        if requested > most {
            let message = format!(
                "The operation may cost {requested} points; at most {most} are allowed. Ask for smaller pages or fewer fields."
            );
            return Err(server_error(Code::TooComplex, message));
        }
        self.budgets.spend(payer, requested, self.clock.now()).map_err(|Overdrawn { balance, retry_after }| {
            let message = format!("Too much was asked in too short a time: try again in {retry_after} seconds.");
            let mut error = server_error(Code::RateLimited, message);
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("retryAfter", retry_after);
            extensions.set("cost", shown(requested, None, Some(balance)));
            error
        })
    }

    /// Runs an operation that has passed, when its turn has come.
    pub(super) fn run<T>(&self, admitted: &Admitted, work: impl Future<Output = T> + Unpin) -> impl Future<Output = T> {
        self.turns.work(admitted.requested, work)
    }

    /// Settles what an operation cost, and tells it in the answer; `written` are the points of what is written already.
    pub(super) fn settle(&self, admitted: &Admitted, response: Response, written: usize) -> Response {
        let Admitted { document, operation, variables, requested, payer, balance } = admitted;
        let found: Option<&Operation> = document.operation(operation.as_deref()).ok();
        let in_values = |operation| cost::actual(&document.typed, operation, variables, &response.data);
        let actual = found.map_or(*requested, |operation| in_values(operation) + written);
        let balance = balance.and_then(|_| self.budgets.settle(*payer, *requested, actual, self.clock.now())).or(*balance);
        let mut response = response.extension("cost", shown(*requested, Some(actual), balance));
        if let Some(balance) = balance {
            for (name, value) in [
                ("ratelimit-limit", u64::from(balance.limit)),
                ("ratelimit-remaining", u64::from(balance.remaining)),
                ("ratelimit-reset", balance.reset_after),
            ] {
                response.http_headers.insert(name, value.into());
            }
        }
        response
    }
}

/// What goes with a request that has passed.
pub(super) fn admitted(request: &Request) -> Option<Arc<Admitted>> {
    request.data.get(&std::any::TypeId::of::<Arc<Admitted>>())?.downcast_ref().cloned()
}

/// Cost as clients read it; what is null has no limit, or is not known.
fn shown(requested: usize, actual: Option<usize>, balance: Option<Balance>) -> Value {
    let number = |number: usize| Value::from(number as u64);
    let mut cost = async_graphql::indexmap::IndexMap::new();
    let mut set = |name: &str, value: Value| _ = cost.insert(async_graphql::Name::new(name), value);
    set("requested", number(requested));
    set("actual", actual.map_or(Value::Null, number));
    set("limit", balance.map_or(Value::Null, |balance| Value::from(balance.limit)));
    set("remaining", balance.map_or(Value::Null, |balance| Value::from(balance.remaining)));
    let instant = |balance: Balance| balance.reset_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    set("resetAt", balance.map_or(Value::Null, |balance| Value::from(instant(balance))));
    Value::Object(cost)
}

impl Kept {
    fn get(&mut self, text: &str) -> Option<Arc<Document>> {
        if let Some(document) = self.young.get(text) {
            return Some(Arc::clone(document));
        }
        let (text, document) = self.old.remove_entry(text)?;
        self.put(text, Arc::clone(&document));
        Some(document)
    }

    fn put(&mut self, text: String, document: Arc<Document>) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, document);
    }
}
