/*
 * The token endpoint of Google's OAuth 2.0 for service accounts: a JWT (RS256) of the account's key for an access
 * token. Source: RFC 7523, "Using OAuth 2.0 for Server to Server Applications" of Google, and its error texts.
 */
import { generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { json } from './service.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const PATHS = ['/token', '/o/oauth2/token', '/oauth2/v4/token'];
const AUDIENCES = ['https://oauth2.googleapis.com/token', 'https://accounts.google.com/o/oauth2/token', 'https://www.googleapis.com/oauth2/v4/token'];
const LONGEST_S = 3600, SKEW_S = 60;
const LIVING = 10_000; // access tokens that are remembered

const problem = (status, error, description) => json(status, { error, ...(description && { error_description: description }) });
const invalidGrant = description => problem(400, 'invalid_grant', description);

function decode(assertion) {
    const parts = assertion.split('.');
    if (parts.length !== 3 || parts.some(part => !/^[A-Za-z0-9_-]+$/.test(part))) return undefined;
    try {
        const [header, claims] = parts.slice(0, 2).map(part => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
        return { header, claims, signed: Buffer.from(`${parts[0]}.${parts[1]}`), signature: Buffer.from(parts[2], 'base64url') };
    } catch {
        return undefined;
    }
}

/* An account with a key of its own, and the tokens it was given. options: projectId, now. */
export class ServiceAccount {
    #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    #tokens = new Map();
    issued = 0;

    constructor({ projectId, now }) {
        Object.assign(this, { projectId, now, email: `todoke@${projectId}.iam.gserviceaccount.com`, expiresIn: 3599, account: 'active', tokenAnswers: null });
        this.keyId = randomBytes(20).toString('hex');
    }

    // The file that Google lets one download; tokenUri: where this endpoint is reached.
    file(tokenUri) {
        return {
            type: 'service_account', project_id: this.projectId, private_key_id: this.keyId,
            private_key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), client_email: this.email,
            client_id: '100000000000000000001', auth_uri: 'https://accounts.google.com/o/oauth2/auth', token_uri: tokenUri,
            auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
            client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(this.email)}`, universe_domain: 'googleapis.com',
        };
    }

    static handles(path) {
        return PATHS.includes(path);
    }

    // Answers a request to the endpoint. tokenUri: its own address, which is an audience too.
    answer(call, tokenUri) {
        if (call.method !== 'POST') return problem(405, 'invalid_request', 'Only POST is allowed.');
        if (this.tokenAnswers === 503) return { status: 503, headers: { 'content-type': 'text/html' }, body: '<html><title>Error 503 (Service Unavailable)!!1</title></html>' };
        if (this.tokenAnswers) return problem(this.tokenAnswers, 'internal_failure', 'Backend Error');
        const form = new URLSearchParams(call.body.toString('utf8'));
        if (!form.get('grant_type')) return problem(400, 'invalid_request', 'Missing parameter: grant_type');
        if (form.get('grant_type') !== GRANT) return problem(400, 'unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`);
        if (!form.get('assertion')) return problem(400, 'invalid_request', 'Missing parameter: assertion');
        return this.#judge(decode(form.get('assertion')), tokenUri);
    }

    #judge(jwt, tokenUri) {
        const seconds = Math.floor(this.now() / 1000);
        if (!jwt) return invalidGrant('Invalid JWT: Failed to parse the JWT.');
        const { header, claims, signed, signature } = jwt;
        if (header.alg !== 'RS256') return invalidGrant('Invalid JWT: Unsupported algorithm.');
        if (this.account === 'deleted' || claims.iss !== this.email) return invalidGrant('Invalid grant: account not found');
        if (this.account === 'disabled') return problem(400, 'invalid_grant', 'Invalid grant: account disabled');
        if (this.account === 'key-removed' || !verify('sha256', signed, this.#keys.publicKey, signature)) return invalidGrant('Invalid JWT Signature.');
        if (claims.aud !== tokenUri && !AUDIENCES.includes(claims.aud)) return invalidGrant('Invalid JWT: Failed audience check.');
        const { iat, exp } = claims;
        if (!Number.isInteger(iat) || !Number.isInteger(exp) || iat > seconds + SKEW_S || exp < seconds - SKEW_S || exp - iat > LONGEST_S) {
            return invalidGrant('Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. '
                + 'Check your iat and exp values in the JWT claim.');
        }
        if (typeof claims.scope !== 'string' || !/^https:\/\/www\.googleapis\.com\/auth\/\S/.test(claims.scope)) {
            return problem(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
        }
        return this.#issue(claims.scope.split(/\s+/));
    }

    #issue(scopes) {
        const token = `ya29.c.${randomBytes(96).toString('base64url')}`;
        this.issued++;
        this.#tokens.set(token, { scopes, dies: this.now() + this.expiresIn * 1000 });
        if (this.#tokens.size > LIVING) this.#tokens.delete(this.#tokens.keys().next().value);
        return json(200, { access_token: token, expires_in: this.expiresIn, token_type: 'Bearer' });
    }

    // What is known of an access token: 'good', 'expired', 'unknown' or 'narrow' (none of `scopes` was asked for).
    state(token, scopes) {
        const known = this.#tokens.get(token);
        if (!known) return 'unknown';
        if (this.now() >= known.dies) return 'expired';
        return known.scopes.some(scope => scopes.includes(scope)) ? 'good' : 'narrow';
    }

    // All access tokens die now, as when Google revokes them.
    revoke() {
        this.#tokens.clear();
    }
}
