//! A document read, judged against the schema, and turned into what the engine runs.
//!
//! apollo-compiler parses and validates, since the engine's own rules let pass what the specification refuses and its parser
//! recurses as deep as a text is nested. What apollo-compiler leaves undone about values is in [`values`](super::values).

use std::{collections::HashSet, sync::LazyLock};

use apollo_compiler::{
    ExecutableDocument as Typed, Node, Schema, ast,
    diagnostic::Diagnostic,
    executable::{Field, Operation},
    name,
    parser::Parser,
    schema::ExtendedType,
    validation::{DiagnosticData, DiagnosticList, Valid},
};
use async_graphql::{Pos, ServerError, parser::types::ExecutableDocument};

use super::{convert::convert, limits::Limits, measure, roots, values};
use crate::graphql::error::{Code, server_error};

/// Errors named in one answer; more would repeat what the first ones say.
const MAX_ERRORS: usize = 20;
/// How deep a text may be nested before it is not read on; far more than `Limits::depth` lets through.
const MAX_NESTING: usize = 100;

/// The schema as the validator reads it, or why it does not: a fault of ours that a test finds.
static SCHEMA: LazyLock<Result<Valid<Schema>, String>> = LazyLock::new(|| {
    let text = format!("{}\ndirective @oneOf on INPUT_OBJECT\n", crate::graphql::sdl());
    let mut schema = Schema::parse(text, "schema.graphql").map_err(|found| found.errors.to_string())?;
    // The validator's types of introspection are of before one-of inputs.
    if let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type")
        && let Some(mut field) = ty.fields.get("specifiedByURL").cloned()
    {
        let definition = field.node.make_mut();
        definition.name = name!("isOneOf");
        definition.ty = ast::Type::Named(name!("Boolean"));
        ty.make_mut().fields.insert(name!("isOneOf"), field);
    }
    schema.validate().map_err(|found| found.errors.to_string())
});

/// The schema that documents are judged by.
pub(super) fn schema() -> Result<&'static Valid<Schema>, ServerError> {
    SCHEMA.as_ref().map_err(|reason| {
        tracing::error!(error = reason, "the schema cannot be read by the validator");
        server_error(Code::Internal, "A fault of ours. Quote the request id to the operator.")
    })
}

/// A document that is valid and within the limits that do not depend on variables.
#[derive(Debug)]
pub(super) struct Document {
    /// As the engine runs it.
    pub(super) executable: ExecutableDocument,
    /// With the types of its fields.
    pub(super) typed: Valid<Typed>,
    /// Whether it asks for `__schema` or `__type`.
    pub(super) introspects: bool,
    /// Whether it asks for users or API keys, of which not everyone in an account sees the same.
    pub(super) shows_people: bool,
    /// Whether several fields of one name, with fields of their own, come to one where the engine itself puts them together.
    pub(super) merges: bool,
}

impl Document {
    /// Reads and judges a text; each error has a code.
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, Vec<ServerError>> {
        let schema = schema().map_err(|error| vec![error])?;
        let mut parser = Parser::new().token_limit(limits.tokens).recursion_limit(MAX_NESTING);
        let parsed = parser.parse_ast(text, "document");
        if parser.tokens_reached() >= limits.tokens {
            let message = format!("The document has more than {} tokens.", limits.tokens);
            return Err(vec![server_error(Code::TooComplex, message)]);
        }
        if parser.recursion_reached() >= MAX_NESTING {
            return Err(vec![server_error(Code::TooComplex, "The document is nested too deeply.")]);
        }
        let ast = parsed.map_err(|found| errors(&found.errors, "Syntax error: "))?;
        if !ast.definitions.iter().any(|definition| matches!(definition, ast::Definition::OperationDefinition(_))) {
            return Err(vec![refused("The document has no operation.", None)]);
        }
        let mut executable = convert(&ast, text).map_err(|error| vec![error])?;
        // Before the rules, some of which take longer the more often a fragment is spread.
        let introspects = measure::check(&executable, limits).map_err(|error| vec![error])?;
        let one_root = roots::merge(&mut executable);
        let typed = match ast.to_executable_validate(schema) {
            Err(found) if one_root && only_repeats_roots(&found.errors) => Valid::assume_valid(found.partial),
            judged => judged.map_err(|found| errors(&found.errors, ""))?,
        };
        let mistakes = values::check_literals(schema, &typed);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let people = |field: &Node<Field>| matches!(field.ty().inner_named_type().as_str(), "User" | "ApiKey");
        let shows_people = typed.operations.iter().any(|operation| operation.all_fields(&typed).any(people));
        let merges = typed.operations.iter().any(|operation| merges(schema, &typed, operation));
        Ok(Self { executable, typed, introspects, shows_people, merges })
    }

    /// The operation that `name` selects.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&Operation, ServerError> {
        let found = self.typed.operations.get(name);
        found.map(|operation| &**operation).map_err(|_| match name {
            Some(_) => refused("The document has no operation with the name in `operationName`.", None),
            None => refused("The document has several operations: say which in `operationName`.", None),
        })
    }
}

/// Whether fields of one name come to one at the root, in an interface or union, or, where the engine itself resolves the payloads, anywhere
/// in a mutation.
fn merges(schema: &Schema, document: &Typed, operation: &Operation) -> bool {
    let is_abstract = |name: &str| matches!(schema.types.get(name), Some(ExtendedType::Interface(_) | ExtendedType::Union(_)));
    let below = operation.all_fields(document).map(|field| &field.selection_set);
    let all = below.filter(|set| operation.is_mutation() || is_abstract(&set.ty)).chain([&operation.selection_set]);
    all.into_iter().any(|set| {
        let mut names = HashSet::new();
        let fields = set.root_fields(document).filter(|field| !field.selection_set.selections.is_empty());
        fields.into_iter().any(|field| !names.insert(field.response_key().as_str()))
    })
}

/// Whether all that the validator minds is that a subscription's root has several fields: it counts those of one name too.
fn only_repeats_roots(found: &DiagnosticList) -> bool {
    found.iter().all(|found| unstable_name(found.error) == Some("SubscriptionUsesMultipleFields"))
}

/// The validator's name of a mistake. It may change: what goes by it is tested, or does no harm.
fn unstable_name(mistake: &DiagnosticData) -> Option<&'static str> {
    mistake.unstable_error_name()
}

/// A document or its variables do not fit the schema.
pub(super) fn refused(message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = server_error(Code::GraphqlValidationFailed, message);
    error.locations = pos.into_iter().collect();
    error
}

fn errors(found: &DiagnosticList, prefix: &str) -> Vec<ServerError> {
    let error = |found: Diagnostic<'_, DiagnosticData>| {
        let found = found.to_json();
        // One line, as a sentence.
        let reason = found.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason = reason.trim_start_matches("syntax error: ").trim_end_matches('.');
        let place = found.locations.first().map(|place| Pos { line: place.line, column: place.column });
        refused(format!("{prefix}{reason}."), place)
    };
    // The validator leaves out a field that is not there, and then minds that nothing is selected.
    let is = |found: &Diagnostic<'_, DiagnosticData>, name: &str| unstable_name(found.error) == Some(name);
    let unknown = found.iter().any(|found| is(&found, "UndefinedField"));
    found.iter().filter(|found| !(unknown && is(found, "MissingSubselection"))).take(MAX_ERRORS).map(error).collect()
}
