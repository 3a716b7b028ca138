//! The validator's syntax tree as the engine's: the same document, parsed once.

use apollo_compiler::{Name, Node, ast, parser::SourceSpan};
use async_graphql::{
    Name as EngineName, Number, Pos, Positioned, ServerError,
    indexmap::IndexMap,
    parser::types::{
        BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread, InlineFragment,
        OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition, VariableDefinition,
    },
};
use async_graphql_value::Value;

use super::document::refused;

/// The engine's form of a document; definitions that cannot be executed are left to the validator to name.
pub(super) fn convert(document: &ast::Document, text: &str) -> Result<ExecutableDocument, ServerError> {
    let lines = Lines::of(text);
    let (mut operations, mut fragments) = (Vec::new(), std::collections::HashMap::new());
    for definition in &document.definitions {
        match definition {
            ast::Definition::OperationDefinition(operation) => {
                let name = operation.name.as_ref().map(engine_name);
                operations.push((name, lines.node(operation, lines.operation(operation)?)));
            }
            ast::Definition::FragmentDefinition(fragment) => {
                fragments.insert(engine_name(&fragment.name), lines.node(fragment, lines.fragment(fragment)?));
            }
            _ => {}
        }
    }
    let operations = match operations.pop() {
        Some((None, operation)) if operations.is_empty() => DocumentOperations::Single(operation),
        last => DocumentOperations::Multiple(
            operations
                .into_iter()
                .chain(last)
                .map(|(name, operation)| (name.unwrap_or(EngineName::new("")), operation))
                .collect(),
        ),
    };
    Ok(ExecutableDocument { operations, fragments })
}

fn engine_name(name: &Name) -> EngineName {
    EngineName::new(name.as_str())
}

/// Where lines begin, to tell a place by line and column.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

/// A name with its value.
type Argument = (Positioned<EngineName>, Positioned<Value>);

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn place(&self, span: Option<SourceSpan>) -> Pos {
        let Some(span) = span else { return Pos::default() };
        let line = self.starts.partition_point(|start| *start <= span.offset());
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..span.offset()).map_or(0, |before| before.chars().count()) + 1;
        Pos { line, column }
    }

    fn node<T, N>(&self, at: &Node<T>, node: N) -> Positioned<N> {
        Positioned::new(node, self.place(at.location()))
    }

    fn name(&self, name: &Name) -> Positioned<EngineName> {
        Positioned::new(engine_name(name), self.place(name.location()))
    }

    fn operation(&self, operation: &ast::OperationDefinition) -> Result<OperationDefinition, ServerError> {
        Ok(OperationDefinition {
            ty: match operation.operation_type {
                ast::OperationType::Query => OperationType::Query,
                ast::OperationType::Mutation => OperationType::Mutation,
                ast::OperationType::Subscription => OperationType::Subscription,
            },
            variable_definitions: operation
                .variables
                .iter()
                .map(|variable| self.variable(variable))
                .collect::<Result<_, _>>()?,
            directives: self.directives(&operation.directives)?,
            selection_set: self.selection_set(&operation.selection_set)?,
        })
    }

    fn variable(&self, variable: &Node<ast::VariableDefinition>) -> Result<Positioned<VariableDefinition>, ServerError> {
        let default = variable.default_value.as_ref().map(|value| {
            let constant = self.value(value)?.into_const();
            // A variable in a default is not even syntax.
            let place = self.place(value.location());
            constant
                .map(|constant| Positioned::new(constant, place))
                .ok_or_else(|| refused("Syntax error: a default value cannot hold a variable.", Some(place)))
        });
        let definition = VariableDefinition {
            name: self.name(&variable.name),
            var_type: self.node(&variable.ty, engine_type(&variable.ty)),
            directives: self.directives(&variable.directives)?,
            default_value: default.transpose()?,
        };
        Ok(self.node(variable, definition))
    }

    fn fragment(&self, fragment: &ast::FragmentDefinition) -> Result<FragmentDefinition, ServerError> {
        Ok(FragmentDefinition {
            type_condition: self.condition(&fragment.type_condition),
            directives: self.directives(&fragment.directives)?,
            selection_set: self.selection_set(&fragment.selection_set)?,
        })
    }

    fn condition(&self, on: &Name) -> Positioned<TypeCondition> {
        let on = self.name(on);
        Positioned::new(TypeCondition { on: on.clone() }, on.pos)
    }

    fn selection_set(&self, selections: &[ast::Selection]) -> Result<Positioned<SelectionSet>, ServerError> {
        let items = selections.iter().map(|selection| self.selection(selection)).collect::<Result<Vec<_>, _>>()?;
        let place = items.first().map(|item| item.pos).unwrap_or_default();
        Ok(Positioned::new(SelectionSet { items }, place))
    }

    fn selection(&self, selection: &ast::Selection) -> Result<Positioned<Selection>, ServerError> {
        Ok(match selection {
            ast::Selection::Field(field) => {
                let place = self.place(field.location());
                let converted = Field {
                    alias: field.alias.as_ref().map(|alias| self.name(alias)),
                    name: self.name(&field.name),
                    arguments: self.arguments(&field.arguments)?,
                    directives: self.directives(&field.directives)?,
                    selection_set: self.selection_set(&field.selection_set)?,
                };
                Positioned::new(Selection::Field(Positioned::new(converted, place)), place)
            }
            ast::Selection::FragmentSpread(spread) => {
                let place = self.place(spread.location());
                let converted = FragmentSpread {
                    fragment_name: self.name(&spread.fragment_name),
                    directives: self.directives(&spread.directives)?,
                };
                Positioned::new(Selection::FragmentSpread(Positioned::new(converted, place)), place)
            }
            ast::Selection::InlineFragment(inline) => {
                let place = self.place(inline.location());
                let converted = InlineFragment {
                    type_condition: inline.type_condition.as_ref().map(|on| self.condition(on)),
                    directives: self.directives(&inline.directives)?,
                    selection_set: self.selection_set(&inline.selection_set)?,
                };
                Positioned::new(Selection::InlineFragment(Positioned::new(converted, place)), place)
            }
        })
    }

    fn directives(&self, directives: &ast::DirectiveList) -> Result<Vec<Positioned<Directive>>, ServerError> {
        let convert = |directive: &Node<ast::Directive>| {
            let converted = Directive { name: self.name(&directive.name), arguments: self.arguments(&directive.arguments)? };
            Ok(self.node(directive, converted))
        };
        directives.iter().map(convert).collect()
    }

    fn arguments(&self, arguments: &[Node<ast::Argument>]) -> Result<Vec<Argument>, ServerError> {
        let convert = |argument: &Node<ast::Argument>| {
            Ok((self.name(&argument.name), self.node(&argument.value, self.value(&argument.value)?)))
        };
        arguments.iter().map(convert).collect()
    }

    fn value(&self, value: &Node<ast::Value>) -> Result<Value, ServerError> {
        let too_large = || refused("A number is too large.", Some(self.place(value.location())));
        Ok(match &**value {
            ast::Value::Null => Value::Null,
            ast::Value::Enum(name) => Value::Enum(engine_name(name)),
            ast::Value::Variable(name) => Value::Variable(engine_name(name)),
            ast::Value::String(text) => Value::String(text.clone()),
            ast::Value::Boolean(boolean) => Value::Boolean(*boolean),
            ast::Value::Int(number) => Value::Number(number.as_str().parse::<Number>().map_err(|_| too_large())?),
            ast::Value::Float(number) => Value::Number(number.as_str().parse::<Number>().map_err(|_| too_large())?),
            ast::Value::List(values) => Value::List(values.iter().map(|value| self.value(value)).collect::<Result<_, _>>()?),
            ast::Value::Object(fields) => {
                let mut map = IndexMap::with_capacity(fields.len());
                for (name, value) in fields {
                    if map.insert(engine_name(name), self.value(value)?).is_some() {
                        let message = format!("There can be only one input field named \"{name}\".");
                        return Err(refused(message, Some(self.place(name.location()))));
                    }
                }
                Value::Object(map)
            }
        })
    }
}

fn engine_type(ty: &ast::Type) -> Type {
    let named = |name: &Name| BaseType::Named(engine_name(name));
    let list = |item: &ast::Type| BaseType::List(Box::new(engine_type(item)));
    match ty {
        ast::Type::Named(name) => Type { base: named(name), nullable: true },
        ast::Type::NonNullNamed(name) => Type { base: named(name), nullable: false },
        ast::Type::List(item) => Type { base: list(item), nullable: true },
        ast::Type::NonNullList(item) => Type { base: list(item), nullable: false },
    }
}
