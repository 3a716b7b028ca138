//! The root of a subscription: the fields it comes to, fragments followed, are one where they have one name, as graphql-js collects them.
//!
//! The engine starts a stream for each field that is written at the root, and looks into no fragment there.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned,
    parser::types::{DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet},
};

/// Makes the root of each subscription the one field that it comes to. `false`: one of them comes to several, or to none, and all is as
/// before. Whether fields of one name ask for the same is the validator's to judge.
pub(super) fn merge(document: &mut ExecutableDocument) -> bool {
    let mut merged = Vec::new();
    for (_, operation) in document.operations.iter().filter(|(_, operation)| operation.node.ty == OperationType::Subscription) {
        let mut roots = Roots { document, fragments: HashSet::new(), fields: Vec::new() };
        roots.collect(&operation.node.selection_set.node);
        let Some((first, rest)) = roots.fields.split_first() else { return false };
        if rest.iter().any(|field| field.node.response_key().node != first.node.response_key().node) {
            return false;
        }
        let mut field = Positioned::clone(first);
        let below = rest.iter().flat_map(|field| &field.node.selection_set.node.items);
        field.node.selection_set.node.items.extend(below.cloned());
        let place = field.pos;
        merged.push(vec![Positioned::new(Selection::Field(field), place)]);
    }
    let mut merged = merged.into_iter();
    let operations = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations.into_iter().filter(|operation| operation.node.ty == OperationType::Subscription) {
        if let Some(items) = merged.next() {
            operation.node.selection_set.node.items = items;
        }
    }
    true
}

struct Roots<'a> {
    document: &'a ExecutableDocument,
    /// Fragments that were followed; each counts once.
    fragments: HashSet<&'a Name>,
    fields: Vec<&'a Positioned<Field>>,
}

impl<'a> Roots<'a> {
    fn collect(&mut self, set: &'a SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.fields.push(field),
                Selection::InlineFragment(inline) => self.collect(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some((name, fragment)) = self.document.fragments.get_key_value(&spread.node.fragment_name.node)
                        && self.fragments.insert(name)
                    {
                        self.collect(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
}
