//! What is known of images, for people who look for them.

use std::collections::BTreeSet;

use sekisho::ledger::{Catalogue, FactKind, Ledger, NewScan, PullFact, RecordedScan};
use sekisho::metrics::Metrics;
use sekisho::oci::Digest;
use sekisho::report::{Finding, Package, SourcePackage};

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn ids(written: &[&str]) -> Vec<String> {
    written.iter().map(|id| (*id).to_owned()).collect()
}

/// What one vulnerability is called.
async fn names(ledger: &Ledger, id: &str) -> Vec<String> {
    ledger.names_of(id).await.unwrap().ids
}

#[tokio::test]
async fn an_id_leads_to_its_findings_in_the_images_that_are_asked_for() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for manifest in ["one", "two"] {
        ledger.submit_scan(scan(manifest, now())).await.unwrap();
    }
    let one = digest("one");
    let found = ledger.findings_naming(&ids(&["cve-2026-1"]), [&one]).await;
    let found = found.unwrap();
    assert_eq!((found.len(), &found[0].manifest), (1, &one));
    assert_eq!(
        (&*found[0].item.id, &*found[0].tool),
        ("CVE-2026-1", "trivy")
    );
    let by_alias = ledger.findings_naming(&ids(&["ghsa-1"]), [&one]).await;
    assert_eq!(by_alias.unwrap().len(), 2);
    assert_eq!(names(&ledger, "CVE-2026-1").await, ["CVE-2026-1", "GHSA-1"]);
    assert_eq!(
        names(&ledger, "ghsa-1").await,
        ["ghsa-1", "CVE-2026-1", "CVE-2026-2"]
    );
    let beside = ledger.names_in(&ids(&["GHSA-1"]), [&one]).await.unwrap();
    assert!(beside.contains("CVE-2026-1") && beside.contains("CVE-2026-2"));
    let elsewhere = ledger.names_in(&ids(&["GHSA-1"]), [&digest("three")]).await;
    assert!(elsewhere.unwrap().is_empty());
}

#[tokio::test]
async fn the_list_of_images_tells_where_they_are_and_how_far_scans_cover_them() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let both = index("idx", &[("amd", "l1"), ("arm", "l2")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    let package = |name: &str| Package {
        name: name.to_owned(),
        version: "1".to_owned(),
        purl: None,
        source: None,
    };
    let whole = NewScan {
        findings: Vec::new(),
        packages: vec![package("bash"), package("zlib1g")],
        ..scan("amd", now())
    };
    ledger.submit_scan(whole).await.unwrap();
    ledger.promote(promotion("idx", None)).await.unwrap();
    let seen = PullFact {
        subject: subject("stranger"),
        at: now(),
        kind: FactKind::Seen,
    };
    ledger.record_facts(&[seen]).await.unwrap();
    let catalogue = ledger.catalogue(now()).await.unwrap();
    assert_eq!(catalogue.images.len(), 3);
    let of = |root: &str| catalogue.of(&digest(root)).next().unwrap();
    let amd = of("amd");
    assert_eq!(amd.image.indexes, [digest("idx")]);
    assert_eq!(amd.environments, [production()]);
    let scan = amd.scan.unwrap();
    assert_eq!((scan.scanned_at, scan.lists_packages), (now(), true));
    assert!(of("arm").scan.is_none() && of("arm").image.platform.is_some());
    assert!(of("stranger").image.platform.is_none());
    let (amd, idx) = (digest("amd"), digest("idx"));
    let places = ledger.places_of([&idx]).await.unwrap();
    assert!(places.len() == 1 && places[0].promoted, "{places:?}");
    assert_eq!(ledger.images_of([&idx]).len(), 2);
    let arm = digest("arm");
    let covered = ledger.scan_coverage_of([&amd, &arm]).await.unwrap();
    assert_eq!(covered.keys().collect::<Vec<&Digest>>(), [&amd]);
}

/// The manifests that `catalogue` finds by an id, with those that it does not list.
async fn reporting(ledger: &Ledger, catalogue: &Catalogue, id: &str) -> BTreeSet<Digest> {
    let named = ledger.listed_reporting(catalogue, &ids(&[id])).await;
    let named = named.unwrap();
    let listed = catalogue.images_in(&named).map(|it| &it.image.manifest);
    listed.chain(catalogue.unlisted(&named)).cloned().collect()
}

/// With the findings of these ids, of `manifest`, so many minutes ago.
async fn scanned(ledger: &Ledger, by: &str, manifest: &str, ago: i64, found: &[&str]) {
    let new = NewScan {
        submitter: by.to_owned(),
        findings: found.iter().map(|id| finding(id)).collect(),
        ..scan(manifest, now() - minutes(ago))
    };
    ledger.submit_scan(new).await.unwrap();
}

#[tokio::test]
async fn a_list_of_all_images_finds_what_scans_name_also_once_it_is_old() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(token("ci")).await.unwrap();
    let known = ["kept", "mended", "again", "withdrawn", "clean"];
    for name in known {
        let closure = image(name, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
    }
    for name in ["kept", "mended", "again"] {
        scanned(&ledger, "nightly", name, 9, &["CVE-2026-1"]).await;
    }
    scanned(&ledger, "ci", "withdrawn", 9, &["CVE-2026-1"]).await;
    scanned(&ledger, "nightly", "stranger", 9, &["CVE-2026-1"]).await;
    let catalogue = ledger.catalogue(now()).await.unwrap();
    let set = |names: &[&str]| -> BTreeSet<Digest> { names.iter().map(|it| digest(it)).collect() };
    let before = ["kept", "mended", "again", "withdrawn", "stranger"];
    let found = reporting(&ledger, &catalogue, "cve-2026-1").await;
    assert_eq!(found, set(&before));
    assert!(
        reporting(&ledger, &catalogue, "CVE-2026-10")
            .await
            .is_empty()
    );

    scanned(&ledger, "nightly", "mended", 1, &["CVE-2026-3"]).await;
    scanned(
        &ledger,
        "nightly",
        "again",
        1,
        &["CVE-2026-1", "CVE-2026-4"],
    )
    .await;
    scanned(&ledger, "nightly", "new", 1, &["CVE-2026-1"]).await;
    scanned(&ledger, "nightly", "clean", 1, &["CVE-2026-1"]).await;
    ledger.revoke_token("ci", true, now()).await.unwrap();
    let after = set(&["kept", "again", "stranger", "new", "clean"]);
    assert_eq!(reporting(&ledger, &catalogue, "CVE-2026-1").await, after);
    place
        .sql("DELETE FROM changes WHERE seq < (SELECT max(seq) FROM changes)")
        .await;
    let found = reporting(&ledger, &catalogue, "CVE-2026-1").await;
    assert_eq!(found, after, "what changed is no longer on record");
    let catalogue = ledger.catalogue(now()).await.unwrap();
    assert_eq!(reporting(&ledger, &catalogue, "CVE-2026-1").await, after);
}

#[tokio::test]
async fn another_name_that_only_a_withdrawn_scan_gives_is_none() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.create_token(token("ci")).await.unwrap();
    for (by, alias) in [("ci", "GHSA-false"), ("nightly", "GHSA-true")] {
        let found = Finding {
            aliases: vec![alias.to_owned()],
            mentioned: Vec::new(),
            ..finding("CVE-2026-1")
        };
        let new = NewScan {
            submitter: by.to_owned(),
            findings: vec![found],
            ..scan(by, now())
        };
        ledger.submit_scan(new).await.unwrap();
    }
    let both = ["CVE-2026-1", "GHSA-false", "GHSA-true"];
    assert_eq!(names(&ledger, "CVE-2026-1").await, both);
    ledger.revoke_token("ci", true, now()).await.unwrap();
    let one = ["CVE-2026-1", "GHSA-true"];
    assert_eq!(names(&ledger, "CVE-2026-1").await, one);
}

/// A scan of an image of that name with one finding of these names, its own the first.
async fn report(ledger: &Ledger, image: &str, names: &[String]) {
    let found = Finding {
        aliases: names[1..].to_vec(),
        mentioned: Vec::new(),
        ..finding(&names[0])
    };
    let new = NewScan {
        findings: vec![found],
        ..scan(image, now())
    };
    ledger.submit_scan(new).await.unwrap();
}

#[tokio::test]
async fn other_names_of_a_finding_lead_to_each_other_by_its_own() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    report(&ledger, "one", &ids(&["GHSA-1", "CVE-2026-1", "PYSEC-1"])).await;
    for (asked, told) in [
        ("CVE-2026-1", ["CVE-2026-1", "GHSA-1", "PYSEC-1"]),
        ("PYSEC-1", ["PYSEC-1", "CVE-2026-1", "GHSA-1"]),
        ("GHSA-1", ["GHSA-1", "CVE-2026-1", "PYSEC-1"]),
    ] {
        let mut others = names(&ledger, asked).await;
        others[1..].sort();
        assert_eq!(others, told);
    }
}

#[tokio::test]
async fn an_advisory_for_two_cves_makes_neither_a_name_of_the_other() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    report(
        &ledger,
        "one",
        &ids(&["ALAS-1", "CVE-2026-1", "cve-2026-2"]),
    )
    .await;
    report(&ledger, "two", &ids(&["CVE-2026-3", "CVE-2026-1"])).await;
    assert_eq!(names(&ledger, "CVE-2026-1").await, ["CVE-2026-1", "ALAS-1"]);
    assert_eq!(names(&ledger, "ALAS-1").await.len(), 3);
}

#[tokio::test]
async fn a_report_with_very_many_names_hides_no_other_name() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    report(&ledger, "one", &ids(&["ZZZ-1", "CVE-2026-1"])).await;
    for report_of in 0..2 {
        let many = (0..1000).map(|at| format!("AAA-{report_of}-{at}"));
        let many: Vec<String> = many.chain(ids(&["CVE-2026-1"])).collect();
        report(&ledger, ["two", "three"][report_of], &many).await;
    }
    let told = ledger.names_of("CVE-2026-1").await.unwrap();
    assert_eq!(told.ids[..2], ["CVE-2026-1", "ZZZ-1"]);
    assert_eq!((told.ids.len(), told.unfollowed), (1001, 1001));
}

#[tokio::test]
async fn what_names_lead_to_grows_with_their_number_and_not_its_square() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let many: Vec<String> = (0..1000).map(|at| format!("AAA-2026-{at:04}")).collect();
    report(&ledger, "one", &many).await;
    let kept = "SELECT CAST(sum(length(names)) AS TEXT) FROM vulnerabilities";
    let kept: usize = place.text(kept).await.parse().unwrap();
    assert!((10_000..60_000).contains(&kept), "{kept} bytes");
}

#[tokio::test]
async fn an_image_has_its_scans_over_time_and_who_let_it_in() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    for (ago, id) in [(60, "CVE-old"), (5, "CVE-new")] {
        let new = NewScan {
            findings: vec![finding(id)],
            ..scan("img", now() - minutes(ago))
        };
        ledger.submit_scan(new).await.unwrap();
    }
    let img = digest("img");
    let history = ledger.scan_history(&img, 10).await.unwrap();
    let stand: Vec<bool> = history.iter().map(|it| it.stands).collect();
    assert_eq!(stand, [true, false], "the newest first");
    assert!(
        history
            .iter()
            .all(|it| it.findings.values().sum::<u64>() == 1)
    );
    let mut found = Vec::new();
    let each = |_: &RecordedScan, it: Finding| found.push(it.id);
    ledger.each_finding_of(&history, each).await.unwrap();
    assert_eq!(found, ["CVE-new"]);
    assert_eq!(ledger.scan_history(&img, 1).await.unwrap().len(), 1);
    ledger.promote(promotion("img", Some("1"))).await.unwrap();
    let promoted = ledger.promotions_on([&img]).await.unwrap();
    assert_eq!((promoted.len(), &*promoted[0].promoter), (1, "release"));
    assert_eq!(promoted[0].environment, production());
    assert_eq!(ledger.first_seen_at(&img, |_, _| true).await.unwrap(), None);
}

#[tokio::test]
async fn who_asks_and_the_background_read_the_list_of_images_once() {
    let place = or_skip!(place());
    let metrics = Metrics::new();
    let ledger = place.serve().await.measured(metrics.clone());
    ledger
        .record_closure(&app(), &index("idx", &[("amd", "l1")]))
        .await
        .unwrap();
    let asked = ledger.catalogue(now());
    let (listed, refreshed) = tokio::join!(asked, ledger.refresh_catalogue_once(now()));
    refreshed.unwrap();
    assert_eq!(listed.unwrap().images.len(), 1);
    let told = metrics.encode();
    let reads = "sekisho_ledger_seconds_count{verb=\"known_images\"} 1\n";
    assert!(told.contains(reads), "{told}");
}

/// The indexes of both databases hold the keys that are asked for.
#[tokio::test]
async fn a_package_is_found_however_a_tool_spells_its_name() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let listed = [
        "PyYAML",
        "zope.interface",
        "org.apache.logging.log4j:log4j-core",
        "@angular/core",
        "github.com/Masterminds/sprig/v3",
        "libstdc++6",
        "a\nb/c",
        "ends/",
        "._-",
        "Älter",
        "100%_sure",
        &format!("{}x", "ä".repeat(300)),
    ];
    let packages = listed.map(|name| Package {
        name: name.to_owned(),
        version: "1".to_owned(),
        purl: None,
        source: None,
    });
    let findings = listed.map(|name| Finding {
        package: name.to_owned(),
        ..finding("CVE-2026-1")
    });
    let new = NewScan {
        findings: findings.to_vec(),
        packages: packages.to_vec(),
        ..scan("img", now())
    };
    ledger.submit_scan(new).await.unwrap();
    let asked = listed.iter().map(|name| (*name, *name)).chain([
        ("pyyaml", "PyYAML"),
        ("zope_interface", "zope.interface"),
        ("LOG4J_core", "org.apache.logging.log4j:log4j-core"),
        ("core", "@angular/core"),
    ]);
    for (name, listed) in asked {
        let found = ledger.packages_named(name).await.unwrap();
        let found: Vec<&str> = found.iter().map(|it| &*it.item.name).collect();
        assert!(found.contains(&listed), "{name}: {found:?}");
        let found = ledger.findings_in(name).await.unwrap();
        let found: Vec<&str> = found.iter().map(|it| &*it.item.package).collect();
        assert!(found.contains(&listed), "{name}: {found:?}");
    }
    assert!(ledger.packages_named("yaml").await.unwrap().is_empty());
}

#[tokio::test]
async fn packages_and_findings_are_found_by_what_they_were_built_from() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let source = Some(SourcePackage {
        name: "XZ-utils".to_owned(),
        version: "5.6.1-1".to_owned(),
    });
    let new = NewScan {
        findings: vec![Finding {
            package: "liblzma5".to_owned(),
            source: source.clone(),
            ..finding("CVE-2026-1")
        }],
        packages: vec![Package {
            name: "xz-bin".to_owned(),
            version: "1".to_owned(),
            purl: None,
            source: source.clone(),
        }],
        ..scan("img", now())
    };
    ledger.submit_scan(new).await.unwrap();
    let found = ledger.packages_named("xz_utils").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].item.name, &found[0].item.source),
        ("xz-bin", &source)
    );
    let found = ledger.findings_in("xz-utils").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].item.package, &found[0].item.source),
        ("liblzma5", &source)
    );
    assert_eq!(ledger.packages_named("xz-bin").await.unwrap().len(), 1);
    assert!(ledger.packages_named("xz").await.unwrap().is_empty());
}
