// What a case may expect: reason, detail and "may it have been processed", as docs/attribution.md has them.
const could = detail => cause => ({ reason: 'could_not_connect', detail, processed: 'no', status: 0, cause });
const unclassified = detail => (cause, more = {}) => ({ reason: 'unclassified', detail, processed: 'unknown', cause, ...more });

export const ok = (status = 200, more = {}) => ({ reason: 'ok', detail: String(status), processed: 'yes', status, cause: 'ok', ...more });
// A limiter or a proxy in front of the bot may have given these in its place.
export const processedBy = n => ([429, 502, 503, 504].includes(n) ? 'unknown' : 'yes');
export const status = (n, cause) => ({ reason: 'error_status_code', detail: String(n), processed: processedBy(n), status: n, cause });
export const invalidUrl = could('Invalid URL syntax');
export const unknownHost = could('Unknown host');
export const dnsTimeout = could('DNS Query timeout');
export const connectTimeout = could('Connection timeout');
export const connectFailed = could('Connection failed');
export const connectClosed = could('Connection failed (session closed)');
export const goaway = could('Connection failed (received GOAWAY)');
export const negotiation = could('Session protocol negotiation failure');
export const noTlsRecord = could('No SSL/TLS record');
export const tlsFailure = could('TLS handshake failure');
export const timeout = (cause, more = {}) => ({ reason: 'request_timeout', detail: 'Request timeout', processed: 'unknown', cause, ...more });
export const sessionClosed = unclassified('Session closed unexpectedly');
export const streamClosed = unclassified('Stream closed unexpectedly');
export const dispatch = unclassified('Unclassified webhook dispatch error');
// A short limit where the clock is to end it, a long one where it must not, however busy the machine is.
export const patience = (want, short) => ((want.anyOf ?? [want]).some(w => w.reason === 'request_timeout') ? short : {});
export const anyOf = (...wants) => ({ anyOf: wants });
