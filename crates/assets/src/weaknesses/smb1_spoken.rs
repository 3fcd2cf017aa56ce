//! SMBv1 spoken: the host agreed, as a server, to the file-sharing protocol of the 1980s.
//!
//! Evidence: the dialect that the server chose in SMB_COM_NEGOTIATE ([MS-CIFS] 2.2.4.52). A host with SMBv1 on speaks SMB 2
//! to modern clients and SMBv1 to old ones, so one SMB 2 session proves little: SMB 2 or later must be seen over a day
//! with no SMBv1 between, which takes in the machines that come by once a day. Silence proves nothing, because an idle SMBv1
//! server can be attacked as well as a busy one. NetBIOS sessions (port 139) and direct ones (445) are the same service.

use super::clinical::{CALLERS_TOO, LOOK_FIRST};
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Fact, Observation, Severity};

pub(super) static SMB1_SPOKEN: Weakness = Weakness {
    id: "smb1_spoken",
    severity: Severity::High,
    title: Text::new("ปิดการแชร์ไฟล์แบบเก่าของเครื่องนี้", "Turn off this machine's old way of sharing files"),
    what: Text::new(
        "เครื่องนี้ยังยอมให้แชร์ไฟล์หรือเครื่องพิมพ์ด้วยวิธีเก่ามากที่ผู้ผลิตเลิกใช้แล้ว และเพิ่งมีเครื่องอื่นใช้วิธีเก่านั้นกับเครื่องนี้",
        "This machine still accepts a very old way of sharing files or printers that its maker has given up, and another machine has just used it.",
    ),
    why: Text::new(
        "ไวรัสเรียกค่าไถ่ เช่น WannaCry ใช้วิธีเก่านี้แพร่จากเครื่องเดียวไปทั้งโรงพยาบาลได้เอง โดยไม่มีใครต้องกดอะไร ถ้าเกิดขึ้น ห้องตรวจ ห้องยา และการเงินจะใช้คอมพิวเตอร์ไม่ได้",
        "Ransomware such as WannaCry used this old way to spread through whole hospitals without anybody clicking anything. If that happens, consultation rooms, pharmacy and cashier lose their computers.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ดูว่าเครื่องนี้เป็นระบบอะไร (Windows: กดปุ่ม Windows + R แล้วพิมพ์ `winver`) ทุกระบบทำข้อ 3–5 ก่อน จากนั้น Windows 8 หรือ Windows Server 2012 ขึ้นไป ทำข้อ 6–7 · Windows 7 หรือเก่ากว่า ทำข้อ 8 · NAS หรือ Linux ทำข้อ 9",
            "See what system this machine has (Windows: press Windows + R and type `winver`). All do steps 3–5 first; then Windows 8 or Windows Server 2012 and later do steps 6–7 · Windows 7 or older step 8 · NAS or Linux step 9.",
        ),
        Text::new(
            "หาว่าเครื่องใดยังใช้วิธีเก่า (ยังไม่เปลี่ยนอะไร): Windows 10/11 หรือ Windows Server 2016 ขึ้นไป คลิกขวาที่ปุ่มเริ่ม (Start) เลือก Windows PowerShell (ผู้ดูแลระบบ) หรือ Terminal (Admin) พิมพ์ `Set-SmbServerConfiguration -AuditSmb1Access $true -Force` รอหนึ่งวันทำงาน แล้วดูเลข IP ของเครื่องเหล่านั้นด้วย `Get-WinEvent -LogName Microsoft-Windows-SMBServer/Audit | Format-List TimeCreated, Message` (ถ้าขึ้นตัวแดงว่า No events were found แปลว่ายังไม่มีใครใช้) · Windows รุ่นก่อนนั้น ดูเครื่องที่กำลังต่ออยู่ด้วย `net session` · Linux (Samba) ใช้ `smbstatus` เครื่องที่ใช้วิธีเก่าจะมีคำว่า NT1",
            "Find out which machines still use the old way (nothing changes yet): on Windows 10/11 or Windows Server 2016 and later, right-click Start, choose Windows PowerShell (Admin) or Terminal (Admin), type `Set-SmbServerConfiguration -AuditSmb1Access $true -Force`, wait one working day, then list their IP addresses with `Get-WinEvent -LogName Microsoft-Windows-SMBServer/Audit | Format-List TimeCreated, Message` (“No events were found” in red means that nobody has used it yet) · on older Windows, see who is connected now with `net session` · on Linux (Samba) `smbstatus` shows NT1 beside those that use the old way.",
        ),
        CALLERS_TOO,
        Text::new(
            "ถ้าพบเครื่องถ่ายเอกสารหรือสแกนเนอร์ที่ส่งไฟล์มาที่เครื่องนี้ ให้ตั้งเป็น SMB 2 หรือ SMB 3 ในเมนูเครือข่าย (Network) ของเครื่องถ่ายเอกสาร หรือให้ช่างของบริษัทที่ให้เช่ามาตั้งให้ (ปกติไม่คิดเงิน) ถ้าตั้งไม่ได้ ให้สแกนลงแฟลชไดรฟ์ของหน่วยงานไปก่อน",
            "If a copier or scanner turns up that saves files here, set SMB 2 or SMB 3 in its Network menu, or let the leasing company's technician do it (usually free). If it cannot, scan to the unit's own USB stick for now.",
        ),
        Text::new(
            "Windows 8 หรือ Windows Server 2012 ขึ้นไป: ปิดวิธีเก่าแบบเปิดกลับได้ทันที ไม่ต้องรีสตาร์ต พิมพ์ใน PowerShell (ผู้ดูแลระบบ) `Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force` แล้วลองเปิดโฟลเดอร์แชร์ พิมพ์งาน และสแกนจากเครื่องที่ใช้ประจำ ถ้ามีเครื่องใดใช้ไม่ได้ ให้ย้อนกลับก่อน (วิธีอยู่ด้านล่าง) แล้วแก้ที่เครื่องนั้น",
            "Windows 8 or Windows Server 2012 and later: turn the old way off so that you can go back at once, without a restart. In PowerShell (Admin) type `Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force`, then open a shared folder, print and scan from the machines that usually do. If one of them no longer can, undo it first (see below) and mend that one.",
        ),
        Text::new(
            "ถ้าหนึ่งวันผ่านไปไม่มีใครติดขัด จะถอดวิธีเก่าออกถาวรก็ได้ (ไม่บังคับ) แล้วรีสตาร์ตนอกเวลาบริการ: Windows 8.1/10/11 พิมพ์ `Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart` ส่วน Windows Server 2012 R2 ขึ้นไป พิมพ์ `Uninstall-WindowsFeature -Name FS-SMB1` ถ้าเครื่องนี้เองยังต้องเปิดไฟล์จากเครื่องเก่า (เช่น NAS เก่า) ให้ข้ามข้อนี้ เพราะจะเปิดไฟล์เหล่านั้นไม่ได้อีก",
            "If a day passes without trouble you may remove it for good (not required) and restart outside service hours: on Windows 8.1/10/11 `Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart`; on Windows Server 2012 R2 and later `Uninstall-WindowsFeature -Name FS-SMB1`. Skip this step if this machine itself must open files on an old one (an old NAS, say): it no longer could.",
        ),
        Text::new(
            "Windows 7 หรือ Windows Server 2008 R2: คลิกขวาที่ Windows PowerShell เลือกเรียกใช้ในฐานะผู้ดูแลระบบ (Run as administrator) พิมพ์ `Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters\" SMB1 -Type DWORD -Value 0 -Force` แล้วรีสตาร์ตนอกเวลาบริการ · Windows XP หรือ Windows Server 2003 ปิดวิธีเก่าไม่ได้ ให้เลิกแชร์โฟลเดอร์และเครื่องพิมพ์จากเครื่องนั้น (ย้ายไปแชร์จากเครื่องที่ใหม่กว่า) แล้วกด “ต้องการความช่วยเหลือ” เราจะช่วยวางแผนแยกเครื่องนั้นออกจากเครื่องอื่น",
            "Windows 7 or Windows Server 2008 R2: right-click Windows PowerShell, choose Run as administrator, type `Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters\" SMB1 -Type DWORD -Value 0 -Force` and restart outside service hours · Windows XP or Windows Server 2003 cannot turn the old way off: stop sharing folders and printers from that machine (share them from a newer one), and press “We need help”: we will plan with you how to keep it apart from the others.",
        ),
        Text::new(
            "NAS หรือ Linux (ทำนอกเวลาบริการ เพราะไฟล์ที่เปิดอยู่จะหลุด): Synology ไปที่ Control Panel › File Services › SMB › Advanced Settings ตั้ง Minimum SMB protocol เป็น SMB2 · QNAP ไปที่ Control Panel › Network & File Services › Win/Mac/NFS › Advanced Options ตั้ง Lowest SMB version เป็น SMB 2 · Linux (Samba) คัดลอก /etc/samba/smb.conf เก็บไว้ก่อน แล้วใส่ `server min protocol = SMB2_02` ใต้ [global] ตรวจด้วย `testparm -s` แล้วสั่ง `systemctl restart smbd` (Red Hat, CentOS ใช้ `systemctl restart smb`)",
            "NAS or Linux (outside service hours, because open files are cut off): Synology: Control Panel › File Services › SMB › Advanced Settings, set Minimum SMB protocol to SMB2 · QNAP: Control Panel › Network & File Services › Win/Mac/NFS › Advanced Options, set Lowest SMB version to SMB 2 · Linux (Samba): keep a copy of /etc/samba/smb.conf, put `server min protocol = SMB2_02` under [global], check with `testparm -s`, then `systemctl restart smbd` (Red Hat, CentOS: `systemctl restart smb`).",
        ),
        Text::new("เมื่อทุกเครื่องใช้งานได้ตามปกติแล้ว กด “ทำแล้ว”", "When everything works as usual, press “Done”."),
    ],
    risk: Text::new(
        "เครื่องถ่ายเอกสาร สแกนเนอร์ เครื่องมือแพทย์ หรือคอมพิวเตอร์เก่า (Windows XP, Windows Server 2003) อาจส่งไฟล์มาที่เครื่องนี้ไม่ได้ และโปรแกรม HIS รุ่นเก่าที่เปิดโฟลเดอร์แชร์จากเครื่องเก่าอาจหาไฟล์ไม่พบ ห้ามรีสตาร์ตเซิร์ฟเวอร์ HIS ในเวลาบริการ",
        "Copiers, scanners, medical devices and old computers (Windows XP, Windows Server 2003) may no longer save files here, and an old HIS program that opens a shared folder from an old machine may not find its files. Never restart the HIS server during service hours.",
    ),
    undo: Text::new(
        "ถ้าทำแค่ข้อ 6 พิมพ์ `Set-SmbServerConfiguration -EnableSMB1Protocol $true -Force` กลับมาใช้ได้ทันที ถ้าถอดออกแล้ว (ข้อ 7) ให้ติดตั้งกลับก่อน: Windows 8.1/10/11 พิมพ์ `Enable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart` ส่วน Windows Server พิมพ์ `Install-WindowsFeature -Name FS-SMB1` จากนั้นรีสตาร์ตนอกเวลาบริการ แล้วพิมพ์คำสั่งแรกอีกครั้ง · Windows 7 พิมพ์คำสั่งในข้อ 8 โดยเปลี่ยนเลข 0 หลัง -Value เป็น 1 แล้วรีสตาร์ต · NAS และ Samba ตั้งค่าเดิมกลับ (SMB1 หรือ NT1)",
        "If you only did step 6: `Set-SmbServerConfiguration -EnableSMB1Protocol $true -Force`; it works again at once. If it was removed (step 7), put it back first: Windows 8.1/10/11 `Enable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart`, Windows Server `Install-WindowsFeature -Name FS-SMB1`, restart outside service hours, then type the first command again · Windows 7: the command of step 8 with 1 instead of 0 after -Value, then restart · NAS and Samba: set the former value (SMB1 or NT1) again.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ ลงมือประมาณ 20 นาที แบ่งทำ 2 วัน เพราะต้องรอดูหนึ่งวันทำงานก่อนปิดวิธีเก่า อาจต้องรีสตาร์ตหนึ่งครั้งนอกเวลาบริการ",
        "The IT officer, about 20 minutes of work over 2 days, because one working day must be watched before the old way is turned off; perhaps one restart outside service hours.",
    ),
    minutes: 20,
    days: 2,
    proof: Text::new(
        "เครื่องเฝ้าระวังเครือข่ายดูให้เอง: เมื่อเห็นเครื่องนี้แชร์ไฟล์ด้วยวิธีใหม่ครบ 1 วันโดยไม่มีใครใช้วิธีเก่าอีก หรือเห็นว่าเครื่องนี้เลิกแชร์ไฟล์แล้ว จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้ายังมีใครใช้วิธีเก่าได้ เรื่องนี้จะกลับมาอีก",
        "The sensor watches: when this machine has shared files the new way for a whole day and nobody used the old way, or it no longer shares files at all, this turns to “verified”. If somebody can still use the old way, it comes back.",
    ),
    safe_until_morning: true,
    due_days: 7,
    judge,
    mended: Proof { healthy_span_secs: DAY_SECS, gone_span_secs: HOUR_SECS, unused_span_secs: None, quiet_factor: 7 },
    samples: Samples {
        hits: &[
            r#"{"kind":"smb_dialect","port":445,"dialect":"NT LM 0.12"}"#,
            r#"{"kind":"smb_dialect","port":139,"dialect":"LANMAN1.0"}"#,
        ],
        healthy: &[
            r#"{"kind":"smb_dialect","port":445,"dialect":"2.02"}"#,
            r#"{"kind":"smb_dialect","port":445,"dialect":"3.1.1"}"#,
        ],
        gone: &[r#"{"kind":"refused","port":445}"#],
        quiet: &[
            r#"{"kind":"smb_dialect","port":445,"dialect":"unknown"}"#,
            r#"{"kind":"serves","port":445,"protocol":"smb"}"#,
            r#"{"kind":"uses","protocol":"smb"}"#,
            r#"{"kind":"refused","port":139}"#,
        ],
    },
};

/// Where SMB is served; sessions over NetBIOS (139) lead to the same service.
const SMB_PORT: u16 = 445;
const NETBIOS_PORT: u16 = 139;

/// The names that SMBv1 servers agree to ([MS-CIFS] 1.6, 2.2.4.52), lower case.
const SMB1_DIALECTS: [&str; 10] = [
    "nt lm 0.12",
    "nt lanman 1.0",
    "samba",
    "lanman2.1",
    "dos lanman2.1",
    "lm1.2x002",
    "dos lm1.2x002",
    "lanman1.0",
    "microsoft networks 3.0",
    "pc network program 1.0",
];

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::SmbDialect { port, dialect } => {
            let name = dialect.trim().to_ascii_lowercase();
            let evidence = vec![(Label::SmbDialect, dialect.clone()), (Label::Port, port.to_string())];
            let service = if *port == NETBIOS_PORT { SMB_PORT } else { *port };
            if SMB1_DIALECTS.contains(&name.as_str()) {
                Some(Judgement::Weak { port: service, evidence, confidence: Confidence::High })
            } else if is_later(&name) {
                Some(Judgement::Healthy { port: Some(service), evidence })
            } else {
                None
            }
        }
        // A machine that keeps 445 open often refuses 139, so only 445 says that sharing has stopped.
        Fact::Refused { port } if *port != NETBIOS_PORT => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}

/// `2.02`, `2.1`, `2.??`, `3.0`, `3.1.1`, with or without `SMB ` before it.
fn is_later(name: &str) -> bool {
    let number = name.strip_prefix("smb").map_or(name, str::trim_start);
    number.starts_with("2.") || number.starts_with("3.")
}
