// Who sees what: log-in and its end, invitations, roles, and pages for those who may not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, logInByApi, OPERATOR, openPage, PASSWORD } from './lib/console.mjs';
import { startScene } from './lib/scene.mjs';
import { words } from './lib/words.mjs';

let scene;
before(async () => { scene = await startScene(); });
after(async () => {
    await closeBrowser();
    await scene?.stop();
});
const refused = [/status of 40[134]/];
const channel = (name, tab) => `/channels/${scene.channels[name].channelId}/${tab}`;

test('a wrong password, then the right one; the address stays', async () => {
    const own = await openPage(scene.node.url, { allow: refused }), { page } = own;
    await own.go(channel('good', 'messaging'));
    await page.getByLabel('Mail address').fill(OPERATOR);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('The mail address or the password is wrong.').waitFor();
    await own.axe();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Order notifications', level: 1 }).waitFor();
    assert.ok(page.url().endsWith(channel('good', 'messaging')));
    await own.clean();
    await own.close();
});

test('an invitation, and what a Tester sees', async () => {
    const { invitationToken } = await scene.api.ok('PUT', `${scene.path('good')}/roles`, { email: 'new@example.jp', role: 'tester' });
    assert.ok(invitationToken);
    const own = await openPage(scene.node.url, { allow: refused, locale: 'ja' }), { page } = own;
    await page.goto(`${scene.node.url}/invitation#${invitationToken}`);
    await page.getByLabel('パスワード', { exact: true }).fill(PASSWORD);
    await page.getByLabel('パスワード（確認）').fill(PASSWORD);
    await own.axe();
    await page.getByRole('button', { name: '招待を受ける' }).click();
    await page.getByRole('heading', { name: 'チャネル', level: 1 }).waitFor();
    await own.settled();
    assert.deepEqual(await page.locator('tbody .main-cell > a').allInnerTexts(), ['Order notifications']);
    assert.deepEqual(await page.locator('.top-nav a').allInnerTexts(), ['チャネル', 'プロバイダー']);
    await own.go(channel('good', 'basic'));
    assert.deepEqual(await page.locator('.tabs a').allInnerTexts(), ['チャネル基本設定', 'Messaging API設定', '統計情報']);
    const shown = await page.locator('main').innerText();
    assert.ok(!shown.includes('oncall@example.jp') && !shown.includes('編集'), shown);
    await own.go(channel('good', 'messaging'));
    assert.equal(await page.locator('[role=switch]:enabled').count(), 0);
    assert.equal(await page.getByRole('button', { name: '検証' }).count(), 0);
    await own.go(channel('good', 'statistics/errors'));
    await page.getByRole('link', { name: 'TSVファイルをダウンロード' }).waitFor();
    // By the address, past the tabs: the page says no before the API has to.
    for (const tab of ['deliveries', 'roles', 'audit']) {
        await own.go(channel('good', tab));
        await page.getByText('この操作を行う権限がありません').waitFor();
        await own.axe(tab);
    }
    await own.go(channel('expired', 'basic'));
    await page.getByText('見つかりません').first().waitFor();
    await own.go('/system');
    await page.getByText('この操作を行う権限がありません').waitFor();
    await own.clean();
    await page.goto(`${scene.node.url}/invitation#${invitationToken}`);
    await page.reload();
    await own.close();
});

test('an Admin who is no operator gives a role, and sees neither a link nor whose it is', async () => {
    const email = 'admin@example.jp';
    await scene.api.ok('POST', '/api/v1/accounts', { email, password: PASSWORD });
    await scene.api.ok('POST', '/api/v1/accounts', { email: 'known@example.jp', password: PASSWORD, name: 'Known Person' });
    await scene.api.ok('PUT', `/api/v1/providers/${scene.provider.providerId}/roles`, { email, role: 'admin' });
    for (const locale of ['en', 'ja']) {
        const w = words[locale], own = await openPage(scene.node.url, { allow: refused, locale }), { page } = own, dialog = page.locator('dialog[open]');
        await (await logInByApi(scene.node.url, { email, password: PASSWORD })).ok('PATCH', '/api/v1/session', { language: locale });
        await own.logIn(email);
        await own.go('/providers');
        assert.equal(await page.getByRole('button', { name: w.providers.create, exact: true }).count(), 0, 'operators make providers');
        await own.go(`/providers/${scene.provider.providerId}/roles`);
        const rows = [];
        for (const to of [`known@example.jp`, `unheard-${locale}@example.jp`]) {
            await page.getByRole('button', { name: w.roles.add, exact: true }).first().click();
            await dialog.getByText(w.roles.emailHint).waitFor();
            await own.axe('add');
            await own.shot(`roles-add-${locale}`);
            await dialog.getByLabel(w.roles.email).fill(to);
            await dialog.getByRole('button', { name: w.roles.add, exact: true }).click();
            await page.locator('.toast').getByText(w.roles.addedBy.operator).first().waitFor();
            await dialog.waitFor({ state: 'detached' });
            rows.push((await page.locator('tbody tr').filter({ hasText: to }).innerHTML()).replaceAll(to, 'ADDRESS'));
        }
        assert.equal(rows[0], rows[1]);
        assert.ok(!(await page.locator('main').innerText()).includes('Known Person'));
        await page.getByRole('button', { name: w.roles.removeOf('known@example.jp'), exact: true }).click();
        await dialog.getByRole('button', { name: w.roles.removeYes, exact: true }).click();
        await dialog.waitFor({ state: 'detached' });
        await page.locator('tbody tr').filter({ hasText: 'known@example.jp' }).waitFor({ state: 'detached' });
        await own.clean();
        await own.close();
    }
});

test('logging out everywhere ends the other session, which then says so', async () => {
    const first = await openPage(scene.node.url, { allow: refused }), second = await openPage(scene.node.url, { allow: refused });
    await first.logIn();
    await second.logIn();
    await second.go(channel('good', 'basic'));
    await first.go('/account');
    await first.page.getByRole('button', { name: 'Log out everywhere' }).click();
    await first.page.locator('dialog[open]').getByRole('button', { name: 'Log out everywhere' }).click();
    await first.page.getByRole('button', { name: 'Log in' }).waitFor();
    await second.page.locator('.tabs a').getByText('Roles').click();
    await second.page.getByText('Your session has ended.').waitFor();
    scene.api = await logInByApi(scene.node.url, { email: OPERATOR, password: PASSWORD }); // its session has ended too
    await first.close();
    await second.close();
});

test('by keyboard alone: skip to the content, open a dialog, leave it, and be where one was', async () => {
    const own = await openPage(scene.node.url, { allow: refused }), { page } = own;
    await own.logIn();
    await own.go('/');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.innerText.trim()), 'New channel');
    await page.keyboard.press('Enter');
    await page.locator('dialog[open] input[name=name]').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), 'name');
    await own.axe('dialog');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.innerText.trim()), 'New channel', 'the focus is back');
    await own.clean();
    await own.close();
});

test('a deletion asks once, says what it does, and wants the name', async () => {
    const own = await openPage(scene.node.url, { allow: refused }), { page } = own;
    await own.logIn();
    await own.go(channel('off', 'basic'));
    await page.getByRole('button', { name: 'Delete the channel' }).click();
    const dialog = page.locator('dialog[open]');
    await dialog.getByText('This cannot be undone.').waitFor();
    const yes = dialog.getByRole('button', { name: 'Delete the channel' });
    assert.ok(await yes.isDisabled());
    await dialog.getByLabel('Type Staging to confirm').fill('Staging');
    await yes.click();
    await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
    assert.equal((await scene.api.call('GET', scene.path('off'))).status, 404);
    await own.clean();
    await own.close();
});
