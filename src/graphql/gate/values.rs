//! Whether values fit the types of their places: in the document, and as variables of a request.
//!
//! The validator has looked at literals already; here is what it passes over: variables within lists and input objects, values of
//! our own scalars, and input objects of which exactly one field may be given.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition},
    executable::{Operation, Selection, SelectionSet},
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::{Pos, ServerError, Value as EngineValue};
use serde_json::{Map, Number, Value as Json};

use super::document::refused;
use crate::graphql::scalars;

/// Mistakes named in one answer.
const MAX_ERRORS: usize = 20;

/// What is wrong with the values written in a document.
pub(super) fn check_literals(schema: &Schema, document: &ExecutableDocument) -> Vec<ServerError> {
    let mut check = Literals { schema, document, variables: &[], seen: HashSet::new(), errors: Vec::new() };
    for operation in document.operations.iter() {
        check.operation(operation);
    }
    check.errors.truncate(MAX_ERRORS);
    check.errors
}

struct Literals<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    /// Of the operation looked at.
    variables: &'a [Node<VariableDefinition>],
    /// Fragments looked at for it.
    seen: HashSet<&'a Name>,
    errors: Vec<ServerError>,
}

impl<'a> Literals<'a> {
    fn operation(&mut self, operation: &'a Operation) {
        self.seen.clear();
        self.variables = &[];
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                self.value(&variable.ty, default, false);
            }
            self.directives(&variable.directives);
        }
        self.variables = &operation.variables;
        self.directives(&operation.directives);
        self.selections(&operation.selection_set);
    }

    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.seen.insert(&fragment.name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &'a [Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                self.value(&definition.ty, &argument.value, definition.default_value.is_some());
            }
        }
    }

    fn value(&mut self, ty: &Type, value: &'a Node<Value>, has_default: bool) {
        match (&**value, ty) {
            (Value::Variable(name), _) => self.variable(ty, name, value, has_default),
            (Value::Null, _) if ty.is_non_null() => self.wrong(value, format!("Expected value of type \"{ty}\", found null.")),
            (Value::Null, _) => {}
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                for value in items {
                    self.value(item, value, false);
                }
            }
            (_, Type::List(item) | Type::NonNullList(item)) => self.value(item, value, false),
            (_, Type::Named(name) | Type::NonNullNamed(name)) => self.named(name, value),
        }
    }

    fn variable(&mut self, ty: &Type, name: &Name, at: &'a Node<Value>, has_default: bool) {
        let Some(variable) = self.variables.iter().find(|variable| variable.name == *name) else { return };
        let given = &variable.ty;
        let fits = if ty.is_non_null() && !given.is_non_null() {
            let default = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
            (default || has_default) && given.is_assignable_to(&ty.clone().nullable())
        } else {
            given.is_assignable_to(ty)
        };
        if !fits {
            self.wrong(at, format!("Variable \"${name}\" of type \"{given}\" used in position expecting type \"{ty}\"."));
        }
    }

    fn named(&mut self, name: &Name, value: &'a Node<Value>) {
        let schema = self.schema;
        match schema.types.get(name) {
            Some(ExtendedType::InputObject(input)) => match &**value {
                Value::Object(fields) => self.object(input, value, fields),
                _ => self.wrong(value, format!("Expected value of type \"{name}\".")),
            },
            Some(ExtendedType::Scalar(_)) if scalars::is_valid(name, &constant(value)) == Some(false) => {
                self.wrong(value, format!("Expected value of type \"{name}\", found {value}."));
            }
            _ => {}
        }
    }

    fn object(&mut self, input: &InputObjectType, at: &'a Node<Value>, fields: &'a [(Name, Node<Value>)]) {
        for (name, value) in fields {
            if let Some(definition) = input.fields.get(name) {
                self.value(&definition.ty, value, definition.default_value.is_some());
            }
        }
        if !is_one_of(input) {
            return;
        }
        match fields {
            [(name, value)] => match &**value {
                Value::Null => self.wrong(value, format!("Field \"{}.{name}\" must be non-null.", input.name)),
                Value::Variable(variable) => {
                    let found = self.variables.iter().find(|found| found.name == *variable);
                    if found.is_some_and(|found| !found.ty.is_non_null()) {
                        let wrong = format!(
                            "Variable \"${variable}\" must be non-nullable to be used for OneOf input \"{}\".",
                            input.name
                        );
                        self.wrong(value, wrong);
                    }
                }
                _ => {}
            },
            _ => self.wrong(at, format!("OneOf input \"{}\" must have exactly one field.", input.name)),
        }
    }

    fn wrong(&mut self, at: &Node<Value>, message: String) {
        let place = at.line_column_range(&self.document.sources).map(|range| range.start);
        let place = place.map(|place| Pos { line: place.line, column: place.column });
        let error = refused(message, place);
        // A fragment is looked at for each operation that spreads it.
        if !self.errors.iter().any(|seen| seen.locations == error.locations && seen.message == error.message) {
            self.errors.push(error);
        }
    }
}

fn is_one_of(input: &InputObjectType) -> bool {
    input.directives.has("oneOf")
}

/// A literal as the engine's scalars judge it; a variable in it is no value of any scalar.
fn constant(value: &Value) -> EngineValue {
    match value {
        Value::Null | Value::Variable(_) => EngineValue::Null,
        Value::Enum(name) => EngineValue::Enum(async_graphql::Name::new(name.as_str())),
        Value::String(text) => EngineValue::String(text.clone()),
        Value::Boolean(boolean) => EngineValue::Boolean(*boolean),
        Value::Int(number) => number.as_str().parse().map_or(EngineValue::Null, EngineValue::Number),
        Value::Float(number) => number.as_str().parse().map_or(EngineValue::Null, EngineValue::Number),
        Value::List(values) => EngineValue::List(values.iter().map(|value| constant(value)).collect()),
        Value::Object(fields) => EngineValue::Object(
            fields.iter().map(|(name, value)| (async_graphql::Name::new(name.as_str()), constant(value))).collect(),
        ),
    }
}

/// The variables of an operation as its types want them: defaults filled in, single values in lists, nothing that was not declared.
pub(super) fn coerce_variables(
    schema: &Schema,
    operation: &Operation,
    given: &Map<String, Json>,
) -> Result<Map<String, Json>, Vec<ServerError>> {
    let (mut coerced, mut errors) = (Map::new(), Vec::new());
    for variable in &operation.variables {
        let (name, ty) = (variable.name.as_str(), &variable.ty);
        match (given.get(name), &variable.default_value) {
            (Some(value), _) => {
                let mut path = name.to_owned();
                match coerce(schema, ty, value, &mut path) {
                    Ok(value) => _ = coerced.insert(name.to_owned(), value),
                    Err(wrong) => errors.push(refused(format!("Variable \"${name}\" got an invalid value: {wrong}"), None)),
                }
            }
            (None, Some(default)) => _ = coerced.insert(name.to_owned(), constant(default).into_json().unwrap_or_default()),
            (None, None) if ty.is_non_null() => {
                errors.push(refused(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."), None));
            }
            (None, None) => {}
        }
    }
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok(coerced) } else { Err(errors) }
}

/// A value as its type wants it, or what is wrong with it. `path` says where it stands and is as before afterwards.
fn coerce(schema: &Schema, ty: &Type, value: &Json, path: &mut String) -> Result<Json, String> {
    if value.is_null() {
        return if ty.is_non_null() { Err(format!("`{path}` must not be null.")) } else { Ok(Json::Null) };
    }
    let name = match ty {
        Type::List(item) | Type::NonNullList(item) => {
            let Json::Array(values) = value else { return Ok(Json::Array(vec![coerce(schema, item, value, path)?])) };
            let each = values.iter().enumerate();
            let each = each.map(|(place, value)| within(path, &place.to_string(), |path| coerce(schema, item, value, path)));
            return each.collect::<Result<Vec<_>, _>>().map(Json::Array);
        }
        Type::Named(name) | Type::NonNullNamed(name) => name,
    };
    let coerced = match schema.types.get(name) {
        Some(ExtendedType::InputObject(input)) => return coerce_object(schema, input, value, path),
        Some(ExtendedType::Enum(definition)) => {
            value.as_str().is_some_and(|text| definition.values.contains_key(text)).then(|| value.clone())
        }
        Some(ExtendedType::Scalar(_)) => coerce_scalar(name, value),
        _ => None,
    };
    coerced.ok_or_else(|| format!("`{path}` must be of type {name}."))
}

fn coerce_object(schema: &Schema, input: &InputObjectType, value: &Json, path: &mut String) -> Result<Json, String> {
    let Json::Object(given) = value else { return Err(format!("`{path}` must be an object of type {}.", input.name)) };
    if let Some(unknown) = given.keys().find(|key| !input.fields.contains_key(key.as_str())) {
        let wrong = format!("`{path}` is of type {}, which has no such field: {unknown:?}.", input.name);
        return Err(wrong);
    }
    let mut coerced = Map::with_capacity(given.len());
    for (name, definition) in &input.fields {
        match (given.get(name.as_str()), &definition.default_value) {
            (Some(value), _) => {
                let value = within(path, name, |path| coerce(schema, &definition.ty, value, path))?;
                coerced.insert(name.to_string(), value);
            }
            (None, None) if definition.ty.is_non_null() => return Err(format!("`{path}.{name}` is required.")),
            // The engine fills a default in.
            (None, _) => {}
        }
    }
    if is_one_of(input) && (given.len() != 1 || given.values().any(Json::is_null)) {
        return Err(format!("`{path}` must have exactly one field of {}, and that one not null.", input.name));
    }
    Ok(Json::Object(coerced))
}

fn coerce_scalar(name: &Name, value: &Json) -> Option<Json> {
    match name.as_str() {
        "Int" => whole(value).and_then(|number| i32::try_from(number).ok()).map(Json::from),
        "Float" => value.is_number().then(|| value.clone()),
        "String" => value.is_string().then(|| value.clone()),
        "Boolean" => value.is_boolean().then(|| value.clone()),
        "ID" => match value {
            Json::String(_) => Some(value.clone()),
            _ => whole(value).map(|number| Json::String(number.to_string())),
        },
        _ => {
            // JSON does not tell 1 from 1.0.
            let value = whole(value).map_or_else(|| value.clone(), Json::from);
            let engine = EngineValue::from_json(value.clone()).ok()?;
            scalars::is_valid(name, &engine).unwrap_or(true).then_some(value)
        }
    }
}

/// The whole number that a JSON number is, written with a fraction of zero or not.
fn whole(value: &Json) -> Option<i64> {
    let Json::Number(number) = value else { return None };
    number.as_i64().or_else(|| number.as_f64().and_then(exact))
}

fn exact(number: f64) -> Option<i64> {
    // What is whole prints without a fraction.
    Number::from_f64(number).filter(|_| number.fract() == 0.0 && number.abs() < 9.0e15)?;
    format!("{number:.0}").parse().ok()
}

fn within<T>(path: &mut String, step: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('.');
    path.push_str(step);
    let done = work(path);
    path.truncate(length);
    done
}
