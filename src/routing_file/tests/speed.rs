//! How long large files take: `cargo test --release routing_file::tests::speed -- --ignored --nocapture`.

use std::fmt::Write;

use super::*;
use crate::clock::Clock;

/// A file of 100 tenants with 10 campaigns and 1,000 numbers each.
fn large() -> String {
    let mut text = String::new();
    for tenant in 0..100 {
        write!(text, "[[tenant]]\nname = \"Tenant {tenant}\"\nregion = \"US\"\n").unwrap();
        text.push_str("[[tenant.agent]]\nname = \"reception\"\n");
        for campaign in 0..10 {
            write!(text, "[[tenant.campaign]]\nname = \"Campaign {campaign}\"\nagent = \"reception\"\n")
                .unwrap();
        }
        for number in 0..1000 {
            let (digits, campaign) = (tenant * 1000 + number, number % 10);
            write!(
                text,
                "[[tenant.number]]\nnumber = \"+1415{digits:07}\"\ncampaign = \"Campaign {campaign}\"\n"
            )
            .unwrap();
        }
    }
    text
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_hundred_thousand_numbers() {
    let text = large();
    let clock = Clock::system();
    for fresh in Fresh::both().await {
        let engine = fresh.db.engine();
        let told =
            |what: &str, watch: crate::clock::Stopwatch| println!("{engine:?}: {what} {:?}", watch.elapsed());
        let watch = clock.stopwatch();
        let read = read(&text, "large.toml");
        assert!(read.mistakes().is_empty());
        told("read", watch);
        let watch = clock.stopwatch();
        assert_eq!(fresh.apply(&text).await.summary.create, 101_200);
        told("create (with reading)", watch);
        let watch = clock.stopwatch();
        assert!(fresh.apply(&text).await.summary.is_unchanged());
        told("nothing to change (with reading)", watch);
        let watch = clock.stopwatch();
        let export = fresh.export().await;
        told("export", watch);
        let watch = clock.stopwatch();
        let changed = fresh.apply(&export.replace("type = \"LOCAL\"", "type = \"MOBILE\"")).await;
        assert_eq!(changed.summary.change, 100_000);
        told("change every number (with reading)", watch);
        let watch = clock.stopwatch();
        let one = fresh.apply("[[tenant]]\nname = \"Tenant 7\"\nmax_concurrent = 5\n").await;
        assert_eq!(one.summary.change, 1);
        told("change one tenant of 100", watch);
    }
}
