//! The rules of the house that no compiler checks: who may import whom, where time and randomness come from, and what CI runs.

mod imports;
mod lexer;
mod rules;
mod scripts;
mod table;

use std::path::{Path, PathBuf};

use self::table::Table;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A source file under `src`.
struct Source {
    /// Its path from the repository's root.
    path: String,
    /// The modules it is in, outermost first; empty for `lib.rs`.
    modules: Vec<String>,
    text: String,
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut modules: Vec<String> = inside.split('/').map(str::to_owned).collect();
        modules.pop_if(|last| last == "mod" || (inside == "lib" && last == "lib"));
        Self { path: path.to_owned(), modules, text }
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    let source = |file: &PathBuf| {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
        Source::new(path, std::fs::read_to_string(file).unwrap())
    };
    files.iter().map(source).collect()
}

/// Fails with every problem, one a line, each with its file and line.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn arrows_point_down() {
    let table = Table::parse(&read("src/lib.rs"));
    assert_none(&table.problems());
    let sources = sources();
    let missing = sources.iter().filter_map(|source| source.modules.first()).find(|module| table.module(module).is_none());
    assert_eq!(missing, None, "a module that the table in src/lib.rs does not have");
    let problems: Vec<String> = sources.iter().flat_map(|source| imports::check(&table, source)).collect();
    assert_none(&problems);
}

#[test]
fn time_randomness_and_the_environment_are_read_in_one_place_each() {
    let problems: Vec<String> = sources().iter().flat_map(rules::check).collect();
    assert_none(&problems);
}

#[test]
fn entities_and_migrations_do_not_know_each_other() {
    for (folder, other) in [("migration", "entity"), ("entity", "migration")] {
        assert!(!read(&format!("{folder}/Cargo.toml")).contains(&format!("coppice-{other}")), "{folder} uses {other}");
    }
}
