//! Which media type an answer gets (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, HeaderValue, header};

/// A media type this server writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// The older one; request errors are 200.
    Json,
    /// The specification's own; the status tells.
    GraphqlResponse,
    /// A stream of answers.
    EventStream,
}

impl Media {
    const ALL: [Self; 3] = [Self::Json, Self::GraphqlResponse, Self::EventStream];

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::EventStream => "text/event-stream",
        }
    }

    /// As a `Content-Type`; an answer that is not a stream never is `text/event-stream`.
    pub(super) const fn header(self) -> HeaderValue {
        match self {
            Self::Json | Self::EventStream => HeaderValue::from_static("application/json; charset=utf-8"),
            Self::GraphqlResponse => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
        }
    }
}

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// What it likes best.
    pub(super) best: Media,
    /// The best of the two JSON types; [`Media::Json`] if it takes neither.
    pub(super) json: Media,
    /// Whether it takes a stream.
    pub(super) events: bool,
}

/// What the `Accept` header takes; `None` if nothing that this server writes.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let ranges: Vec<Range> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return Some(Accepted { best: Media::Json, json: Media::Json, events: false });
    }
    // Highest weight first, then what is named over what a wildcard covers, then the order written. The sort is stable, so
    // that under a wildcard the older type wins, as the specification asks.
    let mut ranked: Vec<(Rank, Media)> =
        Media::ALL.into_iter().filter_map(|media| Some((rank(&ranges, media)?, media))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let (_, best) = *ranked.first()?;
    let json = ranked.iter().map(|(_, media)| *media).find(|media| *media != Media::EventStream);
    Some(Accepted {
        best,
        json: json.unwrap_or(Media::Json),
        events: ranked.iter().any(|(_, media)| *media == Media::EventStream),
    })
}

/// Sorts the best first: weight lost, wildcard or not, place.
type Rank = (u16, bool, usize);

fn rank(ranges: &[Range], media: Media) -> Option<Rank> {
    let covers: &[&str] = match media {
        Media::Json | Media::GraphqlResponse => &[media.name(), "application/*", "*/*"],
        // A stream is sent to those only who name it.
        Media::EventStream => &[media.name()],
    };
    let (place, range) =
        covers.iter().find_map(|name| ranges.iter().enumerate().find(|(_, range)| range.name == *name && range.utf8))?;
    (range.weight > 0).then_some((1000 - range.weight, range.name != media.name(), place))
}

struct Range {
    name: String,
    /// Thousandths.
    weight: u16,
    utf8: bool,
}

impl Range {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut range = Self { name, weight: 1000, utf8: true };
        for part in parts {
            let Some((key, value)) = part.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => range.weight = weight(value),
                "charset" => range.utf8 = is_utf8(value),
                _ => {}
            }
        }
        range
    }
}

/// A weight in thousandths; what is not one counts as 1.
fn weight(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole != "0" || fraction.len() > 3 {
        return 1000;
    }
    format!("{fraction:0<3}").parse().unwrap_or(1000)
}

/// Whether a `charset` means UTF-8.
pub(super) fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(accept: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        accepted(&headers).map(|accepted| accepted.best)
    }

    #[test]
    fn chooses_by_weight_then_name_then_order() {
        for (accept, expected) in [
            ("", Media::Json),
            ("*/*", Media::Json),
            ("application/*", Media::Json),
            ("application/json", Media::Json),
            ("application/graphql-response+json", Media::GraphqlResponse),
            ("application/graphql-response+json, application/json;q=0.9", Media::GraphqlResponse),
            ("application/json;q=0.9, application/graphql-response+json", Media::GraphqlResponse),
            ("application/json, application/graphql-response+json", Media::Json),
            ("application/graphql-response+json, application/json, text/event-stream", Media::GraphqlResponse),
            ("*/*;q=0.5, application/graphql-response+json;q=0.1", Media::Json),
            ("application/json;q=0, */*", Media::GraphqlResponse),
            ("Application/JSON; Charset=UTF-8", Media::Json),
            ("text/event-stream", Media::EventStream),
            ("multipart/mixed;boundary=\"graphql\", application/json", Media::Json),
        ] {
            assert_eq!(best(accept), Some(expected), "{accept}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_write() {
        for accept in
            ["text/html", "application/xml", "application/json;q=0", "application/json;charset=iso-8859-1", "nonsense"]
        {
            assert_eq!(best(accept), None, "{accept}");
        }
    }
}
