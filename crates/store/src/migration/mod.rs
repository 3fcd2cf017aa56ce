//! The tables' history: one file a step, applied in order, never edited after a release.

mod m0001_first_tables;
mod m0002_story_is_what_its_rule_says;
mod m0003_narrow_alerts;
mod m0004_people;
mod m0005_bulletins;
mod m0006_notification;
mod m0007_cases;
mod m0008_indicators;
mod m0009_clustered_counts;
mod m0010_rows_by_day;
mod m0011_triage;
mod m0012_listed_rules;
mod m0013_address_bytes;
mod tables;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps.
pub struct Migrator;

#[sea_orm_migration::async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_tables::FirstTables),
            Box::new(m0002_story_is_what_its_rule_says::StoryIsWhatItsRuleSays),
            Box::new(m0003_narrow_alerts::NarrowAlerts),
            Box::new(m0004_people::People),
            Box::new(m0005_bulletins::Bulletins),
            Box::new(m0006_notification::Notification),
            Box::new(m0007_cases::Cases),
            Box::new(m0008_indicators::Indicators),
            Box::new(m0009_clustered_counts::ClusteredCounts),
            Box::new(m0010_rows_by_day::RowsByDay),
            Box::new(m0011_triage::Triage),
            Box::new(m0012_listed_rules::ListedRules),
            Box::new(m0013_address_bytes::AddressBytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        database::Store,
        ids::{AlertId, StoryId},
        scope::Scope,
        stories::{ArrivedWithin, StoryFilter},
    };
    use phitak_model::{Alert, Evidence, Severity, Timestamp};
    use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

    fn alert(n: i64) -> Alert {
        Alert {
            at: Timestamp::from_secs(1_000 + n),
            gid: 1,
            signature_id: 2_000_001,
            rev: 7,
            signature: "ET EXAMPLE its words".to_owned(),
            category: "Misc activity".to_owned(),
            severity: Severity::High,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: [10, 0, 0, 1].into(),
            src_port: Some(1_025),
            dest_ip: [203, 0, 113, 9].into(),
            dest_port: Some(443),
            app_proto: Some("tls".to_owned()),
            flow_id: u64::MAX,
            packet: 12,
            attack: vec!["T1071".to_owned()],
            evidence: Some(Evidence {
                buffer: "payload".to_owned(),
                bytes: vec![0, 255],
                offset: 9,
                marks: vec![(0, 1)],
            }),
            fields: vec![("tls.sni".to_owned(), "example.org".to_owned())],
        }
    }

    /// Tables as the second step left them, with alerts in the form of that time.
    async fn old_centre(db: &DatabaseConnection, alerts: i64) {
        Migrator::up(db, Some(2)).await.expect("the first two steps");
        let mut rows = vec![
            "INSERT INTO facilities VALUES ('66101', 'ก', 'A', '19', 4, 0, NULL, 0, 0, 0, 1, 0, 1, 0)".to_owned(),
            "INSERT INTO sensors (id, facility, enrolled_at, packets, bytes, flows, rules_loaded, rules_failed, \
             spool_bytes) VALUES ('66101-1', '66101', 0, 0, 0, 0, 0, 0, 0)"
                .to_owned(),
            "INSERT INTO spools VALUES (1, '66101-1', 'ab', 9, 0)".to_owned(),
            format!(
                "INSERT INTO stories VALUES (1, 1, 2000001, 7, 'ET EXAMPLE its words', 'Misc activity', 2, '[]', 'new', \
                 NULL, NULL, NULL, {alerts}, 0, 0, 7200000000, NULL, NULL)"
            ),
            format!("INSERT INTO story_facilities VALUES (1, '66101', 4, {alerts}, 0, 0, 7200000000, 7200000000)"),
        ];
        for n in 1..=alerts {
            let body = serde_json::to_string(&alert(n)).expect("JSON");
            let body = if n == 2 { "not JSON".to_owned() } else { body };
            rows.push(format!(
                "INSERT INTO alerts VALUES ({n}, 1, {n}, '66101-1', '66101', 1, {}, 7200000000, '10.0.0.1', 1025, \
                 '203.0.113.9', 443, 'TCP', 'tls', '{body}')",
                alert(n).at.micros()
            ));
        }
        for row in rows {
            db.execute_unprepared(&row).await.expect("an old row");
        }
    }

    #[tokio::test]
    async fn a_step_that_fails_half_way_leaves_what_was_there() {
        // In the way of the last table that is made anew by time, and of the last index of what analysts set up.
        for name in ["story_days_by_story", "stories_suppression_id"] {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("centre.db").display());
            let old = Database::connect(url).await.expect("opens");
            old_centre(&old, 10).await;
            old.execute_unprepared(&format!("CREATE TABLE {name} (id BIGINT)")).await.expect("a table");
            Migrator::up(&old, None).await.expect_err("something is in the way");
            old.execute_unprepared(&format!("DROP TABLE {name}")).await.expect("drops");
            Migrator::up(&old, None).await.expect("it goes on from what was there");
            old.close().await.expect("closes");
        }
    }

    #[tokio::test]
    async fn a_centre_of_an_earlier_release_keeps_every_alert_and_counts_it_by_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("centre.db").display());
        let old = Database::connect(url).await.expect("opens");
        old_centre(&old, 2_500).await;
        old.close().await.expect("closes");
        let store = Store::open(folder.path()).await.expect("the tables are brought up to date");
        let scope = Scope::of_the_centre_itself();
        for n in [1, 3, 2_500] {
            let (brief, whole) = store.alert(&scope, AlertId(n)).await.expect("is there");
            assert_eq!((whole, brief.sensor.as_str()), (alert(n), "66101-1"));
        }
        let (_, damaged) = store.alert(&scope, AlertId(2)).await.expect("what its columns say is kept");
        assert_eq!((damaged.signature.as_str(), damaged.evidence), ("ET EXAMPLE its words", None));
        assert_eq!(
            store.latest_alerts(&scope, StoryId(1), 3).await.expect("reads").first().map(|a| a.id.0),
            Some(2_500)
        );
        let now = Timestamp::from_secs(3 * 3_600);
        for since in [now.plus_secs(-86_400), now.plus_secs(-7 * 86_400)] {
            let filter = StoryFilter { window: Some(ArrivedWithin { since, now }), ..StoryFilter::default() };
            let list = store.stories(&scope, &filter, &Default::default()).await.expect("reads");
            assert_eq!(
                list.items.iter().map(|story| (story.alerts, story.facilities)).collect::<Vec<_>>(),
                [(2_500, 1)]
            );
        }
    }
}
