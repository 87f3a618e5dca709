//! From a path and a query to what they name: the cache key, what the upstream is asked for, and how the client's `Accept`
//! counts.
//!
//! In profile image the query of an image is read as the origin reads it, and key and upstream have it in its one spelling: what
//! is not known in it is in neither, so that a thousand ways to ask are one entry (T-KEY-3). Called for every request that may
//! be answered from the cache; knows nothing of which paths those are.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use orbit_model::variant::{self, accepts_avif};
use orbit_model::{CacheKey, VariantQuery};

use crate::Error;

/// A cached resource.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) key: CacheKey,
    /// Its path and query at the upstream, where they are not the key.
    path: Option<String>,
    accept: Accept,
}

/// What of the client's `Accept` the upstream sees, and so what of it may select a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    /// All of it.
    Whole,
    /// Whether it names AVIF: the query leaves the format open, or its preset may.
    Avif,
    /// Nothing: the query says which format.
    Nothing,
}

impl Target {
    /// What a key names at a path and query of the upstream that are not the key.
    pub(crate) fn at(key: CacheKey, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..Self::from(key) }
    }

    /// What the key of an image's path names with this query.
    ///
    /// # Errors
    /// [`Error::Invalid`] in the parser's words, which are the origin's too.
    pub(crate) fn with_query(path: CacheKey, query: &str) -> Result<Self, Error> {
        let query = VariantQuery::parse(query).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(Self::variant(path, &query))
    }

    /// The variant of the image whose path is the key.
    pub(crate) fn variant(path: CacheKey, query: &VariantQuery) -> Self {
        if query.is_empty() {
            return Self::from(path);
        }
        let accept = match query.variant.target {
            Some(variant::Target::Auto) => Accept::Avif,
            None if query.preset.is_some() => Accept::Avif,
            _ => Accept::Nothing,
        };
        Self { key: CacheKey::new(format!("{path}?{query}")), path: None, accept }
    }

    /// Its path and query at the upstream.
    pub(crate) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(self.key.as_str())
    }

    /// Makes a request's `Accept` say what of it counts and no more, so that no spelling of it makes an entry of its own.
    /// Doing it twice changes nothing.
    pub(crate) fn settle_accept(&self, headers: &mut HeaderMap) {
        let settled = match self.accept {
            Accept::Whole => return,
            Accept::Avif if accepts_avif(headers) => "image/avif,image/webp",
            Accept::Avif => "image/webp",
            Accept::Nothing => {
                headers.remove(ACCEPT);
                return;
            }
        };
        headers.insert(ACCEPT, HeaderValue::from_static(settled));
    }
}

/// What a key names that is its path at the upstream.
impl From<CacheKey> for Target {
    fn from(key: CacheKey) -> Self {
        Self { key, path: None, accept: Accept::Whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(query: &str) -> Target {
        Target::with_query(CacheKey::new("/images/fox"), query).unwrap()
    }

    #[test]
    fn a_query_is_part_of_the_key_in_its_one_spelling() {
        for (query, path) in [
            ("", "/images/fox"),
            ("x=1&utm_source=%00", "/images/fox"),
            ("dpr=1&fit=cover", "/images/fox"),
            ("w=640", "/images/fox?w=640"),
            ("x=1&fm=jpg&w=%3640&y", "/images/fox?w=640&fm=jpeg"),
        ] {
            let target = target(query);
            assert_eq!((target.key.as_str(), target.path()), (path, path), "{query}");
        }
    }

    #[test]
    fn what_is_known_but_wrong_is_refused_in_the_parsers_words() {
        for query in ["w=0", "w=640&w=640", "fm=gif", "s=x", "exp=1", "preset=a/b"] {
            let refused = Target::with_query(CacheKey::new("/images/fox"), query).unwrap_err();
            assert!(matches!(refused, Error::Invalid(_)));
            assert_eq!(refused.to_string(), VariantQuery::parse(query).unwrap_err().to_string());
        }
    }

    #[test]
    fn accept_counts_as_far_as_the_query_leaves_the_format_open() {
        let (odd, avif, webp) = ("image/avif;q=0.3, */*;q=0.1", "image/avif,image/webp", "image/webp");
        for (query, accept, expected) in [
            ("", Some(odd), Some(odd)),
            ("x=1", Some("*/*"), Some("*/*")),
            ("", None, None),
            ("w=640", Some(odd), None),
            ("fm=avif", Some(webp), None),
            ("preset=thumb&fm=webp", Some(odd), None),
            ("fm=auto", Some(odd), Some(avif)),
            ("fm=auto", Some("*/*"), Some(webp)),
            ("fm=auto", Some("image/avif;q=0"), Some(webp)),
            ("fm=auto", None, Some(webp)),
            ("w=640&fm=auto", Some(odd), Some(avif)),
            ("preset=thumb", Some(odd), Some(avif)),
        ] {
            let mut headers: HeaderMap =
                accept.iter().map(|accept| (ACCEPT, HeaderValue::from_static(accept))).collect();
            for _ in 0..2 {
                target(query).settle_accept(&mut headers);
                let settled: Vec<_> = headers.get_all(ACCEPT).iter().collect();
                assert_eq!(settled, expected.as_slice(), "{query} {accept:?}");
            }
        }
    }

    #[test]
    fn lines_of_accept_become_one() {
        let mut headers = HeaderMap::new();
        for line in ["text/html", "image/avif"] {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        target("fm=auto").settle_accept(&mut headers);
        assert_eq!(headers.get_all(ACCEPT).iter().collect::<Vec<_>>(), ["image/avif,image/webp"]);
    }
}
