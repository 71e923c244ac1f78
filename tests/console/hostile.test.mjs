// Script and markup in every text that a stranger controls: names, notes, mail addresses, what a publisher posts, what a bot answers. It is shown as text.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, openPage } from './lib/console.mjs';
import { startScene } from './lib/scene.mjs';

const evil = n => `"><img src=x onerror=globalThis.__pwned=${n}><script>globalThis.__pwned=${n}</script>\u202e<svg/onload=globalThis.__pwned=${n}>'`;
const shown = n => evil(n).replaceAll('\u202e', '');
const names = { provider: evil(1).slice(0, 100).replace(/\u202e/g, ''), good: `<img src=x onerror=globalThis.__pwned=2>`, expired: `</title><script>globalThis.__pwned=3</script>`, broken: `javascript:globalThis.__pwned=4`, note: shown(5), text: evil(6) };

let scene;
before(async () => { scene = await startScene({ names }); });
after(async () => {
    await closeBrowser();
    await scene?.stop();
});

test('nothing of a stranger becomes markup', async t => {
    const own = await openPage(scene.node.url, { allow: [/status of 40[04]/] }), { page } = own; // what is asked for in vain is refused
    await scene.api.ok('PATCH', '/api/v1/session', { name: '<u onclick=1>me</u>' });
    await own.logIn();
    const c = name => `/channels/${scene.channels[name].channelId}`;
    const addresses = ['/', `${c('good')}/basic`, `${c('expired')}/messaging`, `${c('broken')}/statistics/errors`, `${c('good')}/deliveries`, `${c('good')}/deliveries/${scene.events.good[0]}`, `${c('good')}/roles`, `${c('good')}/audit`,
        '/providers', `/providers/${scene.provider.providerId}/options`, `/providers/${scene.provider.providerId}/settings`, '/options', '/system/outbox', '/system/audit', '/system/accounts', '/account',
        `/?q=${encodeURIComponent(evil(7))}&provider=${encodeURIComponent(evil(8))}`, `${c('broken')}/statistics/errors?reason=${encodeURIComponent(evil(9))}&zone=%3Cscript%3E&from=%3Cb%3E`, `/%3Cscript%3EglobalThis.__pwned=10%3C/script%3E`,
        `${c('good')}/deliveries/%3Cimg%20src=x%3E`];
    for (const address of addresses) {
        await t.test(address.slice(0, 60), async () => {
            await own.go(address);
            assert.equal(await page.evaluate(() => globalThis.__pwned), undefined);
            assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('#app img, #app script, #app iframe, #app object, #app u, #app [onclick], #app [onerror], #app [onload], #app a[href^="javascript:"]')].map(e => e.outerHTML)), []);
            await own.clean(address);
        });
    }
    await t.test('it is there as text', async () => {
        await own.go(`${c('good')}/deliveries/${scene.events.good[0]}`);
        assert.ok((await page.locator('[data-test=payload]').innerText()).includes('<script>globalThis.__pwned=6</script>'));
        await own.go('/');
        assert.deepEqual(await page.locator('tbody .main-cell > a').evaluateAll(all => all.map(a => a.textContent).filter(x => /__pwned=[234]/.test(x)).length), 3);
        assert.ok((await page.title()).startsWith('Channels'));
    });
});

test('a number a publisher sends is shown as it came', async () => {
    const { webhookEventIds: [id] } = await scene.api.ok('POST', `${scene.path('good')}/events`, { events: [{ type: 'something', exact: 1 }] });
    const raw = await fetch(`${scene.node.url}${scene.path('good')}/events`, {
        method: 'POST', headers: { cookie: scene.api.cookie, 'x-csrf-token': scene.api.session.csrfToken, 'content-type': 'application/json' },
        body: '{"events":[{"type":"something","exact":12345678901234567890.10,"nested":{"a":[1,{}],"s":"}\\"{"}}]}',
    });
    const [big] = (await raw.json()).webhookEventIds;
    const own = await openPage(scene.node.url);
    await own.logIn();
    await own.go(`/channels/${scene.channels.good.channelId}/deliveries/${big}`);
    const text = await own.page.locator('[data-test=payload]').innerText();
    assert.ok(text.includes('12345678901234567890.10') && text.includes('"}\\"{"'), text);
    await own.go(`/channels/${scene.channels.good.channelId}/deliveries`);
    await own.page.getByLabel('Event ID').fill(id.toLowerCase());
    await own.page.getByRole('button', { name: 'Open', exact: true }).click();
    await own.page.locator('h2').getByText(id).waitFor();
    await own.clean();
});
