//! SMBv1 spoken: the host agreed, as a server, to the file-sharing protocol of the 1980s.
//!
//! Evidence: the dialect that the server chose in SMB_COM_NEGOTIATE ([MS-CIFS] 2.2.4.52). A host with SMBv1 on speaks SMB 2
//! to modern clients and SMBv1 to old ones, so one SMB 2 session proves little: SMB 2 or later must be seen over a day
//! with no SMBv1 between, which takes in the machines that come by once a day. Silence proves nothing, because an idle SMBv1
//! server can be attacked as well as a busy one. NetBIOS sessions (port 139) and direct ones (445) are the same service.

use super::clinical::LOOK_FIRST;
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
        "เครื่องนี้ยังรับการแชร์ไฟล์หรือเครื่องพิมพ์ด้วยวิธีเก่ามากที่ผู้ผลิตเลิกใช้แล้ว และมีเครื่องอื่นเพิ่งใช้วิธีนั้นกับเครื่องนี้",
        "This machine still accepts a very old way of sharing files or printers that its maker has given up, and another machine has just used it.",
    ),
    why: Text::new(
        "มัลแวร์เรียกค่าไถ่ เช่น WannaCry ใช้วิธีเก่านี้แพร่จากเครื่องหนึ่งไปทั้งโรงพยาบาลได้เองโดยไม่มีใครต้องกดอะไร ถ้าเกิดขึ้น ห้องตรวจ ห้องยา และการเงินจะใช้คอมพิวเตอร์ไม่ได้",
        "Ransomware such as WannaCry used this old way to spread through whole hospitals without anybody clicking anything. If that happens, consultation rooms, pharmacy and cashier lose their computers.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "หาว่าใครยังใช้วิธีเก่าอยู่ (ยังไม่เปลี่ยนอะไร): บน Windows 10 หรือ Windows Server 2016 ขึ้นไป เปิด PowerShell แบบ Run as administrator พิมพ์ `Set-SmbServerConfiguration -AuditSmb1Access $true` รอหนึ่งวันทำงาน แล้วดูชื่อเครื่องด้วย `Get-WinEvent -LogName Microsoft-Windows-SMBServer/Audit`",
            "Find out who still uses the old way (nothing changes yet): on Windows 10 or Windows Server 2016 and later, open PowerShell as administrator and type `Set-SmbServerConfiguration -AuditSmb1Access $true`; wait one working day, then list the machines with `Get-WinEvent -LogName Microsoft-Windows-SMBServer/Audit`",
        ),
        Text::new(
            "ถ้าพบเครื่องถ่ายเอกสารหรือสแกนเนอร์ที่ส่งไฟล์มา ให้ตั้งในเมนูเครือข่ายของเครื่องนั้นเป็น SMB 2 หรือ SMB 3 หรือให้ช่างของผู้ให้เช่าตั้งให้ (ปกติไม่คิดเงิน) ถ้าตั้งไม่ได้ ให้สแกนลง USB ไปก่อน",
            "If a copier or scanner turns up that saves files here, set SMB 2 or SMB 3 in its network menu, or let the leasing company's technician do it (usually free). If it cannot, scan to a USB stick for now.",
        ),
        Text::new(
            "ปิดวิธีเก่าแบบย้อนกลับได้ทันที ไม่ต้องเริ่มเครื่องใหม่: ใน PowerShell (administrator) พิมพ์ `Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force` แล้วลองเปิดโฟลเดอร์แชร์ พิมพ์งาน และสแกนจากเครื่องที่ใช้ประจำ (ใช้ได้กับ Windows 8 / Windows Server 2012 ขึ้นไป)",
            "Turn the old way off so that you can go back at once, without a restart: in PowerShell (administrator) type `Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force`, then open a shared folder, print and scan from the machines that usually do (works on Windows 8 / Windows Server 2012 and later).",
        ),
        Text::new(
            "ถ้าหนึ่งวันผ่านไปไม่มีใครติดขัด ให้ถอดออกถาวร แล้วเริ่มเครื่องใหม่นอกเวลาบริการ: Windows 10/11 พิมพ์ `Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart` ส่วน Windows Server 2012 R2 ขึ้นไป พิมพ์ `Uninstall-WindowsFeature -Name FS-SMB1`",
            "If a day passes without trouble, remove it for good and restart outside service hours: on Windows 10/11 `Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart`; on Windows Server 2012 R2 and later `Uninstall-WindowsFeature -Name FS-SMB1`",
        ),
        Text::new(
            "ถ้าไม่ใช่ Windows รุ่นใหม่: Synology ไปที่ Control Panel › File Services › SMB › Advanced Settings ตั้ง Minimum SMB protocol เป็น SMB2 · QNAP ไปที่ Control Panel › Network & File Services › Win/Mac/NFS › Advanced Options ตั้ง Lowest SMB version เป็น SMB 2 · Linux (Samba) ใส่ `server min protocol = SMB2_02` ใต้ [global] ใน smb.conf แล้วสั่ง `systemctl restart smbd`",
            "If it is not a recent Windows: Synology: Control Panel › File Services › SMB › Advanced Settings, set Minimum SMB protocol to SMB2 · QNAP: Control Panel › Network & File Services › Win/Mac/NFS › Advanced Options, set Lowest SMB version to SMB 2 · Linux (Samba): put `server min protocol = SMB2_02` under [global] in smb.conf, then `systemctl restart smbd`",
        ),
        Text::new(
            "ถ้าเป็น Windows 7 หรือ Windows Server 2008 R2: พิมพ์ `Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters\" SMB1 -Type DWORD -Value 0 -Force` แล้วเริ่มเครื่องใหม่ ถ้าเป็น Windows XP หรือ Server 2003 จะปิดไม่ได้ ให้เลิกแชร์ไฟล์จากเครื่องนั้น แยกออกจากเครือข่ายของเครื่องอื่น แล้วกด “ต้องการความช่วยเหลือ”",
            "If it is Windows 7 or Windows Server 2008 R2: type `Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters\" SMB1 -Type DWORD -Value 0 -Force` and restart. Windows XP and Server 2003 know no other way: stop sharing from that machine, separate it from the others' network, and press “I need help”.",
        ),
        Text::new("เสร็จแล้วกด “ทำแล้ว”", "When finished, press “Done”."),
    ],
    risk: Text::new(
        "เครื่องถ่ายเอกสาร สแกนเนอร์ หรือคอมพิวเตอร์เก่า (Windows XP, Server 2003) อาจบันทึกไฟล์มาที่เครื่องนี้ไม่ได้ และโปรแกรม HIS รุ่นเก่าที่เปิดโฟลเดอร์แชร์จากเครื่องเก่าอาจหาไฟล์ไม่พบ ห้ามเริ่มเครื่องเซิร์ฟเวอร์ HIS ใหม่ในเวลาบริการ",
        "Copiers, scanners and old computers (Windows XP, Server 2003) may no longer save files here, and an old HIS program that opens a shared folder from an old machine may not find its files. Never restart the HIS server during service hours.",
    ),
    undo: Text::new(
        "พิมพ์ `Set-SmbServerConfiguration -EnableSMB1Protocol $true -Force` กลับมาใช้ได้ทันที ถ้าถอดออกไปแล้ว: Windows 10/11 พิมพ์ `Enable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol` ส่วน Windows Server พิมพ์ `Install-WindowsFeature -Name FS-SMB1` แล้วเริ่มเครื่องใหม่ · NAS และ Samba ตั้งค่ากลับเป็น SMB1 (NT1) · Windows 7 ตั้ง Value เป็น 1 แล้วเริ่มเครื่องใหม่",
        "Type `Set-SmbServerConfiguration -EnableSMB1Protocol $true -Force`; it works again at once. If it was removed: Windows 10/11 `Enable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol`, Windows Server `Install-WindowsFeature -Name FS-SMB1`, then restart · NAS and Samba: set SMB1 (NT1) again · Windows 7: set the value to 1 and restart.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ ใช้เวลาประมาณ 20 นาที แบ่งทำสองวัน ต้องเริ่มเครื่องใหม่หนึ่งครั้งนอกเวลาบริการ",
        "The IT officer, about 20 minutes over two days, with one restart outside service hours.",
    ),
    minutes: 20,
    proof: Text::new(
        "ระบบดูเอง: เมื่อเห็นเครื่องนี้แชร์ไฟล์ด้วยวิธีใหม่ต่อเนื่องครบ 1 วันโดยไม่มีใครใช้วิธีเก่าอีก จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้ายังมีใครใช้วิธีเก่าได้ เรื่องนี้จะกลับมาเปิดใหม่",
        "The system watches: when this machine has shared files the new way for a whole day and nobody used the old way, this turns to “verified”. If somebody can still use the old way, it opens again.",
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
