//! Telnet log-in: somebody logged in over Telnet (RFC 854), so name and password crossed the network readable.
//!
//! Proof: the Telnet port refused; or SSH served by the same host with no Telnet log-in between, over a day; or the host alive
//! and busy for a week without a Telnet log-in. The last proves that passwords no longer cross, which is what the finding
//! claims, not that the port is shut.

use super::clinical::{CALLERS_TOO, LOOK_FIRST};
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Fact, Observation, Severity};

pub(super) static TELNET_LOGIN: Weakness = Weakness {
    id: "telnet_login",
    severity: Severity::High,
    title: Text::new("เลิกเข้าเครื่องนี้ด้วย Telnet", "Stop logging in to this machine with Telnet"),
    what: Text::new(
        "มีคนเข้าเครื่องนี้ด้วย Telnet ซึ่งเป็นวิธีเก่าที่ส่งชื่อผู้ใช้และรหัสผ่านไปตามสายแบบที่คนอื่นแอบอ่านได้",
        "Somebody logged in to this machine with Telnet, an old way that sends name and password over the wire for others to read.",
    ),
    why: Text::new(
        "ใครก็ตามที่ต่ออยู่ในเครือข่ายเดียวกันอาจแอบอ่านรหัสผ่านนั้นได้ ถ้าเครื่องนี้เป็นสวิตช์หรือเราเตอร์ คนนั้นสั่งตัดเครือข่ายได้ทั้งตึก ห้องตรวจและห้องยาจะเปิดระบบไม่ได้",
        "Anybody on the same network may read that password. If this is a switch or router, that person can cut off a whole building, and consultation rooms and pharmacy cannot open their systems.",
    ),
    steps: &[
        LOOK_FIRST,
        CALLERS_TOO,
        Text::new(
            "เก็บค่าปัจจุบันของเครื่องไว้ก่อน: สวิตช์หรือเราเตอร์ Cisco พิมพ์ `copy running-config startup-config` แล้วคัดลอกผลของ `show running-config` เก็บในที่ปลอดภัย (ในนั้นมีรหัสผ่าน) · MikroTik พิมพ์ `/export file=before-ssh` · เครื่องอื่น ใช้เมนูสำรองค่า (Backup) ในหน้าตั้งค่า",
            "Keep a copy of the machine's present settings first: Cisco switch or router: `copy running-config startup-config`, and save the output of `show running-config` in a safe place (it holds passwords) · MikroTik: `/export file=before-ssh` · others: the Backup menu of their settings page.",
        ),
        Text::new(
            "เปิด SSH ซึ่งเข้ารหัสและมีอยู่แล้วในเครื่องส่วนใหญ่ โดยยังไม่ปิด Telnet และใช้รหัสผ่านชั่วคราวไปก่อน: Cisco พิมพ์ทีละบรรทัด `configure terminal` · `hostname ชื่อเครื่อง` (ข้ามได้ถ้าเครื่องมีชื่อแล้ว) · `ip domain-name hospital.local` · `crypto key generate rsa modulus 2048` · `ip ssh version 2` · `username ชื่อ privilege 15 secret รหัสชั่วคราว` · `line vty 0 15` · `login local` · `transport input telnet ssh` · `end` ถ้าเครื่องไม่รับบรรทัดใด ให้หยุดแล้วกด “ต้องการความช่วยเหลือ” · MikroTik ใช้ `/ip service enable ssh` · Linux (Debian, Ubuntu) ใช้ `apt install openssh-server` · Windows Server ใช้ Remote Desktop จากในโรงพยาบาลแทน · เครื่องพิมพ์ กล้อง และ NAS ใช้หน้าเว็บที่ขึ้นต้นด้วย https แทน",
            "Turn on SSH, which is encrypted and already in most machines, leave Telnet on for now, and use a temporary password: Cisco, line by line: `configure terminal` · `hostname SWITCHNAME` (skip it if the machine has a name) · `ip domain-name hospital.local` · `crypto key generate rsa modulus 2048` · `ip ssh version 2` · `username NAME privilege 15 secret TEMPORARY` · `line vty 0 15` · `login local` · `transport input telnet ssh` · `end`; if the machine refuses a line, stop and press “We need help” · MikroTik: `/ip service enable ssh` · Linux (Debian, Ubuntu): `apt install openssh-server` · Windows Server: use Remote Desktop from inside the hospital instead · printers, cameras and NAS: use the web page that begins with https instead.",
        ),
        Text::new(
            "อย่าเพิ่งปิดหน้าต่างเดิม เปิดอีกหน้าต่างจากคอมพิวเตอร์ของคุณ แล้วลองเข้าด้วย SSH จนเข้าได้จริง (Windows 10 ขึ้นไปพิมพ์ `ssh ชื่อ@เลขIP` ถ้าขึ้นว่า no matching ให้ใช้โปรแกรม PuTTY แทน) ถ้ายังเข้าด้วย SSH ไม่ได้ อย่าปิด Telnet",
            "Keep the old window open. In another one on your own computer, log in with SSH until it really works (Windows 10 and later: `ssh NAME@ADDRESS`; if it says no matching, use PuTTY instead). Do not turn Telnet off before SSH works.",
        ),
        Text::new(
            "ปิด Telnet (จากหน้าต่างที่เข้าด้วย SSH): Cisco พิมพ์ `configure terminal` · `line vty 0 15` · `transport input ssh` · `end` · MikroTik ใช้ `/ip service disable telnet` · Windows Server 2012 R2 หรือเก่ากว่า พิมพ์ใน PowerShell (ผู้ดูแลระบบ) `Stop-Service TlntSvr` แล้ว `Set-Service TlntSvr -StartupType Disabled` · Linux: Debian, Ubuntu ใช้ `apt remove '*telnetd*'` ส่วน Red Hat, CentOS ใช้ `systemctl disable --now telnet.socket` · เครื่องพิมพ์และกล้อง ปิดในหน้าเว็บตั้งค่า มักอยู่ในเมนู Network › Protocols",
            "Turn Telnet off (from the SSH window): Cisco: `configure terminal` · `line vty 0 15` · `transport input ssh` · `end` · MikroTik: `/ip service disable telnet` · Windows Server 2012 R2 and older, in PowerShell (Admin): `Stop-Service TlntSvr` then `Set-Service TlntSvr -StartupType Disabled` · Linux: Debian, Ubuntu: `apt remove '*telnetd*'`; Red Hat, CentOS: `systemctl disable --now telnet.socket` · printers and cameras: on their settings page, mostly in the menu Network › Protocols.",
        ),
        Text::new(
            "เปลี่ยนรหัสผ่านของเครื่องนี้ผ่าน SSH (รวมรหัสชั่วคราว) เพราะรหัสเดิมเคยถูกส่งแบบที่คนอื่นอ่านได้ และเปลี่ยนที่เครื่องอื่นที่ใช้รหัสเดียวกันด้วย (Cisco: `configure terminal` · `username ชื่อ privilege 15 secret รหัสใหม่` · `enable secret รหัสใหม่` · `end`)",
            "Change this machine's passwords over SSH (the temporary one too), because the old ones were sent for others to read, and change them wherever else the same ones are used (Cisco: `configure terminal` · `username NAME privilege 15 secret NEWPASSWORD` · `enable secret NEWPASSWORD` · `end`).",
        ),
        Text::new(
            "สวิตช์หรือเราเตอร์ Cisco: เมื่อลองเข้าด้วย SSH และรหัสใหม่ได้แล้วเท่านั้น จึงบันทึกค่าด้วย `copy running-config startup-config` จากนั้นกด “ทำแล้ว”",
            "Cisco switch or router: only when SSH works with the new password, save with `copy running-config startup-config`. Then press “Done”.",
        ),
    ],
    risk: Text::new(
        "ถ้าปิด Telnet ก่อนที่ SSH จะใช้ได้ คุณจะเข้าเครื่องจากที่โต๊ะไม่ได้ ต้องเดินไปต่อสายที่เครื่อง ผู้ขายที่ดูแลเครื่องด้วย Telnet ก็จะเข้าไม่ได้ ให้บอกผู้ขายก่อน เครื่องตรวจแล็บบางรุ่นส่งผลผ่าน Telnet ถ้าเกี่ยวกับแล็บ อย่าปิดเอง",
        "If Telnet is turned off before SSH works, you cannot reach the machine from your desk and must walk to it with a cable. A vendor who looks after it by Telnet is shut out: tell them first. Some laboratory analysers send results over Telnet: if it belongs to the laboratory, do not turn it off yourself.",
    ),
    undo: Text::new(
        "เปิด Telnet กลับ: Cisco พิมพ์ `configure terminal` · `line vty 0 15` · `transport input telnet ssh` · `end` · MikroTik ใช้ `/ip service enable telnet` · Windows Server ใช้ `Set-Service TlntSvr -StartupType Manual` แล้ว `Start-Service TlntSvr` · Linux: Debian, Ubuntu ใช้ `apt install telnetd` ส่วน Red Hat, CentOS ใช้ `systemctl enable --now telnet.socket` · สวิตช์ที่ยังไม่ได้บันทึกค่า ปิดแล้วเปิดอีกครั้งก็กลับเป็นเหมือนเดิม (เครือข่ายส่วนนั้นจะหยุดสองสามนาที ทำนอกเวลาบริการ)",
        "Turn Telnet on again: Cisco: `configure terminal` · `line vty 0 15` · `transport input telnet ssh` · `end` · MikroTik: `/ip service enable telnet` · Windows Server: `Set-Service TlntSvr -StartupType Manual` then `Start-Service TlntSvr` · Linux: Debian, Ubuntu: `apt install telnetd`; Red Hat, CentOS: `systemctl enable --now telnet.socket` · a switch whose settings are not saved yet goes back by itself when switched off and on (its part of the network stops for a few minutes: outside service hours).",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์หรือผู้ดูแลเครือข่าย ใช้เวลาประมาณ 30 นาที ไม่ต้องปิดเครื่อง",
        "The IT officer or whoever looks after the network, about 30 minutes, nothing must be switched off.",
    ),
    minutes: 30,
    days: 1,
    proof: Text::new(
        "เครื่องเฝ้าระวังเครือข่ายดูให้เอง: เมื่อเห็นว่าเครื่องนี้ไม่รับ Telnet แล้ว หรือเห็นคนเข้าด้วย SSH ครบ 1 วันโดยไม่มีใครใช้ Telnet หรือเครื่องทำงานอยู่ 7 วันโดยไม่มีใครเข้าด้วย Telnet จะเปลี่ยนเป็น “ยืนยันแล้ว”",
        "The sensor watches: when this machine refuses Telnet, or has been used with SSH for a day without Telnet, or has worked for 7 days without a Telnet log-in, this turns to “verified”.",
    ),
    safe_until_morning: true,
    due_days: 7,
    judge,
    mended: Proof {
        healthy_span_secs: DAY_SECS,
        gone_span_secs: HOUR_SECS,
        unused_span_secs: Some(7 * DAY_SECS),
        quiet_factor: 7,
    },
    samples: Samples {
        hits: &[r#"{"kind":"telnet_login","port":23}"#, r#"{"kind":"telnet_login","port":2323}"#],
        healthy: &[r#"{"kind":"serves","port":22,"protocol":"ssh"}"#],
        gone: &[r#"{"kind":"refused","port":23}"#],
        quiet: &[
            r#"{"kind":"serves","port":23,"protocol":"telnet"}"#,
            r#"{"kind":"uses","protocol":"telnet"}"#,
            r#"{"kind":"alive"}"#,
        ],
    },
};

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::TelnetLogin { port } => Some(Judgement::Weak {
            port: *port,
            evidence: vec![(Label::Login, "Telnet".to_owned()), (Label::Port, port.to_string())],
            confidence: Confidence::High,
        }),
        // SSH does the work of every Telnet port that the host had.
        Fact::Serves { port, protocol } if protocol == "ssh" => {
            Some(Judgement::Healthy { port: None, evidence: vec![(Label::SafeUse, format!("SSH ({port})"))] })
        }
        Fact::Refused { port } => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}
