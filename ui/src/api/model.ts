// The words of the API, by the names that the pages use: made from the centre's own description in types.ts.
import type { components } from "./types";
import type { Text } from "../i18n/lang";
export type { Text };

type Schemas = components["schemas"];

// The centre sends every field, with null where it has nothing; its description calls the nullable fields optional.
// These types say what really arrives.
type Sent<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Sent<Item>[]
    : T extends object
      ? { [Key in keyof T]-?: Exclude<Sent<T[Key]>, undefined> }
      : T;

export type Role = Sent<Schemas["Role"]>;
export type Severity = Sent<Schemas["Severity"]>;
export type Scope = { kind: Schemas["ScopeKind"]; region?: number; facility?: string };
export type Me = Omit<Sent<Schemas["Me"]>, "scope"> & { scope: Scope };
export type SecondFactor = Sent<Schemas["SecondFactor"]>;
export type FactorBegun = Sent<Schemas["FactorBegun"]>;
export type RecoveryCodes = Sent<Schemas["RecoveryCodes"]>;
export type FirstSignIn = Sent<Schemas["FirstSignIn"]>;

export type FacilityName = Sent<Schemas["FacilityName"]>;
export type FacilityState = Sent<Schemas["FacilityState"]>;
export type TileState = Sent<Schemas["TileState"]>;
export type SensorStatus = Sent<Schemas["SensorStatus"]>;
export type Loss = Sent<Schemas["Loss"]>;

export type Overview = Sent<Schemas["Overview"]>;
export type ProvinceTile = Sent<Schemas["ProvinceTile"]>;
export type RegionRow = Sent<Schemas["RegionRow"]>;

export type Facility = Sent<Schemas["Facility"]>;
export type Sensor = Sent<Schemas["Sensor"]>;
export type FacilityDetail = Sent<Schemas["FacilityDetail"]>;
export type Asset = Sent<Schemas["Asset"]>;

export type FindingState = Sent<Schemas["FindingState"]>;
export type Response = Sent<Schemas["Response"]>;
export type Finding = Sent<Schemas["Finding"]>;

export type Care = Sent<Schemas["Care"]>;
export type CareItem = Sent<Schemas["CareItem"]>;

export type StoryStatus = Sent<Schemas["StoryStatus"]>;
export type StoryAsk = Sent<Schemas["StoryAsk"]>;
export type SavedView = Sent<Schemas["SavedView"]>;
export type SavedViews = Sent<Schemas["SavedViewList"]>;
export type AttackMatrix = Sent<Schemas["AttackMatrix"]>;
export type AttackTechnique = Sent<Schemas["AttackTechnique"]>;
export type Selection = Sent<Schemas["Selection"]>;
export type SelectionOutcome = Sent<Schemas["SelectionOutcome"]>;
export type Suppression = Sent<Schemas["Suppression"]>;
export type SuppressionPreview = Sent<Schemas["SuppressionPreview"]>;
export type Verdict = Sent<Schemas["Verdict"]>;
export type Story = Sent<Schemas["Story"]>;
export type AlertLine = Sent<Schemas["AlertLine"]>;
export type StoryFacility = Sent<Schemas["StoryFacility"]>;
export type StoryEvent = Sent<Schemas["StoryEvent"]>;
export type StoryDetail = Sent<Schemas["StoryDetail"]>;
export type Triage = { action: Schemas["TriageAction"]; verdict?: Verdict; reason?: string; up_to: string };

export type Evidence = Sent<Schemas["AlertEvidence"]>;
export type Alert = Omit<Sent<Schemas["AlertDetail"]>, "raw"> & { raw: unknown };

export type AddressHistory = Sent<Schemas["AddressHistory"]>;

export type ApiToken = Omit<Sent<Schemas["Token"]>, "scope"> & { scope: Scope };
export type ApiTokenCreated = { token: ApiToken; secret: string };
export type User = Omit<Sent<Schemas["User"]>, "scope"> & { scope: Scope };
export type UserCreated = { user: User; first_sign_in_url: string };
export type EnrolmentCode = Sent<Schemas["EnrolmentCode"]>;
export type EnrolmentCodeCreated = Sent<Schemas["EnrolmentCodeCreated"]>;
export type AuditChain = Sent<Schemas["ChainEnd"]>;
export type AuditEntry = Sent<Schemas["AuditEntry"]>;

export type BulletinState = Sent<Schemas["BulletinState"]>;
export type RecipientState = Sent<Schemas["RecipientState"]>;
export type BulletinAnswer = Sent<Schemas["BulletinAnswer"]>;
export type Tlp = Sent<Schemas["Tlp"]>;
export type CheckKind = Sent<Schemas["CheckKind"]>;
export type Bulletin = Sent<Schemas["Bulletin"]>;
export type BulletinDetail = Sent<Schemas["BulletinDetail"]>;
export type BulletinDraft = Sent<Schemas["BulletinDraft"]>;
export type BulletinCheck = Sent<Schemas["BulletinCheck"]>;
export type BulletinReason = Sent<Schemas["BulletinReason"]>;
export type BulletinReasons = Sent<Schemas["BulletinReasons"]>;
export type BulletinRecipient = Sent<Schemas["BulletinRecipient"]>;
export type BulletinEvent = Sent<Schemas["BulletinEvent"]>;
export type Concern = Sent<Schemas["ConcernPage"]>;
export type WeaknessKinds = Sent<Schemas["WeaknessKinds"]>;
export type Suggested = Sent<Schemas["Suggested"]>;
export type Indicator = Sent<Schemas["Indicator"]>;
export type IndicatorKind = Schemas["IndicatorKind"];
export type IndicatorList = Sent<Schemas["ListState"]>;
export type ListedRule = Sent<Schemas["ListedRule"]>;
export type ListedRuleHead = Pick<Sent<Schemas["ListedRulePage"]>, "list" | "next_sid">;
export type RuleCheck = Sent<Schemas["RuleCheck"]>;
export type Warnings = Sent<Schemas["WarningCounts"]>;

export type ChannelList = Sent<Schemas["ChannelList"]>;
export type Channel = Sent<Schemas["ChannelView"]>;
export type TestOutcome = Sent<Schemas["TestOutcome"]>;
export type OwnContacts = Sent<Schemas["OwnContacts"]>;
export type Roster = Sent<Schemas["RosterView"]>;
export type Delivery = Sent<Schemas["DeliveryView"]>;
export type FailingChannel = Sent<Schemas["FailingChannel"]>;
export type Told = Sent<Schemas["Told"]>;
export type CaseStatus = Sent<Schemas["CaseStatus"]>;
export type ThreatLevel = Sent<Schemas["ThreatLevel"]>;
export type CaseRow = Sent<Schemas["CaseRow"]>;
export type CaseDetail = Sent<Schemas["CaseDetail"]>;
export type CaseClock = Sent<Schemas["CaseClock"]>;
export type CaseTask = Sent<Schemas["CaseTask"]>;
export type CaseFile = Sent<Schemas["CaseFile"]>;
export type TimelineLine = Sent<Schemas["TimelineLine"]>;
export type CaseLaw = Sent<Schemas["CaseLawWords"]>;
export type Playbooks = Sent<Schemas["PlaybookList"]>;
export type SharedCase = Sent<Schemas["SharedCase"]>;
export type SharedCases = Sent<Schemas["SharedCases"]>;
export type FacilityPlace = Sent<Schemas["FacilityPlace"]>;

/** A page of a long list; lists that cannot count leave `total` out. */
export type Page<T> = { items: T[]; next_cursor: string | null; total?: number; total_exact?: boolean; latest_at?: string | null; chain?: AuditChain };
