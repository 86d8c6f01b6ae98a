//! Every page, once: what holds for pages holds for each of these.

/// One page, as people open it.
pub struct PageCase {
    pub name: &'static str,
    /// Its path in `src/console/router.rs`.
    pub route: &'static str,
    /// With `{id}`, `{digest}` and `{image}` where those of a `BusyLab` go.
    pub address: &'static str,
    /// Whether it shows an answer of the API, and so names its JSON.
    pub has_twin: bool,
}

const fn page(name: &'static str, route: &'static str, address: &'static str) -> PageCase {
    PageCase {
        name,
        route,
        address,
        has_twin: true,
    }
}

pub const PAGES: [PageCase; 12] = [
    page("overview", "/", "/"),
    page("denials", "/denials", "/denials"),
    page("decision", "/d/{id}", "/d/{id}"),
    page("images", "/images", "/images?cve=CVE-2026-1234"),
    page("image", "/images/{digest}", "/images/{digest}"),
    page("revoke", "/revoke", "/revoke?image={image}"),
    page("forecast", "/forecast", "/forecast?within=30d"),
    page("exceptions", "/exceptions", "/exceptions"),
    page("acts", "/acts", "/acts"),
    page("decisions", "/decisions", "/decisions"),
    page("try", "/try", "/try?image={image}"),
    PageCase {
        has_twin: false,
        ..page("sign-in", "/sign-in", "/sign-in")
    },
];

/// The same where there is nothing to show.
pub const EMPTY: [(&str, &str); 9] = [
    ("nothing-denied", "/denials?image=nothing"),
    ("nothing-found", "/images?cve=CVE-1999-1"),
    ("nothing-foreseen", "/forecast?environment=staging"),
    ("nothing-done", "/acts?principal=nobody"),
    ("nothing-decided", "/decisions?principal=nobody"),
    ("nothing-tried", "/try"),
    ("unknown-decision", "/d/0"),
    ("unknown-image", "/images/sha256:0"),
    ("lost", "/nowhere"),
];

/// Routes that are no pages.
const NO_PAGES: [&str; 5] = [
    "/images.csv",
    "/forecast.csv",
    "/acts.csv",
    "/decisions.csv",
    "/assets/{name}",
];

#[test]
fn no_page_is_missing_in_the_table() {
    let router = include_str!("../../../src/console/router.rs");
    let routes = router.lines().filter(|line| line.contains("get("));
    let routes = routes.filter_map(|line| line.split('"').nth(1));
    let mut routes: Vec<&str> = routes.filter(|it| !NO_PAGES.contains(it)).collect();
    routes.push("/sign-in");
    let mut listed: Vec<&str> = PAGES.iter().map(|it| it.route).collect();
    routes.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, routes);
}
