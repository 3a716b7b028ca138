//! What an operation costs, in points: before it runs from the types of its fields and its page sizes, afterwards from its answer.
//!
//! - A field costs 1 and what [`WEIGHTS`] adds; what is asked of the items of a list counts once for each item.
//! - Items are as many as the page's size, the points of a consumption, the ids given to `nodes`; else [`PLAIN_LIST`].
//! - A mutation costs [`MUTATION`] more, and [`ROW`] for each item of the lists in its input.
//! - Below `__schema` and `__type` a field costs 1.

use apollo_compiler::{
    ExecutableDocument,
    ast::{Type, Value},
    executable::{Field, Operation, Selection, SelectionSet},
};
use async_graphql::{Positioned, Value as EngineValue, parser::types::Field as EngineField};
use chrono::NaiveDate;
use serde_json::{Map, Value as Json};

use crate::{
    app::query::MAX_POINTS,
    domain::paging::{DEFAULT_PAGE, MAX_PAGE},
};

/// What a mutation costs beside its answer.
pub const MUTATION: usize = 10;
/// What a row of a bulk call costs beside its answer.
pub const ROW: usize = 5;
/// Items that a list without pages is taken to have.
pub const PLAIN_LIST: usize = 5;

/// What costs more than it looks: calls to vendors' servers while the caller waits, and what could be guessed at. Type, field, points.
pub const WEIGHTS: [(&str, &str, usize); 5] = [
    ("Server", "customers", 500),
    ("Mutation", "testServerConnection", 500),
    ("Mutation", "checkServer", 500),
    ("Mutation", "registerServer", 500),
    ("Query", "verifyCertificate", 50),
];

/// Points that an operation may cost.
pub(super) fn requested(document: &ExecutableDocument, operation: &Operation, variables: &Map<String, Json>) -> usize {
    Request { document, variables }.selections(&operation.selection_set, 1)
}

/// Points of fields of one object that were answered.
pub(in crate::graphql) fn points(parent: &str, fields: &[&Positioned<EngineField>]) -> usize {
    let mut points = fields.len();
    if WEIGHTS.iter().any(|(ty, ..)| parent == *ty) {
        points += fields.iter().map(|field| weight(parent, &field.node.name.node)).sum::<usize>();
    }
    points
}

fn weight(parent: &str, field: &str) -> usize {
    WEIGHTS.iter().find(|(ty, name, _)| parent == *ty && field == *name).map_or(0, |(_, _, weight)| *weight)
}

/// Points that an answer came to, but for those of what is written already.
pub(super) fn actual(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Map<String, Json>,
    data: &EngineValue,
) -> usize {
    Request { document, variables }.answered(&operation.selection_set, data)
}

struct Request<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Map<String, Json>,
}

impl Request<'_> {
    /// A selection's cost, where the lists that are the point of its type have this many items.
    fn selections(&self, set: &SelectionSet, items: usize) -> usize {
        let cost = |selection: &Selection| match selection {
            Selection::Field(field) => {
                let times = self.times(&set.ty, field, items);
                let below = self.selections(&field.selection_set, self.items(field));
                self.own(&set.ty, field).saturating_add(below.saturating_mul(times))
            }
            Selection::InlineFragment(inline) => self.selections(&inline.selection_set, items),
            Selection::FragmentSpread(spread) => {
                spread.fragment_def(self.document).map_or(0, |fragment| self.selections(&fragment.selection_set, items))
            }
        };
        set.selections.iter().map(cost).fold(0, usize::saturating_add)
    }

    /// The same of what was answered: fields that are there, items as many as there are.
    fn answered(&self, set: &SelectionSet, value: &EngineValue) -> usize {
        let object = match value {
            EngineValue::List(values) => return values.iter().map(|value| self.answered(set, value)).sum(),
            EngineValue::Object(object) => object,
            _ => return 0,
        };
        let cost = |selection: &Selection| match selection {
            Selection::Field(field) => object
                .get(field.response_key().as_str())
                .map_or(0, |value| self.own(&set.ty, field) + self.answered(&field.selection_set, value)),
            Selection::InlineFragment(inline) => self.answered(&inline.selection_set, value),
            Selection::FragmentSpread(spread) => {
                spread.fragment_def(self.document).map_or(0, |fragment| self.answered(&fragment.selection_set, value))
            }
        };
        set.selections.iter().map(cost).sum()
    }

    /// What a field costs without what is below it.
    fn own(&self, parent: &str, field: &Field) -> usize {
        let rows = if parent == "Mutation" {
            let rows: usize = field.arguments.iter().map(|argument| self.rows(&argument.value)).sum();
            MUTATION + ROW * rows
        } else {
            0
        };
        1 + weight(parent, field.name.as_str()) + rows
    }

    /// How often a field's selection is answered.
    fn times(&self, parent: &str, field: &Field, items: usize) -> usize {
        if !is_list(field.ty()) || parent.starts_with("__") {
            return 1;
        }
        match (parent, field.name.as_str()) {
            ("Query", "nodes") => self.argument(field, "ids", |value| match value {
                Literal::Written(Value::List(ids)) => Some(ids.len()),
                Literal::Given(Json::Array(ids)) => Some(ids.len()),
                _ => Some(1),
            }),
            ("Consumption", "points") => Some(items),
            (_, "edges" | "nodes") if parent.ends_with("Connection") => Some(items),
            _ => None,
        }
        .unwrap_or(PLAIN_LIST)
    }

    /// How many items the lists have that are the point of a field's type.
    fn items(&self, field: &Field) -> usize {
        match field.ty().inner_named_type().as_str() {
            "Consumption" => self.points(field).unwrap_or(MAX_POINTS),
            name if name.ends_with("Connection") => {
                #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's name alone is not general enough")]
                let size = |name| self.argument(field, name, |value| value.whole());
                let size = size("first").or_else(|| size("last")).unwrap_or(i64::from(DEFAULT_PAGE));
                usize::try_from(size.clamp(1, i64::from(MAX_PAGE))).unwrap_or(1)
            }
            _ => 1,
        }
    }

    /// The points of a consumption.
    fn points(&self, field: &Field) -> Option<usize> {
        let day = |name| self.argument(field, name, |value| value.text()?.parse::<NaiveDate>().ok());
        let days = (day("to")? - day("from")?).num_days() + 1;
        let interval = self.argument(field, "interval", |value| value.text().map(str::to_owned));
        let length = match interval.as_deref() {
            Some("WEEK") => 7,
            Some("MONTH") => 28,
            _ => 1,
        };
        // Both ends may cut an interval.
        let cut = if length == 1 { 0 } else { 2 };
        Some(usize::try_from(days.max(0) / length + cut).unwrap_or(MAX_POINTS).min(MAX_POINTS))
    }

    /// What `read` makes of an argument, as written or as its variable is.
    fn argument<T>(&self, field: &Field, name: &str, read: impl Fn(Literal<'_>) -> Option<T>) -> Option<T> {
        match &**field.specified_argument_by_name(name)? {
            Value::Variable(variable) => read(Literal::Given(self.variables.get(variable.as_str())?)),
            value => read(Literal::Written(value)),
        }
    }

    /// Items of lists in an input.
    fn rows(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.variables.get(name.as_str()).map_or(0, given_rows),
            Value::List(values) => values.iter().map(|value| 1 + self.rows(value)).sum(),
            Value::Object(fields) => fields.iter().map(|(_, value)| self.rows(value)).sum(),
            _ => 0,
        }
    }
}

fn given_rows(value: &Json) -> usize {
    match value {
        Json::Array(values) => values.iter().map(|value| 1 + given_rows(value)).sum(),
        Json::Object(fields) => fields.values().map(given_rows).sum(),
        _ => 0,
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::NonNullList(_))
}

/// An argument's value.
enum Literal<'a> {
    Written(&'a Value),
    Given(&'a Json),
}

impl<'a> Literal<'a> {
    fn whole(self) -> Option<i64> {
        match self {
            Self::Written(value) => value.to_i32().map(i64::from),
            Self::Given(value) => value.as_i64(),
        }
    }

    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Written(Value::String(text)) => Some(text),
            Self::Written(Value::Enum(name)) => Some(name.as_str()),
            Self::Given(value) => value.as_str(),
            Self::Written(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graphql::gate::{Document, document::schema, limits::Limits};

    fn cost(text: &str, variables: Json) -> usize {
        let document = Document::read(text, &Limits::default()).unwrap();
        let Json::Object(variables) = variables else { panic!("an object") };
        requested(&document.typed, document.operation(None).unwrap(), &variables)
    }

    #[test]
    fn a_list_costs_what_is_asked_of_its_items() {
        assert_eq!(cost("{ viewer { permission } }", json!({})), 2);
        assert_eq!(cost("{ accounts { nodes { id name } pageInfo { hasNextPage } } }", json!({})), 1 + 1 + 25 * 2 + 2);
        assert_eq!(cost("query ($n: Int) { accounts(first: $n) { edges { node { id } } } }", json!({ "n": 3 })), 2 + 3 * 2);
        assert_eq!(cost("{ accounts(last: 10) { ...A } } fragment A on AccountConnection { nodes { id } }", json!({})), 2 + 10);
        assert_eq!(cost(r#"{ nodes(ids: ["a", "b"]) { id } }"#, json!({})), 1 + 2);
        let year =
            r#"{ consumption(accountId: "a", from: "2026-01-01", to: "2026-12-31", interval: MONTH) { points { pages } } }"#;
        assert_eq!(cost(year, json!({})), 2 + 15);
        assert_eq!(cost("{ __schema { types { fields { name } } } }", json!({})), 4);
    }

    #[test]
    fn rows_of_a_bulk_call_and_calls_to_vendors_cost_more() {
        let feeds = |rows: usize| {
            let row = json!({ "serverId": "s", "accountId": "a", "externalId": "1", "activationDate": "2026-01-01" });
            let text = "mutation ($input: RegisterFeedsInput!) { registerFeeds(input: $input) { userErrors { code } } }";
            cost(text, json!({ "input": { "feeds": vec![row; rows] } }))
        };
        assert_eq!(feeds(100) - feeds(1), 99 * ROW);
        assert!(cost("{ servers(first: 1) { nodes { customers(first: 1) { nodes { name } } } } }", json!({})) > 500);
    }

    #[test]
    fn an_answer_costs_what_is_in_it() {
        let text = "{ accounts(first: 50) { nodes { id ... on Account { parent { id } } } } }";
        let document = Document::read(text, &Limits::default()).unwrap();
        let data = json!({ "accounts": { "nodes": [{ "id": "a", "parent": null }, { "id": "b", "parent": { "id": "a" } }] } });
        let data = EngineValue::from_json(data).unwrap();
        assert_eq!(actual(&document.typed, document.operation(None).unwrap(), &Map::new(), &data), 2 + 2 + 3);
    }

    #[test]
    fn what_has_a_weight_is_there() {
        for (ty, field, _) in WEIGHTS {
            assert!(schema().unwrap().type_field(ty, field).is_ok(), "{ty}.{field}");
        }
    }
}
