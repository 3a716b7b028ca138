//! Rust's text as words and signs, without comments, strings and characters; as much of a lexer as the rules need.

/// A word, a `::` or another sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(String),
    Path,
    Sign(char),
}

impl Token {
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text == word)
    }

    pub fn word(&self) -> Option<&str> {
        if let Self::Word(text) = self { Some(text) } else { None }
    }
}

/// Tokens with their lines, from 1.
pub fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut tokens, mut line, mut i) = (Vec::new(), 1, 0);
    while i < chars.len() {
        let start = i;
        match chars[i] {
            '/' if at(i + 1) == '/' => i = position(&chars, i, |c| c == '\n'),
            '/' if at(i + 1) == '*' => i = block_comment(&chars, i),
            '"' => i = string(&chars, i),
            '\'' if at(i + 1) == '\\' => i = position(&chars, i + 3, |c| c == '\'') + 1,
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i = position(&chars, i + 1, |c| !is_word(c)),
            ':' if at(i + 1) == ':' => {
                tokens.push((line, Token::Path));
                i += 2;
            }
            c if is_word(c) => {
                i = position(&chars, i, |c| !is_word(c));
                let word: String = chars[start..i].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr") && matches!(at(i), '"' | '#');
                let quote = position(&chars, i, |c| c != '#');
                if raw && at(quote) == '"' {
                    i = raw_string(&chars, quote, quote - i);
                } else if raw && at(i) == '#' {
                    // A raw identifier, r#type: its word follows.
                    i += 1;
                } else if !(matches!(word.as_str(), "b" | "c") && at(i) == '"') {
                    tokens.push((line, Token::Word(word)));
                }
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push((line, Token::Sign(c)));
                }
                i += 1;
            }
        }
        let end = i.min(chars.len());
        line += chars[start..end].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn position(chars: &[char], from: usize, found: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|i| found(chars[*i])).unwrap_or(chars.len())
}

fn string(chars: &[char], quote: usize) -> usize {
    let mut i = quote + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn raw_string(chars: &[char], quote: usize, hashes: usize) -> usize {
    let closes = |i: &usize| chars[*i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (quote + 1..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

#[test]
fn only_code_is_seen() {
    let text =
        "a::b /* c /* d */ \n e */ 'x' '\\'' '\\u{1F600}' 'life \"f \\\" g\" // h\n r#\"i \" j\"# b\"k\" r\"l\" r#type m";
    let words: Vec<(usize, String)> =
        tokens(text).into_iter().filter_map(|(line, token)| Some((line, token.word()?.to_owned()))).collect();
    let expected = [(1, "a"), (1, "b"), (3, "type"), (3, "m")];
    assert_eq!(words, expected.map(|(line, word)| (line, word.to_owned())));
}
