// The contact address of a channel, for those who enter it and for its owner, who has a link and no account; in both languages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, eventually, openPage, setUp, startFresh } from './lib/console.mjs';
import { contactToken } from './lib/scene.mjs';
import { words } from './lib/words.mjs';

let node, api;
before(async () => {
    let link;
    ({ node, link } = await startFresh({ args: ['--public-url', 'https://todoke.example.com'] }));
    api = await setUp(node.url, link);
});
after(async () => {
    await closeBrowser();
    await node?.stop();
});

for (const lang of ['en', 'ja']) {
    test(`a contact address, ${lang}`, async t => {
        const w = words[lang];
        await api.ok('PATCH', '/api/v1/session', { language: lang });
        const { providerId } = await api.ok('POST', '/api/v1/providers', { name: `Provider ${lang}` });
        const option = `/api/v1/providers/${providerId}/options/error-notification`;
        const channel = await api.ok('POST', '/api/v1/channels', { name: 'Orders', providerId });
        const state = async c => (await api.ok('GET', `/api/v1/channels/${c.channelId}`)).contactEmailState;
        const own = await openPage(node.url, { locale: lang }), { page } = own;
        const owner = await openPage(node.url, { locale: lang, width: 390, allow: [/status of 40[39].*\/api\/v1\/contact/] });
        await own.logIn();
        await owner.go('/login');
        const dialog = page.locator('dialog[open]');
        const press = (name, within = page) => within.getByRole('button', { name, exact: true }).first().click();
        const says = text => page.getByText(text).first().waitFor();
        const basic = () => own.go(`/channels/${channel.channelId}/basic`);
        const enter = async email => {
            await press(`${w.common.edit}: ${w.basic.contact}`);
            await page.locator('main').getByLabel(w.basic.contact, { exact: true }).fill(email);
            await press(w.common.update);
        };
        const step = (name, run) => t.test(name, async () => {
            await run();
            await own.clean(name);
            await owner.clean(name);
        });

        await step('says what happens before it is asked', async () => {
            await basic();
            await says(w.basic.contactHint);
            await enter(`one-${lang}@example.org`);
            await says(w.basic.contactStates.unconfirmed);
            await says(w.basic.contactLater);
            assert.equal(await page.getByRole('button', { name: w.basic.contactAsk }).count(), 0, 'there is nothing to ask for yet');
        });

        await step('is asked; cannot be asked again on the same day, which is said', async () => {
            await api.ok('POST', option);
            await api.ok('PATCH', option, { state: 'approved' });
            await api.ok('PATCH', `/api/v1/channels/${channel.channelId}`, { errorNotification: true });
            await basic();
            const { contactEmailAskedAt } = await api.ok('GET', `/api/v1/channels/${channel.channelId}`);
            assert.ok(contactEmailAskedAt);
            await says(w.basic.contactAsked('§').split('§').at(-1));
            own.wrong.length = 0;
            await press(w.basic.contactAgain);
            await page.locator('.refused').getByText('The address has been asked already; it can be asked again after a day').waitFor();
            assert.ok(own.wrong.every(x => /status of 409/.test(x)), own.wrong.join());
            own.wrong.length = 0;
        });

        await step('is refused by its owner, for good', async () => {
            await owner.go(`/contact#${await contactToken(node, `one-${lang}@example.org`)}`);
            await owner.page.getByText(`Provider ${lang}`).waitFor();
            await owner.axe('asked');
            await owner.page.getByRole('button', { name: w.contact.no, exact: true }).click();
            await owner.page.getByText(w.contact.nowRefused).waitFor();
            assert.equal(await owner.page.locator('main .button').count(), 0);
            await owner.axe('refused');
            await owner.shot(`contact-refused-${lang}`);
            await owner.page.reload();
            await owner.page.getByText(w.contact.refused).waitFor();
            assert.equal(await state(channel), 'refused');
            await basic();
            await says(w.basic.contactStates.refused);
            await says(w.basic.contactRefused);
            await own.axe('basic, refused');
            await own.shot(`basic-refused-${lang}`);
        });

        await step('another one is confirmed by its owner, who can stop it by the same link', async () => {
            await basic();
            await enter(`two-${lang}@example.org`);
            await says(w.basic.contactStates.unconfirmed);
            await owner.go('/login'); // another page in between: only behind the # is not enough to load anew
            await owner.go(`/contact#${await contactToken(node, `two-${lang}@example.org`)}`);
            await owner.page.getByRole('button', { name: w.contact.yes, exact: true }).click();
            await owner.page.getByText(w.contact.nowConfirmed).waitFor();
            await owner.shot(`contact-confirmed-${lang}`);
            assert.equal(await state(channel), 'confirmed');
            await basic();
            await says(w.basic.contactConfirmed);
            await owner.page.reload();
            await owner.page.getByText(w.contact.confirmed).waitFor();
            await owner.page.getByRole('button', { name: w.contact.stop, exact: true }).click();
            await owner.page.getByText(w.contact.nowRefused).waitFor();
            assert.equal(await state(channel), 'refused');
        });

        await step('a third one is confirmed by hand', async () => {
            await basic();
            await enter(`three-${lang}@example.org`);
            await press(w.basic.contactVouch);
            await dialog.getByText(`three-${lang}@example.org`).waitFor();
            await own.axe('vouching');
            await press(w.basic.contactVouch, dialog);
            await dialog.waitFor({ state: 'detached' });
            await page.locator('.badge').getByText(w.basic.contactStates.confirmed).waitFor();
            await eventually(async () => (await state(channel)) === 'confirmed', 'not confirmed');
        });

        await step('a link that is not whole, replaced or none decides nothing', async () => {
            await owner.go('/login');
            await owner.go('/contact');
            await owner.page.getByText(w.contact.wholeLink).waitFor();
            await owner.go('/login');
            await owner.go(`/contact#${'A'.repeat(43)}`);
            await owner.page.getByText(w.contact.badLinkText).waitFor();
            await owner.axe('bad link');
        });
        await own.close();
        await owner.close();
    });
}
