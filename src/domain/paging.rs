//! Pages of lists that can grow (Relay cursor connections): which slice is asked for, and a slice.

/// The most items a page may have.
pub const MAX_PAGE: u32 = 100;
/// Items of a page when neither `first` nor `last` is given.
pub const DEFAULT_PAGE: u32 = 25;

/// Which slice of a list is asked for. Cursors are the store's opaque text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageArgs {
    /// How many, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Counted from the end (`last`) instead of from the start (`first`).
    pub backward: bool,
    /// Only what follows this cursor.
    pub after: Option<String>,
    /// Only what precedes this cursor.
    pub before: Option<String>,
    /// Whether anyone asks if there is more beyond the slice. Who does not spares the look.
    pub asks_for_more: bool,
    /// Which items' cursors are asked for; those of others are empty.
    pub cursors: Cursors,
}

/// Which items of a slice get a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cursors {
    /// None.
    None,
    /// The first and the last.
    Ends,
    /// Each.
    All,
}

impl Cursors {
    /// Whether the item at `place` of so many gets one.
    pub const fn has(self, place: usize, items: usize) -> bool {
        match self {
            Self::None => false,
            Self::Ends => place == 0 || place + 1 == items,
            Self::All => true,
        }
    }
}

impl Default for PageArgs {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE, backward: false, after: None, before: None, asks_for_more: true, cursors: Cursors::All }
    }
}

/// A slice of a list, in the list's order.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, each with its cursor, which is empty unless asked for.
    pub items: Vec<(String, T)>,
    /// Whether items follow; `false` unless asked for.
    pub has_next: bool,
    /// Whether items precede; `false` unless asked for.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// The slice of a list without items.
    pub const fn empty(args: &PageArgs) -> Self {
        let (has_next, has_previous) = (args.backward && args.before.is_some(), !args.backward && args.after.is_some());
        Self { items: Vec::new(), has_next, has_previous }
    }
}
