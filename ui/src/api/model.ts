// The words of the API, by the names that the pages use.
import type { Text } from "../i18n/lang";
export type { Text };

export type Role = "administrator" | "analyst" | "region_officer" | "hospital";
export type Severity = "low" | "medium" | "high" | "critical";
export type Scope = { kind: "sector" | "region" | "facility"; region?: number; facility?: string };
export type Me = { user: { id: number; login: string; name: string }; role: Role; scope: Scope; csrf: string; expires_at: string };
export type FirstSignIn = { login: string; name: string; role: Role };

export type FacilityName = { code: string; name: Text };
export type FacilityState = "calm" | "act" | "call" | "blind";
export type TileState = FacilityState | "none";
export type SensorStatus = "watching" | "silent" | "never";
export type Loss = { cause: string; count: number; from: string; until: string };
export type HostName = { address: string; mac: string | null; name: string | null };
export type Labelled = { label: Text; value: string };

export type Overview = {
  at: string;
  facilities_total: number;
  watching: number;
  silent: { code: string; name: Text; since: string }[];
  states: Record<FacilityState, number>;
  stories_open: number;
  alerts_24h: number;
  findings: { open: number; claimed: number; verified: number; reopened: number; median_days_to_verified: number | null };
  provinces: ProvinceTile[];
  regions: RegionRow[];
  top_weaknesses: { kind: string; title: Text; facilities: number; hosts: number }[];
};
export type ProvinceTile = { province_code: string; name: Text; region: number; facilities: number; state: TileState };
export type RegionRow = {
  region: number; facilities: number; watching: number; stories_open: number; findings_open: number; findings_verified: number; state: TileState;
};

export type Facility = {
  code: string; name: Text; province_code: string; province: Text; region: number; state: FacilityState;
  sensor: { id: string | null; status: SensorStatus; last_seen_at: string | null };
  findings_open: number; findings_verified: number; stories_open: number;
};
export type Sensor = {
  id: string; status: SensorStatus; enrolled_at: string; last_seen_at: string | null; version: string | null; packets: number | null;
  rules_loaded: number | null; rules_failed: number | null; losses: Loss[];
};
export type FacilityDetail = Facility & { sensors: Sensor[]; hosts: number };
export type Asset = {
  address: string; mac: string | null; names: string[]; speaks: { protocol: string; port: number | null; role: "server" | "client" }[];
  first_seen_at: string; last_seen_at: string; findings_open: number;
};

export type FindingState = "open" | "claimed" | "verified" | "reopened";
export type Confidence = "low" | "medium" | "high";
export type Response = "done" | "need_help" | "not_ours" | "cannot";
export type Finding = {
  id: number; facility: FacilityName & { region: number }; kind: string; title: Text; severity: Severity; confidence: Confidence;
  state: FindingState; response: Response | null; host: HostName; port: number | null;
  first_seen_at: string; last_seen_at: string; claimed_at: string | null; verified_at: string | null; evidence: Labelled[];
};

export type CareState = "calm" | "act" | "call";
export type CareItem = {
  id: number; type: "finding" | "story" | "sensor"; kind: string; title: Text; severity: Severity;
  state: FindingState | "acknowledged"; due_at: string | null; safe_until_morning: boolean;
  what: Text; why: Text; steps: Text[]; risk: Text; undo: Text; who: Text; minutes: number; proof: Text;
  host: HostName | null; response: Response | null; response_reason: string | null;
  first_seen_at: string; last_seen_at: string; claimed_at: string | null; verified_at: string | null; technical: Labelled[];
};
export type Care = {
  facility: FacilityName & { region: number; province: Text };
  at: string; state: CareState; phone: string; items: CareItem[]; verified_this_month: number;
  sensor: { status: SensorStatus; last_seen_at: string | null; watching_since_at: string | null; losses: Loss[] };
  leaves: { field: string; why: Text }[];
  never_leaves: Text[];
};

export type StoryStatus = "new" | "acknowledged" | "closed";
export type Verdict = "true" | "benign" | "false" | "duplicate";
export type Story = {
  id: number; signature_id: number; signature: string; title: Text; severity: Severity; status: StoryStatus; verdict: Verdict | null;
  assignee: { id: number; name: string } | null; facilities: number; regions: number; facility_names: FacilityName[];
  alerts: number; attack: string[]; first_at: string; last_at: string; arrived_at: string;
};
export type AlertLine = {
  id: number; at: string; facility: FacilityName; src_ip: string; src_port: number | null; dest_ip: string; dest_port: number | null;
  proto: string; app_proto: string | null;
};
export type StoryFacility = FacilityName & { region: number; alerts: number; first_at: string; last_at: string };
export type RelatedStory = { story_id: number; title: Text; severity: Severity; facility: FacilityName; first_at: string; alerts: number };
export type StoryEvent = { at: string; who: string | null; action: string; verdict: Verdict | null; reason: string | null };
export type StoryDetail = Story & {
  what: Text; why: Text; step: Text; per_facility: StoryFacility[]; alerts_latest: AlertLine[]; related: RelatedStory[]; history: StoryEvent[];
};
export type TriageAction = "acknowledge" | "close" | "reopen";
export type Triage = { action: TriageAction; verdict?: Verdict; reason?: string; up_to: string };

export type Evidence = { buffer: string; offset: number; bytes_hex: string; marks: [number, number][] };
export type Alert = AlertLine & {
  story_id: number; signature_id: number; gid: number; rev: number; signature: string; title: Text; what: Text; why: Text; step: Text;
  severity: Severity; category: string; action: string; attack: string[]; flow_id: number | string | null; packet: number | null;
  fields: { name: string; value: string }[]; evidence: Evidence | null;
  seen_elsewhere: { facilities: number; first_at: string | null; facility_names: FacilityName[] }; raw: unknown;
};

export type User = {
  id: number; login: string; name: string; role: Role; scope: Scope; created_at: string; last_sign_in_at: string | null; signed_in_before: boolean;
};
export type UserCreated = { user: User; first_sign_in_url: string };
export type EnrolmentCode = {
  id: number; facility: string; facility_name: Text; created_at: string; expires_at: string; used_at: string | null; sensor: string | null;
};
export type EnrolmentCodeCreated = { code: string; expires_at: string; facility: string };
export type AuditEntry = { at: string; who: string; action: string; object: string; facility: string | null; detail: string };

export type Page<T> = { items: T[]; next_cursor: string | null; total?: number; total_exact?: boolean; latest_at?: string | null };
