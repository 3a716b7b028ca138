//! Operations made at random from the schema, with ids in every place that takes one.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
};

use coppice::{
    clock::Instant,
    id::{IdSource, Kind, PublicId},
};
use serde_json::Value;

/// What is asked of the schema.
pub(super) const INTROSPECTION: &str = "{ __schema { types { kind name isOneOf possibleTypes { name } enumValues { name }
    fields { name type { ...Base } args { name type { ...Base } } }
    inputFields { name type { ...Base } }
} } }
fragment Base on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The deepest that fields are nested below the operation.
const DEPTH: usize = 7;

/// A place that takes an id, in an operation.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// Whether it holds an id of the caller's own.
    pub own: bool,
    /// What is sent.
    pub given: String,
    /// What is sent instead to name nothing; the same for an own one.
    pub invented: String,
}

/// An operation with a mark for each id.
#[derive(Debug)]
pub(super) struct Operation {
    marked: String,
    pub slots: Vec<Slot>,
    /// Where foreign ids are: `field.argument.inputField`.
    pub places: HashSet<String>,
}

impl Operation {
    /// The document, with invented ids in place of foreign ones or not.
    pub(super) fn text(&self, invented: bool) -> String {
        self.slots.iter().enumerate().fold(self.marked.clone(), |text, (place, slot)| {
            text.replace(&mark(place), if invented { &slot.invented } else { &slot.given })
        })
    }
}

fn mark(place: usize) -> String {
    format!("<{place}>")
}

/// The schema's types by name.
#[derive(Default)]
pub(super) struct Types(BTreeMap<String, Value>);

impl Types {
    pub(super) fn read(schema: &Value) -> Self {
        let named = |of: &Value| (of["name"].as_str().unwrap().to_owned(), of.clone());
        Self(schema["types"].as_array().unwrap().iter().map(named).collect())
    }

    fn of(&self, name: &str) -> &Value {
        &self.0[name]
    }
}

/// A type without what is around it.
fn base(of: &Value) -> (&str, &str) {
    let mut of = of;
    while of["ofType"].is_object() {
        of = &of["ofType"];
    }
    (of["kind"].as_str().unwrap(), of["name"].as_str().unwrap())
}

fn list<'a>(of: &'a Value, members: &str) -> impl Iterator<Item = &'a Value> {
    of[members].as_array().into_iter().flatten()
}

fn name(of: &Value) -> &str {
    of["name"].as_str().unwrap()
}

fn required(of: &Value) -> bool {
    of["type"]["kind"] == "NON_NULL"
}

/// Makes operations for one caller.
pub(super) struct Maker<'a> {
    pub types: &'a Types,
    pub random: &'a IdSource,
    pub now: Instant,
    pub own: &'a [String],
    pub foreign: &'a [String],
}

/// An operation that is being made.
struct Draft {
    slots: Vec<Slot>,
    places: HashSet<String>,
    /// Whether own ids may stand beside foreign ones.
    mixed: bool,
}

impl Maker<'_> {
    fn chance(&self, share: f64) -> bool {
        self.random.fraction() < share
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "lists are short")]
    fn choose<'v, T>(&self, values: &'v [T]) -> Option<&'v T> {
        values.get((self.random.fraction() * values.len() as f64) as usize)
    }

    /// Up to three root fields, with own ids among the foreign ones.
    pub(super) fn query(&self) -> Operation {
        // Who verifies certificates is slowed down, so the second answer would not be the first.
        let fields = list(self.types.of("Query"), "fields").filter(|field| name(field) != "verifyCertificate");
        let fields: Vec<&Value> = fields.collect();
        let draft = RefCell::new(Draft { slots: Vec::new(), places: HashSet::new(), mixed: true });
        let mut text = String::from("query {");
        for number in 0..3 {
            let Some(field) = self.choose(&fields) else { continue };
            text += " a";
            text += &number.to_string();
            text += ": ";
            text += &self.field(&draft, field, name(field), 1);
        }
        let Draft { slots, places, .. } = draft.into_inner();
        Operation { marked: text + " }", slots, places }
    }

    /// Each field of a root that takes an id, in an operation of its own.
    pub(super) fn each_with_an_id(&self, root: &str) -> Vec<Operation> {
        let ty = if root == "mutation" { "Mutation" } else { "Subscription" };
        let one = |field: &Value| {
            let draft = RefCell::new(Draft { slots: Vec::new(), places: HashSet::new(), mixed: root == "mutation" });
            let text = self.field(&draft, field, name(field), 1);
            let Draft { slots, places, .. } = draft.into_inner();
            Operation { marked: format!("{root} {{ {text} }}"), slots, places }
        };
        let takes = |field: &&Value| list(field, "args").any(|argument| self.takes_id(argument));
        list(self.types.of(ty), "fields").filter(takes).map(one).collect()
    }

    /// Fields of what an id names.
    pub(super) fn fields_of(&self, id: &str) -> String {
        let kind = PublicId::parse(id).unwrap().kind;
        let draft = RefCell::new(Draft { slots: Vec::new(), places: HashSet::new(), mixed: true });
        format!("... on {kind:?} {}", self.selection(&draft, &format!("{kind:?}"), 2))
    }

    fn takes_id(&self, value: &Value) -> bool {
        match base(&value["type"]) {
            (_, "ID") => true,
            ("INPUT_OBJECT", input) => list(self.types.of(input), "inputFields").any(|field| self.takes_id(field)),
            _ => false,
        }
    }

    fn field(&self, draft: &RefCell<Draft>, field: &Value, path: &str, depth: usize) -> String {
        let arguments: Vec<&Value> = list(field, "args").collect();
        let arguments = self.values(draft, &arguments, path);
        let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
        let (kind, ty) = base(&field["type"]);
        let below =
            if ["OBJECT", "INTERFACE", "UNION"].contains(&kind) { self.selection(draft, ty, depth + 1) } else { String::new() };
        format!("{}{arguments} {below}", name(field))
    }

    fn selection(&self, draft: &RefCell<Draft>, ty: &str, depth: usize) -> String {
        let of = self.types.of(ty);
        if of["kind"] != "OBJECT" {
            // One type only: fields of one name may differ between types.
            let types: Vec<&Value> = list(of, "possibleTypes").collect();
            let Some(one) = self.choose(&types) else { return "{ __typename }".to_owned() };
            return format!("{{ __typename ... on {} {} }}", name(one), self.selection(draft, name(one), depth));
        }
        let mut text = String::from("{ __typename");
        for field in list(of, "fields") {
            let leaf = ["SCALAR", "ENUM"].contains(&base(&field["type"]).0);
            let always = ["id", "userErrors", "nodes", "results"].contains(&name(field));
            // A vendor's server would be called.
            let wanted = name(field) != "customers" && depth < DEPTH && (always || self.chance(if leaf { 0.6 } else { 0.35 }));
            if wanted {
                text += " ";
                text += &self.field(draft, field, &format!("{ty}.{}", name(field)), depth);
            }
        }
        text + " }"
    }

    /// Values of arguments or of an input object's fields; of those that take an id one at least is foreign.
    fn values(&self, draft: &RefCell<Draft>, all: &[&Value], path: &str) -> String {
        let ids: Vec<&str> = all.iter().filter(|value| base(&value["type"]).1 == "ID").map(|value| name(value)).collect();
        let forced = self.choose(&ids).copied();
        let mut text = Vec::new();
        for value in all {
            let wanted = required(value) || forced == Some(name(value)) || self.takes_id(value) || self.chance(0.3);
            if let Some(value_text) = self.value(draft, value, path, forced == Some(name(value)), wanted) {
                text.push(format!("{}: {value_text}", name(value)));
            }
        }
        text.join(", ")
    }

    fn value(&self, draft: &RefCell<Draft>, value: &Value, path: &str, foreign: bool, wanted: bool) -> Option<String> {
        let field = name(value);
        let path = format!("{path}.{field}");
        let (kind, ty) = base(&value["type"]);
        let is_list = [&value["type"], &value["type"]["ofType"]].iter().any(|of| of["kind"] == "LIST");
        if !wanted || (!required(value) && ["last", "idempotencyKey", "search"].contains(&field)) {
            return None;
        }
        // Cursors would have to be of the list.
        if ty == "String" && ["after", "before"].contains(&field) {
            return None;
        }
        let one = |foreign| match (kind, ty) {
            (_, "ID") => self.id(draft, &path, field, foreign),
            ("INPUT_OBJECT", _) => self.object(draft, ty, &path),
            ("ENUM", _) => {
                let values: Vec<&Value> = list(self.types.of(ty), "enumValues").collect();
                self.choose(&values).map_or_else(String::new, |value| name(value).to_owned())
            }
            _ => literal(ty, field).to_owned(),
        };
        if !is_list {
            return Some(one(foreign));
        }
        let more = (0..2).filter(|_| self.chance(0.4)).map(|_| one(false));
        Some(format!("[{}]", std::iter::once(one(foreign)).chain(more).collect::<Vec<_>>().join(", ")))
    }

    fn object(&self, draft: &RefCell<Draft>, ty: &str, path: &str) -> String {
        let of = self.types.of(ty);
        let fields: Vec<&Value> = list(of, "inputFields").collect();
        if of["isOneOf"] == true {
            let Some(one) = self.choose(&fields).copied() else { return "{}".to_owned() };
            let mut one = one.clone();
            one["type"] = serde_json::json!({ "kind": "NON_NULL", "name": null, "ofType": one["type"] });
            return format!("{{ {} }}", self.values(draft, &[&one], path));
        }
        format!("{{ {} }}", self.values(draft, &fields, path))
    }

    /// A place for an id, in the form of what the place is for or, now and then, of anything.
    fn id(&self, draft: &RefCell<Draft>, path: &str, field: &str, foreign: bool) -> String {
        let mut draft = draft.borrow_mut();
        let fitting = |ids: &[String]| -> Vec<String> {
            let fit = |id: &&String| prefix(path, field).is_none_or(|prefix| id.starts_with(prefix));
            ids.iter().filter(fit).cloned().collect()
        };
        let (own, strange) = (fitting(self.own), fitting(self.foreign));
        let own = if draft.mixed && !foreign && self.chance(0.5) { self.choose(&own).cloned() } else { None };
        let slot = if let Some(id) = own {
            Slot { own: true, invented: id.clone(), given: id }
        } else {
            let strange = if self.chance(0.1) { self.foreign.to_vec() } else { strange };
            let given = self.choose(&strange).cloned();
            let kind = given.as_deref().and_then(PublicId::parse).map(|id| id.kind);
            let invented = || {
                let uuid = self.random.uuid(self.now);
                if let Some(kind) = kind {
                    return PublicId::new(kind, uuid).to_string();
                }
                let id = PublicId::new(Kind::Project, uuid).to_string();
                format!("{}{}", prefix(path, field).unwrap_or("prj_"), &id[4..])
            };
            // Where there is nothing foreign of its kind, two that name nothing.
            let (given, other) = (given.unwrap_or_else(invented), invented());
            draft.places.insert(path.to_owned());
            Slot { own: false, given, invented: other }
        };
        draft.slots.push(slot);
        format!("\"{}\"", mark(draft.slots.len() - 1))
    }
}

/// How ids begin that fit a place; `None` where any do.
fn prefix(path: &str, field: &str) -> Option<&'static str> {
    let of = |name: &str| -> Option<&'static str> {
        Some(match name {
            "account" | "accountId" | "parentId" => "acc_",
            "server" | "serverId" => "srv_",
            "feed" | "feedId" | "feedIds" => "fed_",
            "syncRun" | "runId" => "run_",
            "certificate" | "certificateId" | "certificateIssued" => "crt_",
            "depositId" => "dep_",
            "anomalyId" => "ano_",
            "userId" => "usr_",
            "apiKeyId" => "key_",
            "projectIds" => "prj_",
            _ => return None,
        })
    };
    of(field).or_else(|| of(path.split('.').next().unwrap_or_default()))
}

/// A value that is good enough to get past what is judged before ids are.
fn literal(ty: &str, field: &str) -> &'static str {
    match (ty, field) {
        ("Int", "first") => "5",
        ("Int" | "Long", _) => "1",
        ("Float", _) => "0.5",
        ("Boolean", _) => "true",
        ("Date", _) => "\"2026-03-01\"",
        ("DateTime", "expiresAt") => "\"2027-01-01T00:00:00.000Z\"",
        ("DateTime", _) => "\"2026-01-01T00:00:00.000Z\"",
        ("Month", _) => "\"2025-12\"",
        ("LocalTime", _) => "\"04:15\"",
        ("Decimal", _) => "\"0.2\"",
        ("URL", _) => "\"https://127.0.0.1:1\"",
        ("TimeZone", _) => "\"Europe/Berlin\"",
        (_, "email") => "\"x@example.com\"",
        _ => "\"x\"",
    }
}
