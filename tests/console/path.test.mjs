// The long way: what a person who has never seen the console does, in the browser alone, against a real node and a bot that really fails.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startBot } from '../e2e/lib/bot.mjs';
import { caFile, certs } from '../e2e/lib/certs.mjs';
import { contactToken } from './lib/scene.mjs';
import { closeBrowser, eventually, logInByApi, OPERATOR, openPage, PASSWORD, startFresh } from './lib/console.mjs';

let node, link, bot, own, page, api;
const BURST = 40;

before(async () => {
    bot = await startBot(() => 200, certs.expired);
    ({ node, link } = await startFresh({ args: ['--ca', caFile, '--notice-window', '1s', '--public-url', 'https://todoke.example.com'] }));
    own = await openPage(node.url);
    page = own.page;
});
after(async () => {
    await closeBrowser();
    await node?.stop();
    await bot?.close();
});

const button = (name, within = page) => within.getByRole('button', { name, exact: true });
const dialog = () => page.locator('dialog[open]');
const tab = async name => {
    await page.locator('.tabs').getByRole('link', { name, exact: true }).click();
    await own.settled();
};
const url = () => bot.url.replace('127.0.0.1', 'localhost');

test('from the first start to a mail', async t => {
    let channelId, lost = false;
    // What a step leaves is what the next one begins with.
    const step = (name, act) => t.test(name, async s => {
        if (lost) return s.skip('a step before failed');
        lost = true;
        await act();
        lost = false;
    });
    const path = () => `/api/v1/channels/${channelId}`;

    await step('the link of the first start makes the operator', async () => {
        await page.goto(link);
        await page.getByLabel('Mail address').fill(OPERATOR);
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
        await page.getByLabel('Password again').fill('something else');
        await button('Create the account').click();
        await page.getByText('The two passwords differ.').waitFor();
        await page.getByLabel('Password again').fill(PASSWORD);
        await button('Create the account').click();
        await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
        assert.equal(new URL(page.url()).hash, '', 'the token is out of the address');
        await page.getByText('No channel yet').waitFor();
    });

    await step('log out, log in', async () => {
        await page.locator('.menu summary').click();
        await button('Log out').click();
        await page.getByLabel('Mail address').fill(OPERATOR);
        await page.getByLabel('Password').fill(PASSWORD);
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
        api = await logInByApi(node.url, { email: OPERATOR, password: PASSWORD });
    });

    await step('create a channel', async () => {
        await button('New channel').first().click();
        await dialog().getByLabel('Channel name').fill('Reservations');
        await button('New channel', dialog()).click();
        const token = await dialog().locator('code.secret').innerText();
        assert.ok(token.length > 20);
        await button('Open the channel', dialog()).click();
        await page.getByRole('heading', { name: 'Reservations', level: 1 }).waitFor();
        channelId = /\/channels\/(\d+)\/messaging$/.exec(page.url())[1];
        assert.equal((await api.ok('GET', path())).name, 'Reservations');
    });

    await step('set a webhook URL and verify it: the certificate has expired', async () => {
        await button('Edit: Webhook URL').click();
        await page.getByLabel('Webhook URL').fill('https://');
        await button('Update').click();
        await page.locator('.field-error').getByText('Invalid webhook URL').waitFor();
        assert.doesNotMatch(await page.locator('.field-error').innerText(), /`|url_host_empty/);
        await page.locator('.field-error code', { hasText: '//' }).waitFor();
        own.wrong.splice(0); // Chromium tells of a 400 in its console
        await page.getByLabel('Webhook URL').fill(url());
        await button('Update').click();
        await page.getByText('The webhook URL is saved').waitFor();
        assert.equal((await api.ok('GET', path())).webhookUrl, url());

        await button('Verify').click();
        const verify = page.locator('.verify');
        await verify.locator('.verdict').waitFor();
        const verdict = await verify.locator('.verdict').innerText();
        for (const part of ['Failed', 'could_not_connect', 'TLS handshake failure', 'tls_cert_expired', 'expired', 'Renew', 'May have been processed'])
            assert.ok(verdict.includes(part), `${part} in: ${verdict}`);
        assert.deepEqual(await verify.locator('.phases li:not(.coming) .phase-name').allInnerTexts(), ['Resolve the name', 'Connect', 'TLS handshake']);
        await verify.locator('.phases li.bad').getByText('TLS handshake').waitFor();
        await own.axe('verification');
    });

    await step('mend it and verify again', async () => {
        bot.certificate(certs.good);
        await button('Verify again').click();
        await page.locator('.verdict.good').getByText('HTTP 200').waitFor();
        const names = await page.locator('.phases li .phase-name').allInnerTexts();
        for (const name of ['TLS handshake', 'Send the request', 'Wait for the answer']) assert.ok(names.includes(name), names.join());
        assert.deepEqual(bot.requests.at(-1).events, [], 'a verification carries no events');
        await button('Close the verification').click();
    });

    await step('send a test event and see it delivered', async () => {
        const use = page.getByRole('switch', { name: 'Use webhook' });
        if (await use.getAttribute('aria-checked') === 'false') await use.click();
        await page.locator('[role=switch][aria-checked=true]').first().waitFor();
        await button('Send a test event').click();
        await dialog().getByLabel('Text').fill('<b>Hello</b>');
        await button('Send a test event', dialog()).click();
        await page.getByRole('link', { name: 'See what becomes of it' }).click();
        await page.locator('[data-test=event-state]').getByText('Delivered').waitFor();
        assert.ok((await page.locator('[data-test=payload]').innerText()).includes('"text": "<b>Hello</b>"'));
        assert.equal(bot.events().at(-1).message.text, '<b>Hello</b>');
        assert.equal(await page.locator('[data-test=attempt]').count(), 1);
    });

    await step('switch on statistics and see a burst of failures as chart and table', async () => {
        await tab('Messaging API');
        await page.getByRole('switch', { name: 'Error statistics aggregation' }).click();
        await page.getByText('Error statistics aggregation: on').waitFor();
        await tab('Statistics');
        await page.getByText('No errors were counted in this period').waitFor();
        bot.answer = (_r, n) => (n % 4 ? 500 : 503);
        await api.ok('POST', `${path()}/events`, { events: Array.from({ length: BURST }, (_, i) => ({ type: 'message', message: { type: 'text', id: String(i), text: `burst ${i}` } })) });
        // By itself, without a reload.
        await eventually(async () => Number((await page.locator('[data-test=total]').innerText()).replace(/,/g, '')) === BURST, async () => `the total never came: ${await page.locator('main').innerText()} ${JSON.stringify((await api.call('GET', `${path()}/errors/summary`)).json)} ${JSON.stringify((await api.call('GET', path())).json)}`, 10_000);
        const { total, totals } = await api.ok('GET', `${path()}/errors/summary?by=hour`);
        assert.equal(total, BURST);
        assert.deepEqual(totals.map(x => [x.reason, x.errors]), [['error_status_code', BURST]]);
        await page.locator('[data-test=error-row]').first().waitFor(); // the sums and the rows are two answers
        const rows = await page.locator('[data-test=error-row]').evaluateAll(trs => trs.map(tr => [...tr.cells].map(c => c.innerText.replace(/\s*Why\?$/, '').trim())));
        const { rows: told } = await api.ok('GET', `${path()}/errors`);
        assert.deepEqual(rows, told.map(r => [r.date, r.start, r.end, r.reason, r.detail, String(r.errors)]));
        await page.locator('[data-test=chart] canvas').waitFor();
        const painted = () => page.evaluate(() => {
            const canvas = document.querySelector('[data-test=chart] canvas');
            const want = getComputedStyle(document.querySelector('.swatch.error_status_code')).backgroundColor.match(/\d+/g).map(Number);
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let n = 0;
            for (let i = 0; i < data.length; i += 4) if (want.every((v, k) => Math.abs(v - data[i + k]) < 3)) n++;
            return n;
        });
        await eventually(async () => await painted() > 100, 'no bar in the chart');
        await page.locator('[data-test=error-row]').first().getByRole('button', { name: /^Explain/ }).click();
        await page.locator('.explain-row .advice').waitFor();
    });

    await step('download the TSV', async () => {
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as TSV' }).click()]);
        const text = readFileSync(await download.path(), 'utf8');
        const lines = text.trimEnd().split(/\r?\n/);
        assert.equal(lines[0].replace(/^\ufeff/, ''), ['Date', 'Start', 'End', 'Reason', 'Detail', 'Errors'].join('\t'));
        const { rows } = await api.ok('GET', `${path()}/errors`);
        assert.equal(lines.length - 1, rows.length);
        assert.equal(lines.slice(1).reduce((n, l) => n + Number(l.split('\t')[5]), 0), BURST);
    });

    await step('deliver the failed events again', async () => {
        bot.answer = () => 200;
        await tab('Deliveries');
        await button('Given up').click();
        await own.settled();
        await eventually(async () => await page.locator('tr[data-event]').count() === BURST, 'not all that failed are listed');
        await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
        await page.getByText(`${BURST} selected`).waitFor();
        await button('Deliver again').click();
        await dialog().getByText(`${BURST} events are sent to the bot server again`).waitFor();
        await button('Deliver again', dialog()).click();
        await page.getByText(`Redelivery finished: ${BURST} events`).waitFor();
        await page.getByText('No events in this state').waitFor(); // what is delivered is not shown as given up
        await button('Delivered').click();
        await eventually(async () => await page.locator('tr[data-event] .badge.good').count() >= BURST, 'the rows never told of it');
        assert.equal((await api.ok('GET', `${path()}/events?state=given_up`)).events.length, 0);
        assert.equal(bot.events().filter(e => e.deliveryContext.isRedelivery).length, BURST);
    });

    await step('apply for the error notification, and receive it', async () => {
        await tab('Basic settings');
        await button('Edit: Contact mail address').click();
        await page.getByLabel('Contact mail address').fill('oncall@example.jp');
        await button('Update').click();
        await page.getByText('oncall@example.jp').waitFor();
        await tab('Messaging API');
        assert.ok(await page.getByRole('switch', { name: 'Error notification' }).isDisabled(), 'not before it is approved');
        await page.getByRole('link', { name: 'To the provider\'s options' }).click();
        await button('Apply for error notification').click();
        await dialog().getByLabel(/Note for the operator/).fill('For those on call');
        await button('Apply for error notification', dialog()).click();
        await page.getByText('Waiting for the operator').waitFor();
        await page.locator('.top-nav').getByRole('link', { name: 'Options' }).click();
        await page.getByText('For those on call').waitFor();
        await button('Approve').click();
        await button('Approve', dialog()).click();
        await page.getByText('No applications').waitFor();
        await own.go(`/channels/${channelId}/messaging`);
        await page.getByRole('switch', { name: 'Error notification' }).click();
        await page.getByText('Error notification: on').waitFor();
        await tab('Basic settings');
        await page.getByText('Not confirmed').waitFor();
        await page.getByText(/A confirmation mail was written on .*Until its owner confirms, no other mail goes there/).waitFor();
        await own.go(`/contact#${await contactToken(node, 'oncall@example.jp')}`); // who is on call opens the mail's link, and presses the button
        await button('Yes, send error notifications here').click();
        await page.getByText('Confirmed. Error notifications come to this address from now on.').waitFor();
        await own.go(`/channels/${channelId}/basic`);
        await page.locator('.badge').getByText('Confirmed').waitFor();

        bot.answer = () => 500;
        await api.ok('POST', `${path()}/test-event`, {});
        await own.go('/system/outbox');
        const subject = 'Messaging API: Your server did not return [200 OK] - Reservations';
        await eventually(async () => await page.getByText(subject).count() >= 2 && await page.locator('tr').filter({ hasText: subject }).getByText('In the mail directory').count() >= 2,
            async () => `no mail: ${await page.locator('main').innerText()}`, 30_000);
        for (const to of ['oncall@example.jp', OPERATOR]) assert.equal(await page.locator('tr').filter({ hasText: subject }).getByRole('cell', { name: to }).count(), 1, to);
        const folder = join(node.data, 'mail', 'new');
        const mails = readdirSync(folder).map(f => readFileSync(join(folder, f), 'utf8'));
        assert.ok(mails.some(m => m.includes(`/channels/${channelId}/statistics/errors`)), 'the mail links to the statistics');
        await own.go(`/channels/${channelId}/statistics/errors`);
        await page.getByRole('heading', { name: 'Reservations', level: 1 }).waitFor();
    });
    await own.clean('the way');
});
