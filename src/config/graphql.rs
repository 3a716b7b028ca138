use std::path::PathBuf;

use super::{leaf::choice, section::section};

section! {
    /// What callers of the API may ask.
    Graphql {
        /// Whether `__schema` and `__type` are answered, and the guide and reference are at `/docs/`. Default: true.
        introspection: bool = true,
        /// How many levels of fields a document may have; introspection has 20. Levels; default 15.
        max_depth: u16 = 15,
        /// What one operation may cost: a point a field, a list as many times as its page is long. Points; default 50000.
        max_cost: u32 = 50_000,
        /// What a signed-in caller may spend at once, at least `max_cost`; 0 for no limit. Each node counts for itself. Points;
        /// default 10000000.
        budget: u32 = 10_000_000,
        /// What a signed-in caller gets back each second. Points; default 1000000.
        budget_per_second: u32 = 1_000_000,
        /// What may be spent at once from an address where nobody is signed in; 0 for no limit. Points; default 50000.
        anonymous_budget: u32 = 50_000,
        /// What such an address gets back each second. Points; default 500.
        anonymous_budget_per_second: u32 = 500,
        /// Documents that can be asked for by `documentId`: a JSON object of ids and documents, as relay-compiler and GraphQL
        /// Code Generator write it. Read at the start. Default: none.
        trusted_documents_file: Option<PathBuf> = None,
        /// Who may ask for these documents only: `nobody`, `anonymous` for those not signed in, `read` for them and callers of
        /// level READ, `write` for level WRITE too, `everybody`. Default: nobody.
        trusted_only: TrustedOnly = TrustedOnly::Nobody,
    }
}

choice! {
    /// Who may ask for trusted documents only.
    TrustedOnly {
        /// All may send documents of their own.
        Nobody = "nobody",
        /// Those not signed in.
        Anonymous = "anonymous",
        /// They, and level READ.
        Read = "read",
        /// They, and level WRITE.
        Write = "write",
        /// All.
        Everybody = "everybody",
    }
}

impl Graphql {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        for (key, value) in [("max_depth", u32::from(self.max_depth)), ("max_cost", self.max_cost)] {
            if value == 0 {
                problems.push(format!("`graphql.{key}` must be at least 1"));
            }
        }
        if self.budget != 0 && self.budget < self.max_cost {
            problems.push("`graphql.budget` must be 0 or at least `graphql.max_cost`".to_owned());
        }
        for (key, value) in
            [("budget_per_second", self.budget_per_second), ("anonymous_budget_per_second", self.anonymous_budget_per_second)]
        {
            if value == 0 {
                problems.push(format!("`graphql.{key}` must be at least 1"));
            }
        }
        if self.trusted_only != TrustedOnly::Nobody && self.trusted_documents_file.is_none() {
            problems.push("`graphql.trusted_only` needs `graphql.trusted_documents_file`".to_owned());
        }
    }
}
