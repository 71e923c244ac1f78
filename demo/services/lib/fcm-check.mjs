/*
 * How FCM's HTTP v1 API reads a request: protobuf's JSON form first (unknown names, types), then FCM's own rules.
 * Source: FCM REST reference (projects.messages), google.rpc error details, and answers its users published.
 */
const MESSAGE_BYTES = 4096; // notification and data together
const FOUR_WEEKS_S = 28 * 24 * 3600;
const TYPE = 'type.googleapis.com/';

export const fcmError = errorCode => ({ '@type': `${TYPE}google.firebase.fcm.v1.FcmError`, errorCode });
export const apnsError = (statusCode, reason) => ({ '@type': `${TYPE}google.firebase.fcm.v1.ApnsError`, statusCode, reason });
export const badRequest = (...violations) => ({ '@type': `${TYPE}google.rpc.BadRequest`, fieldViolations: violations });
export const errorInfo = (reason, metadata) => ({ '@type': `${TYPE}google.rpc.ErrorInfo`, reason, domain: 'googleapis.com', metadata });

// Google prints JSON with two blanks and a line's end.
export const rpc = (status, name, message, details, headers = {}) => ({
    status, headers: { server: 'scaffolding on HTTPServer2', 'content-type': 'application/json; charset=UTF-8', ...headers },
    body: `${JSON.stringify({ error: { code: status, message, status: name, ...(details?.length && { details }) } }, null, 2)}\n`,
});

const invalid = (message, field) => rpc(400, 'INVALID_ARGUMENT', message, [badRequest({ ...(field && { field }), description: message })]);
export const refusedByFcm = message => rpc(400, 'INVALID_ARGUMENT', message, [fcmError('INVALID_ARGUMENT')]);

// Messages of the API: field (snake case) → 'text', 'flag', 'number', 'map' (of texts), 'struct' (any object), 'list', 'duration', or a message.
const notification = { title: 'text', body: 'text', image: 'text' };
const androidNotification = {
    title: 'text', body: 'text', icon: 'text', color: 'text', sound: 'text', tag: 'text', click_action: 'text', body_loc_key: 'text', body_loc_args: 'list',
    title_loc_key: 'text', title_loc_args: 'list', channel_id: 'text', ticker: 'text', sticky: 'flag', event_time: 'text', local_only: 'flag',
    notification_priority: 'text', default_sound: 'flag', default_vibrate_timings: 'flag', default_light_settings: 'flag', vibrate_timings: 'list',
    visibility: 'text', notification_count: 'number', light_settings: 'struct', image: 'text', bypass_proxy_notification: 'flag', proxy: 'text',
};
const message = {
    name: 'text', data: 'map', notification, fcm_options: { analytics_label: 'text' }, token: 'text', topic: 'text', condition: 'text',
    android: {
        collapse_key: 'text', priority: 'text', ttl: 'duration', restricted_package_name: 'text', data: 'map', notification: androidNotification,
        fcm_options: { analytics_label: 'text' }, direct_boot_ok: 'flag', bandwidth_constrained_ok: 'flag', restricted_satellite_ok: 'flag',
    },
    webpush: { headers: 'map', data: 'map', notification: 'struct', fcm_options: { link: 'text', analytics_label: 'text' } },
    apns: { headers: 'map', payload: 'struct', fcm_options: { analytics_label: 'text', image: 'text' }, live_activity_token: 'text' },
};
const request = { validate_only: 'flag', message };

const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value);
const snake = name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

const wrongType = (path, type, value) => invalid(`Invalid value at '${path}' (${type}), ${JSON.stringify(value)}`, path);

const scalars = {
    text: (value, path) => (typeof value === 'string' ? undefined : wrongType(path, 'TYPE_STRING', value)),
    flag: (value, path) => (typeof value === 'boolean' ? undefined : wrongType(path, 'TYPE_BOOL', value)),
    number: (value, path) => (Number.isInteger(value) ? undefined : wrongType(path, 'TYPE_INT32', value)),
    list: (value, path) => (Array.isArray(value) ? undefined : wrongType(path, 'TYPE_STRING', value)),
    struct: (value, path) => (isObject(value) ? undefined : wrongType(path, `${TYPE}google.protobuf.Struct`, value)),
    map(value, path) {
        if (!isObject(value)) return wrongType(path, 'TYPE_MESSAGE', value);
        const at = Object.values(value).findIndex(entry => typeof entry !== 'string');
        return at < 0 ? undefined : wrongType(`${path}[${at}].value`, 'TYPE_STRING', Object.values(value)[at]);
    },
    duration(value, path) {
        if (typeof value === 'string' && /^-?\d{1,12}(\.\d{1,9})?s$/.test(value)) return undefined;
        const why = typeof value === 'string' && !value.endsWith('s') ? '; duration must end with \'s\'' : '';
        return invalid(`Invalid value at '${path}' (${TYPE}google.protobuf.Duration), Field 'ttl', Illegal duration format${why}`, path);
    },
};

// The first fault of a value against its message, as protobuf's JSON parser finds it; ret collects the fields.
function read(value, fields, path, ret) {
    if (!isObject(value)) return invalid(`Invalid value at '${path}' (${TYPE}google.firebase.fcm.v1.Message), ${JSON.stringify(value)}`, path);
    for (const [name, entry] of Object.entries(value)) {
        const field = snake(name);
        const where = path ? `${path}.${field}` : field;
        if (!Object.hasOwn(fields, field)) {
            const at = path ? ` at '${path}'` : '';
            return invalid(`Invalid JSON payload received. Unknown name "${name}"${at}: Cannot find field.`, path);
        }
        if (entry === null) continue; // protobuf's JSON takes null for "not set"
        ret[field] = typeof fields[field] === 'string' ? entry : {};
        const fault = typeof fields[field] === 'string' ? scalars[fields[field]](entry, where) : read(entry, fields[field], where, ret[field]);
        if (fault) return fault;
    }
    return undefined;
}

const bytes = value => (value === undefined ? 0 : Buffer.byteLength(typeof value === 'string' ? value : Object.entries(value).flat().join('')));

function rulesFault(found) {
    const targets = ['token', 'topic', 'condition'].filter(name => found[name] !== undefined);
    if (targets.length > 1) return invalid(`Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '${targets[1]}'`, 'message');
    if (!targets.length || found[targets[0]] === '') return refusedByFcm('Recipient of the message is not set.');
    for (const name of Object.keys({ ...found.data, ...found.android?.data })) {
        if (/^(from|notification|message_type)$|^(google|gcm)/.test(name)) return refusedByFcm(`Invalid data payload key: ${name}`);
    }
    const ttl = parseFloat(found.android?.ttl ?? '0');
    if (ttl < 0 || ttl > FOUR_WEEKS_S) return refusedByFcm('Invalid ttl: must be between 0 and 2419200 seconds.');
    if (found.android?.priority !== undefined && !/^(normal|high)$/i.test(found.android.priority)) {
        return wrongType('message.android.priority', `${TYPE}google.firebase.fcm.v1.AndroidMessagePriority`, found.android.priority);
    }
    const size = bytes(found.notification?.title) + bytes(found.notification?.body) + bytes(found.notification?.image)
        + bytes(found.data) + bytes(found.android?.notification?.title) + bytes(found.android?.notification?.body);
    return size > MESSAGE_BYTES ? refusedByFcm('Android message is too big') : undefined;
}

/* Reads the body of messages:send. Gives { message, validateOnly }, or { fault } with FCM's reply. */
export function readSend(text) {
    let value;
    try {
        value = JSON.parse(text);
    } catch (failure) {
        const at = Number(/position (\d+)/.exec(failure.message)?.[1] ?? text.length);
        return { fault: invalid(`Invalid JSON payload received. Unexpected ${at >= text.length ? 'end of string' : 'token'}.\n${text.slice(0, 40)}\n^`) };
    }
    const found = {};
    const fault = read(value, request, '', found);
    if (fault) return { fault };
    if (!found.message) return { fault: refusedByFcm('Message is not set.') };
    const wrong = rulesFault(found.message);
    return wrong ? { fault: wrong } : { message: found.message, validateOnly: found.validate_only ?? false };
}
