//! The engine as the schema's types are derived against it (`crate = "engine"`): async-graphql, but for how the fields of an object and the items
//! of a list are run.
//!
//! async-graphql makes a future on the heap for each field, and joins them. Here a field runs at once; only one that has to wait, for a load
//! mostly, gets a place of its own. A page of 50 feeds is some 1,500 fields, all but a hundred of which wait for nothing. And an error keeps
//! the path of where it arose, where the engine's own gives it that of the last field it passes through.

use std::{borrow::Cow, sync::Arc};

use super::written::{self, Writing};

pub(in crate::graphql) use async_graphql::*;

pub mod resolver_utils {
    use std::{
        future::poll_fn,
        sync::Arc,
        task::{Context as Task, Poll},
    };

    pub(in crate::graphql) use async_graphql::resolver_utils::*;
    use async_graphql::{
        Context, ContextBase, ContextSelectionSet, Name, OutputType, Positioned, ServerError, ServerResult, Value,
        indexmap::IndexMap,
        parser::types::{Field, Selection, SelectionSet},
    };
    use tokio_util::sync::ReusableBoxFuture;

    use crate::graphql::{
        gate::points,
        written::{self, Writing},
    };

    /// The fields of an object, together; written where the request has its answer written.
    pub async fn resolve_container<'a, T: ContainerType + ?Sized>(
        ctx: &ContextSelectionSet<'a>,
        root: &'a T,
    ) -> ServerResult<Value> {
        let mut selected = Selected::default();
        selected.collect(ctx, root, ctx.item);
        let fields = &selected.fields;
        let writing = ctx.data_opt::<Arc<Writing>>();
        let own = root.introspection_type_name();
        if let Some(writing) = writing {
            writing.count(points(&own, fields) + selected.again);
        }
        if own != T::type_name() {
            // An interface or union: only the engine gets at what is in it.
            let object = async_graphql::resolver_utils::resolve_container(ctx, root).await?;
            return Ok(match (writing, object) {
                (Some(_), Value::Object(object)) => written::object(object.iter()),
                (_, object) => object,
            });
        }
        let mut values = join(fields.iter().map(|field| one(ctx, root, field))).await?;
        if selected.repeats {
            let values = fields.iter().map(|field| name(field).clone()).zip(values);
            let object = values.fold(IndexMap::new(), |mut object, (name, value)| {
                merge(object.entry(name).or_default(), value);
                object
            });
            return Ok(if writing.is_some() { written::object(object.iter()) } else { Value::Object(object) });
        }
        if writing.is_some() {
            return Ok(written::object(fields.iter().map(|field| name(field)).zip(&values)));
        }
        Ok(Value::Object(fields.iter().map(|field| name(field).clone()).zip(values.drain(..)).collect()))
    }

    /// The value of a field that does not wait. async-graphql's own gives an error from below the path of the field it passes through.
    pub async fn resolve_simple_field_value<T: OutputType + ?Sized>(
        ctx: &Context<'_>,
        value: &T,
    ) -> ServerResult<Option<Value>> {
        let selected = ctx.with_selection_set(&ctx.item.node.selection_set);
        value.resolve(&selected, ctx.item).await.map(Some).map_err(|error| placed(ctx, error))
    }

    /// An error with its path: that of where it arose.
    pub fn placed<T>(ctx: &ContextBase<'_, T>, error: ServerError) -> ServerError {
        if error.path.is_empty() { ctx.set_error_path(error) } else { error }
    }

    fn name(field: &Positioned<Field>) -> &Name {
        &field.node.response_key().node
    }

    /// The fields of an object that are selected, in their order.
    #[derive(Default)]
    struct Selected<'a> {
        fields: Vec<&'a Positioned<Field>>,
        /// Whether several have one name: each is a part of what that name comes to (`{ a { x } a { y } }`).
        repeats: bool,
        /// How many more are written than are here.
        again: usize,
        /// A bit for each name; two names may have the same one.
        seen: u64,
    }

    impl<'a> Selected<'a> {
        fn collect<T: ContainerType + ?Sized>(
            &mut self,
            ctx: &ContextSelectionSet<'a>,
            root: &T,
            set: &'a Positioned<SelectionSet>,
        ) {
            if self.fields.is_empty() {
                self.fields.reserve_exact(set.node.items.len());
            }
            for selection in &set.node.items {
                match &selection.node {
                    Selection::Field(field) => self.add(field),
                    Selection::FragmentSpread(spread) => {
                        if let Some(fragment) = ctx.query_env.fragments.get(&spread.node.fragment_name.node)
                            && applies(ctx, root, &fragment.node.type_condition.node.on.node)
                        {
                            self.collect(ctx, root, &fragment.node.selection_set);
                        }
                    }
                    Selection::InlineFragment(fragment) => {
                        let on = fragment.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                        if on.is_none_or(|on| applies(ctx, root, on)) {
                            self.collect(ctx, root, &fragment.node.selection_set);
                        }
                    }
                }
            }
        }

        fn add(&mut self, field: &'a Positioned<Field>) {
            let bit = bit(name(field));
            if self.seen & bit != 0 && self.fields.iter().any(|other| name(other) == name(field)) {
                // What has no fields of its own is the same a second time: the document would not be valid else.
                if field.node.selection_set.node.items.is_empty() {
                    self.again += 1;
                    return;
                }
                self.repeats = true;
            }
            self.seen |= bit;
            self.fields.push(field);
        }
    }

    /// One of 64 bits, seldom the same for two names of an object.
    fn bit(name: &str) -> u64 {
        let bytes = name.as_bytes();
        let ends = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| usize::from(*first) * 7 + usize::from(*last));
        1 << ((ends + name.len() * 5) % 64)
    }

    /// Adds what another field of the same name came to.
    fn merge(into: &mut Value, value: Value) {
        match (std::mem::take(into), value) {
            (Value::Null, value) => *into = value,
            (first, second) => {
                *into = match (written::read(first), written::read(second)) {
                    (Value::Object(mut fields), Value::Object(others)) => {
                        for (name, value) in others {
                            merge(fields.entry(name).or_default(), value);
                        }
                        Value::Object(fields)
                    }
                    (Value::List(mut items), Value::List(others)) => {
                        items.iter_mut().zip(others).for_each(|(item, other)| merge(item, other));
                        Value::List(items)
                    }
                    (first, _) => first,
                }
            }
        }
    }

    fn applies<T: ContainerType + ?Sized>(ctx: &ContextSelectionSet<'_>, root: &T, on: &Name) -> bool {
        let own = root.introspection_type_name();
        *own == **on || ctx.schema_env.registry.implements.get(&*own).is_some_and(|interfaces| interfaces.contains(on.as_str()))
    }

    async fn one<'a, T: ContainerType + ?Sized>(
        ctx: &ContextSelectionSet<'a>,
        root: &'a T,
        field: &'a Positioned<Field>,
    ) -> ServerResult<Value> {
        if field.node.name.node == "__typename" {
            return Ok(Value::String(root.introspection_type_name().into_owned()));
        }
        let ctx = ctx.with_field(field);
        Ok(root.resolve_field(&ctx).await?.unwrap_or_default())
    }

    /// The values of all, in their order, or the first error.
    pub async fn join<F>(futures: impl Iterator<Item = F> + Send) -> ServerResult<Vec<Value>>
    where
        F: Future<Output = ServerResult<Value>> + Send,
    {
        let mut values = Vec::with_capacity(futures.size_hint().0);
        let mut waiting = Vec::new();
        let mut futures = Some(futures);
        poll_fn(move |task| {
            if let Some(futures) = futures.take() {
                begin(futures, task, &mut values, &mut waiting)?;
            } else {
                go_on(task, &mut values, &mut waiting)?;
            }
            if waiting.is_empty() { Poll::Ready(Ok(std::mem::take(&mut values))) } else { Poll::Pending }
        })
        .await
    }

    type Waiting<'f> = (usize, ReusableBoxFuture<'f, ServerResult<Value>>);

    /// Runs each as far as it comes at once.
    fn begin<'f, F>(
        futures: impl Iterator<Item = F>,
        task: &mut Task<'_>,
        values: &mut Vec<Value>,
        waiting: &mut Vec<Waiting<'f>>,
    ) -> ServerResult<()>
    where
        F: Future<Output = ServerResult<Value>> + Send + 'f,
    {
        let mut place: Option<ReusableBoxFuture<'f, _>> = None;
        for (index, future) in futures.enumerate() {
            let mut running = match place.take() {
                Some(mut place) => {
                    place.set(future);
                    place
                }
                None => ReusableBoxFuture::new(future),
            };
            match running.poll(task) {
                Poll::Ready(value) => {
                    values.push(value?);
                    place = Some(running);
                }
                Poll::Pending => {
                    values.push(Value::Null);
                    waiting.push((index, running));
                }
            }
        }
        Ok(())
    }

    fn go_on(task: &mut Task<'_>, values: &mut [Value], waiting: &mut Vec<Waiting<'_>>) -> ServerResult<()> {
        let mut place = 0;
        while let Some((index, running)) = waiting.get_mut(place) {
            match running.poll(task) {
                Poll::Ready(value) => {
                    values[*index] = value?;
                    waiting.swap_remove(place);
                }
                Poll::Pending => place += 1,
            }
        }
        Ok(())
    }
}

/// A list whose items run as an object's fields do.
#[derive(Debug, Clone)]
pub struct List<T>(pub Vec<T>);

impl<T: OutputType> OutputType for List<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut registry::Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<parser::types::Field>) -> ServerResult<Value> {
        let item = async |(index, item): (usize, &T)| {
            let ctx = ctx.with_index(index);
            item.resolve(&ctx, field).await.map_err(|error| resolver_utils::placed(&ctx, error))
        };
        let values = resolver_utils::join(self.0.iter().enumerate().map(item)).await?;
        Ok(if ctx.data_opt::<Arc<Writing>>().is_some() { written::list(&values) } else { Value::List(values) })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Interface, Object, Schema};
    use serde_json::json;
    use tokio::task::yield_now;

    use super::{List, *};
    use crate::graphql::engine;

    struct Leaf(i32);

    #[Object(crate = "engine")]
    impl Leaf {
        async fn id(&self) -> i32 {
            self.0
        }

        /// Waits as often as its number says, so that later ones are done first.
        async fn late(&self) -> i32 {
            for _ in 0..self.0 {
                yield_now().await;
            }
            self.0 * 10
        }

        async fn wrong(&self) -> Option<Result<i32>> {
            yield_now().await;
            (self.0 == 2).then(|| Err(Error::new("two is wrong")))
        }

        async fn fatal(&self) -> Result<i32> {
            yield_now().await;
            if self.0 == 2 { Err(Error::new("two is fatal")) } else { Ok(self.0) }
        }

        fn leaves(&self) -> List<Leaf> {
            List((1..self.0).map(Leaf).collect())
        }
    }

    #[derive(Interface)]
    #[graphql(crate = "engine", field(name = "id", ty = "i32"))]
    enum Numbered {
        Leaf(Leaf),
    }

    struct Query;

    #[Object]
    impl Query {
        async fn leaf(&self) -> Leaf {
            Leaf(3)
        }

        async fn numbered(&self) -> Numbered {
            Leaf(4).into()
        }
    }

    /// The answer, which is the same when it is written.
    async fn ask(query: &str) -> Response {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).register_output_type::<Numbered>().finish();
        let response = schema.execute(query).await;
        let written = schema.execute(Request::new(query).data(Arc::<Writing>::default())).await;
        let mut out = Vec::new();
        written::write_json(&mut out, &written.data);
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&response.data).unwrap());
        assert_eq!(written.errors, response.errors);
        response
    }

    async fn data(query: &str) -> serde_json::Value {
        let response = ask(query).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()
    }

    #[tokio::test]
    async fn fields_come_in_their_order_whichever_is_done_first() {
        let found = ask("{ leaf { late __typename id leaves { late id } other: late } }").await.data.to_string();
        let leaves = "[{late: 10, id: 1}, {late: 20, id: 2}]";
        assert_eq!(found, format!("{{leaf: {{late: 30, __typename: \"Leaf\", id: 3, leaves: {leaves}, other: 30}}}}"));
    }

    #[tokio::test]
    async fn fragments_apply_by_type_and_interface_and_equal_names_become_one() {
        let query = "query ($no: Boolean = false) {
            leaf { ...A ... on Numbered { id } ... { leaves { id id } } ... @include(if: $no) { gone: id } late }
            numbered { id ... on Leaf { leaves { late } } }
        }
        fragment A on Leaf { leaves { late } late }";
        let expected = json!({
            "leaf": { "leaves": [{ "late": 10, "id": 1 }, { "late": 20, "id": 2 }], "late": 30, "id": 3 },
            "numbered": { "id": 4, "leaves": [{ "late": 10 }, { "late": 20 }, { "late": 30 }] },
        });
        assert_eq!(data(query).await, expected);
    }

    #[tokio::test]
    async fn an_error_has_its_path_and_costs_the_nearest_nullable_field() {
        let response = ask("{ leaf { id leaves { id wrong } } }").await;
        assert_eq!(
            response.data.into_json().unwrap(),
            json!({ "leaf": { "id": 3, "leaves": [{ "id": 1, "wrong": null }, { "id": 2, "wrong": null }] } })
        );
        let shown = serde_json::to_value(&response.errors).unwrap();
        assert_eq!(shown[0]["path"], json!(["leaf", "leaves", 1, "wrong"]));

        let response = ask("{ leaf { id leaves { fatal } } }").await;
        let shown = serde_json::to_value(&response.errors).unwrap();
        assert_eq!(response.data, Value::Null);
        assert_eq!(shown[0]["path"], json!(["leaf", "leaves", 1, "fatal"]));
    }
}
