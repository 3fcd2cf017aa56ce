//! How long pages take, and whether what they tell is so.

use crate::world::{self, Truth, World};
use anyhow::{Result, ensure};
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt;
use phitak_centre::{centre::Centre, router::router};
use serde_json::Value;
use std::{collections::BTreeSet, time::Instant};
use tower::ServiceExt;

const CALLS: usize = 60;
const P95_MS_MAX: f64 = 300.0;
const REGION: u8 = 4;

/// The analyst's, the officer's and the hospital's pages; false when one took too long.
pub async fn measure(centre: &Centre, world: &World, truth: &Truth) -> Result<bool> {
    let hospital = world.sensors[0].facility();
    crate::add_people(centre, &hospital).await?;
    let router = router(centre);
    compare(&router, centre, world, truth).await?;
    let story = first_story(&router).await?;
    let pages = [
        ("analyst", "/api/v1/stories".to_owned()),
        ("analyst", "/api/v1/stories?limit=200".to_owned()),
        ("analyst", "/api/v1/stories?since=30d".to_owned()),
        ("analyst", "/api/v1/stories?since=all".to_owned()),
        ("analyst", "/api/v1/stories?since=all&severity=high,critical".to_owned()),
        ("analyst", "/api/v1/stories?since=30d&region=4".to_owned()),
        ("analyst", format!("/api/v1/stories?since=30d&facility={hospital}")),
        ("analyst", "/api/v1/stories?since=all&q=number%2039".to_owned()),
        ("analyst", format!("/api/v1/stories/{story}")),
        ("analyst", "/api/v1/alerts/1000".to_owned()),
        ("analyst", "/api/v1/overview".to_owned()),
        ("analyst", "/api/v1/facilities".to_owned()),
        ("officer", "/api/v1/stories".to_owned()),
        ("officer", "/api/v1/stories?since=all".to_owned()),
        ("officer", format!("/api/v1/stories/{story}")),
        ("officer", "/api/v1/overview".to_owned()),
        ("hospital", "/api/v1/stories?since=30d".to_owned()),
        ("hospital", format!("/api/v1/facilities/{hospital}/care")),
    ];
    let mut is_met = true;
    for (person, path) in pages {
        let mut took_ms = Vec::with_capacity(CALLS);
        let mut bytes = 0;
        for _ in 0..CALLS {
            let begun = Instant::now();
            bytes = read(&router, person, &path).await?.len();
            took_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        took_ms.sort_by(f64::total_cmp);
        let (p50, p95) = (took_ms[CALLS / 2], took_ms[CALLS * 95 / 100]);
        let word = if p95 <= P95_MS_MAX { "" } else { "  TOO LONG" };
        is_met &= p95 <= P95_MS_MAX;
        println!("{person:9} {path:52} p50 {p50:7.1} ms  p95 {p95:7.1} ms  {bytes:7} bytes{word}");
    }
    Ok(is_met)
}

/// Every page of each queue adds up to what was sent.
async fn compare(router: &Router, centre: &Centre, world: &World, truth: &Truth) -> Result<()> {
    let now = centre.clock.now();
    let of_region: BTreeSet<usize> = (0..world.sensors.len()).filter(|n| world::region(*n) == REGION).collect();
    let only: BTreeSet<usize> = BTreeSet::from([0]);
    let hospital = world.sensors[0].facility();
    let sum_of = |those: &BTreeSet<usize>| those.iter().map(|n| truth.by_facility[*n]).sum::<u64>();
    let expected = [
        ("analyst", "since=all".to_owned(), (truth.stories(), truth.alerts)),
        ("analyst", "since=24h".to_owned(), truth.of_a_day(now, None)),
        ("analyst", format!("since=24h&region={REGION}"), truth.of_a_day(now, Some(&of_region))),
        ("analyst", format!("since=24h&facility={hospital}"), truth.of_a_day(now, Some(&only))),
        ("analyst", "since=30d".to_owned(), (truth.stories(), truth.alerts)),
        ("officer", "since=all".to_owned(), (truth.stories_at(&of_region), sum_of(&of_region))),
        ("officer", "since=24h".to_owned(), truth.of_a_day(now, Some(&of_region))),
        ("hospital", "since=all".to_owned(), (truth.stories_at(&only), sum_of(&only))),
    ];
    for (person, query, truth) in expected {
        let found = walk(router, person, &query).await?;
        ensure!(found == truth, "{person} {query}: (stories, alerts) are {found:?}, truly {truth:?}");
    }
    let overview: Value = serde_json::from_slice(&read(router, "analyst", "/api/v1/overview").await?)?;
    println!("every page of 8 queues adds up; the overview tells {} alerts of a day", overview["alerts_24h"]);
    Ok(())
}

/// All pages of a queue: its stories and the sum of their alerts.
async fn walk(router: &Router, person: &str, query: &str) -> Result<(usize, u64)> {
    let (mut stories, mut alerts, mut cursor) = (0, 0, None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let body = read(router, person, &format!("/api/v1/stories?limit=200&{query}{after}")).await?;
        let page: Value = serde_json::from_slice(&body)?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        stories += items.len();
        alerts += items.iter().filter_map(|story| story["alerts"].as_u64()).sum::<u64>();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => {
                ensure!(page["total"].as_u64() == Some(stories as u64), "{query}: the total is {}", page["total"]);
                return Ok((stories, alerts));
            }
        }
    }
}

async fn first_story(router: &Router) -> Result<i64> {
    let body = read(router, "analyst", "/api/v1/stories?since=all&signature=2000000").await?;
    let page: Value = serde_json::from_slice(&body)?;
    page["items"][0]["id"].as_i64().ok_or_else(|| anyhow::anyhow!("the commonest story is not there"))
}

async fn read(router: &Router, person: &str, path: &str) -> Result<Vec<u8>> {
    let request =
        Request::builder().uri(path).header(header::COOKIE, format!("phitak_session={person}")).body(Body::empty())?;
    let response = router.clone().oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{person} {path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(body.to_vec())
}
