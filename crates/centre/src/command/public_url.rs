//! The address under which people reach the pages: links are made of it, and whether it is https decides about the cookie.

use axum::http::Uri;

/// Scheme, host and port, without the slash at the end.
///
/// # Errors
/// When a link made of it would lead nowhere, or elsewhere.
pub(super) fn read(text: &str) -> Result<String, String> {
    let what = "an address such as https://phitak.example.org, without path, query or name of a user";
    let uri: Uri = text.parse().map_err(|error| format!("{error}: {what}"))?;
    let plain =
        uri.authority().is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    let root = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
    match uri.scheme_str() {
        Some(scheme @ ("http" | "https")) if plain && root => {
            Ok(format!("{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str())))
        }
        _ => Err(what.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_links_can_be_made_of_is_taken() {
        for (text, expected) in [
            ("https://phitak.example.org", "https://phitak.example.org"),
            ("https://phitak.example.org/", "https://phitak.example.org"),
            ("HTTPS://phitak.example.org:8443/", "https://phitak.example.org:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "phitak.example.org",
            "/",
            "ftp://a",
            "javascript:alert(1)",
            "https://",
            "https://a b",
            "https://a/path",
            "https://a/?q",
            "https://a#b",
            "https://user@a",
            "https://a\nb",
            "https:// a",
            "//a",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
