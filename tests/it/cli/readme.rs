//! What the README says of the program is so.

use std::collections::BTreeSet;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The names in backquotes in the first cells of the table under `heading`.
fn first_cells(readme: &str, heading: &str) -> BTreeSet<String> {
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = section.lines().filter(|line| line.starts_with("| ")).map(|line| line.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let mut wanted = BTreeSet::new();
    for manifest in ["Cargo.toml", "entity/Cargo.toml", "migration/Cargo.toml"] {
        let table: toml::Table = toml::from_str(&read(manifest)).unwrap();
        for kind in ["dependencies", "dev-dependencies"] {
            wanted.extend(table.get(kind).and_then(toml::Value::as_table).into_iter().flat_map(|kind| kind.keys().cloned()));
        }
    }
    // Tests depend on the program itself, with its failpoints.
    wanted.remove("coppice");
    assert_eq!(first_cells(&read("README.md"), "Dependencies"), wanted);
}

#[test]
fn every_key_it_names_is_one() {
    let known: BTreeSet<String> = coppice::config::Config::sections()
        .into_iter()
        .flat_map(|(section, _, keys)| keys.into_iter().map(move |key| format!("{section}.{}", key.name)))
        .collect();
    let named = first_cells(&read("README.md"), "Configuration");
    for must in ["database.url", "http.listen", "outbound.ca_file", "outbound.allow_cidrs", "collect.nightly_at"] {
        assert!(named.contains(must), "{must}");
    }
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_files_it_names_are_there() {
    let readme = read("README.md");
    let paths = readme.split('`').skip(1).step_by(2).filter(|text| {
        ["src/", "tests/", "migration/", "entity/"].iter().any(|folder| text.starts_with(folder)) && !text.contains('<')
    });
    for path in paths {
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
}
