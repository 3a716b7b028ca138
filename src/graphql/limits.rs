//! What a document may ask, judged before the engine sees it.
//!
//! The engine follows a spread each time it meets one, so fragments that spread fragments double its time with every level. Here each
//! fragment is counted once: whatever is refused costs time in proportion to its length.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, ServerError, Value, Variables,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};

use super::error::{Code, server_error};
use crate::domain::paging::MAX_PAGE;

/// The most ids that `nodes` takes.
const MAX_NODES: usize = 100;
/// How often a path of introspection may go from types to their members; more is a document made to be large.
const MAX_INTROSPECTED_LISTS: usize = 3;

/// What a document may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of fields below the operation.
    pub depth: usize,
    /// The same for documents of `__schema` and `__type` only.
    pub introspection_depth: usize,
    /// Fields with each spread counted where it stands.
    pub fields: usize,
    /// Fields renamed, counted likewise.
    pub aliases: usize,
    /// Directives on one selection.
    pub directives: usize,
    /// Cost: each field 1, a connection its page size times what is asked of an item.
    pub complexity: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 15, introspection_depth: 20, fields: 2_000, aliases: 100, directives: 8, complexity: 50_000 }
    }
}

/// What a document asks, with each spread counted where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Fields.
    pub fields: usize,
    /// Levels of fields.
    pub depth: usize,
    /// Fields renamed.
    pub aliases: usize,
    /// Lists of members of types on one path of introspection.
    introspected: usize,
}

impl Cost {
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

/// Judges a document; `Err` is what to answer instead of running it.
pub fn precheck(document: &ExecutableDocument, variables: &Variables, limits: &Limits) -> Result<Cost, ServerError> {
    let mut walk = Walk { document, variables, limits, fragments: HashMap::new() };
    let mut total = Cost::default();
    for (_, operation) in document.operations.iter() {
        let cost = walk.selection_set(&operation.node.selection_set.node)?;
        let depth =
            if introspects_only(&operation.node.selection_set.node) { limits.introspection_depth } else { limits.depth };
        if cost.depth > depth {
            return Err(too_complex(format!("The document is {} levels deep; at most {depth} are allowed.", cost.depth)));
        }
        total = total.and(cost);
    }
    // Fragments that no operation spreads are the validator's to refuse; their pages are judged all the same.
    for name in document.fragments.keys() {
        walk.fragment(name)?;
    }
    if total.fields > limits.fields {
        return Err(too_complex(format!("The document asks for more than {} fields.", limits.fields)));
    }
    if total.aliases > limits.aliases {
        return Err(too_complex(format!("The document has more than {} aliases.", limits.aliases)));
    }
    if total.introspected > MAX_INTROSPECTED_LISTS {
        return Err(too_complex("The document introspects lists of members within each other.".to_owned()));
    }
    Ok(total)
}

fn introspects_only(set: &SelectionSet) -> bool {
    set.items.iter().all(|item| matches!(&item.node, Selection::Field(field) if field.node.name.node.starts_with("__")))
}

fn too_complex(message: String) -> ServerError {
    server_error(Code::TooComplex, message)
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    limits: &'a Limits,
    /// What each fragment comes to; `None` while it is being counted.
    fragments: HashMap<&'a Name, Option<Cost>>,
}

impl<'a> Walk<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Cost, ServerError> {
        let mut total = Cost::default();
        for item in &set.items {
            if item.node.directives().len() > self.limits.directives {
                return Err(too_complex(format!("A selection may have at most {} directives.", self.limits.directives)));
            }
            let cost = match &item.node {
                Selection::Field(field) => self.field(field)?,
                Selection::InlineFragment(inline) => self.selection_set(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            total = total.and(cost);
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a Positioned<Field>) -> Result<Cost, ServerError> {
        self.ranges(field)?;
        let mut cost = self.selection_set(&field.node.selection_set.node)?;
        cost.fields = cost.fields.saturating_add(1);
        cost.depth += 1;
        cost.aliases = cost.aliases.saturating_add(usize::from(field.node.alias.is_some()));
        if matches!(field.node.name.node.as_str(), "fields" | "inputFields" | "interfaces" | "possibleTypes") {
            cost.introspected += 1;
        }
        Ok(cost)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Cost, ServerError> {
        match self.fragments.get(name) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => {
                let message = format!("Fragment \"{name}\" spreads itself.");
                return Err(server_error(Code::GraphqlValidationFailed, message));
            }
            None => {}
        }
        // An unknown fragment is the validator's to name.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Cost::default()) };
        self.fragments.insert(name, None);
        let cost = self.selection_set(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(cost));
        Ok(cost)
    }

    /// Page sizes, and how many ids `nodes` is given.
    fn ranges(&self, field: &Positioned<Field>) -> Result<(), ServerError> {
        let refuse = |message: String| {
            let mut error = server_error(Code::BadRequest, message);
            error.locations = vec![field.pos];
            Err(error)
        };
        let mut sizes = 0;
        for name in ["first", "last"] {
            match self.argument(field, name) {
                Some(Value::Number(number)) if (1..=i64::from(MAX_PAGE)).contains(&number.as_i64().unwrap_or(0)) => sizes += 1,
                Some(Value::Number(_)) => return refuse(format!("{name} must be from 1 to {MAX_PAGE}.")),
                // Not given, or of another type, which the validator names.
                _ => {}
            }
        }
        if sizes > 1 {
            return refuse("first and last cannot be given together.".to_owned());
        }
        match self.argument(field, "ids") {
            Some(Value::List(ids)) if field.node.name.node == "nodes" && ids.len() > MAX_NODES => {
                refuse(format!("ids must be at most {MAX_NODES}."))
            }
            _ => Ok(()),
        }
    }

    /// An argument's value, with its variables' values or defaults put in.
    fn argument(&self, field: &Positioned<Field>, name: &str) -> Option<Value> {
        let value = field.node.get_argument(name)?.node.clone();
        value.into_const_with(|name| self.variables.get(&name).cloned().or_else(|| self.default(&name)).ok_or(())).ok()
    }

    /// A variable's default in whichever operation declares it.
    fn default(&self, variable: &Name) -> Option<Value> {
        let definitions = self.document.operations.iter().flat_map(|(_, operation)| &operation.node.variable_definitions);
        definitions
            .filter(|definition| definition.node.name.node == *variable)
            .find_map(|definition| definition.node.default_value.as_ref().map(|value| value.node.clone()))
    }
}
