// What the pages say in Thai of the team's rules, which all sensors get.
import { count } from "../time/format";

export const rules = {
  title: "กฎตรวจจับของทีม",
  lead: "กฎที่ทีมเขียน เครื่องเฝ้าระวังเครือข่ายทุกแห่งได้รับเอง และใช้คู่กับกฎที่มีอยู่ ไม่มีที่ใดบอกว่าพบครั้งแรกที่โรงพยาบาลใด",
  add: "เขียนกฎ",
  rule: "กฎ หนึ่งบรรทัด ภาษาของ Suricata",
  rule_hint: (sid: string) => `เลข sid ว่างถัดไปคือ ${sid} กฎต้องแจ้งเตือนอย่างเดียว (alert) และมี content ยาวอย่างน้อย 4 ไบต์`,
  rule_full: "ใช้เลข sid ครบแล้ว เพิ่มกฎไม่ได้อีก",
  checking: "กำลังตรวจกฎ…",
  fit: (sid: number, message: string) => `ใช้ได้: ${sid} “${message}”`,
  fault: (line: number, column: number) => `บรรทัด ${line} ตัวที่ ${column}`,
  check_failed: "ตรวจกฎไม่ได้ ลองอีกครั้ง",
  name: "ชื่อเรื่องที่โรงพยาบาลเห็น (อย่าใส่ชื่อโรงพยาบาล)",
  what: "เกิดอะไรขึ้น",
  why: "ทำไมจึงสำคัญ",
  reason: "เหตุผล (เห็นเฉพาะทีมของศูนย์)",
  days: "ใช้กี่วัน",
  save: "ให้ทุกแห่งใช้กฎนี้",
  added: "เพิ่มแล้ว เครื่องเฝ้าระวังเครือข่ายกำลังรับกฎ",
  column: "กฎ",
  standing: "สถานะ",
  standings: { active: "ใช้อยู่", over: "เลิกใช้แล้ว" },
  reach: "เครื่องเฝ้าระวังเครือข่าย",
  have: (n: number, all: number) => `มีกฎนี้แล้ว ${count(n)} จาก ${count(all)} เครื่อง`,
  let_go: (n: number, all: number) => `เลิกใช้แล้ว ${count(n)} จาก ${count(all)} เครื่อง`,
  waits: "กำลังเข้ารายการ",
  refused: (n: number) => `${count(n)} เครื่องใช้กฎนี้ไม่ได้`,
  until: "ใช้ถึง",
  end: "เลิกใช้",
  end_title: "เลิกใช้กฎนี้ทุกแห่ง",
  end_reason: "เหตุผลที่เลิกใช้",
  ended: "เลิกใช้แล้ว เครื่องเฝ้าระวังเครือข่ายกำลังรับรู้",
  empty: "ทีมยังไม่ได้เขียนกฎ",
  empty_filtered: "ไม่มีกฎที่ตรงกับตัวกรอง",
  at_sensor: "กฎของทีมที่ใช้อยู่",
  at_sensor_refused: (n: number) => `ใช้ไม่ได้ ${count(n)} กฎ`,
};

/** What the audit says of it. */
export const rules_audit = {
  actions: { "rule.add": "ให้ทุกแห่งใช้กฎตรวจจับ", "rule.withdraw": "เลิกใช้กฎตรวจจับ" },
  objects: { "listed rules": "กฎของทีม", "listed rule": "กฎของทีม เลขที่" },
};
