// Every act of the pages, in both languages: what the page says it did, the API says too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { closeBrowser, eventually, logInByApi, OPERATOR, openPage, PASSWORD } from './lib/console.mjs';
import { startScene } from './lib/scene.mjs';
import { words } from './lib/words.mjs';

let scene;
before(async () => {
    // Nobody takes the mails: they wait, and are soon given up.
    scene = await startScene({ args: ['--smtp-url', 'smtp://127.0.0.1:9', '--mail-retry', '100ms', '--mail-expire', '500ms'] });
});
after(async () => {
    await closeBrowser();
    await scene?.stop();
});
const refused = [/status of 40[0139]/];

for (const lang of ['en', 'ja']) {
    test(`acts, ${lang}`, async t => {
        const w = words[lang], { api, node } = scene;
        await api.ok('PATCH', '/api/v1/session', { language: lang });
        const own = await openPage(node.url, { locale: lang, allow: refused }), { page } = own;
        await own.logIn();
        const dialog = page.locator('dialog[open]');
        const press = (name, within = page) => within.getByRole('button', { name, exact: true }).first().click();
        const yes = async name => { // in the dialog, which then closes
            await press(name, dialog);
            await dialog.waitFor({ state: 'detached' });
        };
        const edit = async (label, value) => {
            await press(`${w.common.edit}: ${label}`);
            const field = page.locator('main').getByLabel(label, { exact: true });
            if (await field.evaluate(e => e.tagName === 'SELECT')) await field.selectOption(value);
            else await field.fill(value);
            await press(w.common.update);
        };
        const channel = (name, tab) => own.go(`/channels/${scene.channels[name].channelId}/${tab}`);
        const row = text => page.locator('tbody tr').filter({ hasText: text });
        const badge = text => page.locator('.badge').getByText(text).waitFor();
        const toast = text => page.locator('.toast').getByText(text, { exact: false }).first().waitFor();
        const act = (name, run) => t.test(name, async () => {
            await run();
            await own.clean(name);
        });

        await act('appearance and language', async () => {
            await own.go('/');
            await page.locator('.menu summary').click();
            await page.locator('.menu-box select').nth(1).selectOption('dark');
            assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
            const other = lang === 'en' ? 'ja' : 'en';
            await page.locator('.menu-box select').nth(0).selectOption(other);
            await page.getByRole('heading', { name: words[other].channels.title, level: 1 }).waitFor();
            await eventually(async () => (await api.ok('GET', '/api/v1/session')).account.language === other, 'the account did not learn it');
            await page.locator('.menu-box select').nth(0).selectOption(lang);
            await eventually(async () => (await api.ok('GET', '/api/v1/session')).account.language === lang, 'the account did not learn it');
            await page.reload();
            assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'remembered');
            await own.settled();
            await page.locator('.menu summary').click();
            await page.locator('.menu-box select').nth(1).selectOption('auto');
            await page.keyboard.press('Escape');
        });

        let provider;
        await act('a provider: made, renamed, its people', async () => {
            await own.go('/providers');
            await press(w.providers.create);
            await dialog.getByLabel(w.providers.name).fill('Acme');
            await press(w.providers.create, dialog);
            await page.getByRole('heading', { name: 'Acme', level: 1 }).waitFor();
            provider = /providers\/(\d+)/.exec(page.url())[1];
            await page.locator('.tabs').getByText(w.providers.tabSettings).click();
            await edit(w.providers.name, 'Acme & Sons');
            await page.getByRole('heading', { name: 'Acme & Sons', level: 1 }).waitFor();
            assert.equal((await api.ok('GET', `/api/v1/providers/${provider}`)).name, 'Acme & Sons');

            const email = `person-${lang}@example.jp`, roles = async () => (await api.ok('GET', `/api/v1/providers/${provider}/roles`)).roles.find(r => r.email === email)?.role;
            await page.locator('.tabs').getByText(w.providers.tabRoles).click();
            await press(w.roles.add);
            await dialog.getByLabel(w.roles.email).fill(email);
            await press(w.roles.add, dialog);
            const link = await dialog.locator('code.secret').innerText();
            assert.ok(link.startsWith('https://todoke.example.com/invitation#'), link); // under public-url
            await yes(w.common.done);
            assert.equal(await roles(), 'member');
            await row(email).getByText(w.roles.waiting, { exact: true }).waitFor();
            await page.getByLabel(w.roles.roleOf(email), { exact: true }).selectOption('admin');
            await yes(w.common.update);
            await eventually(async () => await roles() === 'admin', 'not changed');
            await press(w.roles.removeOf(email));
            await yes(w.roles.removeYes);
            assert.equal(await roles(), undefined);
            await page.getByLabel(w.roles.roleOf(OPERATOR), { exact: true }).selectOption('member'); // the last Admin stays
            await press(w.common.update, dialog);
            await dialog.getByText(w.roles.lastAdmin).waitFor();
            await press(w.common.cancel, dialog);
        });

        await act('the option: applied for, refused, approved, withdrawn', async () => {
            const state = async () => (await api.ok('GET', `/api/v1/providers/${provider}/options`)).errorNotification;
            await own.go(`/providers/${provider}/options`);
            await press(w.options.apply);
            await yes(w.options.apply);
            await badge(w.options.states.applied);
            await own.go('/options');
            await press(w.options.refuse, row('Acme & Sons'));
            await dialog.getByLabel(w.common.note).fill('Not yet: 理由');
            await yes(w.options.refuse);
            assert.deepEqual([(await state()).state, (await state()).note], ['refused', 'Not yet: 理由']);
            await own.go(`/providers/${provider}/options`);
            await page.getByText('Not yet: 理由').waitFor();
            await press(w.options.apply);
            await yes(w.options.apply);
            await press(w.options.approve);
            await yes(w.options.approve);
            await badge(w.options.states.approved);
            await press(w.options.withdraw);
            await yes(w.options.withdraw);
            await badge(w.options.states.withdrawn);
            assert.equal((await state()).state, 'withdrawn');
        });

        await act('a provider goes', async () => {
            await own.go(`/providers/${provider}/settings`);
            await press(w.providers.deleteYes);
            await press(w.providers.deleteYes, dialog);
            await page.getByRole('heading', { name: w.providers.title, level: 1 }).waitFor();
            assert.equal((await api.call('GET', `/api/v1/providers/${provider}`)).status, 404);
        });

        await act('basic settings', async () => {
            await channel('off', 'basic');
            await edit(w.basic.name, `Staging ${lang}`);
            await page.getByRole('heading', { name: `Staging ${lang}`, level: 1 }).waitFor();
            await edit(w.basic.contact, 'no address');
            await page.locator('.field-error').waitFor();
            await page.keyboard.press('Escape');
            await edit(w.basic.contact, 'someone@example.jp');
            await page.getByText('someone@example.jp').waitFor();
            await edit(w.basic.language, 'ja');
            await eventually(async () => (await api.ok('GET', scene.path('off'))).language === 'ja', 'language');
            const c = await api.ok('GET', scene.path('off'));
            assert.deepEqual([c.name, c.contactEmail], [`Staging ${lang}`, 'someone@example.jp']);
            await api.ok('PATCH', scene.path('off'), { name: 'Staging', contactEmail: null, language: 'en' });
        });

        await act('the secret is rotated', async () => {
            await channel('good', 'messaging');
            const before = (await api.ok('GET', `${scene.path('good')}/secret`)).channelSecret;
            await press(w.messaging.rotate);
            await dialog.getByLabel(w.messaging.grace).selectOption('3600');
            await press(w.messaging.rotate, dialog);
            const shown = await dialog.locator('[data-test=secret]').innerText();
            const now = await api.ok('GET', `${scene.path('good')}/secret`);
            assert.equal(shown, now.channelSecret);
            assert.notEqual(shown, before);
            assert.ok(now.previousUntil);
            await yes(w.common.done);
        });

        await act('a token is issued, works, is revoked', async () => {
            await channel('good', 'messaging');
            await press(w.messaging.issue);
            await dialog.getByLabel(w.messaging.expires).selectOption(String(7 * 86_400));
            await press(w.messaging.issue, dialog);
            const token = await dialog.locator('[data-test=token]').innerText();
            await yes(w.common.done);
            const use = async () => (await fetch(`${node.url}/v2/bot/channel/webhook/endpoint`, { headers: { authorization: `Bearer ${token}` } })).status;
            assert.equal(await use(), 200);
            assert.ok(!(await page.content()).includes(token), 'it is shown once');
            const { tokens } = await api.ok('GET', `${scene.path('good')}/tokens`);
            const hint = tokens.reduce((a, b) => (Number(a.tokenId) > Number(b.tokenId) ? a : b)).hint;
            await press(`${w.messaging.revoke}: ${hint}`);
            await yes(w.messaging.revoke);
            await eventually(async () => await use() === 401, 'still good');
            await page.getByText(hint, { exact: true }).waitFor({ state: 'detached' });
        });

        await act('limits, and what is refused', async () => {
            await channel('good', 'messaging');
            await edit(w.fields.responseTimeoutMs.label, '5');
            await page.locator('.field-error').getByText(/100/).waitFor();
            await page.getByLabel(w.fields.responseTimeoutMs.label, { exact: true }).fill('1500');
            await press(w.common.update);
            await page.getByText(`1,500 ${w.fields.responseTimeoutMs.unit}`).waitFor();
            assert.equal((await api.ok('GET', scene.path('good'))).responseTimeoutMs, 1500);
            await edit(w.fields.responseTimeoutMs.label, '');
            await page.getByText(`2,000 ${w.fields.responseTimeoutMs.unit}`).waitFor();
            await edit(w.messaging.schedule, 'soon');
            await page.getByText(w.messaging.scheduleBad).waitFor();
            await page.getByLabel(w.messaging.schedule, { exact: true }).fill('30s, 2m,1h');
            await press(w.common.update);
            await page.getByText('30s, 2m, 1h').waitFor();
            assert.deepEqual((await api.ok('GET', scene.path('good'))).redeliverySchedule, [30, 120, 3600]);
            await edit(w.messaging.schedule, '');
            await page.getByText(w.messaging.scheduleDefault, { exact: true }).waitFor(); // the hint has the words too
            // the same words stand in the form while it is open
            await eventually(async () => (await api.ok('GET', scene.path('good'))).redeliverySchedule === null, 'the default schedule');
            await edit(w.fields.maxEventsPerRequest.label, '7');
            await eventually(async () => (await api.ok('GET', scene.path('good'))).maxEventsPerRequest === 7, 'events per request');
        });

        await act('the switches; off is asked for once', async () => {
            await channel('good', 'messaging');
            const is = async () => { const c = await api.ok('GET', scene.path('good')); return [c.useWebhook, c.webhookRedelivery, c.errorStatistics]; };
            const use = page.getByRole('switch', { name: w.messaging.useWebhook });
            await use.click();
            await press(w.common.cancel, dialog);
            assert.deepEqual(await is(), [true, false, true]);
            await use.click();
            await yes(w.messaging.offYes);
            assert.deepEqual(await is(), [false, false, true]);
            await page.locator('.banner').getByText(w.channel.offBanner).waitFor();
            await use.click();
            await toast(w.messaging.switchOn(w.messaging.useWebhook));
            await page.getByRole('switch', { name: w.fields.webhookRedelivery.label }).click();
            await toast(w.messaging.switchOn(w.fields.webhookRedelivery.label));
            assert.deepEqual(await is(), [true, true, true]);
            await page.getByRole('switch', { name: w.fields.webhookRedelivery.label }).click();
            await toast(w.messaging.switchOff(w.fields.webhookRedelivery.label));
        });

        await act('statistics: filters, zone, period; the address keeps them', async () => {
            await channel('expired', 'statistics/errors');
            const rows = page.locator('[data-test=error-row]');
            const zone = page.getByLabel(w.statistics.zone);
            const before = await rows.count();
            assert.ok(before > 0);
            await page.getByLabel(w.statistics.reason, { exact: true }).selectOption('request_timeout');
            await page.getByText(w.statistics.filteredNone).waitFor();
            await press(w.statistics.clear);
            await rows.first().waitFor();
            await page.getByLabel(w.statistics.detail, { exact: true }).selectOption('TLS handshake failure');
            await zone.selectOption('+00:00');
            await page.locator('.period-line').getByText('UTC+00:00').waitFor();
            const { rows: told } = await api.ok('GET', `${scene.path('expired')}/errors?zone=%2B00:00&detail=TLS%20handshake%20failure`);
            await eventually(async () => await rows.first().locator('td').nth(1).innerText() === told[0].start, 'the zone');
            // What is entered as soon as the fields are there stays: nothing fills them later.
            const kept = await page.getByLabel(w.statistics.period, { exact: true }).evaluate(async select => {
                select.value = 'custom';
                select.dispatchEvent(new Event('change', { bubbles: true }));
                const fields = () => document.querySelectorAll('.span-form input');
                for (let turns = 0; turns < 1000 && !fields().length; turns++) await Promise.resolve();
                const [from] = fields();
                from.value = '2001-01-01T00:00';
                from.dispatchEvent(new Event('input', { bubbles: true }));
                await new Promise(r => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => setTimeout(r)))));
                return from.value;
            });
            assert.equal(kept, '2001-01-01T00:00');
            await page.getByLabel(w.common.to, { exact: true }).fill('2001-01-02T00:00');
            await press(w.common.apply);
            await page.getByText(w.statistics.filteredNone).waitFor();
            await page.reload();
            await own.settled();
            assert.equal(await page.getByLabel(w.common.from, { exact: true }).inputValue(), '2001-01-01T00:00');
            assert.equal(await page.getByLabel(w.statistics.detail, { exact: true }).inputValue(), 'TLS handshake failure');
            await own.axe('statistics, empty');
            await page.emulateMedia({ media: 'print' });
            assert.deepEqual(await page.evaluate(() => ['.top', '.tabs', '.filters'].map(s => getComputedStyle(document.querySelector(s)).display)), ['none', 'none', 'none']);
            await own.shot(`print-${lang}`);
            await page.emulateMedia({ media: null });
        });

        await act('deliveries: what is new waits to be asked for', async () => {
            await channel('good', 'deliveries');
            const rows = page.locator('tr[data-event]'), ids = () => rows.evaluateAll(all => all.map(r => r.dataset.event));
            const before = await ids();
            const { webhookEventIds } = await api.ok('POST', `${scene.path('good')}/events`, { events: [1, 2, 3].map(n => ({ type: 'unfollow', timestamp: n })) });
            const button = page.getByRole('button', { name: w.deliveries.newOnes(3) });
            await button.waitFor();
            assert.deepEqual(await ids(), before, 'nothing has moved');
            await button.click();
            await eventually(async () => (await ids()).length === before.length + 3, 'not shown');
            assert.deepEqual((await ids()).slice(0, 3).sort(), [...webhookEventIds].sort());
        });

        await act('deliveries: a range again', async () => {
            await channel('expired', 'deliveries');
            await press(w.deliveries.range);
            await dialog.getByLabel(w.statistics.reason).selectOption('could_not_connect');
            await own.axe('a range');
            await press(w.deliveries.again, dialog);
            await page.locator('.progress-box.done').waitFor();
            for (const id of scene.events.expired)
                await eventually(async () => { const e = await api.ok('GET', `${scene.path('expired')}/events/${id}`); return e.state === 'given_up' && e.attempts.length > (lang === 'en' ? 1 : 2); }, 'not tried again');
            await page.getByLabel(w.deliveries.search).fill('nonsense');
            await press(w.deliveries.go);
            await page.getByText(w.deliveries.badId).waitFor();
        });

        await act('deliveries: a failing channel leads to what failed, and a filter shows nothing else', async () => {
            await channel('broken', 'basic'); // its redelivery is on: what failed is tried again
            await page.locator('.banner').getByText(w.channel.seeDeliveries).click();
            const rows = page.locator('tr[data-event]'), ids = () => rows.evaluateAll(all => all.map(r => r.dataset.event).sort());
            await eventually(async () => await rows.count() > 0, 'the banner leads to an empty list');
            const told = (await api.ok('GET', `${scene.path('broken')}/events?state=retrying,given_up`)).events;
            assert.ok(told.length > 0 && told.every(e => ['retrying', 'given_up'].includes(e.state)));
            assert.deepEqual(await ids(), told.map(e => e.webhookEventId).sort());
            const chip = name => page.locator('.chips').getByRole('button', { name, exact: true });
            assert.deepEqual([await chip(w.eventStates.retrying).getAttribute('aria-pressed'), await chip(w.eventStates.given_up).getAttribute('aria-pressed')], ['true', 'true']);

            // 60 were given up; the newest 50 are shown and delivered again with success: they leave, and the older ten are no new events.
            const one = await api.ok('POST', '/api/v1/channels', { name: 'Mended', providerId: scene.provider.providerId, webhookUrl: scene.bots.good.url.replace('127.0.0.1', 'localhost') });
            const path = `/api/v1/channels/${one.channelId}`;
            await api.ok('PATCH', path, { webhookUrl: scene.bots.expired.url.replace('127.0.0.1', 'localhost') });
            await api.ok('POST', `${path}/events`, { events: Array.from({ length: 60 }, (_, n) => ({ type: 'unfollow', timestamp: n })) });
            const gone = async n => (await api.ok('GET', `${path}/events?state=given_up&limit=100`)).events.length === n;
            await eventually(() => gone(60), 'not given up');
            await api.ok('PATCH', path, { webhookUrl: scene.bots.good.url.replace('127.0.0.1', 'localhost') });
            await own.go(`/channels/${one.channelId}/deliveries?state=given_up`);
            await eventually(async () => await rows.count() === 50, 'the first page');
            await page.getByRole('checkbox', { name: w.deliveries.selectAll }).check();
            await press(w.deliveries.again);
            await yes(w.deliveries.again);
            await eventually(() => gone(10), 'not delivered');
            await eventually(async () => await rows.count() === 10, 'the rest is not shown');
            assert.equal(await page.locator('tr[data-event] .badge.good').count(), 0, 'delivered under the filter of what was given up');
            assert.equal(await page.getByRole('button', { name: new RegExp(w.deliveries.newOnes(50).replace('50', String.raw`\d+`)) }).count(), 0, 'old events are called new');
            await own.go('/');
            await api.ok('DELETE', path);
        });

        await act('statistics that are off do not claim that nothing failed', async () => {
            const one = await api.ok('POST', '/api/v1/channels', { name: 'Uncounted', providerId: scene.provider.providerId, webhookUrl: scene.bots.expired.url.replace('127.0.0.1', 'localhost') });
            const path = `/api/v1/channels/${one.channelId}`;
            await api.ok('POST', `${path}/events`, { events: [{ type: 'unfollow' }] });
            await eventually(async () => (await api.ok('GET', `${path}/events?state=given_up`)).events.length === 1, 'not given up');
            await own.go(`/channels/${one.channelId}/statistics/errors`);
            await page.getByText(w.statistics.notCounted, { exact: true }).waitFor();
            assert.equal(await page.getByText(w.statistics.none).count(), 0);
            assert.equal(await page.locator('[data-test=total]').count(), 0, 'a total of what nobody counts');
            assert.equal((await api.ok('GET', `${path}/errors`)).counting, false);
            await own.axe('statistics, not counted');
            await press(w.statistics.turnOn);
            await page.getByText(w.statistics.none, { exact: true }).waitFor();
            assert.equal((await api.ok('GET', path)).errorStatistics, true);
            assert.equal((await api.ok('GET', `${path}/errors/summary`)).counting, true);
            await api.ok('PATCH', path, { useWebhook: false });
            await page.reload();
            await page.locator('[data-test=not-counting]').getByText(w.statistics.webhookOff).waitFor();
            await own.go('/');
            await api.ok('DELETE', path);
        });

        await act('what is counted says in what, and "not processed" is no success', async () => {
            await own.go('/');
            for (const unit of [w.units.events, w.units.eventsLastHour, w.units.requestsLastHour]) await page.locator('thead').getByText(unit, { exact: true }).first().waitFor();
            await channel('expired', `deliveries/${scene.events.expired[0]}`);
            for (const unit of [w.units.events, w.units.eventsLastHour, w.units.requestsLastHour]) await page.locator('.figures').getByText(unit, { exact: true }).waitFor();
            const badge = page.locator('[data-test=attempt] .badge').filter({ hasText: w.processed.no }).first();
            await badge.waitFor();
            assert.ok(!(await badge.getAttribute('class')).includes('good'), 'green for a delivery that failed');
        });

        await act('one event again, from its page', async () => {
            const id = scene.events.good[0];
            await channel('good', `deliveries/${id}`);
            const before = await page.locator('[data-test=attempt]').count();
            await press(w.deliveries.again);
            await yes(w.deliveries.again);
            await eventually(async () => await page.locator('[data-test=attempt]').count() === before + 1, 'no other attempt');
        });

        await act('a mail that was given up is sent once more', async () => {
            const path = `/api/v1/providers/${scene.provider.providerId}/options/error-notification`;
            if (lang === 'en') {
                await api.ok('PATCH', path, { state: 'approved' });
                await api.ok('PATCH', scene.path('slow'), { errorNotification: true });
                await api.ok('POST', `${scene.path('slow')}/test-event`, {});
            }
            await own.go('/system/outbox');
            await page.getByText('Your server did not return [200 OK] - Slow').first().waitFor({ timeout: 20_000 });
            const answered = page.waitForResponse(r => r.url().endsWith('/retry'));
            await page.getByRole('button', { name: new RegExp(`^${w.system.retryNow}`) }).first().click();
            assert.equal((await answered).status(), 204);
            await toast(w.system.retried);
        });

        await act('accounts', async () => {
            const email = `account-${lang}@example.jp`, found = async () => (await api.ok('GET', '/api/v1/accounts?limit=100')).accounts.find(a => a.email === email);
            await own.go('/system/accounts');
            await press(w.accounts.create);
            await dialog.getByLabel(w.common.email).fill(email);
            await press(w.accounts.create, dialog);
            await dialog.locator('code.secret').getByText('/invitation#').waitFor();
            await yes(w.common.done);
            assert.equal((await found()).disabled, false);
            await press(`${w.accounts.disable} ${w.accounts.actionsOf(email)}`);
            await yes(w.accounts.disable);
            assert.equal((await found()).disabled, true);
            await press(`${w.accounts.enable} ${w.accounts.actionsOf(email)}`);
            await yes(w.accounts.enable);
            assert.equal((await found()).disabled, false);
            await row(email).getByText(w.accounts.invited, { exact: true }).waitFor();
            await row(email).getByText(OPERATOR, { exact: true }).waitFor(); // who invited it
            await press(`${w.accounts.link} ${w.accounts.actionsOf(email)}`);
            await dialog.getByText(w.accounts.linkText(email)).waitFor();
            await press(w.accounts.link, dialog);
            await dialog.getByText(w.roles.mailedText).waitFor(); // there is a relay
            const link = await dialog.locator('code.secret').innerText();
            assert.ok(link.startsWith('https://todoke.example.com/invitation#'), link); // under public-url
            await yes(w.common.done);

            // Used by somebody before its address was proven: the operator's word, or a link that takes it over.
            const { accountId } = await found();
            await api.ok('PATCH', `/api/v1/accounts/${accountId}`, { password: PASSWORD });
            execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(node.data, 'todoke.db'), `UPDATE account SET confirmed=0 WHERE id=${accountId}`]);
            await own.go('/system/accounts');
            await row(email).getByText(w.accounts.unconfirmed, { exact: true }).waitFor();
            await press(`${w.accounts.link} ${w.accounts.actionsOf(email)}`);
            await dialog.getByText(w.accounts.linkOverText(email)).waitFor();
            await own.axe('link');
            await press(w.common.cancel, dialog);
            await press(`${w.accounts.confirm} ${w.accounts.actionsOf(email)}`);
            await yes(w.accounts.confirm);
            assert.equal((await found()).confirmed, true);
            await row(email).getByText(w.accounts.enabled, { exact: true }).waitFor();

            // The last Admin of a provider stays, and the page says of which.
            const made = await logInByApi(node.url, { email, password: PASSWORD });
            const shop = await api.ok('POST', '/api/v1/providers', { name: `Shop ${lang}` });
            await api.ok('PUT', `/api/v1/providers/${shop.providerId}/roles`, { email, role: 'admin' });
            await made.ok('GET', `/api/v1/providers/${shop.providerId}`);
            await api.ok('DELETE', `/api/v1/providers/${shop.providerId}/roles?email=${encodeURIComponent(OPERATOR)}`);
            await press(`${w.accounts.disable} ${w.accounts.actionsOf(email)}`);
            await press(w.accounts.disable, dialog);
            await dialog.getByText(`"Shop ${lang}" (${shop.providerId})`).waitFor();
            await press(w.common.cancel, dialog);
            assert.equal((await found()).disabled, false);
            await api.ok('DELETE', `/api/v1/providers/${shop.providerId}`);

            await press(`${w.common.delete} ${w.accounts.actionsOf(email)}`);
            await yes(w.common.delete);
            assert.equal(await found(), undefined);
        });

        await act('one\'s own account', async () => {
            await own.go('/account');
            await edit(w.common.name, '運用 太郎');
            await page.locator('.menu-name').getByText('運用 太郎').waitFor();
            const fill = async (current, next) => {
                await page.getByLabel(w.account.current).fill(current);
                await page.getByLabel(w.account.next).fill(next);
                await page.getByLabel(w.setup.passwordAgain).fill(next);
                await press(w.account.change);
            };
            await fill('wrong', 'another long password');
            await page.getByText(w.account.wrong).first().waitFor();
            await fill(PASSWORD, 'another long password');
            await toast(w.account.changed);
            scene.api = await logInByApi(node.url, { email: OPERATOR, password: 'another long password' });
            await scene.api.ok('PATCH', '/api/v1/session', { currentPassword: 'another long password', password: PASSWORD, name: 'Operator' });
        });
        await own.close();
    });
}

test('what stands in code in the words of the node does so on the page', async () => {
    const own = await openPage(scene.node.url, { allow: refused }), { page } = own;
    const faults = (await scene.api.ok('GET', '/api/v1/faults')).faults;
    const { cause, advice } = faults.find(f => f.cause?.startsWith('local_') && f.advice.en.includes('`'));
    // An alarm whose text has code in it, in place of one of this machine's.
    const alarms = [{ name: cause, since: new Date().toISOString(), text: advice }];
    await page.route('**/api/v1/system', async route => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer, json: { ...await answer.json(), alarms } });
    });
    await page.route('**/api/v1/system/live', route => route.fulfill({ contentType: 'text/event-stream', body: ': nothing new\n\n' }));
    await own.logIn();
    await own.go('/system');
    await page.locator('.alarms strong code').first().waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await own.clean('the system');
    await own.go(`/channels/${scene.channels.good.channelId}/messaging`);
    for (const url of ['ftp://example.com/', 'https://', 'https://a b/']) {
        await page.getByRole('button', { name: new RegExp(`^(${words.en.common.edit}|${words.ja.common.edit}): (Webhook URL|${words.ja.messaging.url})`) }).click();
        await page.locator('.row-edit input').fill(url);
        await page.locator('.row-edit button[type=submit]').click();
        await page.locator('.field-error').waitFor();
        assert.doesNotMatch(await page.locator('.field-error').innerText(), /url_[a-z]+|`/, url);
        assert.deepEqual(await own.backticks(), [], url);
        await page.locator('.row-edit button:not([type=submit])').click();
    }
    await own.close();
});

test('a channel that is suspended is resumed', async () => {
    const other = await startScene({ args: ['--suspend-after', '200ms', '--suspend-failures', '4', '--redelivery-schedule', `${Array(16).fill('30ms').join()},1h`, '--redelivery-jitter', '0'] });
    try {
        await other.api.ok('PATCH', other.path('broken'), { webhookRedelivery: true });
        const own = await openPage(other.node.url, { allow: refused }), { page } = own;
        await own.logIn();
        await own.go(`/channels/${other.channels.broken.channelId}/deliveries`);
        await page.locator('.banner.bad').getByText('Sending is suspended').waitFor({ timeout: 40_000 });
        await own.axe('suspended');
        await own.shot('suspended');
        other.bots.broken.answer = () => 200;
        await page.getByRole('button', { name: 'Resume sending' }).click();
        await page.locator('dialog[open]').getByRole('button', { name: 'Resume sending' }).click();
        await page.locator('.banner.bad').waitFor({ state: 'detached' });
        await eventually(async () => (await page.locator('tr[data-event] .badge.good').count()) === other.events.broken.length, 'not delivered', 40_000);
        await own.clean();
    } finally {
        await other.stop();
    }
});
