//! The page of mutations: what each takes, what it gives, and how it is called.

use std::fmt::Write as _;

use super::{
    examples::{By, Example, GROUPS, with_samples},
    layout::{CHOICE, Entry, page, program, prose},
    reference::{Reference, input_list, type_link},
    snippets::Snippet,
};

/// The longest line of a document that is not broken.
const WIDTH: usize = 66;

pub(super) fn mutations(reference: &Reference, url: &str) -> String {
    let mut main = format!(
        "<h1>Mutations by example</h1>\n<p>Every example can be copied and run: put your key into <code>COPPICE_KEY</code>, an access token \
         where one is asked for into <code>COPPICE_TOKEN</code>, and ids of your own in place of those shown. JavaScript is for Node.js 18 or \
         later, as a module (<code>example.mjs</code>); Python needs its standard library only. What the caller can put right comes back in \
         <code>userErrors</code>, with the codes of <a href=\"errors.html#user-errors\">this list</a>.</p>\n{CHOICE}"
    );
    let mut contents = Vec::new();
    for (group, examples) in GROUPS {
        let anchor = group.to_lowercase().replace([' ', ','], "-");
        let _ = writeln!(main, "<h2 id=\"{anchor}\">{group}</h2>");
        let below = examples.iter().map(|example| Entry::new(example.mutation, example.mutation)).collect();
        contents.push(Entry { below, ..Entry::new(anchor, group) });
        for example in examples {
            main.push_str(&mutation(reference, url, example));
        }
    }
    page("mutations.html", &contents, &main)
}

fn mutation(reference: &Reference, url: &str, example: &Example) -> String {
    let name = example.mutation;
    // An example of what is not in the schema fails the test that runs it.
    let Some(field) = reference.fields("Mutation").iter().map(|field| &field.node).find(|field| field.name.node == name) else {
        return String::new();
    };
    let description = field.description.as_ref().map(|text| prose(&text.node)).unwrap_or_default();
    let input = field.arguments.first().map(|argument| argument.node.ty.node.to_string()).unwrap_or_default();
    let input_name = input.trim_end_matches('!');
    let fields = reference.input(input_name).map(|fields| input_list(input_name, fields)).unwrap_or_default();
    let token = match example.by {
        By::Token => " Sent by a person, with the access token of the session.",
        By::Key | By::Nobody => "",
    };
    let mut text = format!(
        "<h3 id=\"{name}\"><a href=\"#{name}\">{name}</a> <small><code>{}</code></small></h3>\n<p>{description}{token}</p>\n",
        type_link(&field.ty.node)
    );
    let body = block(&format!("{} userErrors {{ code field message }}", example.fields), 2);
    let document = format!("mutation ($input: {input}) {{\n  {name}(input: $input) {{\n{body}\n  }}\n}}");
    let variables = with_samples(&format!("{{\n  \"input\": {}\n}}", example.input.replace('\n', "\n  ")));
    text.push_str(&programs(
        name,
        &Snippet { url, by: example.by, document: &document, variables: Some(&variables), field: name },
    ));
    let _ = writeln!(text, "<details><summary>Fields of the input</summary>{fields}</details>");
    text
}

/// A request in all languages.
pub(super) fn programs(name: &str, snippet: &Snippet<'_>) -> String {
    program(name, "curl", "curl", &snippet.curl())
        + &program(name, "javascript", "JavaScript", &snippet.javascript())
        + &program(name, "python", "Python", &snippet.python())
}

/// A selection, an item a line, those that are too long broken again.
fn block(selection: &str, level: usize) -> String {
    let indent = "  ".repeat(level);
    let lines = items(selection).into_iter().map(|item| match item.split_once(" { ") {
        Some((head, rest)) if indent.len() + item.len() > WIDTH => {
            let inner = rest.strip_suffix('}').unwrap_or(rest);
            format!("{indent}{head} {{\n{}\n{indent}}}", block(inner, level + 1))
        }
        _ => format!("{indent}{item}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The fields of a selection, each with its own selection.
fn items(selection: &str) -> Vec<String> {
    let (mut items, mut depth) = (Vec::<String>::new(), 0_usize);
    for word in selection.split_whitespace() {
        let joins = depth > 0 || word == "{";
        match items.last_mut() {
            Some(item) if joins => {
                item.push(' ');
                item.push_str(word);
            }
            _ => items.push(word.to_owned()),
        }
        depth = match word {
            "{" => depth + 1,
            "}" => depth.saturating_sub(1),
            _ => depth,
        };
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_selections_are_broken() {
        let text =
            "session { accessToken accessTokenExpiresAt viewer { user { name } account { id name } } } userErrors { code }";
        let expected = "  session {\n    accessToken\n    accessTokenExpiresAt\n    viewer { user { name } account { id name } }\n  }\n  \
                        userErrors { code }";
        assert_eq!(block(text, 1), expected);
    }
}
