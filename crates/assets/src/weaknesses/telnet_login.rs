//! Telnet log-in: somebody logged in over Telnet (RFC 854), so name and password crossed the network readable.
//!
//! Proof: the Telnet port refused; or SSH served by the same host with no Telnet log-in between, over a day; or the host alive
//! and busy for a week without a Telnet log-in. The last proves that passwords no longer cross, which is what the finding
//! claims, not that the port is shut.

use super::clinical::LOOK_FIRST;
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
        "มีคนเข้าเครื่องนี้ด้วย Telnet ซึ่งส่งชื่อผู้ใช้และรหัสผ่านไปตามสายให้คนอื่นอ่านได้",
        "Somebody logged in to this machine with Telnet, which sends name and password over the wire for others to read.",
    ),
    why: Text::new(
        "ใครก็ตามที่ต่ออยู่ในเครือข่ายเดียวกันอ่านรหัสผ่านนั้นได้ ถ้าเป็นสวิตช์หรือเราเตอร์ คนนั้นสั่งตัดเครือข่ายทั้งตึกได้ ห้องตรวจและห้องยาจะเปิดระบบไม่ได้",
        "Anybody on the same network can read that password. If this is a switch or router, that person can cut off a whole building, and consultation rooms and pharmacy cannot open their systems.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "เข้าหน้าตั้งค่าของเครื่อง สำรองค่าปัจจุบันเก็บไว้ก่อน (สวิตช์ Cisco: `copy running-config startup-config` และคัดลอกผลของ `show running-config` เก็บไว้)",
            "Open the machine's settings and keep a copy of the present ones first (Cisco switch: `copy running-config startup-config`, and save the output of `show running-config`).",
        ),
        Text::new(
            "เปิด SSH ซึ่งเข้ารหัสและมีอยู่แล้วในเครื่องส่วนใหญ่ โดยยังไม่ปิด Telnet: Cisco ใช้ `ip domain-name hospital.local` · `crypto key generate rsa modulus 2048` · `ip ssh version 2` · `username ชื่อ privilege 15 secret รหัสใหม่` · MikroTik ใช้ `/ip service enable ssh` · Linux ใช้ `apt install openssh-server` · เครื่องพิมพ์ กล้อง และ NAS ใช้หน้าเว็บที่ขึ้นต้นด้วย https แทน",
            "Turn on SSH, which is encrypted and already in most machines, and leave Telnet on for now: Cisco: `ip domain-name hospital.local` · `crypto key generate rsa modulus 2048` · `ip ssh version 2` · `username NAME privilege 15 secret NEWPASSWORD` · MikroTik: `/ip service enable ssh` · Linux: `apt install openssh-server` · printers, cameras and NAS: use the web page that begins with https instead.",
        ),
        Text::new(
            "ลองเข้าด้วย SSH จากเครื่องของท่านจนเข้าได้จริงก่อน (Windows 10 ขึ้นไปมีคำสั่ง `ssh ชื่อ@ที่อยู่เครื่อง` หรือใช้ PuTTY) อย่าปิด Telnet ถ้ายังเข้า SSH ไม่ได้",
            "From your own computer, log in with SSH until it really works (Windows 10 and later have `ssh NAME@ADDRESS`, or use PuTTY). Do not turn Telnet off before SSH works.",
        ),
        Text::new(
            "ปิด Telnet: Cisco ใช้ `line vty 0 15` แล้ว `login local` และ `transport input ssh` · MikroTik ใช้ `/ip service disable telnet` · Windows Server 2012 R2 หรือเก่ากว่า ใช้ `Stop-Service TlntSvr` แล้ว `Set-Service TlntSvr -StartupType Disabled` · Linux ใช้ `systemctl disable --now telnet.socket inetd` (ตามที่ติดตั้งไว้) · เครื่องพิมพ์ปิดในเมนู Network › Protocols",
            "Turn Telnet off: Cisco: `line vty 0 15`, then `login local` and `transport input ssh` · MikroTik: `/ip service disable telnet` · Windows Server 2012 R2 and older: `Stop-Service TlntSvr` then `Set-Service TlntSvr -StartupType Disabled` · Linux: `systemctl disable --now telnet.socket inetd` (whichever is installed) · printers: in the menu Network › Protocols.",
        ),
        Text::new(
            "เปลี่ยนรหัสผ่านของเครื่องนี้ เพราะรหัสเดิมเคยถูกส่งให้อ่านได้แล้ว และเปลี่ยนที่เครื่องอื่นที่ใช้รหัสเดียวกันด้วย",
            "Change this machine's password, because the old one was sent for others to read, and change it wherever else the same one is used.",
        ),
        Text::new(
            "สวิตช์ Cisco: บันทึกค่าด้วย `copy running-config startup-config` หลังทุกอย่างใช้ได้แล้วเท่านั้น แล้วกด “ทำแล้ว”",
            "Cisco switch: save with `copy running-config startup-config` only after everything works. Then press “Done”.",
        ),
    ],
    risk: Text::new(
        "ถ้าปิด Telnet ก่อนที่ SSH จะใช้ได้ ท่านจะเข้าเครื่องจากระยะไกลไม่ได้ ต้องเดินไปต่อสายที่เครื่อง และผู้ขายที่ดูแลจากระยะไกลด้วย Telnet จะเข้าไม่ได้ ให้บอกผู้ขายก่อน เครื่องตรวจแล็บบางรุ่นส่งผลผ่าน Telnet: ถ้าเกี่ยวกับแล็บ อย่าปิดเอง",
        "If Telnet is turned off before SSH works, you cannot reach the machine from afar and must walk to it with a cable. A vendor who looks after it by Telnet is shut out: tell them first. Some laboratory analysers send results over Telnet: if it belongs to the laboratory, do not turn it off yourself.",
    ),
    undo: Text::new(
        "เปิด Telnet กลับ: Cisco ใช้ `transport input telnet ssh` ใต้ line vty 0 15 · MikroTik ใช้ `/ip service enable telnet` · Windows Server ใช้ `Set-Service TlntSvr -StartupType Manual` แล้ว `Start-Service TlntSvr` · สวิตช์ที่ยังไม่บันทึกค่า ปิดแล้วเปิดใหม่ก็กลับเป็นเหมือนเดิม (เครือข่ายส่วนนั้นจะหยุดสองสามนาที)",
        "Turn Telnet on again: Cisco: `transport input telnet ssh` under line vty 0 15 · MikroTik: `/ip service enable telnet` · Windows Server: `Set-Service TlntSvr -StartupType Manual` then `Start-Service TlntSvr` · a switch whose settings are not saved yet goes back by itself when switched off and on (its part of the network stops for a few minutes).",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์หรือผู้ดูแลเครือข่าย ใช้เวลาประมาณ 30 นาที ไม่ต้องปิดเครื่อง",
        "The IT officer or whoever looks after the network, about 30 minutes, nothing must be switched off.",
    ),
    minutes: 30,
    proof: Text::new(
        "ระบบดูเอง: เมื่อเห็นเครื่องนี้ไม่รับ Telnet แล้ว หรือเห็นเข้าด้วย SSH ครบ 1 วัน หรือเครื่องทำงานอยู่ 7 วันโดยไม่มีใครเข้าด้วย Telnet จะเปลี่ยนเป็น “ยืนยันแล้ว”",
        "The system watches: when this machine refuses Telnet, or has been used with SSH for a day, or has worked for 7 days without a Telnet log-in, this turns to “verified”.",
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
