//! Names of images in a table: the digest by its beginning. The whole name stands beside it,
//! for whoever points at it.

/// Hexadecimal characters of a digest that are shown: enough to tell images apart.
const DIGEST_CHARS: usize = 12;

/// `host/name@sha256:5cfb6ae0297f…`; a name without a digest is as it is.
pub(super) fn short_name(image: &str) -> String {
    let Some((name, digest)) = image.split_once('@') else {
        return image.to_owned();
    };
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > DIGEST_CHARS => {
            let beginning: String = hex.chars().take(DIGEST_CHARS).collect();
            format!("{name}@{algorithm}:{beginning}…")
        }
        _ => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_by_its_beginning_and_a_tag_whole() {
        let digest = format!("registry.corp/app@sha256:{}", "5".repeat(64));
        assert_eq!(
            short_name(&digest),
            "registry.corp/app@sha256:555555555555…"
        );
        for whole in ["registry.corp/app:1.0", "app", "app@sha256:12"] {
            assert_eq!(short_name(whole), whole);
        }
    }
}
