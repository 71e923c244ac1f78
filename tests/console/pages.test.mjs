// Every page: what it shows is what the API answers, in both languages, light and dark, wide and narrow, without a violation of the accessibility rules,
// of the content security policy, or an error in the browser's console.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, openPage } from './lib/console.mjs';
import { startScene } from './lib/scene.mjs';

const words = {
    en: { invited: 'Invited', enabled: 'Active', unconfirmed: 'Not confirmed', active: 'Active', failing: 'Failing', off: 'Off', suspended: 'Suspended', delivered: 'Delivered', given_up: 'Given up', retrying: 'Retrying', pending: 'Pending', applied: 'Waiting for the operator', admin: 'Admin',
        columns: ['Date', 'Start', 'End', 'Reason', 'Detail', 'Errors'], tabs: ['Basic settings', 'Messaging API', 'Statistics', 'Deliveries', 'Roles', 'Audit log'],
        contact: ['A confirmation mail was written on', 'Not confirmed', 'Yes, send error notifications here', 'I do not want this'], written: 'In the mail directory',
        switches: ['Use webhook', 'Webhook redelivery', 'Error statistics aggregation', 'Error notification'], tsv: 'Download as TSV', verify: 'Verify', processed: { no: 'No', unknown: 'Possibly', yes: 'Yes' } },
    ja: { invited: '招待中', enabled: '有効', unconfirmed: '未確認', active: '正常', failing: 'エラー発生中', off: 'オフ', suspended: '停止中', delivered: '配信済み', given_up: '配信終了（失敗）', retrying: '再送待ち', pending: '配信待ち', applied: '承認待ち', admin: 'Admin',
        columns: ['日付', '開始', '終了', '原因', '詳細', 'エラー'], tabs: ['チャネル基本設定', 'Messaging API設定', '統計情報', '配信', '権限設定', '監査ログ'],
        contact: ['に確認メールを作成しました', '未確認', 'はい、エラー通知を受け取ります', '受け取りません'], written: 'mailディレクトリに保存',
        switches: ['Webhookの利用', 'Webhookの再送', 'エラーの統計情報', 'エラー通知'], tsv: 'TSVファイルをダウンロード', verify: '検証', processed: { no: 'なし', unknown: 'あり', yes: '処理済み' } },
};

let scene;
before(async () => { scene = await startScene(); });
after(async () => {
    await closeBrowser();
    await scene?.stop();
});

const texts = async locator => (await locator.allInnerTexts()).map(s => s.trim());
const has = async (page, ...parts) => {
    const shown = await page.locator('main').innerText();
    for (const part of parts) assert.ok(shown.includes(String(part)), `"${part}" in:\n${shown}`);
};
// 1234 as the console writes it.
const figure = n => n.toLocaleString('en-US', { maximumFractionDigits: 1 });

async function sameTabs(page, w) {
    assert.deepEqual(await texts(page.locator('.tabs a')), w.tabs);
}

// name: [address, what it has to show]. s: the scene; w: the language's words.
const pages = {
    channels: [() => '/', async (page, s, w) => {
        const { channels } = await s.api.ok('GET', '/api/v1/channels?limit=100');
        assert.deepEqual(await texts(page.locator('tbody .main-cell > a')), channels.map(c => c.name));
        assert.deepEqual(await texts(page.locator('tbody .badge')), channels.map(c => w[c.state]));
    }],
    basic: [s => `/channels/${s.channels.good.channelId}/basic`, async (page, s, w) => {
        await sameTabs(page, w);
        const c = await s.api.ok('GET', s.path('good'));
        await has(page, c.name, c.channelId, c.botUserId, c.contactEmail, w[c.state]);
        assert.ok(!(await page.content()).includes(s.channels.good.channelSecret), 'the secret is not there before it is asked for');
        await page.locator('.row').filter({ hasText: /Channel secret|チャネルシークレット/ }).getByRole('button').click();
        assert.equal(await page.locator('[data-test=secret]').innerText(), (await s.api.ok('GET', `${s.path('good')}/secret`)).channelSecret);
    }],
    asked: [s => `/channels/${s.channels.asked.channelId}/basic`, async (page, s, w) => has(page, 'owner@example.org', w.contact[0], w.contact[1])],
    contact: [s => `/contact#${s.token}`, async (page, s, w) => {
        await has(page, 'owner@example.org', 'Default', 'Asked', s.channels.asked.channelId);
        assert.deepEqual(await texts(page.locator('main .button')), w.contact.slice(2));
        assert.equal((await s.api.ok('GET', s.path('asked'))).contactEmailState, 'unconfirmed', 'looking decides nothing');
    }],
    messaging: [s => `/channels/${s.channels.good.channelId}/messaging`, async (page, s, w) => {
        const c = await s.api.ok('GET', s.path('good'));
        await has(page, c.webhookUrl, figure(c.responseTimeoutMs), figure(c.maxEventsPerRequest), w.verify);
        const on = await page.locator('[role=switch]').evaluateAll(all => all.map(b => b.getAttribute('aria-checked')));
        assert.deepEqual(await texts(page.locator('.switch-label')), w.switches);
        assert.deepEqual(on, [c.useWebhook, c.webhookRedelivery, c.errorStatistics, c.errorNotification].map(String));
        const { tokens } = await s.api.ok('GET', `${s.path('good')}/tokens`);
        assert.deepEqual(await texts(page.locator('tbody .main-cell')), tokens.map(k => k.hint));
    }],
    verify: [s => `/channels/${s.channels.expired.channelId}/messaging`, async (page, s, w) => {
        await page.getByRole('button', { name: w.verify, exact: true }).click();
        await page.locator('.verdict').waitFor();
        const { faults } = await s.api.ok('GET', '/api/v1/faults');
        const fault = faults.find(f => f.cause === 'tls_cert_expired'), lang = w === words.ja ? 'ja' : 'en';
        await has(page, 'could_not_connect', 'TLS handshake failure', 'tls_cert_expired', fault.explanation[lang], fault.advice[lang].replaceAll('`', ''), w.processed.no);
    }],
    statistics: [s => `/channels/${s.channels.broken.channelId}/statistics/errors`, async (page, s, w) => {
        assert.deepEqual(await texts(page.locator('th')), w.columns);
        await has(page, w.tsv, 'UTC+09:00');
        const { rows, timeZone } = await s.api.ok('GET', `${s.path('broken')}/errors?limit=100`);
        assert.equal(timeZone, '+09:00');
        const shown = await page.locator('[data-test=error-row]').evaluateAll(trs => trs.map(tr => [...tr.cells].map(c => (c.querySelector('.detail') ?? c).innerText.trim())));
        assert.deepEqual(shown, rows.map(r => [r.date, r.start, r.end, r.reason, r.detail, String(r.errors)]));
        const { total } = await s.api.ok('GET', `${s.path('broken')}/errors/summary`);
        assert.equal(await page.locator('[data-test=total]').innerText(), figure(total));
        await page.locator('[data-test=chart] canvas').waitFor();
        await page.locator('[data-test=error-row] .link').first().click();
        await page.locator('.explain-row .advice').waitFor();
    }],
    nothing: [s => `/channels/${s.channels.off.channelId}/statistics/errors`, async page => page.locator('.notice').waitFor()],
    deliveries: [s => `/channels/${s.channels.expired.channelId}/deliveries`, async (page, s, w) => {
        const { events } = await s.api.ok('GET', `${s.path('expired')}/events`);
        assert.deepEqual(await page.locator('tr[data-event]').evaluateAll(rows => rows.map(r => r.dataset.event)), events.map(e => e.webhookEventId));
        assert.deepEqual(await texts(page.locator('tbody .badge')), events.map(e => w[e.state]));
    }],
    event: [s => `/channels/${s.channels.slow.channelId}/deliveries/${s.events.slow[0]}`, async (page, s, w) => {
        const e = await s.api.ok('GET', `${s.path('slow')}/events/${s.events.slow[0]}`), a = e.attempts[0];
        assert.equal(await page.locator('[data-test=attempt]').count(), e.attempts.length);
        await has(page, e.webhookEventId, w[e.state], a.reason, a.detail, a.cause, a.address, w.processed[a.processed]);
        assert.deepEqual(JSON.parse(await page.locator('[data-test=payload]').innerText()), e.event);
        await page.locator('.explanation .advice').waitFor();
    }],
    roles: [s => `/channels/${s.channels.good.channelId}/roles`, async (page, s) => {
        const { roles } = await s.api.ok('GET', `${s.path('good')}/roles`);
        assert.ok(roles.length >= 2);
        await has(page, ...roles.map(r => r.email));
        assert.equal(await page.locator('tbody tr').count(), roles.length);
    }],
    audit: [s => `/channels/${s.channels.good.channelId}/audit`, async (page, s) => {
        const { entries } = await s.api.ok('GET', `${s.path('good')}/audit?limit=100`);
        assert.deepEqual((await texts(page.locator('tbody tr td:nth-child(4) code'))).slice(-3), entries.map(e => e.action).slice(-3));
    }],
    providers: [() => '/providers', async (page, s) => {
        const { providers } = await s.api.ok('GET', '/api/v1/providers');
        assert.deepEqual(await texts(page.locator('tbody .main-cell > a')), providers.map(p => p.name));
        assert.deepEqual((await page.locator('tbody td.num').allInnerTexts()).map(x => Number(x.replace(/\D/g, ''))), providers.map(p => p.channels));
    }],
    provider: [s => `/providers/${s.provider.providerId}`, async (page, s) => {
        const { channels } = await s.api.ok('GET', `/api/v1/channels?provider=${s.provider.providerId}&limit=100`);
        assert.deepEqual(await texts(page.locator('tbody .main-cell > a')), channels.map(c => c.name));
    }],
    'provider-roles': [s => `/providers/${s.provider.providerId}/roles`, async (page, s) => has(page, ...(await s.api.ok('GET', `/api/v1/providers/${s.provider.providerId}/roles`)).roles.map(r => r.email))],
    'provider-options': [s => `/providers/${s.provider.providerId}/options`, async (page, s, w) => has(page, w.applied, 'For those on call')],
    'provider-settings': [s => `/providers/${s.provider.providerId}/settings`, async (page, s) => has(page, s.provider.name, s.provider.providerId)],
    options: [() => '/options', async (page, s, w) => {
        const { options } = await s.api.ok('GET', '/api/v1/options?state=applied');
        assert.deepEqual(await texts(page.locator('tbody .main-cell')), options.map(o => o.providerName));
        await has(page, w.applied);
    }],
    system: [() => '/system', async (page, s, w) => {
        const now = await s.api.ok('GET', '/api/v1/system');
        await has(page, now.version);
        assert.equal(await page.locator('.alarms li').count(), now.alarms.length);
        assert.deepEqual(await texts(page.locator('.advices li')), now.advice.map(a => a.text[w === words.ja ? 'ja' : 'en']));
        assert.deepEqual(now.advice.map(a => a.name), ['mail_relay']);
    }],
    outbox: [() => '/system/outbox', async (page, s, w) => {
        const { mails } = await s.api.ok('GET', '/api/v1/outbox');
        assert.deepEqual(await texts(page.locator('tbody .main-cell')), mails.map(m => m.subject));
        assert.deepEqual(await texts(page.locator('tbody .badge')), mails.map(() => w.written), 'no relay is set');
    }],
    'system-audit': [() => '/system/audit', async (page, s) => {
        const { entries } = await s.api.ok('GET', '/api/v1/audit?limit=100');
        assert.ok(entries.length > 5);
        assert.ok(await page.locator('tbody tr').count() >= Math.min(entries.length - 1, 100));
        await has(page, s.operator);
    }],
    accounts: [() => '/system/accounts', async (page, s, w) => {
        const { accounts } = await s.api.ok('GET', '/api/v1/accounts');
        await has(page, ...accounts.map(a => a.email));
        assert.deepEqual(await texts(page.locator('tbody .badge')), accounts.map(a => (a.invited ? w.invited : a.confirmed ? w.enabled : w.unconfirmed)));
    }],
    account: [() => '/account', async (page, s) => has(page, s.operator)],
    missing: [() => '/no/such/page', async page => page.locator('.notice h1').waitFor()],
    'no-channel': [() => '/channels/4242424242/basic', async page => page.locator('.notice h1').waitFor()],
};

// Chromium writes every refused call into its console: this one is asked for.
const allow = [/status of 404.*\/channels\/4242424242/];

// The corners of language, appearance and width; all of them where pictures are wanted.
const corners = process.env.CONSOLE_SHOTS
    ? ['en', 'ja'].flatMap(locale => ['light', 'dark'].flatMap(theme => [1280, 360].map(width => ({ locale, theme, width }))))
    : [{ locale: 'en', theme: 'light', width: 1280 }, { locale: 'ja', theme: 'dark', width: 360 }];

for (const corner of corners) {
    const name = `${corner.locale}-${corner.theme}-${corner.width}`;
    test(`every page, ${name}`, async t => {
        await scene.api.ok('PATCH', '/api/v1/session', { language: corner.locale });
        const own = await openPage(scene.node.url, { ...corner, allow });
        await t.test('log-in', async () => {
            await own.go('/login');
            await own.axe('log-in');
            await own.shot(`login-${name}`);
            await own.logIn();
        });
        for (const [key, [address, check]] of Object.entries(pages)) {
            await t.test(key, async () => {
                await own.go(address(scene));
                assert.equal(await own.page.evaluate(() => document.documentElement.lang), corner.locale);
                await check(own.page, scene, words[corner.locale]);
                await own.shot(`${key}-${name}`);
                await own.axe(key);
                assert.ok(await own.wide() <= 0, 'nothing is wider than the screen');
                await own.clean(key);
            });
        }
        await own.close();
    });
}
