//! The engine as the schema's types are derived against it (`crate = "engine"`): async-graphql, but for how the fields of an object and the items
//! of a list are run.
//!
//! async-graphql makes a future on the heap for each field, and joins them. Here a field runs at once; only one that has to wait, for a load
//! mostly, gets a place of its own. A page of 50 feeds is some 1,500 fields, all but a hundred of which wait for nothing. And an error keeps
//! the path of where it arose, where the engine's own gives it that of the last field it passes through.

use std::borrow::Cow;

pub(in crate::graphql) use async_graphql::*;

pub mod resolver_utils {
    use std::{
        future::poll_fn,
        task::{Context as Task, Poll},
    };

    pub(in crate::graphql) use async_graphql::resolver_utils::*;
    use async_graphql::{
        Context, ContextBase, ContextSelectionSet, Name, OutputType, Positioned, ServerError, ServerResult, Value,
        indexmap::IndexMap,
        parser::types::{Field, Selection, SelectionSet},
    };
    use tokio_util::sync::ReusableBoxFuture;

    /// The fields of an object, together. What fields of one name come to is one (`{ a { x } a { y } }`).
    pub async fn resolve_container<'a, T: ContainerType + ?Sized>(
        ctx: &ContextSelectionSet<'a>,
        root: &'a T,
    ) -> ServerResult<Value> {
        let mut fields = Vec::with_capacity(ctx.item.node.items.len());
        if !collect(ctx, root, ctx.item, &mut fields) {
            return async_graphql::resolver_utils::resolve_container(ctx, root).await;
        }
        let values = join(fields.iter().map(|field| one(ctx, root, field))).await?;
        let mut object = IndexMap::with_capacity(values.len());
        for (field, value) in fields.iter().zip(values) {
            object.insert(name(field).clone(), value);
        }
        Ok(Value::Object(object))
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

    /// The fields that are selected, in their order; `false` where the engine itself has to look at them: directives of its own, or a name
    /// that comes twice.
    fn collect<'a, T: ContainerType + ?Sized>(
        ctx: &ContextSelectionSet<'a>,
        root: &T,
        selected: &'a Positioned<SelectionSet>,
        fields: &mut Vec<&'a Positioned<Field>>,
    ) -> bool {
        selected.node.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) => {
                let plain = field.node.directives.is_empty() && fields.iter().all(|other| name(other) != name(field));
                fields.push(field);
                plain
            }
            Selection::FragmentSpread(spread) => match ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => {
                    let on = &fragment.node.type_condition.node.on.node;
                    !applies(ctx, root, on) || collect(ctx, root, &fragment.node.selection_set, fields)
                }
                None => false,
            },
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                on.is_some_and(|on| !applies(ctx, root, on)) || collect(ctx, root, &fragment.node.selection_set, fields)
            }
        })
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
        Ok(Value::List(resolver_utils::join(self.0.iter().enumerate().map(item)).await?))
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
    #[graphql(field(name = "id", ty = "i32"))]
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

    async fn ask(query: &str) -> Response {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).register_output_type::<Numbered>().finish();
        schema.execute(query).await
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
            leaf { ...A ... on Numbered { id } ... { leaves { id } } ... @include(if: $no) { gone: id } }
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
