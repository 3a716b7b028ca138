//! The schema as pages read it: `coppice schema`, parsed.

use std::{collections::BTreeMap, fmt::Write as _};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            ConstDirective, EnumType, FieldDefinition, InputObjectType, InputValueDefinition, Type, TypeDefinition, TypeKind,
            TypeSystemDefinition,
        },
    },
};

use super::layout::{Entry, page, prose};
use crate::{graphql, http::html::escape};

/// The arguments of every connection; told once, in the guide.
const PAGING: [&str; 4] = ["after", "before", "first", "last"];

/// Every type of the schema by its name.
pub(super) struct Reference {
    types: BTreeMap<String, TypeDefinition>,
}

impl Reference {
    /// Of the program's own schema.
    pub(super) fn new() -> Self {
        // The program writes the text itself; a test sees that all of it is read.
        let definitions = parse_schema(graphql::sdl()).map(|document| document.definitions).unwrap_or_default();
        let types = definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            _ => None,
        });
        Self { types: types.collect() }
    }

    /// The fields of a type with fields, in the order of their names.
    pub(super) fn fields(&self, name: &str) -> &[Positioned<FieldDefinition>] {
        match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    /// The fields of an input.
    pub(super) fn input(&self, name: &str) -> Option<&InputObjectType> {
        match &self.types.get(name)?.kind {
            TypeKind::InputObject(input) => Some(input),
            _ => None,
        }
    }

    /// The values of an enum.
    pub(super) fn values(&self, name: &str) -> Option<&EnumType> {
        match &self.types.get(name)?.kind {
            TypeKind::Enum(values) => Some(values),
            _ => None,
        }
    }

    /// What is deprecated, as `Type.member`, with the reason.
    pub(super) fn deprecated(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (name, definition) in &self.types {
            let mut note = |member: &str, directives: &[Positioned<ConstDirective>]| {
                if let Some(reason) = deprecation(directives) {
                    found.push((format!("{name}.{member}"), reason));
                }
            };
            for field in self.fields(name) {
                note(&field.node.name.node, &field.node.directives);
            }
            match &definition.kind {
                TypeKind::Enum(values) => {
                    values.values.iter().for_each(|value| note(&value.node.value.node, &value.node.directives));
                }
                TypeKind::InputObject(input) => {
                    input.fields.iter().for_each(|field| note(&field.node.name.node, &field.node.directives));
                }
                _ => {}
            }
        }
        found
    }

    /// The page of all types.
    pub(super) fn page(&self) -> String {
        let mut main = "<h1>Reference</h1>\n<p>Every type of the schema, from <a href=\"schema.graphql\">schema.graphql</a>. What has paging \
                        arguments takes <code>first</code>, <code>after</code>, <code>last</code> and <code>before</code>, as the \
                        <a href=\"index.html#paging\">guide</a> tells.</p>\n"
            .to_owned();
        let mut contents = Vec::new();
        for (anchor, title, root) in [
            ("queries", "Queries", "Query"),
            ("mutations", "Mutations", "Mutation"),
            ("subscriptions", "Subscriptions", "Subscription"),
        ] {
            let fields = self.fields(root);
            let _ = write!(main, "<h2 id=\"{anchor}\">{title}</h2>\n{}", field_list(root, fields));
            let below =
                fields.iter().map(|field| Entry::new(format!("{root}.{}", field.node.name), field.node.name.node.as_str()));
            contents.push(Entry { below: below.collect(), ..Entry::new(anchor, title) });
        }
        for section in Section::ALL {
            let of = self.types.iter().filter(|(name, definition)| Section::of(name, &definition.kind) == Some(section));
            let _ = writeln!(main, "<h2 id=\"{}\">{}</h2>", section.anchor(), section.title());
            let mut below = Vec::new();
            for (name, definition) in of {
                main.push_str(&self.type_text(name, definition));
                below.push(Entry::new(name, name));
            }
            contents.push(Entry { below, ..Entry::new(section.anchor(), section.title()) });
        }
        page("reference.html", &contents, &main)
    }

    fn type_text(&self, name: &str, definition: &TypeDefinition) -> String {
        let description = definition.description.as_ref().map(|text| prose(&text.node)).unwrap_or_default();
        let (kind, members) = match &definition.kind {
            TypeKind::Scalar => ("scalar".to_owned(), specified(&definition.directives)),
            TypeKind::Object(object) => {
                let implements: Vec<_> = object.implements.iter().map(|name| linked(&name.node)).collect();
                let implements =
                    if implements.is_empty() { String::new() } else { format!(", is a {}", implements.join(" and a ")) };
                (format!("type{implements}"), field_list(name, &object.fields))
            }
            TypeKind::Interface(interface) => {
                let is = |kind: &TypeKind| matches!(kind, TypeKind::Object(object) if object.implements.iter().any(|of| of.node == name));
                let of: Vec<_> = self.types.iter().filter(|(_, other)| is(&other.kind)).map(|(name, _)| linked(name)).collect();
                let of = format!("<p>One of {}.</p>\n", of.join(", "));
                ("interface".to_owned(), of + &field_list(name, &interface.fields))
            }
            TypeKind::Union(union) => {
                let of: Vec<_> = union.members.iter().map(|name| linked(&name.node)).collect();
                ("union".to_owned(), format!("<p>One of {}.</p>\n", of.join(", ")))
            }
            TypeKind::Enum(values) => ("enum".to_owned(), value_list(name, values)),
            TypeKind::InputObject(input) => {
                let one_of = definition.directives.iter().any(|directive| directive.node.name.node == "oneOf");
                let kind = if one_of { "input, exactly one of its fields" } else { "input" };
                (kind.to_owned(), input_list(name, input))
            }
        };
        format!("<h3 id=\"{name}\"><a href=\"#{name}\">{name}</a> <small>{kind}</small></h3>\n<p>{description}</p>\n{members}")
    }
}

fn field_list(owner: &str, fields: &[Positioned<FieldDefinition>]) -> String {
    let mut text = "<dl class=\"members\">\n".to_owned();
    for field in fields.iter().map(|field| &field.node) {
        let name = &field.name.node;
        let example =
            if owner == "Mutation" { format!(" <a href=\"mutations.html#{name}\">Example</a>.") } else { String::new() };
        let _ = write!(
            text,
            "<dt id=\"{owner}.{name}\"><a href=\"#{owner}.{name}\"><code>{name}</code></a> <code>{}</code></dt><dd>{}{example}{}",
            type_link(&field.ty.node),
            described(field.description.as_ref(), &field.directives),
            arguments(&field.arguments)
        );
        text.push_str("</dd>\n");
    }
    text + "</dl>\n"
}

fn arguments(arguments: &[Positioned<InputValueDefinition>]) -> String {
    let paged = PAGING.iter().all(|name| arguments.iter().any(|argument| argument.node.name.node == *name));
    let own = arguments.iter().map(|argument| &argument.node);
    let mut text = String::new();
    for argument in own.filter(|argument| !(paged && PAGING.contains(&argument.name.node.as_str()))) {
        // The one input of a mutation says nothing that its type does not.
        let said = if argument.name.node == "input" { None } else { argument.description.as_ref() };
        let _ = write!(text, "<dt>{}</dt><dd>{}</dd>", value_head(argument), described(said, &argument.directives));
    }
    if paged {
        text.push_str("<dt><a href=\"index.html#paging\">paging arguments</a></dt>");
    }
    if text.is_empty() { text } else { format!("<dl>{text}</dl>") }
}

/// What a page of the reference is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Objects,
    Abstract,
    Inputs,
    Enums,
    Scalars,
    Payloads,
    Connections,
}

impl Section {
    const ALL: [Self; 7] =
        [Self::Objects, Self::Abstract, Self::Inputs, Self::Enums, Self::Scalars, Self::Payloads, Self::Connections];

    fn of(name: &str, kind: &TypeKind) -> Option<Self> {
        Some(match kind {
            TypeKind::Object(_) if ["Query", "Mutation", "Subscription"].contains(&name) => return None,
            TypeKind::Object(_) if name.ends_with("Payload") => Self::Payloads,
            TypeKind::Object(_) if name.ends_with("Connection") || name.ends_with("Edge") => Self::Connections,
            TypeKind::Object(_) => Self::Objects,
            TypeKind::Interface(_) | TypeKind::Union(_) => Self::Abstract,
            TypeKind::InputObject(_) => Self::Inputs,
            TypeKind::Enum(_) => Self::Enums,
            TypeKind::Scalar => Self::Scalars,
        })
    }

    const fn anchor(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Abstract => "interfaces",
            Self::Inputs => "inputs",
            Self::Enums => "enums",
            Self::Scalars => "scalars",
            Self::Payloads => "payloads",
            Self::Connections => "connections",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Objects => "Objects",
            Self::Abstract => "Interfaces and unions",
            Self::Inputs => "Inputs",
            Self::Enums => "Enums",
            Self::Scalars => "Scalars",
            Self::Payloads => "Payloads of mutations",
            Self::Connections => "Connections and edges",
        }
    }
}

/// The fields of an input with what they mean.
pub(super) fn input_list(owner: &str, input: &InputObjectType) -> String {
    let mut text = "<dl class=\"members\">\n".to_owned();
    for field in input.fields.iter().map(|field| &field.node) {
        let _ = writeln!(
            text,
            "<dt id=\"{owner}.{}\">{}</dt><dd>{}</dd>",
            field.name.node,
            value_head(field),
            described(field.description.as_ref(), &field.directives)
        );
    }
    text + "</dl>\n"
}

/// The values of an enum with what they mean.
pub(super) fn value_list(owner: &str, values: &EnumType) -> String {
    let mut text = "<dl class=\"members\">\n".to_owned();
    for value in values.values.iter().map(|value| &value.node) {
        let name = &value.value.node;
        let _ = writeln!(
            text,
            "<dt id=\"{owner}.{name}\"><code>{name}</code></dt><dd>{}</dd>",
            described(value.description.as_ref(), &value.directives)
        );
    }
    text + "</dl>\n"
}

fn value_head(value: &InputValueDefinition) -> String {
    let default = value.default_value.as_ref().map(|value| format!(" <code>= {}</code>", escape(&value.node.to_string())));
    format!("<code>{}</code> <code>{}</code>{}", value.name.node, type_link(&value.ty.node), default.unwrap_or_default())
}

fn described(description: Option<&Positioned<String>>, directives: &[Positioned<ConstDirective>]) -> String {
    let text = description.map(|text| prose(&text.node)).unwrap_or_default();
    match deprecation(directives) {
        Some(reason) => format!("{text} <b>Deprecated:</b> {}", prose(&reason)),
        None => text,
    }
}

fn deprecation(directives: &[Positioned<ConstDirective>]) -> Option<String> {
    let found = directives.iter().find(|directive| directive.node.name.node == "deprecated")?;
    Some(argument(&found.node, "reason").unwrap_or_else(|| "No longer supported".to_owned()))
}

fn specified(directives: &[Positioned<ConstDirective>]) -> String {
    let found = directives.iter().find(|directive| directive.node.name.node == "specifiedBy");
    let url = found.and_then(|directive| argument(&directive.node, "url")).map(|url| escape(&url));
    url.map(|url| format!("<p>Specified by <a href=\"{url}\">{url}</a></p>\n")).unwrap_or_default()
}

fn argument(directive: &ConstDirective, name: &str) -> Option<String> {
    match &directive.get_argument(name)?.node {
        async_graphql::Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// A type as it is written, its name leading to where it stands in the reference.
pub(super) fn type_link(of: &Type) -> String {
    let written = of.to_string();
    let name = written.trim_matches(['[', ']', '!']);
    written.replacen(name, &linked(name), 1)
}

/// A type's name, leading there; those that every schema has lead nowhere.
fn linked(name: &str) -> String {
    match name {
        "Boolean" | "Float" | "ID" | "Int" | "String" => name.to_owned(),
        _ => format!("<a href=\"reference.html#{name}\">{name}</a>"),
    }
}
