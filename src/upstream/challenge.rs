//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1), as far as
//! registries use it: `Bearer` and `Basic`.

/// Longer headers are not read.
const MAX_HEADER_BYTES: usize = 8192;

/// One challenge that we could answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token of this realm is wanted (distribution token specification).
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
    Basic,
}

/// Reads every challenge of one header line; several may stand in it. Schemes
/// that we do not know are left out, and so is whatever follows a syntax error.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    if header.len() > MAX_HEADER_BYTES {
        return Vec::new();
    }
    read(header).into_iter().filter_map(Raw::known).collect()
}

struct Raw {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Raw {
    fn known(self) -> Option<Challenge> {
        match self.scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => Some(Challenge::Bearer {
                realm: self.get("realm")?,
                service: self.get("service"),
                scope: self.get("scope"),
            }),
            _ => None,
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    }
}

/// A word before `=` is a parameter of the last scheme, any other a scheme.
fn read(header: &str) -> Vec<Raw> {
    let mut rest = Rest(header);
    let mut found: Vec<Raw> = Vec::new();
    loop {
        rest.skip(|c| matches!(c, ' ' | '\t' | ',' | '='));
        let word = rest.token().to_ascii_lowercase();
        if word.is_empty() {
            return found;
        }
        match (rest.value(), found.last_mut()) {
            (Some(value), Some(last)) => last.parameters.push((word, value)),
            (Some(_), None) => return found,
            (None, _) => found.push(Raw {
                scheme: word,
                parameters: Vec::new(),
            }),
        }
    }
}

struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, what: fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(what);
    }

    fn token(&mut self) -> &'a str {
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        token
    }

    /// What follows `=`, if that is what comes next.
    fn value(&mut self) -> Option<String> {
        let blank = |c| matches!(c, ' ' | '\t');
        self.0 = self.0.trim_start_matches(blank).strip_prefix('=')?;
        self.skip(blank);
        match self.0.strip_prefix('"') {
            Some(rest) => {
                self.0 = rest;
                Some(self.quoted())
            }
            None => Some(self.token().to_owned()),
        }
    }

    /// The rest of a quoted string; an unclosed one ends with the header.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next() {
                None | Some('"') => break,
                Some('\\') => text.extend(characters.next()),
                Some(character) => text.push(character),
            }
        }
        self.0 = characters.as_str();
        text
    }
}

/// RFC 9110 `tchar`, and `/`, which some registries leave unquoted.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn reads_docker_hubs_challenge() {
        let header = "Bearer realm=\"https://auth.docker.io/token\",\
            service=\"registry.docker.io\",scope=\"repository:library/nginx:pull\"";
        assert_eq!(
            parse(header),
            [bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:library/nginx:pull")
            )]
        );
    }

    #[test]
    fn reads_several_challenges_of_one_line() {
        assert_eq!(
            parse("Negotiate abc==, bEaReR realm = \"a,b\" , Basic realm=\"x\\\"y\", Digest q=1"),
            [bearer("a,b", None, None), Challenge::Basic]
        );
        assert_eq!(
            parse("Basic, Bearer realm=https://a/t,service=s"),
            [Challenge::Basic, bearer("https://a/t", Some("s"), None)]
        );
    }

    #[test]
    fn leaves_out_what_it_cannot_answer() {
        for header in [
            "",
            ",,",
            "Bearer",
            "Bearer scope=\"x\"",
            "realm=\"x\"",
            "\"",
            "é",
        ] {
            assert_eq!(parse(header), [], "{header:?}");
        }
        assert_eq!(parse(&"Basic ".repeat(MAX_HEADER_BYTES)), []);
    }

    #[test]
    fn ends_an_unclosed_string_with_the_header() {
        assert_eq!(parse("Bearer realm=\"a\\"), [bearer("a", None, None)]);
    }
}
