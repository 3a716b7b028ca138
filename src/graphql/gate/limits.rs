//! What may be asked at once.

/// What a document may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of its text, the blanks between them included.
    pub tokens: usize,
    /// Levels of fields below the operation.
    pub depth: usize,
    /// The same for documents of `__schema` and `__type` only.
    pub introspection_depth: usize,
    /// Fields with each spread counted where it stands.
    pub fields: usize,
    /// Fields renamed, counted likewise.
    pub aliases: usize,
    /// How often one selection asks for the same field, by other names or the same.
    pub repeats: usize,
    /// Directives on one selection.
    pub directives: usize,
    /// Points of cost; `cost` says what costs what. Documents of `__schema` and `__type` only cost a point a field.
    pub complexity: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: 20_000,
            depth: 15,
            introspection_depth: 20,
            fields: 2_000,
            aliases: 100,
            repeats: 20,
            directives: 8,
            complexity: 50_000,
        }
    }
}
