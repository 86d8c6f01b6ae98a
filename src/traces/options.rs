//! Where traces go, and how many.

use url::Url;

/// A collector.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceOptions {
    /// Where it takes spans.
    pub url: Url,
    /// The part of all requests that is collected, from 0 to 1.
    pub sample: f64,
    /// Authorities to trust besides the public ones, PEM.
    pub ca: Option<Vec<u8>>,
}
