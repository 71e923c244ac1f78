/*
 * SendGrid's Event Webhook: batches of events as JSON arrays, signed with ECDSA P-256 (DER) over timestamp and body.
 * A batch is sent again until it is answered with 2xx; events may come twice, late and in any order.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const BATCH_EVENTS = 1000;
const WAITING = 200_000; // events on their way; a receiver that never answers must not fill the memory
const AGAIN_MS = 1000, TRIES = 60; // the service tries for 24 hours, the fake for a minute

const BOUNCE = { type: 'bounce', bounce_classification: 'Invalid Address' };
const bounce = (status, reason, more = {}) => ['bounce', { ...BOUNCE, status, reason, ...more }];
const blocked = (status, reason, classification) => bounce(status, reason, { type: 'blocked', bounce_classification: classification });
const dropped = reason => ['dropped', { reason, status: '5.0.0' }];
const PROCESSED = ['processed', {}];
const DELIVERED = ['delivered', { response: '250 OK' }];
const DEFERRED = ['deferred', { response: '451 4.3.0 Temporary failure, please try again later', attempt: '1' }];

const domain = email => email.slice(email.lastIndexOf('@') + 1);
const bounces = (what, event) => ({ what, events: (email, number) => [PROCESSED, event(email, number)] });
const drops = reason => ({ what: `dropped: ${reason}`, suppressed: true, events: () => [dropped(reason)] });

/* People whose message SendGrid takes, and what its events say of it later: kind → { what, events(email, number), and
 * order: 'reversed' | 'doubled', lateMs, suppress: the reason of the drop that the next message to them gets }. */
export const eventKinds = {
    'delivered': { what: 'processed, delivered', events: () => [PROCESSED, DELIVERED] },
    'silent': { what: 'taken, and no event ever', events: () => [] },
    'deferred': { what: 'processed, deferred, delivered', events: () => [PROCESSED, DEFERRED, DELIVERED] },
    'user-unknown': {
        ...bounces('bounce 550 … User unknown', email => bounce('5.1.1', `550 ${email}... User unknown`)), suppress: 'Bounced Address',
    },
    'invalid-recipient': {
        ...bounces('bounce 550 Invalid recipient:', email => bounce('5.0.0', `550 Invalid recipient: ${email}`)), suppress: 'Bounced Address',
    },
    'no-account': {
        ...bounces('bounce 554 delivery error: dd …', (email, number) => bounce('5.0.0',
            `554 delivery error: dd This user doesn't have a ${domain(email)} account (${email}) [${-(number % 30)}] - mta4${number % 99}.mail.example.com`)),
        suppress: 'Bounced Address',
    },
    'spam': bounces('blocked 510 Block For Spam', () => blocked('5.0.0', '510 Block For Spam', 'Content')),
    'overquota': bounces('blocked 450 4.2.2 : user is overquota', email => blocked('4.2.2', `450 4.2.2 <${email}>: user is overquota`, 'Mailbox Unavailable')),
    'overquota-gmail': bounces('blocked 452 4.2.2 The email account that you tried to reach is over quota.', () => blocked('4.2.2',
        '452 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to '
        + 'https://support.google.com/mail/?p=OverQuotaTemp 00000000-gsmtp', 'Mailbox Unavailable')),
    'servfail': bounces('blocked Unable to resolve MX record for …: servfail', email =>
        blocked('', `Unable to resolve MX record for ${domain(email)}: servfail`, 'Technical Failure')),
    'dial-timeout': bounces('blocked error dialing remote address: …: i/o timeout', (_, number) =>
        blocked('', `error dialing remote address: dial tcp 198.51.100.7:${40_000 + number % 20_000}->203.0.113.${number % 250}:25: i/o timeout`, 'Technical Failure')),
    'expired': bounces('blocked after 72 hours of deferrals', () => blocked('', 'unable to get mx info: expired', 'Unclassified')),
    'reputation': bounces('blocked 554 5.7.1 … blocked using a list', () =>
        blocked('5.7.1', '554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org', 'Reputation')),
    'bounce-after-delivered': {
        what: 'processed, delivered, and a bounce after it', suppress: 'Bounced Address',
        events: email => [PROCESSED, DELIVERED, bounce('5.1.1', `550 5.1.1 <${email}>: Recipient address rejected: User unknown`)],
    },
    'dropped-spam': drops('Spam Reporting Address'),
    'dropped-unsubscribed': drops('Unsubscribed Address'),
    'dropped-invalid': drops('Invalid'),
    'dropped-bounced': drops('Bounced Address'),
    'dropped-old': drops('old'),
    'dropped-hardfail': drops('hardfail'),
    'dropped-smtpapi': drops('Invalid SMTPAPI header'),
    'dropped-content': drops('Spam Content (if Spam Checker app is enabled)'),
    'dropped-package': drops('Recipient List over Package Quota'),
    'spamreport': {
        what: 'delivered, and reported as spam', suppress: 'Spam Reporting Address', events: () => [PROCESSED, DELIVERED, ['spamreport', {}]],
    },
    'unsubscribe': {
        what: 'delivered, and unsubscribed', suppress: 'Unsubscribed Address', events: () => [PROCESSED, DELIVERED, ['unsubscribe', {}]],
    },
    'group-unsubscribe': {
        what: 'delivered, and unsubscribed from a group', events: () => [PROCESSED, DELIVERED, ['group_unsubscribe', { asm_group_id: 10, ip: '203.0.113.9' }]],
    },
    'opened': {
        what: 'delivered, opened, a link clicked',
        events: () => [PROCESSED, DELIVERED, ['open', { ip: '203.0.113.9', useragent: 'Mozilla/5.0', sg_machine_open: false }],
            ['click', { ip: '203.0.113.9', useragent: 'Mozilla/5.0', url: 'https://www.example.com/', url_offset: { index: 0, type: 'html' } }]],
    },
    'reversed': { what: 'delivered comes before processed', order: 'reversed', events: () => [PROCESSED, DELIVERED] },
    'doubled': {
        what: 'every event comes twice, with one sg_event_id; the last is a bounce', order: 'doubled', suppress: 'Bounced Address',
        events: email => [PROCESSED, bounce('5.1.1', `550 ${email}... User unknown`)],
    },
    'late': {
        what: 'the bounce comes 3 s late', lateMs: 3000, suppress: 'Bounced Address',
        events: email => [PROCESSED, bounce('5.1.1', `550 ${email}... User unknown`)],
    },
};

const eventId = text => Buffer.from(text).toString('base64url');

/* Sends events. options: url (where to, none: they are only remembered), now. Members to change: url, batchMs, trailing
 * (what follows the JSON, signed too), signed (false: no headers; 'wrong': of another key), ageS (how old the timestamp is), held (true: nothing leaves). */
export class EventWebhook {
    #queue = [];
    #timers = new Set();
    #flush;
    #sending = false;
    #number = 0;
    #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    #others = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    #closed = false;
    sent = [];
    refused = 0;

    constructor({ url, now }) {
        Object.assign(this, { url: url ?? null, now, batchMs: 100, trailing: '\r\n', signed: true, ageS: 0, held: false });
        // As SendGrid shows it: DER (SPKI) in base64.
        this.verificationKey = this.#keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    }

    // The events of one message. about: { email, messageId, customArgs, categories }.
    add(kind, about) {
        const row = eventKinds[kind];
        const number = ++this.#number;
        const seconds = Math.floor(this.now() / 1000);
        const common = {
            email: about.email, 'smtp-id': `<${about.messageId}@geopod-ismtpd-0>`,
            ...(about.categories?.length && { category: about.categories.length === 1 ? about.categories[0] : about.categories }),
            sg_message_id: `${about.messageId}.recvd-7b8f9c6d5-4x2lq-1-65A1B2C3-${number}.0`,
        };
        const events = row.events(about.email, number).map(([event, fields], i) => ({
            ...common, ...about.customArgs, event, timestamp: seconds + i,
            sg_event_id: eventId(`${event}-${i}-${number}-${about.messageId}`), ...fields,
        }));
        const ordered = row.order === 'reversed' ? [...events].reverse() : row.order === 'doubled' ? events.flatMap(event => [event, event]) : events;
        const late = row.lateMs ? ordered.splice(-1) : [];
        this.put(ordered);
        if (late.length) this.#after(row.lateMs, () => this.put(late));
    }

    // Queues events as they are: those of a message, or a test's own. They leave together, batchMs after the first.
    put(events) {
        for (const event of events) if (this.#queue.length < WAITING) this.#queue.push(event);
        if (!this.#queue.length || this.#flush) return;
        this.#flush = this.#after(this.batchMs, () => {
            this.#flush = undefined;
            this.#pump();
        });
    }

    #after(ms, step) {
        if (this.#closed) return undefined;
        const timer = setTimeout(() => {
            this.#timers.delete(timer);
            step();
        }, ms);
        this.#timers.add(timer);
        return timer;
    }

    // Lets go what was held.
    release() {
        this.held = false;
        this.#pump();
    }

    // The headers and body of a batch, as they go over the wire.
    signedBatch(events) {
        const body = Buffer.from(`[${events.map(event => JSON.stringify(event)).join(',\r\n')}]${this.trailing}`);
        const timestamp = `${Math.floor(this.now() / 1000) - this.ageS}`;
        const { privateKey } = this.signed === 'wrong' ? this.#others : this.#keys;
        const signature = sign('sha256', Buffer.concat([Buffer.from(timestamp), body]), { key: privateKey, dsaEncoding: 'der' });
        return {
            body, headers: {
                'content-type': 'application/json;charset=utf-8', 'user-agent': 'SendGrid Event API',
                ...(this.signed && {
                    'X-Twilio-Email-Event-Webhook-Signature': signature.toString('base64'), 'X-Twilio-Email-Event-Webhook-Timestamp': timestamp,
                }),
            },
        };
    }

    async #pump() {
        if (this.#sending || this.held || this.#closed) return;
        this.#sending = true;
        while (this.#queue.length && !this.held && !this.#closed) {
            const batch = this.#queue.splice(0, BATCH_EVENTS);
            await this.#deliver(batch, 1);
        }
        this.#sending = false;
    }

    async #deliver(batch, attempt) {
        const answered = this.url ? await this.#post(batch) : true;
        if (answered) {
            this.sent.push(...batch);
            if (this.sent.length > WAITING) this.sent.splice(0, this.sent.length - WAITING);
        } else {
            this.refused++;
            if (attempt < TRIES) this.#after(AGAIN_MS, () => this.#deliver(batch, attempt + 1));
        }
    }

    async #post(batch) {
        const { body, headers } = this.signedBatch(batch);
        try {
            const response = await fetch(this.url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(10_000) });
            await response.arrayBuffer();
            return response.ok;
        } catch {
            return false;
        }
    }

    close() {
        this.#closed = true;
        for (const timer of this.#timers) clearTimeout(timer);
    }
}

// An X-Message-Id: 22 characters.
export const newMessageId = () => createHash('sha256').update(randomBytes(16)).digest('base64url').slice(0, 22);
