// What the API answers with: docs/openapi.yaml is the source.
import type { FieldValues } from '../texts/fields';

export type Language = 'en' | 'ja';
export type Role = 'admin' | 'member' | 'tester';
export type Reason = 'could_not_connect' | 'request_timeout' | 'error_status_code' | 'unclassified';
export type EventState = 'pending' | 'delivered' | 'retrying' | 'given_up' | 'suspended';
export type Processed = 'no' | 'unknown' | 'yes';
export type Phase = 'url' | 'resolve' | 'connect' | 'tls' | 'session' | 'send' | 'await' | 'done';
export type ChannelState = 'active' | 'off' | 'suspended' | 'failing';
export type OptionState = 'none' | 'applied' | 'approved' | 'refused' | 'withdrawn';
export type ContactState = 'unconfirmed' | 'confirmed' | 'refused';
export type Both = Record<Language, string>;

export interface Account {
    accountId: string;
    email: string;
    name: string;
    operator: boolean;
    confirmed: boolean; // else roles that others give wait
    mayMakeProviders: boolean;
    language: Language;
    providers: { providerId: string; name: string; role: Role }[];
    channels: { channelId: string; role: Role }[];
}
export interface Session {
    account: Account;
    csrfToken: string;
    expiresAt: string;
}
export interface AccountRow {
    accountId: string;
    email: string;
    name: string;
    operator: boolean;
    language: Language;
    disabled: boolean;
    invited: boolean; // has no password yet
    confirmed: boolean;
    invitedBy: { accountId: string; email: string } | string | null;
    createdAt: string;
    lastLoginAt: string | null;
}
export interface Invitation {
    invitationToken?: string;
    invitationUrl?: string | null;
    mailed?: boolean;
}
export interface Provider {
    providerId: string;
    name: string;
    role: Role | 'operator' | null;
    channels: number;
    createdAt: string;
}
export interface Channel extends FieldValues {
    channelId: string;
    providerId: string;
    role: Role | 'operator';
    name: string;
    botUserId: string;
    webhookUrl: string | null;
    useWebhook: boolean;
    redeliverySchedule: number[] | null; // seconds; null: the node's
    errorNotification?: boolean;
    notificationAvailable?: boolean;
    contactEmail?: string | null;
    contactEmailState?: ContactState | null;
    contactEmailAskedAt?: string | null;
    language: Language;
    suspended: boolean;
    suspendedAt?: string;
    state: ChannelState;
    backlogEvents: number;
    lastHour?: { delivered: number; failed: number };
    createdAt: string;
    updatedAt: string;
}
// What the owner of a contact address sees behind the link of the mail that asked.
export interface ContactView {
    contactEmail: string;
    contactEmailState: ContactState;
    mayConfirm: boolean;
    providerName: string;
    channelId: string;
    channelName: string | null;
}
export interface LastFailure {
    at: string;
    reason: Reason;
    detail: string;
    cause?: string;
}
export interface ChannelLive {
    state: ChannelState;
    suspended: boolean;
    suspendedAt?: string;
    backlogEvents: number;
    lastHour: { delivered: number; failed: number };
    lastFailure?: LastFailure | null;
}
export interface Timings {
    dns_us: number;
    connect_us: number;
    tls_us: number;
    send_us: number;
    first_byte_us: number;
    total_us: number;
}
export interface Outcome {
    reason: Reason | 'ok';
    detail: string;
    cause: string;
    processed: Processed;
    phase: Phase;
    status: number;
    http: string | null;
    address: string | null;
    timings: Timings;
}
export interface Verdict extends Outcome {
    tlsVersion?: string | null;
    explanation: Both;
    advice: Both;
}
export interface Attempt extends Outcome {
    attemptId: string;
    startedAt: string;
    events: number;
    reused: boolean;
    retries: number;
}
export interface EventRow {
    webhookEventId: string;
    state: EventState;
    acceptedAt: string;
    tries: number;
    nextAttemptAt?: string;
}
export interface EventFull extends EventRow {
    channelId: string;
    event: unknown;
    attempts: Attempt[];
}
export interface ErrorRow {
    date: string;
    start: string;
    end: string;
    reason: Reason;
    detail: string;
    errors: number;
}
export interface ErrorSummary {
    buckets: { start: string; reason: Reason; errors: number }[];
    totals: { reason: Reason; errors: number }[];
    details: { reason: Reason; detail: string; errors: number; first: string; last: string }[];
    total: number;
    timeZone: string;
}
export interface Token {
    tokenId: string;
    hint: string;
    createdAt: string;
    expiresAt: string | null;
    lastUsedAt: string | null;
    channelAccessToken?: string;
}
export interface RoleRow {
    accountId: string | null; // null: nobody may be known to have the role yet
    email: string;
    name: string | null;
    role: Role;
    inherited: boolean;
    waiting?: boolean; // for operators
}
export interface RoleGiven extends RoleRow, Invitation {
    invitation: 'mail' | 'operator';
}
export interface OptionView {
    state: OptionState;
    note: string | null;
    appliedAt: string | null;
    decidedAt: string | null;
}
export interface OptionRow extends OptionView {
    providerId: string;
    providerName: string;
    option: string;
}
export interface SystemView {
    version: string;
    startedAt: string;
    rates: { accepted: number; delivered: number; failed: number };
    backlogEvents: number;
    backlogAgeMs: number;
    inFlight: number;
    sessions: { http1: number; http2: number };
    store: { bytes: number; commitMs: number; queued: number };
    memoryBytes: number;
    outbox?: { waiting: number; failed: number; oldestAt?: string | null };
    alarms: { name: string; since: string; text: Both }[];
    advice?: { name: string; text: Both }[];
}
export interface Mail {
    mailId: string;
    to: string;
    subject: string;
    state: 'waiting' | 'sent' | 'written' | 'failed';
    tries: number;
    nextAt?: string | null;
    lastError: string | null;
    createdAt: string;
}
export interface AuditEntry {
    auditId: string;
    at: string;
    account: { accountId: string; email: string } | string | null;
    peer: string;
    action: string;
    target: string | null;
    details: Record<string, unknown> | null;
}
