//! Calls that have one home each. Clippy bans most of them too; this finds them where an exception was made.

use super::{
    Source,
    lexer::{Token, tokens},
};

const TIME: &str = "take a Clock: time is an argument";
const RANDOM: &str = "take an IdSource: randomness is an argument";

/// The last two words of a path, the file or folder where it may stand, and what to do instead.
const RULES: [(&str, &str, &str, &str); 13] = [
    ("Utc", "now", "src/clock.rs", TIME),
    ("Local", "now", "", TIME),
    ("SystemTime", "now", "", TIME),
    ("Uuid", "now_v7", "", RANDOM),
    ("Uuid", "new_v4", "", RANDOM),
    ("rand", "rng", "", RANDOM),
    ("rand", "random", "", RANDOM),
    ("StdRng", "from_os_rng", "src/id.rs", RANDOM),
    ("SmallRng", "from_os_rng", "", RANDOM),
    ("rand", "thread_rng", "", RANDOM),
    ("env", "var", "", "read it as configuration"),
    ("env", "var_os", "", "read it as configuration"),
    ("env", "vars_os", "src/config/", "read it as configuration"),
];

pub fn check(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let mut problems = Vec::new();
    for window in tokens.windows(3) {
        let [(_, Token::Word(first)), (_, Token::Path), (line, Token::Word(last))] = window else { continue };
        for (.., reason) in RULES
            .iter()
            .filter(|(a, b, home, _)| first == a && last == b && (home.is_empty() || !source.path.starts_with(home)))
        {
            problems.push(format!("{}:{line}: {first}::{last}: {reason}", source.path));
        }
    }
    problems
}

#[test]
fn a_forbidden_call_is_found() {
    let found = |path: &str, text: &str| check(&Source::new(path, text.to_owned()));
    assert_eq!(found("src/app/a.rs", "\nlet t = chrono::Utc::now();"), [format!("src/app/a.rs:2: Utc::now: {TIME}")]);
    assert_eq!(found("src/clock.rs", "Utc::now()"), [""; 0]);
    assert_eq!(found("src/app/a.rs", "std::time::Instant::now(); clock.now(); // Utc::now()"), [""; 0]);
    assert_eq!(found("src/http/a.rs", "std::env::var(\"X\")").len(), 1);
}
