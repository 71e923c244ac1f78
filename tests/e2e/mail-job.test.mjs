// A campaign's mails over a relay: what becomes of each message after each answer, and bounces that come back later, by pipe and by the API.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { startRelay } from './lib/relay.mjs';

const text = v => `'${String(v).replaceAll("'", "''")}'`;
const query = (data, sql) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 20000', '-json', join(data, 'todoke.db'), sql], { encoding: 'utf8' }) || '[]');
const STATES = ['waiting', 'sending', 'retrying', 'sent', 'delivered', 'failed', 'skipped', 'unknown'];

// A node with one sender and one campaign, and the people that these addresses are; the job over them has begun.
async function startJob(addresses, port, settings = {}, secret = {}) {
    const data = dataDir(), key = createKey(data), now = Date.now();
    const rows = [`INSERT INTO audience_last VALUES (1, ${addresses.length})`, `INSERT INTO audience VALUES (1, ${addresses.length})`];
    addresses.forEach((to, i) => rows.push(
        `INSERT INTO audience_user VALUES (1, ${i + 1}, 'u${i + 1}', ${text(JSON.stringify({ name: `名前 ${i + 1}\r\nBcc: victim@example.org` }))}, ${now}, ${now})`,
        `INSERT INTO audience_target VALUES (1, ${i + 1}, 0, ${text(to)}, '', '', 1, '', 'identify', -1, 0, 0, ${now}, ${now})`));
    rows.push(`INSERT INTO sender (provider_id,name,service,settings,secret,state,reason,reason_text,changed_ms,created_ms,updated_ms) VALUES (1,'relay',2,
        ${text(JSON.stringify({ host: '127.0.0.1', port, security: 'none', from: { email: 'shop@example.com', name: '店' }, ...settings }))},${text(JSON.stringify(secret))},0,'','',${now},${now},${now})`,
    `INSERT INTO campaign (provider_id,short_id,name,medium,sender_id,enabled,content,variables,stop_when,created_ms,updated_ms) VALUES
        (1,'spring','spring',0,1,1,${text(JSON.stringify({ subject: 'Hello {{ user.name }}', text: 'Hello {{ user.name }}\n.\n', html: '<p>Hello {{ user.name }}</p>' }))},'[]','',${now},${now})`,
    `INSERT INTO segment (provider_id,name,condition,is_default,created_ms,updated_ms) VALUES (1,'all','{"all":[]}',0,${now},${now})`);
    execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `BEGIN;\n${rows.join(';\n')};\nCOMMIT;\n` });
    const node = await startNode({ data, key, args: ['--allow-private-targets', '--loops', '2'] });
    const api = async (method, path, body) => {
        const r = await fetch(`${node.url}/api/v1/providers/1${path}`, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
        assert.ok(r.status < 300, `${r.status} ${await r.clone().text()}`);
        return r.json();
    };
    try { await api('POST', '/jobs', { campaignId: 'spring', audience: { segmentId: '1' } }); } catch (e) { await node.stop(); throw e; }
    const job = {
        data, node, key,
        messages: () => Object.fromEntries(query(data, 'SELECT m.n, t.value AS target, m.state, m.error, m.detail, m.processed, m.judged, m.tries, m.service_id FROM message m JOIN audience_target t ON t.user_id=m.user_id ORDER BY n')
            .map(m => [m.target.split('@')[0], { ...m, state: STATES[m.state] }])),
        show: () => api('GET', '/jobs/1'),
        settle: async done => { let m; await until(() => done(m = job.messages()), () => `${JSON.stringify(m)}\n${node.log().slice(-3000)}`, 60_000); return m; },
        close: async () => { await node.stop(); },
    };
    return job;
}

const isOver = m => Object.keys(m).length && Object.values(m).every(x => !['waiting', 'sending'].includes(x.state));

describe('a job over a relay', () => {
    let relay, job, messages;
    // The local part decides, by whichever command it should.
    before(async () => {
        let greylisted = false;
        const replies = {
            unknown: () => '550 5.1.1 <unknown@example.org>: Recipient address rejected: User unknown', full: () => '452 4.2.2 mailbox full',
            grey: () => { const first = !greylisted; greylisted = true; return first ? '450 4.2.0 Greylisted' : '250 ok'; },
        };
        relay = await startRelay({
            RCPT: (line, socket) => { socket.who = /<([^@]*)@/.exec(line)[1]; return replies[socket.who]?.() ?? '250 ok'; },
            BODY: (_, socket) => ({ lost: 'reset', spam: '554 5.7.1 Message rejected as spam' }[socket.who] ?? '250 2.0.0 Ok: queued as 4bXYZ12'),
            EHLO: '250 mx.example',
        }, {});
        job = await startJob(['fine', 'unknown', 'full', 'lost', 'spam', 'grey'].map(x => `${x}@example.org`), relay.port, { bounceDomain: 'bounce.example.com', unsubscribeOn: 'permanent' });
        messages = await job.settle(isOver);
    });
    after(async () => { await job?.close(); relay?.close(); });

    it('says of each what the relay said of it', () => {
        assert.deepEqual([messages.fine.state, messages.fine.service_id, messages.fine.error], ['sent', '4bXYZ12', '']);
        assert.deepEqual([messages.unknown.state, messages.unknown.error, messages.unknown.processed], ['failed', 'bounce_user_unknown', 'no']);
        assert.equal(messages.unknown.detail, '550 5.1.1 <unknown@example.org>: Recipient address rejected: User unknown');
        assert.match(messages.full.judged, /^mailbox-full later /);
        assert.equal(messages.grey.state, 'retrying');
        assert.deepEqual([messages.lost.state, messages.lost.processed], ['unknown', 'unknown']);
        assert.deepEqual([messages.spam.state, messages.spam.error], ['failed', 'bounce_spam']);
    });

    it('sends each mail once, as MIME, with nothing from attributes in its head', () => {
        const mail = relay.mails.find(m => m.includes('To: fine@example.org'));
        assert.equal(relay.mails.filter(m => m.includes('To: fine@example.org')).length, 1);
        assert.equal(relay.mails.filter(m => m.includes('To: lost@example.org')).length, 1);
        const head = mail.slice(0, mail.indexOf('\r\n\r\n'));
        assert.doesNotMatch(head, /^Bcc:/mi);
        assert.match(head, /^Content-Type: multipart\/alternative/m);
        assert.match(head, /^Precedence: bulk/m);
        assert.match(head, /^From: =\?UTF-8\?B\?5bqX\?=\r\n <shop@example.com>/m);
        assert.ok(mail.split('\r\n').every(line => line.length <= 998));
    });

    const named = who => relay.seen.filter(l => l.startsWith('MAIL FROM:')).map(l => /<(.*)>/.exec(l)[1]).find(f => f.startsWith(`b+1.${messages[who].n}.`));
    const dsn = (verp, target, { action = 'failed', status = '5.1.1', code = 'smtp; 550 5.1.1 User unknown' } = {}) => [
        'From: MAILER-DAEMON@mx.example.org', `To: ${verp}`, 'MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=delivery-status; boundary="B"', '',
        '--B', 'Content-Type: message/delivery-status', '', 'Reporting-MTA: dns; mx.example.org', '', `Final-Recipient: rfc822; ${target}`, `Action: ${action}`, `Status: ${status}`,
        `Diagnostic-Code: ${code}`, '', '--B--', ''].join('\r\n');
    const post = async (body, sender = 1) => (await fetch(`${job.node.url}/hooks/bounce/${sender}`, { method: 'POST', body, headers: { 'content-type': 'message/rfc822' } })).status;

    it('takes no bounce without the message\'s key', async () => {
        const verp = named('fine'), forged = verp.replace(/[0-9a-f]@/, c => (c[0] === '0' ? '1@' : '0@'));
        assert.match(verp, /^b\+1\.\d+\.[0-9a-f]{32}@bounce\.example\.com$/);
        assert.equal(await post(dsn(forged, 'fine@example.org')), 404);
        assert.equal(await post(dsn(verp, 'fine@example.org'), 2), 404);
        assert.equal(await post(dsn('someone@example.com', 'fine@example.org')), 404);
        assert.equal(await post('From: fine@example.org\r\nSubject: away\r\n\r\nUser unknown'), 400);
        assert.equal(job.messages().fine.state, 'sent');
    });

    it('changes nothing for a delay', async () => {
        assert.equal(await post(dsn(named('fine'), 'fine@example.org', { action: 'delayed', status: '4.4.1', code: 'smtp; 421 try later' })), 204);
        assert.equal(job.messages().fine.state, 'sent');
    });

    it('turns a sent message into a failed one by a pipe, and what was unknown into sent', async () => {
        const args = ['bounce', '1', '--api', job.node.url];
        const first = await command([...args, '--to', named('fine')], { input: dsn('MAILER@elsewhere.example', 'fine@example.org') });
        assert.equal(first.status ?? first.code, 0, JSON.stringify(first));
        const m = await job.settle(x => x.fine.state === 'failed');
        assert.deepEqual([m.fine.error, m.fine.detail], ['bounce_user_unknown', '550 5.1.1 User unknown']);
        const consent = query(job.data, 'SELECT subscribed, why FROM audience_target WHERE value=\'fine@example.org\'');
        assert.deepEqual(consent, [{ subscribed: 2, why: 'bounce_user_unknown' }]);
        assert.equal(await post(dsn(named('lost'), 'lost@example.org', { action: 'delayed', status: '4.2.0', code: 'smtp; 450 greylisted' })), 204);
        assert.equal(job.messages().lost.state, 'sent');
        assert.equal(await post(dsn(named('lost'), 'lost@example.org', { action: 'delivered', status: '2.0.0', code: 'smtp; 250 ok' })), 204);
        assert.equal(job.messages().lost.state, 'delivered');
    });
});

describe('a relay that takes no mail at all', () => {
    it('pauses the job for a wrong password, which was tried once', async () => {
        const relay = await startRelay({ EHLO: '250-mx.example\r\n250 AUTH PLAIN', AUTH: '535 5.7.8 Username and Password not accepted' }, {});
        const job = await startJob(Array.from({ length: 3000 }, (_, i) => `p${i}@example.org`), relay.port, { user: 'u' }, { password: 'wrong' });
        try {
            await until(async () => (await job.show()).state === 'paused', async () => JSON.stringify(await job.show()), 60_000);
            assert.ok(relay.seen.filter(l => l.startsWith('AUTH')).length < 20, String(relay.seen.filter(l => l.startsWith('AUTH')).length));
            assert.deepEqual(relay.mails, []);
        } finally { await job.close(); relay.close(); }
    });

    it('tries again later where nobody is there, and ends without a leak while it waits', async () => {
        const relay = await startRelay({}, {});
        const { port } = relay;
        relay.close();
        const job = await startJob(['a@example.org', 'b@example.org'], port);
        try {
            const m = await job.settle(x => x.a?.state === 'retrying' && x.b?.state === 'retrying');
            assert.deepEqual([m.a.error, m.a.processed], ['mail_server', 'no']);
        } finally { await job.close(); }
    });
});

it('a node that is stopped while the relay is silent records what nobody can know', async () => {
    const relay = await startRelay({ BODY: null }, {});
    const job = await startJob(['a@example.org'], relay.port);
    try { await until(() => relay.mails.length === 1, () => job.node.log().slice(-2000), 30_000); } finally { await job.node.stop(); }
    const m = job.messages();
    relay.close();
    assert.ok(['unknown', 'waiting'].includes(m.a.state), JSON.stringify(m)); // waiting on disk is claimed: the next start says unknown
});
