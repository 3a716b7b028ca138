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

/// What is not would lose all but the first of several fields of one name when an answer is written; the gate knows of roots and payloads only.
#[test]
fn the_schema_s_types_are_derived_against_our_engine() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for source in sources().iter().filter(|source| source.path.starts_with("src/graphql/types/")) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let derived =
                line.starts_with("#[derive(") && ["SimpleObject", "Interface", "Union"].iter().any(|of| line.contains(of));
            if derived || line.starts_with("#[Object") {
                seen += 1;
                if !lines[number..].iter().take(3).any(|line| line.contains("crate = \"engine\"")) {
                    problems.push(format!("{}:{}: not `crate = \"engine\"`", source.path, number + 1));
                }
            }
        }
    }
    assert!(seen > 30, "{seen}");
    assert_none(&problems);
}

#[test]
fn entities_and_migrations_do_not_know_each_other() {
    for (folder, other) in [("migration", "entity"), ("entity", "migration")] {
        assert!(!read(&format!("{folder}/Cargo.toml")).contains(&format!("coppice-{other}")), "{folder} uses {other}");
    }
}
