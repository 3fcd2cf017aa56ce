//! The timeline of a case: drafted from its stories' first and last alerts, from what analysts did with them and what its
//! hospitals answered to warnings, with everything that was done and said in the case. A line may be hidden with a reason; it
//! stays in the answer, marked.

use super::read::Places;
use crate::{
    centre::Centre,
    refusal::Refusal,
    wire::Moment,
    wire_case::{HiddenView, LineKind, TimelineLine},
};
use phitak_model::Timestamp;
use phitak_store::{CaseId, Entry, EntryKind, Scope, StoryId};

/// Most lines of a timeline; the latest are kept.
pub const LINES_MAX: usize = 2_000;

/// All lines, by when they happened.
pub(super) async fn of_case(
    centre: &Centre,
    scope: &Scope,
    id: CaseId,
    facilities: &[String],
    places: &Places,
) -> Result<Vec<TimelineLine>, Refusal> {
    let mut lines = drafted(centre, scope, id, facilities, places).await?;
    lines.extend(centre.store.case_entries(scope, id).await?.into_iter().map(|entry| written(entry, places)));
    for hidden in centre.store.hidden_case_lines(id).await? {
        if let Some(line) = lines.iter_mut().find(|line| line.key == hidden.line) {
            line.hidden = Some(HiddenView { at: hidden.at.into(), who: hidden.who, reason: hidden.reason });
        }
    }
    lines.sort_by_key(|line| (line.at, line.noted_at));
    let surplus = lines.len().saturating_sub(LINES_MAX);
    Ok(lines.split_off(surplus))
}

async fn drafted(
    centre: &Centre,
    scope: &Scope,
    id: CaseId,
    facilities: &[String],
    places: &Places,
) -> Result<Vec<TimelineLine>, Refusal> {
    let mut lines = Vec::new();
    let stories = centre.store.case_stories(id).await?;
    let ids: Vec<StoryId> = stories.iter().map(|story| story.story).collect();
    let now = centre.store.stories_by_id(scope, &Default::default(), &ids).await?;
    for story in stories {
        let there = now.iter().find(|known| known.id == story.story);
        let (first, last) = there.map_or((story.first_at, story.last_at), |known| (known.first_at, known.last_at));
        let number = story.story;
        let alert = |which: &str, at: Timestamp| TimelineLine {
            source: Some(story.signature.clone()),
            ..line(format!("story-{number}-{which}"), LineKind::Alert, at, format!("{which}_alert"))
        };
        lines.push(alert("first", first));
        if last > first {
            lines.push(alert("last", last));
        }
        if there.is_none() {
            continue;
        }
        for event in centre.store.story_events(scope, number).await? {
            let key = format!("story-{number}-{}-{}", event.action, event.at.micros());
            lines.push(TimelineLine {
                source: Some(story.signature.clone()),
                text: event.reason.unwrap_or_default(),
                who: event.who,
                ..line(key, LineKind::Triage, event.at, event.action)
            });
        }
        lines.extend(answers(centre, scope, number, facilities, places).await?);
    }
    Ok(lines)
}

/// What the case's hospitals answered to the warning that was drafted from a story.
async fn answers(
    centre: &Centre,
    scope: &Scope,
    story: StoryId,
    facilities: &[String],
    places: &Places,
) -> Result<Vec<TimelineLine>, Refusal> {
    let Some(bulletin) = centre.store.bulletin_of_story(story).await? else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for event in centre.store.bulletin_events(scope, bulletin).await? {
        let own = event.facility.filter(|code| facilities.contains(code));
        let Some(code) = own.filter(|_| event.level.is_none()) else { continue };
        let key = format!("bulletin-{bulletin}-{code}-{}-{}", event.action, event.at.micros());
        lines.push(TimelineLine {
            facility: Some(places.of(&code)),
            text: event.detail.unwrap_or_default(),
            who: event.who,
            ..line(key, LineKind::Answer, event.at, event.action)
        });
    }
    Ok(lines)
}

fn line(key: String, kind: LineKind, at: Timestamp, action: String) -> TimelineLine {
    TimelineLine {
        key,
        kind,
        at: at.into(),
        noted_at: None,
        facility: None,
        action,
        source: None,
        text: String::new(),
        who: None,
        hidden: None,
    }
}

fn written(entry: Entry, places: &Places) -> TimelineLine {
    let kind = match entry.kind {
        EntryKind::Event => LineKind::Event,
        EntryKind::Comment => LineKind::Comment,
        EntryKind::Note => LineKind::Note,
        EntryKind::Added => LineKind::Added,
    };
    TimelineLine {
        noted_at: Some(Moment(entry.noted_at)),
        facility: entry.facility.as_deref().map(|code| places.of(code)),
        source: entry.source,
        text: entry.text,
        who: Some(entry.who),
        ..line(format!("entry-{}", entry.id), kind, entry.at, entry.action)
    }
}
