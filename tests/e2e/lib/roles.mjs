// Everybody there is, as callers of a node: each with api(), and the cells of a row of roles are in this order.
import assert from 'node:assert/strict';
import { createKey } from './node.mjs';
import { firstAccount, login, password, person } from './people.mjs';

export const callers = ['nobody', 'ingest', 'key', 'token', 'operator', 'providerAdmin', 'providerMember', 'admin', 'member', 'tester', 'stranger'];

// Takes up an invitation.
export async function accept(node, token) {
    const r = await node.api('POST', '/api/v1/invitation', { token, password }, { key: null });
    assert.equal(r.status, 201, r.text);
    return person(node, r);
}

export async function setUp(node) {
    const operator = await firstAccount(node);
    const made = await operator.api('POST', '/api/v1/providers', { name: 'Provider' });
    assert.equal(made.status, 201, made.text);
    const { providerId } = made.json;
    const people = { operator };
    const give = async (path, who, role) => {
        const r = await operator.api('PUT', `${path}/roles`, { email: `${who}@example.com`, role });
        assert.equal(r.status, 200, r.text);
        people[who] ??= r.json.invitationToken ? await accept(node, r.json.invitationToken) : await login(node, `${who}@example.com`);
    };
    // A channel of the provider with an account for each role.
    const channel = async (members = {}) => {
        const c = await operator.api('POST', '/api/v1/channels', { name: 'bot', providerId, webhookUrl: 'http://127.0.0.1:9/', ...members });
        assert.equal(c.status, 201, c.text);
        for (const role of ['admin', 'member', 'tester']) await give(`/api/v1/channels/${c.json.channelId}`, role, role);
        return c.json;
    };
    await give(`/api/v1/providers/${providerId}`, 'providerAdmin', 'admin');
    await give(`/api/v1/providers/${providerId}`, 'providerMember', 'member');
    const stranger = await operator.api('POST', '/api/v1/accounts', { email: 'stranger@example.com' });
    people.stranger = await accept(node, stranger.json.invitationToken);
    const first = await channel();
    const ingest = createKey(node.data, 'ingest');
    const withKey = key => ({ api: (method, path, body, more) => node.api(method, path, body, { ...more, key }) });
    Object.assign(people, { nobody: withKey(null), ingest: withKey(ingest), key: withKey(node.key), token: withKey(first.channelAccessToken) });
    return { people, providerId, channel: first, newChannel: channel };
}
