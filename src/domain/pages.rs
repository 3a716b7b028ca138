//! Pages to standard pages to trees (methodology 1).

/// Pages of one feed and day, or a difference of such: 64-bit integers, negative in corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Pages {
    /// Sides up to letter, A4 and legal.
    pub small: i64,
    /// Sides of 11x17, A3 and larger.
    pub large: i64,
    /// Sheets printed on both sides.
    pub duplex: i64,
}

/// Standard pages (8.5" x 11", 20 lb bond) in whole millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct StandardPages(pub i64);
