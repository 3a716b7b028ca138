//! What a document asks for, counted before anything else is done with it.
//!
//! Fragments that spread fragments double what they come to with every level. Here each fragment is counted once, so that whatever
//! is refused costs time in proportion to its length.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, ServerError,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};
use async_graphql_value::Value;
use chrono::NaiveDate;
use serde_json::{Map, Value as Json};

use super::{document::refused, estimate, limits::Limits};
use crate::{
    app::query,
    domain::{calendar::Interval, paging::MAX_PAGE},
    graphql::error::{Code, server_error},
};

/// The most ids that `nodes` takes.
const MAX_NODES: usize = 100;
/// How often a path of introspection may go from types to their members; more is a document made to be large.
const MAX_INTROSPECTED_LISTS: usize = 3;

/// What a selection comes to, with each spread counted where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Size {
    fields: usize,
    depth: usize,
    aliases: usize,
    /// Lists of members of types on one path of introspection.
    introspected: usize,
}

impl Size {
    /// Both, side by side.
    fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            aliases: self.aliases.saturating_add(other.aliases),
            introspected: self.introspected.max(other.introspected),
        }
    }
}

/// Refuses a document that is beyond the limits; else tells whether it introspects.
pub(super) fn check(document: &ExecutableDocument, limits: &Limits) -> Result<bool, ServerError> {
    let mut walk = Walk { document, limits, fragments: HashMap::new(), introspects: false, visited: 0 };
    walk.document()?;
    Ok(walk.introspects)
}

/// Whether all that is asked for is `__schema` and `__type`.
fn introspects_only(set: &SelectionSet) -> bool {
    set.items.iter().all(|item| matches!(&item.node, Selection::Field(field) if field.node.name.node.starts_with("__")))
}

fn too_complex(message: String) -> ServerError {
    server_error(Code::TooComplex, message)
}

/// How often a selection asks for a field: renamed under whatever condition, else under the condition of a fragment within it.
type Times<'a> = HashMap<(Option<&'a Name>, &'a Name), usize>;

/// How often a selection asks for each field.
#[derive(Default)]
struct Repeats<'a> {
    all: Times<'a>,
    /// Renamed ones, which count wherever a fragment with them is spread; there are at most `Limits::aliases`.
    renamed: Times<'a>,
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    limits: &'a Limits,
    /// What each fragment comes to; `None` while it is being counted.
    fragments: HashMap<&'a Name, Option<(Size, Times<'a>)>>,
    introspects: bool,
    /// Selections looked at.
    visited: usize,
}

impl<'a> Walk<'a> {
    fn document(&mut self) -> Result<(), ServerError> {
        let mut total = Size::default();
        let (document, limits) = (self.document, self.limits);
        for (_, operation) in document.operations.iter() {
            let set = &operation.node.selection_set.node;
            let size = self.selection_set(set)?;
            let depth = if introspects_only(set) { limits.introspection_depth } else { limits.depth };
            if size.depth > depth {
                return Err(too_complex(format!("The document is {} levels deep; at most {depth} are allowed.", size.depth)));
            }
            total = total.and(size);
        }
        // Fragments that no operation spreads are the validator's to refuse.
        for name in document.fragments.keys() {
            self.fragment(name)?;
        }
        if total.fields > limits.fields {
            return Err(too_complex(format!("The document asks for more than {} fields.", limits.fields)));
        }
        self.check_aliases(total)?;
        if total.introspected > MAX_INTROSPECTED_LISTS {
            return Err(too_complex("The document introspects lists of members within each other.".to_owned()));
        }
        Ok(())
    }

    fn check_aliases(&self, size: Size) -> Result<(), ServerError> {
        let most = self.limits.aliases;
        if size.aliases > most { Err(too_complex(format!("The document has more than {most} aliases."))) } else { Ok(()) }
    }

    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Size, ServerError> {
        self.selections(set, None, &mut Repeats::default())
    }

    fn selections(
        &mut self,
        set: &'a SelectionSet,
        on: Option<&'a Name>,
        repeats: &mut Repeats<'a>,
    ) -> Result<Size, ServerError> {
        let mut total = Size::default();
        for item in &set.items {
            self.visited += 1;
            if item.node.directives().len() > self.limits.directives {
                return Err(too_complex(format!("A selection may have at most {} directives.", self.limits.directives)));
            }
            let size = match &item.node {
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    if field.node.alias.is_some() {
                        self.count(&mut repeats.renamed, (None, name), 1)?;
                        self.count(&mut repeats.all, (None, name), 1)?;
                    } else {
                        self.count(&mut repeats.all, (on, name), 1)?;
                    }
                    self.field(field)?
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node).or(on);
                    self.selections(&inline.node.selection_set.node, on, repeats)?
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let size = self.fragment(name)?;
                    let renamed = match self.fragments.get(name) {
                        Some(Some((_, renamed))) if !renamed.is_empty() => renamed.clone(),
                        _ => Times::new(),
                    };
                    for (field, times) in renamed {
                        self.count(&mut repeats.renamed, field, times)?;
                        self.count(&mut repeats.all, field, times)?;
                    }
                    size
                }
            };
            total = total.and(size);
        }
        Ok(total)
    }

    fn count(&self, times: &mut Times<'a>, field: (Option<&'a Name>, &'a Name), more: usize) -> Result<(), ServerError> {
        let most = self.limits.repeats;
        let count = times.entry(field).or_default();
        *count += more;
        if *count > most {
            let message = format!("A selection asks for {} more than {most} times. Ask in several requests.", field.1);
            return Err(too_complex(message));
        }
        Ok(())
    }

    fn field(&mut self, field: &'a Positioned<Field>) -> Result<Size, ServerError> {
        let mut size = self.selection_set(&field.node.selection_set.node)?;
        size.fields = size.fields.saturating_add(1);
        size.depth += 1;
        size.aliases = size.aliases.saturating_add(usize::from(field.node.alias.is_some()));
        match field.node.name.node.as_str() {
            "fields" | "inputFields" | "interfaces" | "possibleTypes" => size.introspected += 1,
            "__schema" | "__type" => self.introspects = true,
            _ => {}
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size, ServerError> {
        match self.fragments.get(name) {
            Some(Some((size, _))) => return Ok(*size),
            Some(None) => return Err(refused(format!("Fragment \"{name}\" spreads itself."), None)),
            None => {}
        }
        // An unknown fragment is the validator's to name.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.fragments.insert(name, None);
        let mut repeats = Repeats::default();
        let size = self.selections(&fragment.node.selection_set.node, None, &mut repeats)?;
        // What is spread must be small, however often it is.
        self.check_aliases(size)?;
        self.fragments.insert(name, Some((size, repeats.renamed)));
        Ok(size)
    }
}

/// Refuses page sizes out of range, text that is no cursor, spans of too many points, and more ids than `nodes` takes; `variables` have
/// their defaults.
pub(super) fn check_ranges(document: &ExecutableDocument, variables: &Map<String, Json>) -> Result<(), ServerError> {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let mut sets: Vec<&SelectionSet> = operations.collect();
    sets.extend(document.fragments.values().map(|fragment| &fragment.node.selection_set.node));
    while let Some(set) = sets.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    ranges(field, variables)?;
                    sets.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => sets.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    Ok(())
}

fn ranges(field: &Positioned<Field>, variables: &Map<String, Json>) -> Result<(), ServerError> {
    let refuse_as = |code, message: String| {
        let mut error = server_error(code, message);
        error.locations = vec![field.pos];
        Err(error)
    };
    let refuse = |message| refuse_as(Code::BadRequest, message);
    let number = |name| match &field.node.get_argument(name)?.node {
        Value::Number(number) => number.as_i64(),
        Value::Variable(variable) => variables.get(variable.as_str())?.as_i64(),
        _ => None,
    };
    let text = |name| match &field.node.get_argument(name)?.node {
        Value::String(text) => Some(text.as_str()),
        Value::Enum(name) => Some(name.as_str()),
        Value::Variable(variable) => variables.get(variable.as_str())?.as_str(),
        _ => None,
    };
    let is_cursor: Option<fn(&str) -> bool> = match field.node.name.node.as_str() {
        // Goes on behind the certificate with an id.
        "certificateIssued" => None,
        "syncProgress" => Some(query::is_progress_cursor),
        _ => Some(query::is_cursor),
    };
    for name in ["after", "before"] {
        if text(name).zip(is_cursor).is_some_and(|(cursor, is_cursor)| !is_cursor(cursor)) {
            return refuse(format!("{name} is no cursor. Pass one as an answer gave it."));
        }
    }
    if field.node.name.node == "consumption" {
        let day = |name| text(name)?.parse::<NaiveDate>().ok();
        let interval = text("interval").and_then(Interval::parse).unwrap_or(Interval::Day);
        if day("from").zip(day("to")).is_some_and(|(from, to)| interval.points(from, to).nth(query::MAX_POINTS).is_some()) {
            return refuse_as(Code::TooComplex, query::TOO_MANY_POINTS.to_owned());
        }
    }
    let mut sizes = 0;
    for name in ["first", "last"] {
        match number(name) {
            Some(size) if (1..=i64::from(MAX_PAGE)).contains(&size) => sizes += 1,
            Some(_) => return refuse(format!("{name} must be from 1 to {MAX_PAGE}.")),
            None => {}
        }
    }
    if sizes > 1 {
        return refuse("first and last cannot be given together.".to_owned());
    }
    if field.node.name.node == "estimate"
        && let Some(wrong) = estimate::refusal(&field.node, variables)
    {
        return refuse(format!("estimate: {wrong}."));
    }
    let ids = field.node.get_argument("ids").filter(|_| field.node.name.node == "nodes");
    let ids = ids.map_or(0, |ids| match &ids.node {
        Value::List(ids) => ids.len(),
        Value::Variable(variable) => variables.get(variable.as_str()).and_then(Json::as_array).map_or(0, Vec::len),
        _ => 0,
    });
    if ids > MAX_NODES { refuse(format!("ids must be at most {MAX_NODES}.")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn a_fragment_bomb_costs_no_more_than_its_length() {
        let level = |n: u32| format!("fragment F{n} on Query {{ ...F{next} ...F{next} }}", next = n + 1);
        let levels = (0..30).map(level).collect::<Vec<_>>().join(" ");
        let bomb = format!("{{ ...F0 }} {levels} fragment F30 on Query {{ methodology {{ version }} }}");
        let (document, limits) = (parse_query(bomb).unwrap(), Limits::default());
        let mut walk = Walk { document: &document, limits: &limits, fragments: HashMap::new(), introspects: false, visited: 0 };
        assert!(walk.document().is_err());
        assert_eq!(walk.visited, 1 + 30 * 2 + 2, "each selection once, where it is written");
    }
}
