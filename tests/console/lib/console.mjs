// The console in a real browser, against a real node. Whatever a page should never do is gathered and fails its test: errors in its console,
// uncaught exceptions, violations of the content security policy, requests to anywhere but the node.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startNode, until } from '../../e2e/lib/node.mjs';

const require = createRequire(import.meta.url);
const axePath = require.resolve('axe-core/axe.min.js');
export const PASSWORD = 'correct horse battery';
export const OPERATOR = 'operator@example.jp';

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let browser;

// One browser for a test file; closed by closeBrowser() in after().
export async function openBrowser() {
    browser ??= await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
    return browser;
}
export async function closeBrowser() {
    await browser?.close();
    browser = undefined;
}

// A node without accounts, and the link that makes the first one. Returns { node, link }.
export async function startFresh(options = {}) {
    const node = await startNode({ key: '', ...options });
    let link;
    await until(() => (link = /^\s*(http\S+\/setup#\S+)\s*$/m.exec(node.log())?.[1]), () => `no set-up link in: ${node.log()}`);
    return { node, link };
}

// A session of the API beside the browser's: call(method, path, body) → { status, json, text }.
export async function logInByApi(url, body, path = '/api/v1/session') {
    const r = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const session = await r.json();
    assert.ok(r.ok, `${path}: ${r.status} ${JSON.stringify(session)}`);
    const cookie = r.headers.get('set-cookie').split(';')[0];
    const call = async (method, to, sent) => {
        const answer = await fetch(url + to, {
            method, body: sent === undefined ? undefined : JSON.stringify(sent),
            headers: { cookie, 'x-csrf-token': session.csrfToken, ...(sent === undefined ? {} : { 'content-type': 'application/json' }) },
        });
        const text = await answer.text();
        let json;
        try { json = JSON.parse(text); } catch { /* no JSON */ }
        return { status: answer.status, text, json };
    };
    return {
        session, cookie, call,
        ok: async (...args) => {
            const a = await call(...args);
            assert.ok(a.status < 300, `${args[0]} ${args[1]}: ${a.status} ${a.text}`);
            return a.json;
        },
    };
}

export const setUp = (url, link, more = {}) => logInByApi(url, { token: link.split('#')[1], email: OPERATOR, password: PASSWORD, name: 'Operator', ...more }, '/api/v1/setup');

// A page of a browser of its own. `allow`: patterns of console errors that the test provokes (a refused call is one for Chromium).
const always = [/status of 401.*\/api\/v1\/session\)$/]; // so the page learns that nobody is logged in

export async function openPage(url, { locale = 'en', theme = 'light', width = 1280, height = 900, allow = [], zone = 'Asia/Tokyo' } = {}) {
    const context = await (await openBrowser()).newContext({ locale, colorScheme: theme, viewport: { width, height }, timezoneId: zone, acceptDownloads: true, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const wrong = [];
    const origin = new URL(url).origin;
    page.on('console', m => {
        const text = `${m.text()} (${m.location().url})`;
        if (['error', 'warning'].includes(m.type()) && ![...always, ...allow].some(a => a.test(text))) wrong.push(`console: ${text}`);
    });
    page.on('pageerror', e => wrong.push(`exception: ${e.stack ?? e.message}`));
    page.on('dialog', d => { wrong.push(`dialog: ${d.message()}`); void d.dismiss(); });
    page.on('request', r => { if (!r.url().startsWith(`${origin}/`)) wrong.push(`request to ${r.url()}`); });
    await context.addInitScript(() => {
        globalThis.__violations = [];
        document.addEventListener('securitypolicyviolation', e => globalThis.__violations.push(`${e.violatedDirective} ${e.blockedURI}`));
    });
    const own = {
        page, context, wrong,
        go: async path => {
            await page.goto(url + path);
            await own.settled();
        },
        // No skeleton is left: what the page asked for at first is there.
        settled: () => page.waitForFunction(() => document.querySelector('#app > *') && !document.querySelector('.skeleton')),
        logIn: async (email = OPERATOR, password = PASSWORD) => {
            await own.go('/login');
            await page.locator('input[name=email]').fill(email);
            await page.locator('input[name=password]').fill(password);
            await page.locator('button[type=submit]').click();
            await page.locator('.top').waitFor();
        },
        // Everything that should not have happened so far; then the page begins with a clean sheet.
        clean: async where => {
            const violations = await page.evaluate(() => globalThis.__violations.splice(0));
            assert.deepEqual(await own.backticks(), [], `backticks on ${where ?? page.url()}`);
            assert.deepEqual([...wrong.splice(0), ...violations.map(v => `content security policy: ${v}`)], [], `on ${where ?? page.url()}`);
        },
        // Words with their marks for code still in them; what bots and publishers wrote stands in elements of its own.
        backticks: () => page.evaluate(() => {
            const walk = document.createTreeWalker(document.querySelector('#app') ?? document.body, NodeFilter.SHOW_TEXT), found = [];
            while (walk.nextNode()) if (walk.currentNode.data.includes('`') && !walk.currentNode.parentElement.closest('pre, code')) found.push(walk.currentNode.data);
            return found;
        }),
        axe: async where => {
            if (!await page.evaluate(() => 'axe' in globalThis)) {
                const session = await context.newCDPSession(page); // past the policy, which refuses a foreign script
                await session.send('Runtime.evaluate', { expression: axeSource() });
                await session.detach();
            }
            await page.evaluate(() => scrollTo(0, 0)); // what is half under the head that stays would count as too small
            const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
            const told = violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).slice(0, 4).join(' | ')}`);
            assert.deepEqual(told, [], `axe on ${where ?? page.url()}`);
        },
        wide: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
        // Pictures are for people: CONSOLE_SHOTS names a folder outside of the repository.
        shot: async name => {
            if (!process.env.CONSOLE_SHOTS) return;
            mkdirSync(process.env.CONSOLE_SHOTS, { recursive: true });
            await page.screenshot({ path: join(process.env.CONSOLE_SHOTS, `${name}.png`), fullPage: true });
        },
        close: () => context.close(),
    };
    return own;
}

let source;
const axeSource = () => (source ??= require('node:fs').readFileSync(axePath, 'utf8'));

// Asks until it is so, at most ms.
export const eventually = (condition, what, ms = 15_000) => until(condition, typeof what === 'string' ? () => what : what, ms);
