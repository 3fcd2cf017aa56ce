//! The one list of what may leave a hospital. A field that is not here does not leave: see [`super::clear`].
//!
//! The hospital's page and the centre's API show this very list. A name is the field's place in the record that crosses
//! (`alert.fields.` is followed by EVE's own name). Sorted by name.

use super::{Field, Guard};

macro_rules! fields {
    ($($path:literal $guard:ident $th:literal $en:literal;)*) => {
        &[$(Field { path: $path, guard: Guard::$guard, th: $th, en: $en }),*]
    };
}

/// Everything that leaves, with the reason. Whatever else a sensor sees stays at the hospital.
#[rustfmt::skip]
pub static FIELDS: &[Field] = fields! {
    "alert.action"                             Text  "ระบบเพียงเฝ้าดู หรือขวางไว้แล้ว" "Whether the traffic was only watched or stopped";
    "alert.app_proto"                          Text  "ชนิดบริการที่ถูกใช้ในการโจมตี" "The kind of service that was attacked";
    "alert.at"                                 Typed "เวลาที่เกิดเหตุ" "When it happened";
    "alert.attack"                             Text  "รหัสวิธีโจมตีสากล ใช้เลือกวิธีรับมือ" "The technique's public number, to choose the response";
    "alert.category"                           Text  "ประเภทของเหตุ" "The kind of incident";
    "alert.dest_ip"                            Typed "เครื่องปลายทาง เพื่อบอกได้ว่าต้องไปดูเครื่องไหน" "The machine addressed, to say which one to look at";
    "alert.dest_port"                          Typed "พอร์ต (บริการ) ของเครื่องปลายทาง" "The service addressed";
    "alert.evidence.buffer"                    Text  "ตำแหน่งที่พบหลักฐาน" "Where the evidence was found";
    "alert.evidence.bytes"                     Bytes "ข้อมูลสั้น ๆ รอบจุดที่ตรงกับกฎ (ไม่เกิน 256 ไบต์ ปิดเลขบัตรประชาชนและรหัสผ่านที่รู้จักรูปแบบแล้ว) ให้นักวิเคราะห์ตัดสินได้ว่าเป็นเหตุจริงหรือไม่" "At most 256 bytes around the match, national ids and known forms of passwords blotted out, so that an analyst can judge whether it is real";
    "alert.evidence.marks"                     Typed "จุดที่ตรงกับกฎในหลักฐาน" "Where in the evidence the rule matched";
    "alert.evidence.offset"                    Typed "ตำแหน่งที่หลักฐานเริ่ม" "Where the evidence begins";
    "alert.fields.dns.rcode"                   Text  "ผลการถามชื่อเว็บไซต์" "How the name look-up ended";
    "alert.fields.dns.rrname"                  Text  "ชื่อเว็บไซต์น่าสงสัยที่ถูกถามหา" "The suspicious name that was looked up";
    "alert.fields.dns.rrtype"                  Text  "ชนิดของการถามชื่อ" "The kind of look-up";
    "alert.fields.fileinfo.magic"              Text  "ชนิดของไฟล์ที่ถูกส่ง" "The kind of file that was sent";
    "alert.fields.fileinfo.md5"                Hash  "ลายนิ้วมือของไฟล์ ใช้เทียบกับไฟล์อันตรายที่รู้จัก ย้อนเป็นเนื้อหาไม่ได้" "The file's fingerprint, compared with known bad files; its content cannot be read from it";
    "alert.fields.fileinfo.sha256"             Hash  "ลายนิ้วมือของไฟล์ ใช้เทียบกับไฟล์อันตรายที่รู้จัก ย้อนเป็นเนื้อหาไม่ได้" "The file's fingerprint, compared with known bad files; its content cannot be read from it";
    "alert.fields.fileinfo.size"               Text  "ขนาดของไฟล์" "The file's size";
    "alert.fields.ftp.command"                 Text  "คำสั่งที่ใช้ (ไม่มีค่าที่พิมพ์)" "The command, without what was typed after it";
    "alert.fields.http.hostname"               Text  "ชื่อเว็บไซต์ที่เกี่ยวข้อง" "The web site concerned";
    "alert.fields.http.http_content_type"      Text  "ชนิดของข้อมูลที่เว็บส่ง" "The kind of content";
    "alert.fields.http.http_method"            Text  "วิธีเรียกเว็บ" "How the page was asked for";
    "alert.fields.http.http_user_agent"        Text  "ชื่อโปรแกรมที่เรียกเว็บ ใช้จับเครื่องมือโจมตี" "The program that asked, which betrays attack tools";
    "alert.fields.http.protocol"               Text  "รุ่นของ HTTP" "The version of HTTP";
    "alert.fields.http.status"                 Text  "ผลที่เว็บตอบ" "How the server answered";
    "alert.fields.http.url"                    Url   "หน้าเว็บที่ถูกเรียก โดยตัดค่าหลังเครื่องหมาย ? ออก" "The page asked for, without any value after the question mark";
    "alert.fields.smb.command"                 Text  "คำสั่งแชร์ไฟล์ที่ใช้" "The file-sharing command";
    "alert.fields.smb.dialect"                 Text  "รุ่นของระบบแชร์ไฟล์" "The version of file sharing";
    "alert.fields.ssh.client.software_version" Text  "รุ่นโปรแกรมที่ต่อเข้ามา" "The program that connected";
    "alert.fields.ssh.server.software_version" Text  "รุ่นโปรแกรมที่ให้บริการ" "The program that served";
    "alert.fields.tls.fingerprint"             Hash  "ลายนิ้วมือใบรับรองของเซิร์ฟเวอร์" "The server certificate's fingerprint";
    "alert.fields.tls.issuerdn"                Text  "ผู้ออกใบรับรองของเซิร์ฟเวอร์" "Who issued the server's certificate";
    "alert.fields.tls.ja3.hash"                Hash  "ลายนิ้วมือของโปรแกรมที่เรียก ใช้จับโปรแกรมร้าย" "The client program's fingerprint, which betrays malware";
    "alert.fields.tls.ja3s.hash"               Hash  "ลายนิ้วมือของโปรแกรมที่ตอบ" "The server program's fingerprint";
    "alert.fields.tls.ja4"                     Text  "ลายนิ้วมือของโปรแกรมที่เรียก ใช้จับโปรแกรมร้าย" "The client program's fingerprint, which betrays malware";
    "alert.fields.tls.sni"                     Text  "ชื่อเว็บไซต์ที่ถูกเรียก" "The site's name";
    "alert.fields.tls.subject"                 Text  "เจ้าของใบรับรองของเซิร์ฟเวอร์" "Whose certificate the server showed";
    "alert.fields.tls.version"                 Text  "รุ่นของการเข้ารหัส" "The version of encryption";
    "alert.flow_id"                            Typed "เลขอ้างอิงให้โรงพยาบาลหาบันทึกของตนเอง" "A number by which the hospital finds its own record";
    "alert.gid"                                Typed "กลุ่มของกฎ" "The rule's group";
    "alert.packet"                             Typed "ลำดับของแพ็กเก็ตที่ตรงกับกฎ" "The packet's number in its capture";
    "alert.proto"                              Text  "ชนิดการเชื่อมต่อ" "The transport";
    "alert.rev"                                Typed "รุ่นของกฎ" "The rule's revision";
    "alert.severity"                           Typed "ความรุนแรง" "How severe it is";
    "alert.signature"                          Text  "ชื่อของกฎตรวจจับ" "The name of the rule that hit";
    "alert.signature_id"                       Typed "เลขของกฎตรวจจับ" "The number of the rule that hit";
    "alert.src_ip"                             Typed "เครื่องต้นทาง เพื่อบอกได้ว่าต้องไปดูเครื่องไหน" "The machine it came from, to say which one to look at";
    "alert.src_port"                           Typed "พอร์ตของเครื่องต้นทาง" "The port it came from";
    "health.at"                                Typed "เวลาของรายงาน" "When the report was made";
    "health.bytes"                             Typed "ปริมาณข้อมูลที่เฝ้าดู (เป็นตัวเลขเท่านั้น)" "How much traffic was watched (a number only)";
    "health.flows"                             Typed "จำนวนการเชื่อมต่อที่เฝ้าดู" "How many connections were watched";
    "health.indicators.entries"                Typed "จำนวนร่องรอยคนร้ายที่กำลังเฝ้าหา" "How many indicators are looked for";
    "health.indicators.generation"             Typed "รุ่นของรายการร่องรอยคนร้ายที่ใช้อยู่" "Which list of indicators is in use";
    "health.indicators.part"                   Typed "ตอนล่าสุดของรายการร่องรอยคนร้ายที่ใช้อยู่" "How far that list goes";
    "health.losses.cause"                      Typed "สาเหตุที่มองไม่เห็นบางช่วง" "Why something was not seen";
    "health.losses.count"                      Typed "จำนวนที่มองไม่เห็น" "How much was not seen";
    "health.losses.from"                       Typed "เริ่มมองไม่เห็นเมื่อใด" "Since when it was not seen";
    "health.losses.until"                      Typed "มองไม่เห็นถึงเมื่อใด" "Until when it was not seen";
    "health.packets"                           Typed "จำนวนแพ็กเก็ตที่เฝ้าดู" "How many packets were watched";
    "health.rule_list.entries"                 Typed "จำนวนกฎจากศูนย์ที่กำลังใช้อยู่" "How many of the centre's rules are in force";
    "health.rule_list.refused.sid"             Typed "เลขของกฎจากศูนย์ที่เครื่องนี้ไม่รับ" "Which of the centre's rules this sensor does not take";
    "health.rule_list.refused.why"             Text  "เหตุผลที่ไม่รับกฎนั้น" "Why it does not take that rule";
    "health.rule_list.refused_count"           Typed "จำนวนกฎจากศูนย์ที่เครื่องนี้ไม่รับ" "How many of the centre's rules it does not take";
    "health.rules_failed"                      Typed "จำนวนกฎที่ใช้ไม่ได้" "How many rules do not load";
    "health.rules_loaded"                      Typed "จำนวนกฎที่ใช้อยู่" "How many rules are in use";
    "health.spool_bytes"                       Typed "ข้อมูลที่รอส่ง" "How much waits to be sent";
    "health.version"                           Text  "รุ่นของโปรแกรมในเครื่องเฝ้าระวังเครือข่าย" "The sensor's version";
    "observation.count"                        Typed "จำนวนครั้งที่เห็น" "How often it was seen";
    "observation.fact.database"                Typed "ชนิดของฐานข้อมูล" "The kind of database";
    "observation.fact.dialect"                 Text  "รุ่นของระบบแชร์ไฟล์ (รุ่นเก่ามีจุดอ่อน)" "The version of file sharing (old ones are weak)";
    "observation.fact.fingerprint_sha256"      Hash  "ลายนิ้วมือใบรับรองของเซิร์ฟเวอร์" "The server certificate's fingerprint";
    "observation.fact.issuer"                  Text  "ผู้ออกใบรับรองของเซิร์ฟเวอร์" "Who issued the server's certificate";
    "observation.fact.kind"                    Text  "ชนิดของสิ่งที่เห็น" "The kind of fact";
    "observation.fact.name"                    Text  "ชื่อเครื่อง เพื่อให้หาเครื่องเจอ" "The machine's name, to find it";
    "observation.fact.not_after"               Typed "วันหมดอายุใบรับรองของเซิร์ฟเวอร์" "When the server's certificate expires";
    "observation.fact.port"                    Typed "พอร์ต (บริการ) ของเครื่อง" "The service's port";
    "observation.fact.protocol"                Text  "ชนิดบริการที่เครื่องใช้" "The kind of service";
    "observation.fact.source"                  Text  "รู้ชื่อเครื่องจากอะไร" "From what the name is known";
    "observation.fact.subject"                 Text  "เจ้าของใบรับรองของเซิร์ฟเวอร์" "Whose certificate the server showed";
    "observation.fact.tls"                     Typed "เข้ารหัสตอนเข้าใช้หรือไม่" "Whether the log-in was encrypted";
    "observation.fact.version"                 Text  "รุ่นของการเข้ารหัส (รุ่นเก่ามีจุดอ่อน)" "The version of encryption (old ones are weak)";
    "observation.first_at"                     Typed "เห็นครั้งแรกเมื่อใด" "When it was first seen";
    "observation.host"                         Typed "ที่อยู่ของเครื่อง เพื่อบอกได้ว่าต้องแก้เครื่องไหน" "The machine's address, to say which one to mend";
    "observation.last_at"                      Typed "เห็นล่าสุดเมื่อใด" "When it was last seen";
    "observation.mac"                          Typed "หมายเลขการ์ดเครือข่าย เพื่อหาเครื่องเจอแม้ที่อยู่เปลี่ยน" "The network card's number, to find the machine when its address changes";
};

/// What leaves, in the words of the hospital's page: Thai and English.
#[rustfmt::skip]
pub static LEAVES_IN_SHORT: &[(&str, &str)] = &[
    ("เหตุที่ตรงกับกฎตรวจจับ: เวลา เครื่องต้นทางและปลายทาง ชื่อกฎ", "Alerts: when, between which machines, by which rule"),
    ("หลักฐานของเหตุ: ข้อความสั้น ๆ รอบจุดที่ตรงกับกฎ (ไม่เกิน 256 ไบต์) อาจมีคำจากเวชระเบียนหรืออีเมลปนมาบ้าง เลขบัตรประชาชนถูกปิดทับก่อนส่ง รหัสผ่านก็เช่นกันถ้าเป็นรูปแบบที่รู้จัก รูปแบบอื่นอาจติดไปด้วย", "Evidence of an alert: a short excerpt around what the rule matched (256 bytes at most). It may hold some words of a record or a mail. National identification numbers are blotted out first, passwords too where their form is known; in another form they may go along"),
    ("จุดอ่อนที่พบ และเครื่องในเครือข่าย: ที่อยู่ ชื่อเครื่อง บริการที่เปิด", "Weaknesses that were seen, and the machines: address, name, what they speak"),
    ("เครื่องเฝ้าระวังเครือข่ายทำงานปกติหรือไม่", "Whether the sensor is well"),
];

/// What never leaves, whatever a rule matches: Thai and English.
pub static NEVER_LEAVES: &[(&str, &str)] = &[
    ("ข้อมูลดิบที่วิ่งในเครือข่าย", "Raw network traffic"),
    ("เวชระเบียน ผลตรวจ ภาพทางการแพทย์ทั้งฉบับ", "Whole medical records, results or images"),
    ("อีเมล ไฟล์ และหน้าเว็บทั้งฉบับ", "Whole mails, files or web pages"),
    (
        "บันทึกว่าใครใช้อินเทอร์เน็ตทำอะไร (เก็บไว้ที่โรงพยาบาลเท่านั้น)",
        "Records of who used the internet for what (kept at the hospital only)",
    ),
];
