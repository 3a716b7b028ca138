//! One GraphQL request as a program in each language, to be copied: shell with curl, JavaScript for Node.js 18 and browsers, Python 3 with its
//! standard library alone.

use super::examples::By;

/// A request to be written down.
pub(super) struct Snippet<'a> {
    /// Where the API is.
    pub(super) url: &'a str,
    pub(super) by: By,
    /// The document, indented by two.
    pub(super) document: &'a str,
    /// The variables as JSON, indented by two; `None` for none.
    pub(super) variables: Option<&'a str>,
    /// The root field whose value is shown in the end.
    pub(super) field: &'a str,
}

impl Snippet<'_> {
    pub(super) fn curl(&self) -> String {
        let header = match self.by {
            By::Key => "  -H \"X-Api-Key: $COPPICE_KEY\" \\\n",
            By::Token => "  -H \"Authorization: Bearer $COPPICE_TOKEN\" \\\n",
            By::Nobody => "",
        };
        // `-d @-` leaves line breaks out, so the document may have some.
        let document = indented(self.document, 4).replace('\\', "\\\\").replace('"', "\\\"");
        let variables = self.variables.map(|text| format!(",\n  \"variables\": {}", indented(text, 2))).unwrap_or_default();
        format!(
            "curl -s {} \\\n{header}  -H 'Content-Type: application/json' \\\n  -d @- <<'END'\n{{\n  \"query\": \"{document}\"{variables}\n}}\nEND",
            self.url
        )
    }

    pub(super) fn javascript(&self) -> String {
        let header = match self.by {
            By::Key => "\n    'X-Api-Key': process.env.COPPICE_KEY,",
            By::Token => "\n    Authorization: `Bearer ${process.env.COPPICE_TOKEN}`,",
            By::Nobody => "",
        };
        let variables = self.variables.map(|text| format!("\n    variables: {},", indented(text, 4))).unwrap_or_default();
        format!(
            "const answer = await fetch('{}', {{\n  method: 'POST',\n  headers: {{\n    'Content-Type': 'application/json',{header}\n  }},\n  \
             body: JSON.stringify({{\n    query: `{}`,{variables}\n  }}),\n}});\nconst {{ data, errors }} = await answer.json();\n\
             if (errors) throw new Error(errors[0].message);\nconsole.log(JSON.stringify(data.{}, null, 2));",
            self.url,
            indented(self.document, 4),
            self.field
        )
    }

    pub(super) fn python(&self) -> String {
        let (import, header) = match self.by {
            By::Key => ("import json, os, urllib.request", ", \"X-Api-Key\": os.environ[\"COPPICE_KEY\"]"),
            By::Token => {
                ("import json, os, urllib.request", ", \"Authorization\": \"Bearer \" + os.environ[\"COPPICE_TOKEN\"]")
            }
            By::Nobody => ("import json, urllib.request", ""),
        };
        let variables = self.variables.map_or_else(|| "{}".to_owned(), python_literal);
        format!(
            "{import}\n\nquery = \"\"\"\n{}\n\"\"\"\nvariables = {variables}\nrequest = urllib.request.Request(\n    \"{}\",\n    \
             json.dumps({{\"query\": query, \"variables\": variables}}).encode(),\n    \
             {{\"Content-Type\": \"application/json\"{header}}},\n)\nanswer = json.load(urllib.request.urlopen(request))\n\
             if \"errors\" in answer:\n    raise SystemExit(answer[\"errors\"][0][\"message\"])\nprint(json.dumps(answer[\"data\"][\"{}\"], indent=2))",
            self.document, self.url, self.field
        )
    }
}

/// Text whose lines but the first are moved in.
fn indented(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}

/// JSON as Python writes it, which differs in three words.
fn python_literal(json: &str) -> String {
    let parts = json.split('"').enumerate().map(|(place, part)| {
        // The examples have no quotes within their texts, so every second part is one.
        if place % 2 == 1 {
            part.to_owned()
        } else {
            part.replace("true", "True").replace("false", "False").replace("null", "None")
        }
    });
    parts.collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_texts_stay_as_they_are() {
        assert_eq!(
            python_literal(r#"{ "true": null, "a": [true, "is false"] }"#),
            r#"{ "true": None, "a": [True, "is false"] }"#
        );
    }

    #[test]
    fn a_shell_gets_a_text_in_json() {
        let snippet = Snippet {
            url: "http://x/graphql",
            by: By::Nobody,
            document: "{\n  a(b: \"c\")\n}",
            variables: Some("{\n  \"d\": 1\n}"),
            field: "a",
        };
        let expected = "curl -s http://x/graphql \\\n  -H 'Content-Type: application/json' \\\n  -d @- <<'END'\n{\n  \
                        \"query\": \"{\n      a(b: \\\"c\\\")\n    }\",\n  \"variables\": {\n    \"d\": 1\n  }\n}\nEND";
        assert_eq!(snippet.curl(), expected);
    }
}
