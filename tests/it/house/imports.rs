//! What a source file uses, against the table: paths from `crate`, `super` and the crate's own name, and outside crates.

use std::collections::BTreeSet;

use super::{
    Source,
    lexer::{Token, tokens},
    table::{Module, Table},
};

/// A sentence with file and line for each import that the table does not allow.
pub fn check(table: &Table, source: &Source) -> Vec<String> {
    let Some(name) = source.modules.first() else {
        return crate_root(source);
    };
    let Some(module) = table.module(name) else { return Vec::new() };
    let mut checker = Checker { table, source, name, module, tokens: tokens(&source.text), problems: BTreeSet::new() };
    checker.walk();
    checker.problems.into_iter().map(|(line, problem)| format!("{}:{line}: {problem}", source.path)).collect()
}

/// `lib.rs` declares modules and uses nothing, so that it re-exports nothing.
fn crate_root(source: &Source) -> Vec<String> {
    let uses = tokens(&source.text).into_iter().filter(|(_, token)| token.is("use"));
    uses.map(|(line, _)| format!("{}:{line}: the crate's root uses nothing", source.path)).collect()
}

struct Checker<'a> {
    table: &'a Table,
    source: &'a Source,
    name: &'a str,
    module: &'a Module,
    tokens: Vec<(usize, Token)>,
    problems: BTreeSet<(usize, String)>,
}

impl Checker<'_> {
    fn walk(&mut self) {
        // The brace depths at which modules within this file were opened.
        let (mut inline, mut braces) = (Vec::new(), 0_usize);
        for i in 0..self.tokens.len() {
            let depth = self.source.modules.len() + inline.len();
            match self.token(i) {
                Some(Token::Sign('{')) => {
                    if i >= 2 && self.is(i - 2, "mod") {
                        inline.push(braces);
                    }
                    braces += 1;
                }
                Some(Token::Sign('}')) => {
                    braces = braces.saturating_sub(1);
                    inline.pop_if(|opened| *opened == braces);
                }
                Some(Token::Word(word)) => {
                    let word = word.clone();
                    self.word(i, &word, depth);
                }
                _ => {}
            }
        }
    }

    fn word(&mut self, i: usize, word: &str, depth: usize) {
        match word {
            "crate" | "coppice" if self.token(i + 1) == Some(&Token::Path) && !self.follows_path(i) => self.below_root(i + 2),
            "crate" if i > 0 && self.is(i - 1, "use") => self.report(i, "the crate's root is not to be named as a whole"),
            "super" if !self.follows_path(i) || self.is(i - 2, "self") => {
                let mut end = i;
                while self.is(end + 2, "super") && self.token(end + 1) == Some(&Token::Path) {
                    end += 2;
                }
                if (end - i) / 2 + 1 >= depth && self.token(end + 1) == Some(&Token::Path) {
                    self.below_root(end + 2);
                }
            }
            "use" if i > 0 => self.re_export(i, depth),
            _ => {}
        }
        let named = self.token(i + 1) == Some(&Token::Path) || (i > 0 && (self.is(i - 1, "use") || self.is(i - 1, "extern")));
        let named = named || (i > 1 && self.is(i - 1, "crate") && self.is(i - 2, "extern"));
        let homes = self.table.homes(word);
        if named && !self.follows_path(i) && !homes.is_empty() && !self.module.crates.contains_key(word) {
            let homes = homes.join(" and ");
            self.report(i, &format!("{} uses the crate {word}, which lives only in {homes}", self.name));
        }
    }

    /// What follows `crate::`: a name, or several in braces.
    fn below_root(&mut self, i: usize) {
        if self.token(i) != Some(&Token::Sign('{')) {
            self.target(i);
            return;
        }
        let (mut depth, mut end) = (0, i);
        while let Some(token) = self.token(end) {
            match token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
            let starts = depth == 1 && matches!(token, Token::Sign('{' | ','));
            if depth == 0 {
                break;
            }
            if starts && self.token(end + 1) != Some(&Token::Sign('}')) {
                self.target(end + 1);
            }
            end += 1;
        }
    }

    fn target(&mut self, i: usize) {
        let Some(Token::Word(target)) = self.token(i).cloned() else {
            self.report(i, "the crate's root is not to be imported as a whole");
            return;
        };
        if target == self.name || self.module.may_use.contains(&target) || self.token(i + 1) == Some(&Token::Sign('!')) {
            return;
        }
        let problem = match self.table.module(&target) {
            Some(other) => {
                format!("{} (level {}) may not use {target} (level {})", self.name, self.module.level, other.level)
            }
            None => format!("{} uses crate::{target}, which is not in the table", self.name),
        };
        self.report(i, &problem);
    }

    /// A `pub use` of a confined crate would let others use it by another name.
    fn re_export(&mut self, i: usize, depth: usize) {
        if !self.leaves_the_module(i, depth) {
            return;
        }
        let statement: Vec<&Token> =
            self.tokens[i + 1..].iter().map(|(_, token)| token).take_while(|token| **token != Token::Sign(';')).collect();
        let Some(name) = statement.iter().find_map(|token| token.word()) else { return };
        let Some(shared) = self.module.crates.get(name) else { return };
        // The last word of each path is what is re-exported.
        let leaves = statement.iter().zip(statement.iter().skip(1).map(Some).chain([None])).filter_map(|(token, next)| {
            let word = token.word()?;
            (!matches!(next, Some(Token::Path))).then_some(word)
        });
        let glob = statement.contains(&&Token::Sign('*'));
        let leaked: Vec<&str> = leaves.filter(|leaf| !shared.contains(*leaf)).collect();
        if glob || !leaked.is_empty() {
            let problem = format!("{} re-exports {} of the crate {name}, which is confined", self.name, leaked.join(" and "));
            self.report(i, &problem);
        }
    }

    /// Whether the `use` at `i` is visible outside the top-level module: `pub` or `pub(crate)`, or `pub(super)` at its top.
    fn leaves_the_module(&self, i: usize, depth: usize) -> bool {
        if self.is(i - 1, "pub") {
            return true;
        }
        if self.token(i - 1) != Some(&Token::Sign(')')) {
            return false;
        }
        let Some(open) = (0..i).rev().find(|at| self.token(*at) == Some(&Token::Sign('('))) else { return false };
        let public = open > 0 && self.is(open - 1, "pub");
        public && (self.is(open + 1, "crate") || (self.is(open + 1, "super") && depth < 2))
    }

    fn token(&self, i: usize) -> Option<&Token> {
        self.tokens.get(i).map(|(_, token)| token)
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.token(i).is_some_and(|token| token.is(word))
    }

    /// Whether the word at `i` is a later part of a path; a path that starts with `::` has its crate first.
    fn follows_path(&self, i: usize) -> bool {
        i >= 2
            && self.token(i - 1) == Some(&Token::Path)
            && matches!(self.token(i - 2), Some(Token::Word(word)) if word != "use")
            || i >= 2 && self.token(i - 1) == Some(&Token::Path) && self.token(i - 2) == Some(&Token::Sign('>'))
    }

    fn report(&mut self, i: usize, problem: &str) {
        let line = self.tokens.get(i).map_or(0, |(line, _)| *line);
        self.problems.insert((line, problem.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "//! | 0 | clock id | id: clock | id: uuid (shares Uuid) |\n\
                         //! | 1 | store | id clock | sea_orm, sqlx |\n\
                         //! | 2 | app | store id clock | |\n\
                         //! | 3 | http jobs | app | jobs: sqlx; http: axum |\n";

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&Table::parse(TABLE), &Source::new(path, text.to_owned()))
    }

    #[test]
    fn what_the_table_allows_passes() {
        for (path, text) in [
            ("src/app/runs.rs", "use crate::{store::{Store, app}, id::Uuid};\nuse super::x;\nfn f() { crate::clock::now() }"),
            (
                "src/store/mod.rs",
                "use sea_orm::{DbErr as E};\nmod a { use super::super::id; use super::b; pub(super) use sea_orm::X; }",
            ),
            ("src/store/a.rs", "pub(super) use sea_orm::DbErr; pub(in crate::store) use sqlx::Pool;"),
            ("src/id.rs", "pub use uuid::Uuid; use crate::clock::Instant;"),
            (
                "src/app/mod.rs",
                "// use crate::http;\nconst A: &str = \"crate::http axum::x\"; mod axum_like {} use crate::app::axum;",
            ),
            ("src/http/mod.rs", "use axum::Router; pub use std::net::IpAddr; use serde::ser;"),
            ("src/lib.rs", "pub mod app;"),
        ] {
            assert_eq!(problems(path, text), [""; 0], "{path} {text}");
        }
    }

    #[test]
    fn what_it_does_not_allow_is_found_with_its_line() {
        for (path, text, expected) in [
            ("src/store/mod.rs", "\nuse crate::app::App;", "src/store/mod.rs:2: store (level 1) may not use app (level 2)"),
            (
                "src/jobs/mod.rs",
                "use crate::{\n app::A,\n http,\n};",
                "src/jobs/mod.rs:3: jobs (level 3) may not use http (level 3)",
            ),
            ("src/store/a.rs", "use super::super::app;", "src/store/a.rs:1: store (level 1) may not use app (level 2)"),
            ("src/store/mod.rs", "mod t { use super::super::app; }", "store (level 1) may not use app"),
            ("src/store.rs", "use self::super::{id, app};", "store (level 1) may not use app"),
            ("src/clock.rs", "fn f() { let x = coppice::id::new(); }", "clock (level 0) may not use id (level 0)"),
            ("src/app/mod.rs", "use crate::other;", "app uses crate::other, which is not in the table"),
            ("src/app/mod.rs", "use crate::*;", "is not to be imported as a whole"),
            ("src/app/mod.rs", "use crate as root;", "is not to be named as a whole"),
            (
                "src/app/mod.rs",
                "#[cfg(test)] mod tests { use sqlx::Pool; }",
                "app uses the crate sqlx, which lives only in jobs and store",
            ),
            ("src/app/mod.rs", "fn f(x: ::axum::Router) {}", "app uses the crate axum, which lives only in http"),
            ("src/app/mod.rs", "use ::axum::Router;", "app uses the crate axum"),
            ("src/app/mod.rs", "use axum as web;", "app uses the crate axum"),
            ("src/app/mod.rs", "fn f() -> Vec<sea_orm::DbErr> {}", "app uses the crate sea_orm, which lives only in store"),
            ("src/store/mod.rs", "pub use sea_orm::DbErr;", "store re-exports DbErr of the crate sea_orm, which is confined"),
            ("src/store/a/b.rs", "pub(crate) use sqlx::{Pool, *};", "store re-exports"),
            ("src/store/mod.rs", "pub(super) use sqlx;", "store re-exports sqlx of the crate sqlx"),
            ("src/id.rs", "pub use uuid::{Uuid, Builder};", "id re-exports Builder of the crate uuid"),
            ("src/lib.rs", "pub mod app;\npub use app::App;", "src/lib.rs:2: the crate's root uses nothing"),
        ] {
            let problems = problems(path, text);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{path} {text}\n{problems:?}");
        }
    }
}
