//! Two hospitals' rules of one number need not say the same (a local rule, an older revision, a hostile sensor): each
//! wording and severity is a story of its own, so that no sensor changes what another's alerts are called.

use sea_orm_migration::prelude::*;

pub(super) struct StoryIsWhatItsRuleSays;

impl MigrationName for StoryIsWhatItsRuleSays {
    fn name(&self) -> &str {
        "m0002_story_is_what_its_rule_says"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for StoryIsWhatItsRuleSays {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("stories_gid_signature_id").table("stories").to_owned()).await?;
        let mut index = Index::create();
        index.name("stories_gid_signature_id_severity_signature").table("stories").unique();
        for column in ["gid", "signature_id", "severity", "signature"] {
            index.col(column);
        }
        manager.create_index(index).await
    }
}
