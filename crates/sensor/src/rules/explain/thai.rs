//! A rule in Thai: short sentences; technical names stay as they are.

use super::{Subject, sids};
use crate::rules::check::{protocol, shown, slowness};
use phitak_model::Direction;
use phitak_rules::{
    RuleProtocol, Section, Test,
    buffer::Buffer,
    condition::{BitChange, Condition, Effect},
    threshold::{Threshold, ThresholdKind, ThresholdTrack},
};
use std::fmt::Write as _;

pub(super) fn describe(subject: &Subject<'_>) -> String {
    let rule = subject.rule;
    let meta = &rule.meta;
    let mut out = String::new();
    let _ = writeln!(out, "กฎหมายเลข {} (ฉบับที่ {}): {}", meta.sid, meta.rev, meta.message);
    if !meta.category.is_empty() {
        let _ = writeln!(out, "ประเภท: {}", meta.category);
    }
    let _ = writeln!(out, "ความเร่งด่วน: {} (1 คือเร่งด่วนที่สุด)", meta.priority);
    if let Some(reason) = &subject.refused {
        let _ = writeln!(out, "กฎนี้ใช้ไม่ได้ที่นี่: {reason}");
    }
    let _ = writeln!(out, "\nกฎนี้ดูอะไร");
    let _ = match &rule.protocol {
        RuleProtocol::App { names, .. } => writeln!(out, "- ข้อมูลแบบ {}", names.join(" หรือ ")),
        other => writeln!(out, "- แพ็กเก็ต {}", protocol(other)),
    };
    if let Some(head) = &subject.head {
        let _ = writeln!(out, "- ต้นทางและปลายทาง: {head}");
    }
    for placed in &rule.conditions {
        if let Some(words) = condition(&placed.value) {
            let _ = writeln!(out, "- {words}");
        }
    }
    for bit in &subject.asked {
        let _ = match bit.others.as_slice() {
            [] => writeln!(out, "- ต้องมี {} {} ก่อน แต่ไม่มีกฎใดตั้งค่านี้", bit.kind.word(), bit.name),
            others => writeln!(out, "- ต้องมี {} {} ก่อน ซึ่งตั้งโดยกฎ {}", bit.kind.word(), bit.name, sids(others)),
        };
    }
    for section in &rule.sections {
        let _ = writeln!(out, "\nใน {}", buffer(section));
        for placed in &section.tests {
            let _ = writeln!(out, "- {}", test(&placed.value));
        }
    }
    after(subject, &mut out);
    out
}

fn after(subject: &Subject<'_>, out: &mut String) {
    let rule = subject.rule;
    let _ = writeln!(out, "\nเมื่อพบ");
    let _ = writeln!(
        out,
        "- {}",
        if rule.no_alert {
            "ไม่แจ้งเตือน เพียงจดจำไว้ให้กฎอื่น"
        } else {
            "แจ้งเตือน"
        }
    );
    for threshold in rule.threshold.iter().chain(&rule.detection_filter) {
        let _ = writeln!(out, "- {}", often(threshold));
    }
    let changes = rule.effects.iter().filter_map(|placed| match &placed.value {
        Effect::FlowBits { change, .. } | Effect::HostBits { change, .. } => Some(*change),
        _ => None,
    });
    for (change, bit) in changes.zip(&subject.set) {
        let word = match change {
            BitChange::Set => "ตั้ง",
            BitChange::Unset => "ยกเลิก",
            BitChange::Toggle => "สลับ",
        };
        let _ = writeln!(out, "- {word} {} {}", bit.kind.word(), bit.name);
    }
    if slowness(rule).is_some() {
        let _ = writeln!(out, "- กฎนี้ทำงานช้า เพราะไม่มีข้อความเฉพาะให้ค้นหาก่อน");
    }
    let cves = subject.cves();
    if !cves.is_empty() {
        let _ = writeln!(out, "- ช่องโหว่ที่เกี่ยวข้อง: {}", cves.join(", "));
    }
    for (kind, text) in rule.meta.references.iter().filter(|(kind, _)| *kind != "cve") {
        let _ = writeln!(out, "- อ่านเพิ่ม: {kind} {text}");
    }
}

fn condition(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Flow(test) => {
            let mut words = Vec::new();
            match test.established {
                Some(true) => words.push("เฉพาะการเชื่อมต่อที่สำเร็จแล้ว (established)"),
                Some(false) => words.push("เฉพาะการเชื่อมต่อที่ยังไม่สำเร็จ (not_established)"),
                None => {}
            }
            match test.direction {
                Some(Direction::ToServer) => words.push("ขาไปเซิร์ฟเวอร์ (to_server)"),
                Some(Direction::ToClient) => words.push("ขากลับมาเครื่องลูกข่าย (to_client)"),
                None => {}
            }
            (!words.is_empty()).then(|| words.join(" "))
        }
        Condition::FlowBits { set: true, .. } | Condition::HostBits { set: true, .. } => None,
        other => super::conditions::condition(other).map(|words| format!("เงื่อนไข: {words}")),
    }
}

fn buffer(section: &Section) -> String {
    match &section.buffer {
        Buffer::Payload => "เนื้อข้อมูล (payload)".into(),
        Buffer::Named(name) => name.clone(),
        Buffer::Frame { kind, .. } => format!("frame {kind}"),
        Buffer::Header(_) => "ส่วนหัวของแพ็กเก็ต".into(),
        Buffer::SourceAddress => "ที่อยู่ต้นทาง".into(),
        Buffer::DestinationAddress => "ที่อยู่ปลายทาง".into(),
        Buffer::Base64 => "ข้อมูลที่ถอดจาก Base64".into(),
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::Content(content) => {
            let verb = if content.negated { "ต้องไม่มี" } else { "ต้องมี" };
            let place = match (content.starts_with, content.ends_with) {
                (true, true) => " ทั้งหมดพอดี",
                (true, false) => " อยู่ต้นสุด",
                (false, true) => " อยู่ท้ายสุด",
                (false, false) if content.is_relative() => " ถัดจากที่พบก่อนหน้า",
                (false, false) => "",
            };
            let case =
                if content.nocase { " (ตัวพิมพ์เล็กใหญ่ก็ได้)" } else { "" };
            format!("{verb} {}{place}{case}", shown(&content.pattern))
        }
        Test::Pattern(pattern) => {
            let verb = if pattern.negated {
                "ต้องไม่ตรงกับ"
            } else {
                "ต้องตรงกับ"
            };
            format!("{verb}รูปแบบ /{}/", pattern.expression)
        }
        Test::Dataset(set) => format!("เทียบกับรายการ {}", set.name),
        Test::DataReputation(set) => format!("เทียบกับคะแนนใน {}", set.name),
        Test::Absent { .. } => "ต้องไม่มีส่วนนี้".into(),
        Test::BufferSize(size) => format!("ความยาว (ไบต์): {}", super::tests_in_words::number(*size)),
        Test::Base64Decode(_) => "ถอดรหัส Base64 ก่อน".into(),
        Test::Asn1(_) => "ดูว่า ASN.1 ผิดรูปแบบหรือไม่".into(),
        Test::Entropy(_) => "ดูความสุ่มของข้อมูล (entropy)".into(),
        Test::IsDataAt(_) => "ดูว่าข้อมูลยาวถึงตำแหน่งที่กำหนดหรือไม่".into(),
        Test::ByteTest(_) | Test::ByteJump(_) | Test::ByteExtract(_) | Test::ByteMath(_) => {
            "อ่านตัวเลขจากข้อมูลแล้วเทียบหรือคำนวณ".into()
        }
    }
}

fn often(threshold: &Threshold) -> String {
    let Threshold { kind, track, count, seconds } = threshold;
    let by = match track {
        ThresholdTrack::Source => "ต่อต้นทางหนึ่งเครื่อง",
        ThresholdTrack::Destination => "ต่อปลายทางหนึ่งเครื่อง",
        ThresholdTrack::Both => "ต่อคู่ต้นทางและปลายทาง",
        ThresholdTrack::Rule => "รวมทั้งกฎ",
        ThresholdTrack::Flow => "ต่อหนึ่ง flow",
    };
    match kind {
        ThresholdKind::Limit => format!("แจ้งไม่เกิน {count} ครั้งใน {seconds} วินาที {by}"),
        ThresholdKind::Threshold => format!("แจ้งหนึ่งครั้งทุก {count} ครั้งที่พบ ใน {seconds} วินาที {by}"),
        ThresholdKind::Both => format!("แจ้งหนึ่งครั้งใน {seconds} วินาที เมื่อพบครบ {count} ครั้ง {by}"),
        ThresholdKind::Backoff { .. } => format!("แจ้งห่างขึ้นเรื่อย ๆ {by}"),
        ThresholdKind::DetectionFilter { .. } => format!("แจ้งเมื่อพบเกิน {count} ครั้งใน {seconds} วินาที {by}"),
    }
}
