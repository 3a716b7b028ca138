//! The numbers of `estimate`, judged before anything runs.

use async_graphql::{InputType, Value, parser::types::Field};
use serde_json::{Map, Value as Json};

use crate::graphql::{
    scalars::Decimal,
    types::{Estimate, PaperInput},
};

/// Which number of an estimate is out of range; `None` for none, or where its input is no estimate's.
pub(super) fn refusal(field: &Field, variables: &Map<String, Json>) -> Option<String> {
    let papers: Vec<PaperInput> = argument(field, "items", variables)?;
    let rate: Option<Decimal> = argument(field, "rate", variables)?;
    let papers: Vec<_> = papers.into_iter().map(Into::into).collect();
    Estimate::of(&papers, rate.map(|rate| rate.0)).err()
}

fn argument<T: InputType>(field: &Field, name: &str, variables: &Map<String, Json>) -> Option<T> {
    let variable = |name: &str| variables.get(name).and_then(|value| Value::from_json(value.clone()).ok()).ok_or(());
    let given = field.get_argument(name).map(|value| value.node.clone().into_const_with(|name| variable(&name)));
    T::parse(given.transpose().ok()?).ok()
}
