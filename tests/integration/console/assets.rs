//! What browsers load besides pages.

use super::visitor::Visitor;
use crate::kit::lab::Lab;

#[tokio::test]
async fn assets_are_kept_for_ever_under_the_hash_of_their_bytes() {
    let lab = Lab::start().await;
    let visitor = Visitor::new(&lab);
    let page = visitor.shown("/").await;
    let linked = page.split('"').filter(|it| it.contains("assets/"));
    let mut linked: Vec<&str> = linked.map(|it| it.trim_start_matches('.')).collect();
    linked.sort_unstable();
    linked.dedup();
    assert_eq!(linked.len(), 3, "{linked:?}");
    for path in linked {
        let asset = visitor.open(path).await;
        assert_eq!(asset.status, 200, "{path}");
        let kept = asset.header("cache-control").unwrap();
        assert!(kept.contains("immutable"), "{kept}");
        assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
        assert!(
            !asset.text().contains("http://") || path.ends_with(".svg"),
            "{path}"
        );
    }
    assert_eq!(visitor.open("/assets/console-0.css").await.status, 404);
    lab.stop().await;
}
