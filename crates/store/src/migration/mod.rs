//! The tables' history: one file a step, applied in order, never edited after a release.

mod m0001_first_tables;
mod m0002_story_is_what_its_rule_says;
mod m0003_narrow_alerts;
mod m0005_bulletins;
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
            Box::new(m0005_bulletins::Bulletins),
        ]
    }
}
