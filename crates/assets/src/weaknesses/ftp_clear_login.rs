//! FTP log-in in clear text: USER and PASS (RFC 959) crossed without the encryption of RFC 4217.
//!
//! Proof: log-ins over TLS on the same port for a day with no clear one between; or the port refused; or the host alive and
//! busy for a week without a clear log-in, which proves that passwords no longer cross, not that the server refuses them.

use super::clinical::LOOK_FIRST;
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Fact, Observation, Severity};

pub(super) static FTP_CLEAR_LOGIN: Weakness = Weakness {
    id: "ftp_clear_login",
    severity: Severity::Medium,
    title: Text::new("ทำให้การรับส่งไฟล์ (FTP) ของเครื่องนี้เข้ารหัส", "Encrypt this machine's file transfer (FTP)"),
    what: Text::new(
        "มีคนเข้ารับส่งไฟล์กับเครื่องนี้ด้วย FTP แบบเดิม ซึ่งส่งรหัสผ่านและไฟล์ไปตามสายให้คนอื่นอ่านได้",
        "Somebody logged in to this machine's file transfer (FTP) the old way, which sends password and files over the wire for others to read.",
    ),
    why: Text::new(
        "คนที่อยู่ในเครือข่ายเดียวกันอ่านรหัสผ่านได้ แล้วดึงไฟล์ที่มีข้อมูลผู้ป่วย (เช่น ไฟล์ส่งเบิก) ออกไป หรือวางไฟล์อันตรายลงในเครื่องนี้ได้",
        "Somebody on the same network can read the password, then take files with patients' data (such as claim files), or put dangerous files on this machine.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ดูว่าใครใช้ FTP นี้ และใช้ทำอะไร: Windows (IIS) ดูไฟล์ใน C:\\inetpub\\logs\\LogFiles\\FTPSVC… · FileZilla Server ดูที่หน้าต่างหลัก · Linux ดู /var/log/vsftpd.log ถ้าไม่มีใครต้องใช้แล้ว ข้ามไปข้อ 5 ได้เลย",
            "See who uses this FTP, and for what: Windows (IIS): the files in C:\\inetpub\\logs\\LogFiles\\FTPSVC… · FileZilla Server: its main window · Linux: /var/log/vsftpd.log. If nobody needs it any more, go straight to step 5.",
        ),
        Text::new(
            "เปิดการเข้ารหัสแบบเลือกได้ก่อน (คนที่ยังใช้แบบเดิมไม่สะดุด): IIS ไปที่ FTP SSL Settings เลือกใบรับรอง แล้วเลือก Allow SSL connections · FileZilla Server ไปที่ Server › Configure › Protocol settings เลือก Explicit FTP over TLS and insecure plain FTP · vsftpd ใส่ `ssl_enable=YES` `force_local_logins_ssl=NO` และที่อยู่ของใบรับรองใน rsa_cert_file แล้ว `systemctl restart vsftpd` · Synology ไปที่ Control Panel › File Services › FTP เปิด FTP SSL/TLS encryption service (FTPS)",
            "Offer encryption first, so that those who still use the old way do not stumble: IIS: FTP SSL Settings, choose a certificate, then Allow SSL connections · FileZilla Server: Server › Configure › Protocol settings, choose Explicit FTP over TLS and insecure plain FTP · vsftpd: set `ssl_enable=YES` `force_local_logins_ssl=NO` and the certificate's place in rsa_cert_file, then `systemctl restart vsftpd` · Synology: Control Panel › File Services › FTP, enable FTP SSL/TLS encryption service (FTPS).",
        ),
        Text::new(
            "เปลี่ยนโปรแกรมที่ใช้ทีละเครื่อง: FileZilla และ WinSCP เลือก Encryption เป็น Require explicit FTP over TLS แล้วลองรับส่งไฟล์จริงหนึ่งครั้ง ถ้าโปรแกรม HIS หรือโปรแกรมส่งเบิกเป็นคนส่งไฟล์ ให้ถามผู้ขายก่อนว่ารองรับ FTPS หรือ SFTP หรือไม่",
            "Change the programs that use it, one computer at a time: in FileZilla and WinSCP set Encryption to Require explicit FTP over TLS, and transfer one real file. If the HIS or a claims program sends the files, ask its vendor first whether it can do FTPS or SFTP.",
        ),
        Text::new(
            "เมื่อทุกคนใช้แบบใหม่ได้แล้ว เลิกรับแบบเดิม: IIS เลือก Require SSL connections · FileZilla Server เลือก Require explicit FTP over TLS · vsftpd ใส่ `force_local_logins_ssl=YES` กับ `force_local_data_ssl=YES` แล้วเริ่มบริการใหม่ · ถ้าไม่มีใครใช้ ปิดไปเลย: Windows ใช้ `Stop-Service FTPSVC` แล้ว `Set-Service FTPSVC -StartupType Disabled` · Linux ใช้ `systemctl disable --now vsftpd`",
            "When everybody uses the new way, refuse the old one: IIS: Require SSL connections · FileZilla Server: Require explicit FTP over TLS · vsftpd: `force_local_logins_ssl=YES` and `force_local_data_ssl=YES`, then restart the service · if nobody uses it, turn it off: Windows: `Stop-Service FTPSVC` then `Set-Service FTPSVC -StartupType Disabled` · Linux: `systemctl disable --now vsftpd`",
        ),
        Text::new(
            "เปลี่ยนรหัสผ่าน FTP เพราะรหัสเดิมเคยถูกส่งให้อ่านได้แล้ว จากนั้นกด “ทำแล้ว”",
            "Change the FTP password, because the old one was sent for others to read. Then press “Done”.",
        ),
    ],
    risk: Text::new(
        "สแกนเนอร์ กล้องวงจรปิด และโปรแกรมเก่าหลายตัวส่งไฟล์ได้เฉพาะแบบเดิม ถ้าบังคับเข้ารหัสก่อนเปลี่ยน ไฟล์จะหยุดมา และไฟร์วอลล์อาจกันช่องส่งข้อมูลของ FTPS ให้กำหนดช่วงพอร์ต passive แล้วเปิดเฉพาะช่วงนั้น",
        "Many scanners, cameras and old programs can only send the old way: if encryption is required before they are changed, files stop coming. A firewall may block the data ports of FTPS: set a passive port range and open only that.",
    ),
    undo: Text::new(
        "เลือกกลับเป็น Allow SSL connections (IIS), Explicit FTP over TLS and insecure plain FTP (FileZilla Server) หรือ `force_local_logins_ssl=NO` และ `force_local_data_ssl=NO` (vsftpd) แล้วเริ่มบริการใหม่ ถ้าปิดไปแล้ว ใช้ `Set-Service FTPSVC -StartupType Automatic` แล้ว `Start-Service FTPSVC` หรือ `systemctl enable --now vsftpd`",
        "Choose Allow SSL connections again (IIS), Explicit FTP over TLS and insecure plain FTP (FileZilla Server), or `force_local_logins_ssl=NO` and `force_local_data_ssl=NO` (vsftpd), and restart the service. If it was turned off: `Set-Service FTPSVC -StartupType Automatic` then `Start-Service FTPSVC`, or `systemctl enable --now vsftpd`",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ ใช้เวลาประมาณ 40 นาที ต้องเริ่มบริการ FTP ใหม่ (หยุดรับไฟล์ไม่ถึงหนึ่งนาที) ไม่ต้องเริ่มเครื่องใหม่",
        "The IT officer, about 40 minutes. The FTP service restarts (no files for less than a minute); the machine does not.",
    ),
    minutes: 40,
    proof: Text::new(
        "ระบบดูเอง: เมื่อเห็นคนเข้าแบบเข้ารหัสครบ 1 วันโดยไม่มีใครเข้าแบบเดิม หรือเครื่องนี้ไม่รับ FTP แล้ว หรือเครื่องทำงานอยู่ 7 วันโดยไม่มีใครเข้าแบบเดิม จะเปลี่ยนเป็น “ยืนยันแล้ว”",
        "The system watches: when log-ins have been encrypted for a day with no old one between, or this machine refuses FTP, or it has worked for 7 days without an old log-in, this turns to “verified”.",
    ),
    safe_until_morning: true,
    due_days: 14,
    judge,
    mended: Proof {
        healthy_span_secs: DAY_SECS,
        gone_span_secs: HOUR_SECS,
        unused_span_secs: Some(7 * DAY_SECS),
        quiet_factor: 7,
    },
    samples: Samples {
        hits: &[r#"{"kind":"ftp_login","port":21,"tls":false}"#],
        healthy: &[r#"{"kind":"ftp_login","port":21,"tls":true}"#],
        gone: &[r#"{"kind":"refused","port":21}"#],
        quiet: &[r#"{"kind":"serves","port":21,"protocol":"ftp"}"#, r#"{"kind":"uses","protocol":"ftp"}"#],
    },
};

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::FtpLogin { port, tls: false } => Some(Judgement::Weak {
            port: *port,
            evidence: vec![(Label::Login, "FTP".to_owned()), (Label::Port, port.to_string())],
            confidence: Confidence::High,
        }),
        Fact::FtpLogin { port, tls: true } => Some(Judgement::Healthy {
            port: Some(*port),
            evidence: vec![(Label::SafeUse, format!("FTP + TLS ({port})"))],
        }),
        Fact::Refused { port } => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}
