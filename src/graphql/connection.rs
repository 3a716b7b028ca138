//! Lists that can grow (Relay cursor connections), once for all types.
//!
//! A field that gives a connection takes `first`, `after`, `last` and `before`. They are not written at the field: [`Paged`], around
//! the root of the queries, adds them to every field of a connection type when the schema is built, and the resolver reads them with
//! [`page_args`]. To add a connection, give its items' plural in [`NAMES`] and return a [`Connection`].

use std::borrow::Cow;

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Object, ObjectType, OutputType, Positioned, ServerResult, TypeName, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::{MetaField, MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::engine::{self, List};
use crate::domain::paging::{Cursors, DEFAULT_PAGE, MAX_PAGE, Page, PageArgs};

/// What a connection and its parts are called.
struct Names {
    item: &'static str,
    edge: &'static str,
    connection: &'static str,
    plural: &'static str,
}

macro_rules! names {
    ($($item:literal: $plural:literal,)+) => {
        &[$(Names {
            item: $item,
            edge: concat!($item, "Edge"),
            connection: concat!($item, "Connection"),
            plural: $plural,
        },)+]
    };
}

/// Every connection, by its item.
const NAMES: &[Names] = names! {
    "Account": "accounts",
    "Anomaly": "anomalies",
    "ApiKey": "API keys",
    "Certificate": "certificates",
    "Collection": "collections",
    "Deposit": "ledger entries",
    "Device": "devices",
    "Feed": "feeds",
    "HealthChange": "changes of health",
    "Project": "projects",
    "Server": "servers",
    "SyncRun": "sync runs",
    "User": "users",
    "VendorCustomer": "a vendor's customers",
};

/// The name of what has items of type `T`. It is asked for with each object of an answer, so it is not put together where it stands here.
fn name<T: OutputType>(part: impl Fn(&Names) -> &'static str, end: &str) -> Cow<'static, str> {
    let item = T::type_name();
    NAMES.iter().find(|names| names.item == item).map_or_else(|| format!("{item}{end}").into(), |names| part(names).into())
}

/// The arguments of every connection: name, type, description.
const PAGE_ARGUMENTS: [(&str, &str, &str); 4] = [
    ("first", "Int", "Size of the page, counted from the start: 1 to 100; 25 when neither first nor last is given."),
    ("after", "String", "Cursor of the edge before the page."),
    ("last", "Int", "Size of the page, counted from the end: 1 to 100; not together with first."),
    ("before", "String", "Cursor of the edge behind the page."),
];

/// Where a page lies in its list (Relay cursor connections).
#[derive(Debug, Clone)]
pub struct PageInfo {
    has_next: bool,
    has_previous: bool,
    start: Option<String>,
    end: Option<String>,
}

/// Where a page lies in its list (Relay cursor connections).
#[Object(crate = "engine")]
impl PageInfo {
    /// Whether items follow the page.
    fn has_next_page(&self) -> bool {
        self.has_next
    }

    /// Whether items precede the page.
    fn has_previous_page(&self) -> bool {
        self.has_previous
    }

    /// Cursor of the first item; null on an empty page.
    fn start_cursor(&self) -> Option<&str> {
        self.start.as_deref()
    }

    /// Cursor of the last item; null on an empty page.
    fn end_cursor(&self) -> Option<&str> {
        self.end.as_deref()
    }
}

/// An item with its place in the list.
#[derive(Debug, Clone)]
pub struct Edge<T> {
    cursor: String,
    node: T,
}

#[Object(name_type, crate = "engine")]
impl<T: OutputType> Edge<T> {
    /// Opaque place of this item; pass it as after or before.
    fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item.
    fn node(&self) -> &T {
        &self.node
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        name::<T>(|names| names.edge, "Edge")
    }
}

/// A page of items.
#[derive(Debug, Clone)]
pub struct Connection<T> {
    edges: Vec<Edge<T>>,
    has_next: bool,
    has_previous: bool,
}

impl<T> Connection<T> {
    /// The connection of a page, each item made with its cursor by `item`.
    pub fn map<R>(page: Page<R>, item: impl Fn(&str, R) -> T) -> Self {
        let edges = page.items.into_iter().map(|(cursor, record)| Edge { node: item(&cursor, record), cursor }).collect();
        Self { edges, has_next: page.has_next, has_previous: page.has_previous }
    }

    pub(super) fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    pub(super) fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    pub(super) fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next: self.has_next,
            has_previous: self.has_previous,
            start: self.edges.first().map(|edge| edge.cursor.clone()),
            end: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }
}

impl<R, T: From<R>> From<Page<R>> for Connection<T> {
    fn from(page: Page<R>) -> Self {
        Self::map(page, |_, record| record.into())
    }
}

/// The same fields by other names, so that [`Connection`]'s methods can be used where there is no schema.
#[Object(name_type, crate = "engine")]
impl<T: OutputType + 'static> Connection<T> {
    /// The page's items with their cursors.
    #[graphql(name = "edges")]
    fn resolve_edges(&self) -> List<&Edge<T>> {
        List(self.edges.iter().collect())
    }

    /// The page's items without cursors.
    #[graphql(name = "nodes")]
    fn resolve_nodes(&self) -> List<&T> {
        List(self.nodes())
    }

    /// Where the page lies in the list.
    #[graphql(name = "pageInfo")]
    fn resolve_page_info(&self) -> PageInfo {
        self.page_info()
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        name::<T>(|names| names.connection, "Connection")
    }
}

/// The page that the field being resolved asks for. Sizes out of range never come so far: the gate refuses them.
pub(super) fn page_args(ctx: &Context<'_>) -> PageArgs {
    fn given<T: async_graphql::InputType>(ctx: &Context<'_>, name: &str) -> Option<T> {
        ctx.param_value::<Option<T>>(name, None).ok().and_then(|(_, value)| value)
    }
    let (first, last) = (given::<i32>(ctx, "first"), given::<i32>(ctx, "last"));
    let mut asked = Asked::default();
    asked.add(ctx, &ctx.item.node.selection_set.node);
    PageArgs {
        limit: size(first, last),
        backward: first.is_none() && last.is_some(),
        after: given(ctx, "after"),
        before: given(ctx, "before"),
        asks_for_more: asked.page_info,
        cursors: match asked {
            Asked { edges: true, .. } => Cursors::All,
            Asked { page_info: true, .. } => Cursors::Ends,
            Asked { .. } => Cursors::None,
        },
    }
}

/// What a document asks of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    edges: bool,
    page_info: bool,
}

impl Asked {
    fn add(&mut self, ctx: &Context<'_>, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => match field.node.name.node.as_str() {
                    "edges" => self.edges = true,
                    "pageInfo" => self.page_info = true,
                    _ => {}
                },
                Selection::InlineFragment(fragment) => self.add(ctx, &fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                        self.add(ctx, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
}

fn size(first: Option<i32>, last: Option<i32>) -> u32 {
    first.or(last).map_or(DEFAULT_PAGE, |size| u32::try_from(size).unwrap_or(1).clamp(1, MAX_PAGE))
}

/// A root that gives every connection below it its page arguments and its description.
pub struct Paged<T>(pub T);

impl<T: ObjectType> OutputType for Paged<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = T::create_type_info(registry);
        for Names { edge, connection, plural, .. } in NAMES {
            registry.set_description(*connection, format!("A page of {plural}."));
            registry.set_description(*edge, format!("One of {plural}, with its place in the list."));
        }
        for meta in registry.types.values_mut() {
            if let MetaType::Object { fields, .. } = meta {
                fields
                    .values_mut()
                    .filter(|field| MetaTypeName::concrete_typename(&field.ty).ends_with("Connection"))
                    .for_each(page);
            }
        }
        name
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        self.0.resolve(ctx, field).await
    }
}

impl<T: ObjectType> ContainerType for Paged<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.0.resolve_field(ctx).await
    }
}

impl<T: ObjectType> ObjectType for Paged<T> {}

/// Adds the page arguments before a field's own, but behind what is searched for.
fn page(field: &mut MetaField) {
    let own = std::mem::take(&mut field.args);
    let (search, rest): (IndexMap<_, _>, IndexMap<_, _>) = own.into_iter().partition(|(name, _)| name == "search");
    field.args.extend(search);
    for (name, ty, description) in PAGE_ARGUMENTS {
        let mut argument = MetaInputValue::new(name.to_owned(), ty.to_owned());
        argument.description = Some(description.to_owned());
        field.args.insert(name.to_owned(), argument);
    }
    field.args.extend(rest);
}
