//! What ships of the law and of playbooks: deadlines around the Buddhist year and the leap day, words in both languages.

use phitak_centre::{
    case_law::{CaseLaw, Rule},
    playbooks::{Playbooks, StepOf},
};
use phitak_model::{FacilityCode, Timestamp, thai};
use phitak_store::{NewClock, ThreatLevel};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// Each deadline as a Thai reader sees it.
fn dues(event: &str, from: &str) -> Vec<(String, String)> {
    let law = CaseLaw::shipped().expect("reads");
    let name = |clock: &NewClock| clock.rule.split('@').next().unwrap_or_default().to_owned();
    law.clocks_of(event, at(from)).iter().map(|clock| (name(clock), thai::date_time(clock.due_at))).collect()
}

#[test]
fn deadlines_are_counted_from_the_moment_in_bangkok_through_new_year_and_leap_day() {
    for (event, from, expected) in [
        (
            "noticed",
            "2026-11-24T09:14:00+07:00",
            vec![("ncsa-at-once", "24 พ.ย. 2569 09:14 น."), ("ncsa-24h", "25 พ.ย. 2569 09:14 น.")],
        ),
        (
            "noticed",
            "2026-12-31T23:30:00+07:00",
            vec![("ncsa-at-once", "31 ธ.ค. 2569 23:30 น."), ("ncsa-24h", "1 ม.ค. 2570 23:30 น.")],
        ),
        (
            "personal_data_known",
            "2026-12-29T17:00:00Z",
            vec![("pdpa-72h", "2 ม.ค. 2570 00:00 น."), ("pdpa-late-15d", "14 ม.ค. 2570 00:00 น.")],
        ),
        (
            "personal_data_known",
            "2028-02-27T10:00:00+07:00",
            vec![("pdpa-72h", "1 มี.ค. 2571 10:00 น."), ("pdpa-late-15d", "13 มี.ค. 2571 10:00 น.")],
        ),
        (
            "personal_data_known",
            "2027-02-26T10:00:00+07:00",
            vec![("pdpa-72h", "1 มี.ค. 2570 10:00 น."), ("pdpa-late-15d", "13 มี.ค. 2570 10:00 น.")],
        ),
        ("high_risk_known", "2028-02-29T08:00:00+07:00", vec![("pdpa-owners", "29 ก.พ. 2571 08:00 น.")]),
    ] {
        let expected: Vec<(String, String)> =
            expected.into_iter().map(|(rule, due)| (rule.to_owned(), due.to_owned())).collect();
        assert_eq!(dues(event, from), expected, "{event} {from}");
    }
}

#[test]
fn a_rule_binds_from_its_first_day_in_bangkok() {
    assert!(dues("noticed", "2023-05-09T23:59:59+07:00").is_empty());
    assert_eq!(dues("noticed", "2023-05-09T17:00:00Z").len(), 2);
    assert!(dues("personal_data_known", "2022-12-14T23:59:59+07:00").is_empty());
    assert_eq!(dues("personal_data_known", "2022-12-15T00:00:00+07:00").len(), 2);
    assert!(dues("nothing", "2026-11-24T09:14:00+07:00").is_empty());
}

#[test]
fn a_rule_that_ended_gives_way_to_the_next_of_its_name() {
    let mut law = CaseLaw::shipped().expect("reads");
    let place = law.rules.iter().position(|rule| rule.id == "ncsa-24h").expect("is there");
    let next = Rule { in_force: "2027-01-01".to_owned(), hours: 12, ..law.rules[place].clone() };
    law.rules[place].until = Some("2026-12-31".to_owned());
    law.rules.push(next);
    let due = |from: &str| {
        let clocks = law.clocks_of("noticed", at(from));
        let own = clocks.iter().filter(|clock| clock.rule.starts_with("ncsa-24h@"));
        own.map(|clock| (clock.rule.clone(), clock.due_at)).collect::<Vec<_>>()
    };
    assert_eq!(due("2026-12-31T23:59:59+07:00"), [("ncsa-24h@2023-05-10".to_owned(), at("2027-01-01T23:59:59+07:00"))]);
    assert_eq!(due("2027-01-01T00:00:00+07:00"), [("ncsa-24h@2027-01-01".to_owned(), at("2027-01-01T12:00:00+07:00"))]);
}

#[test]
fn categories_and_levels_are_those_of_the_notification() {
    let law = CaseLaw::shipped().expect("reads");
    let numbers: Vec<u8> = law.categories.all.iter().map(|category| category.number).collect();
    assert_eq!(numbers, (0..=9).collect::<Vec<u8>>());
    let unreported = law.categories.all.iter().filter(|category| !category.reportable);
    assert_eq!(unreported.map(|category| category.number).collect::<Vec<_>>(), [0, 1, 9]);
    let levels: Vec<&str> = law.levels.all.iter().map(|level| level.id.as_str()).collect();
    assert_eq!(levels, ThreatLevel::ALL.iter().map(|level| level.as_str()).collect::<Vec<_>>());
    for rule in &law.rules {
        for words in [&rule.title, &rule.to, &rule.note, &rule.source] {
            assert!(!words.th.trim().is_empty() && !words.en.trim().is_empty(), "{}", rule.id);
        }
        assert!(rule.source.th.contains("ข้อ") && rule.source.en.contains("clause"), "{}: a section", rule.id);
    }
}

#[test]
fn every_playbook_is_whole_in_both_languages_and_its_steps_are_told_apart() {
    let all = Playbooks::shipped().expect("reads");
    let ids: Vec<&str> = all.iter().map(|playbook| playbook.id.as_str()).collect();
    assert_eq!(ids, ["compromised-account", "data-leak", "malware-beacon", "ransomware", "web-defacement"]);
    for playbook in all.iter() {
        let mut steps: Vec<&str> = playbook.steps.iter().map(|step| step.id.as_str()).collect();
        steps.sort_unstable();
        steps.dedup();
        assert_eq!(steps.len(), playbook.steps.len(), "{}", playbook.id);
        assert!(Timestamp::parse(&format!("{}T00:00:00+07:00", playbook.version)).is_ok(), "{}", playbook.id);
        assert!(playbook.categories.iter().all(|category| *category <= 9), "{}", playbook.id);
        for step in &playbook.steps {
            assert!(step.hours > 0, "{} {}", playbook.id, step.id);
            assert_eq!(step.of == StepOf::Hospital, step.who.is_some(), "{} {}: who", playbook.id, step.id);
            for words in [&playbook.name, &playbook.about, &step.title] {
                assert!(!words.th.trim().is_empty() && !words.en.trim().is_empty(), "{} {}", playbook.id, step.id);
            }
            // Whoever unplugs a machine is asked about medical devices first, in both languages.
            assert_eq!(step.title.th.contains("ถอดสาย"), step.title.en.contains("nplug"), "{}", step.id);
            if step.title.th.contains("ถอดสาย") {
                assert!(
                    step.title.th.contains("เครื่องมือแพทย์") && step.title.en.contains("medical device"),
                    "{}",
                    step.id
                );
            }
        }
    }
}

#[test]
fn a_step_of_the_hospital_comes_once_for_each_and_the_centres_once() {
    let all = Playbooks::shipped().expect("reads");
    let playbook = all.get("malware-beacon").expect("is there");
    let now = Timestamp::parse("2028-02-28T12:00:00+07:00").expect("a moment");
    let codes = ["66101", "66102"].map(|code| FacilityCode::new(code).expect("a code"));
    let tasks = playbook.tasks(&codes, now);
    let of = |facility: Option<&FacilityCode>| tasks.iter().filter(|task| task.facility.as_ref() == facility).count();
    let own = playbook.steps.iter().filter(|step| step.of == StepOf::Hospital).count();
    assert_eq!((of(Some(&codes[0])), of(Some(&codes[1]))), (own, own));
    assert_eq!(of(None), playbook.steps.len() - own);
    let last = tasks.last().expect("a task");
    assert_eq!(last.due_at.map(phitak_model::thai::date_time).as_deref(), Some("2 มี.ค. 2571 12:00 น."));
}
