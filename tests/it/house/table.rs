//! The table "Who may import whom" in the header of `src/lib.rs`. Its cells:
//!
//! - level: a number; the rows stand in its order.
//! - modules: names.
//! - may use: names for every module of the row, or `module: names; module module: names`; `all below` is every lower level.
//! - outside crates: names in the same form; `uuid (shares Uuid)` allows that one name to be re-exported.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct Module {
    pub level: u32,
    /// Its place in its row.
    place: usize,
    pub may_use: BTreeSet<String>,
    /// The confined crates it may use, with the names it may re-export of each.
    pub crates: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Default)]
pub struct Table {
    modules: BTreeMap<String, Module>,
}

impl Table {
    pub fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix("//! |")) {
            let line = line.replace('`', "");
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let Ok(level) = cells[0].parse::<u32>() else { continue };
            let [_, modules, may_use, crates, ..] = cells[..] else { panic!("too few cells: {line}") };
            let modules: Vec<&str> = modules.split_whitespace().collect();
            let below: BTreeSet<String> =
                table.modules.iter().filter(|(_, module)| module.level < level).map(|(name, _)| name.clone()).collect();
            for (place, name) in modules.iter().enumerate() {
                let mut module = Module { level, place, ..Module::default() };
                for names in for_module(may_use, name) {
                    module.may_use.extend(match names {
                        "all below" => below.clone(),
                        names => names.split_whitespace().map(str::to_owned).collect(),
                    });
                }
                for crates in for_module(crates, name) {
                    module
                        .crates
                        .extend(crates.split(',').map(|text| confined(text.trim())).filter(|(name, _)| !name.is_empty()));
                }
                assert!(table.modules.insert((*name).to_owned(), module).is_none(), "{name} is twice in the table");
            }
        }
        assert!(!table.modules.is_empty(), "src/lib.rs has no table");
        table
    }

    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.get(name)
    }

    /// The modules where a crate may be used; empty when it is not confined.
    pub fn homes(&self, name: &str) -> Vec<&str> {
        self.modules.iter().filter(|(_, module)| module.crates.contains_key(name)).map(|(home, _)| home.as_str()).collect()
    }

    /// What the table itself does wrong: an arrow that does not point strictly down. Level 0 alone has an order of its own:
    /// a module may use those that stand before it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, module) in &self.modules {
            for used in &module.may_use {
                let down = self.module(used).is_some_and(|other| {
                    other.level < module.level || (other.level == 0 && module.level == 0 && other.place < module.place)
                });
                if !down {
                    problems.push(format!("src/lib.rs: the table lets {name} use {used}, which is not below it"));
                }
            }
        }
        problems
    }
}

/// The parts of a cell that hold for `module`: those without a colon, and those that name it before theirs.
fn for_module<'a>(cell: &'a str, module: &str) -> Vec<&'a str> {
    let part = |part: &'a str| match part.split_once(':') {
        Some((modules, names)) => modules.split_whitespace().any(|name| name == module).then_some(names.trim()),
        None => Some(part.trim()),
    };
    cell.split(';').filter_map(part).collect()
}

/// `uuid (shares Uuid)` as the crate's name and what may be re-exported of it.
fn confined(text: &str) -> (String, BTreeSet<String>) {
    let (name, shared) = text.split_once('(').unwrap_or((text, ""));
    let shared = shared.trim_end_matches(')').split_whitespace().skip(1).map(str::to_owned);
    (name.trim().to_owned(), shared.collect())
}

#[test]
fn a_table_is_read() {
    let table = Table::parse(
        "//! | level | modules | may use | crates |\n//! |---|---|---|---|\n\
         //! | 0 | a b | b: a | a: `x_y`, z (shares Z) |\n//! | 1 | c d | a; d: b | z |\n//! | 2 | e | all below | |\n",
    );
    let uses = |name: &str| table.module(name).unwrap().may_use.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(["a", "b", "c", "d", "e"].map(uses), ["", "a", "a", "a b", "a b c d"]);
    assert_eq!(table.homes("z"), ["a", "c", "d"]);
    assert_eq!(table.homes("x_y"), ["a"]);
    assert!(table.module("a").unwrap().crates["z"].contains("Z"));
    assert_eq!(table.problems(), [""; 0]);
    let upward = Table::parse("//! | 0 | a | b | |\n//! | 1 | b c | c: b | |\n");
    assert_eq!(upward.problems().len(), 2);
}
