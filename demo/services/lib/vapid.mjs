// What a push service checks of a request before it looks for the subscription: VAPID (RFC 8292) and aes128gcm (RFC 8188, 8291).
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, verify } from 'node:crypto';

const LONGEST_S = 24 * 3600; // RFC 8292 2: no more than 24 hours
const POINT = 65, SALT = 16, HEAD = SALT + 4 + 1 + POINT, TAG = 16; // RFC 8188 2.1

const decode = text => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));

// The signer's key as node takes it: an uncompressed point of P-256.
function publicKey(point) {
    const x = point.subarray(1, 33).toString('base64url'), y = point.subarray(33).toString('base64url');
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
}

/* Judges an Authorization header. Gives { key } (base64url of the signer's point, without padding), or { why }: in
 * words; kind is 'missing', 'broken', 'signature', 'audience', 'expired', 'too-long' or 'subject'. */
export function readVapid(header, origin, seconds) {
    const refusal = (kind, why) => ({ kind, why });
    if (!header) return refusal('missing', 'Missing VAPID token');
    const found = /^vapid\s+(.*)$/i.exec(header);
    const members = Object.fromEntries((found?.[1] ?? '').split(',').map(part => part.trim().split(/=(.*)/s).slice(0, 2)));
    const parts = members.t?.split('.') ?? [];
    const point = Buffer.from(members.k ?? '', 'base64url');
    if (!found || parts.length !== 3 || point.length !== POINT || point[0] !== 4) return refusal('broken', 'Invalid Authorization header');
    let jwt, claims, key;
    try {
        [jwt, claims] = parts.slice(0, 2).map(decode);
        key = publicKey(point);
    } catch {
        return refusal('broken', 'Invalid VAPID token');
    }
    const signature = Buffer.from(parts[2], 'base64url');
    if (jwt.alg !== 'ES256' || !verify('sha256', Buffer.from(`${parts[0]}.${parts[1]}`), { key, dsaEncoding: 'ieee-p1363' }, signature)) {
        return refusal('signature', 'Invalid VAPID signature');
    }
    if (claims.aud !== origin) return refusal('audience', `Invalid audience: ${claims.aud}`);
    if (!Number.isFinite(claims.exp) || claims.exp <= seconds) return refusal('expired', 'Expired VAPID token');
    if (claims.exp > seconds + LONGEST_S) return refusal('too-long', 'VAPID expiration is more than 24 hours away');
    if (claims.sub !== undefined && !/^(mailto:|https:\/\/)\S/.test(claims.sub)) return refusal('subject', 'Invalid VAPID subject');
    return { key: point.toString('base64url'), subject: claims.sub };
}

// Whether a body has the head of aes128gcm: salt, record size, the sender's point as key id; one record.
export function isEncrypted(body) {
    return body.length > HEAD + TAG && body.readUInt32BE(SALT) > TAG + 1 && body[SALT + 4] === POINT && body[SALT + 5] === 4
        && body.length - HEAD <= body.readUInt32BE(SALT);
}

/* What the browser does with a body (RFC 8291 3.4). keys: { privateKey, auth } (Buffers) of the subscription.
 * Throws if it is not meant for this subscription. */
export function decrypt(body, keys) {
    const receiver = createECDH('prime256v1');
    receiver.setPrivateKey(keys.privateKey);
    const salt = body.subarray(0, SALT), sender = body.subarray(SALT + 5, HEAD), record = body.subarray(HEAD);
    const bytes = (secret, salted, info, length) => Buffer.from(hkdfSync('sha256', secret, salted, info, length));
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), receiver.getPublicKey(), sender]);
    const secret = bytes(receiver.computeSecret(sender), keys.auth, info, 32);
    const cipher = createDecipheriv('aes-128-gcm', bytes(secret, salt, 'Content-Encoding: aes128gcm\0', 16), bytes(secret, salt, 'Content-Encoding: nonce\0', 12));
    cipher.setAuthTag(record.subarray(-TAG));
    const padded = Buffer.concat([cipher.update(record.subarray(0, -TAG)), cipher.final()]);
    let end = padded.length - 1;
    while (end >= 0 && padded[end] === 0) end--;
    if (padded[end] !== 2) throw new Error('the record has no end mark'); // RFC 8188 2: the last record
    return padded.subarray(0, end);
}
