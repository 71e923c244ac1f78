/*
 * How SendGrid reads a mail/send request: all faults at once, each with a dotted path that has the recipient's index.
 * Source: SendGrid's v3 API reference ("Mail Send errors", limits) and answers that clients published.
 */
import { isAddress } from './address.mjs';

export const BODY_BYTES = 30 * 1024 * 1024;
const PERSONALIZATIONS = 1000, CUSTOM_ARGS_BYTES = 10_000, SUBSTITUTION_BYTES = 10_000;
const CATEGORIES = 10, CATEGORY = 255, AHEAD_S = 72 * 3600;
const RESERVED = ['x-sg-id', 'x-sg-eid', 'received', 'dkim-signature', 'content-type', 'content-transfer-encoding', 'to', 'from', 'subject',
    'reply-to', 'cc', 'bcc'];

const HELP = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#';
export const fault = (message, field, help) => ({ message, field, help: help ? HELP + help : null });

const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value);
const isText = value => typeof value === 'string' && value.length > 0;
const at = (where, name) => (where ? `${where}.${name}` : name);

function addressFaults(list, where, name) {
    return list.flatMap((entry, i) => (isObject(entry) && isAddress(entry.email) ? []
        : [fault('Does not contain a valid address.', `${where}.${name}.${i}.email`, `message.personalizations.${name}`)]));
}

function duplicateFault(personalization, where) {
    const seen = new Set();
    for (const name of ['to', 'cc', 'bcc']) {
        for (const { email } of personalization[name] ?? []) {
            const same = email.toLowerCase();
            if (seen.has(same)) {
                return [fault('Each email address in the personalization block should be unique between to, cc, and bcc. '
                    + `We found the first duplicate instance of [${email}] in the ${where}.${name} field.`, where, 'message.recipient-errors')];
            }
            seen.add(same);
        }
    }
    return [];
}

// What a personalization and the message itself may both have.
function sharedFaults(value, where, now) {
    const faults = [];
    if (value.custom_args !== undefined) {
        if (!isObject(value.custom_args)) faults.push(fault('The custom_args parameter must be an object.', at(where, 'custom_args'), 'message.custom_args'));
        else {
            for (const [name, arg] of Object.entries(value.custom_args)) {
                if (typeof arg !== 'string') faults.push(fault('The custom_args values must be strings.', at(where, `custom_args.${name}`), 'message.custom_args'));
            }
            if (Buffer.byteLength(JSON.stringify(value.custom_args)) > CUSTOM_ARGS_BYTES) {
                faults.push(fault('The custom_args must not exceed 10,000 bytes.', at(where, 'custom_args'), 'message.custom_args'));
            }
        }
    }
    if (value.headers !== undefined) {
        if (!isObject(value.headers)) faults.push(fault('The headers parameter must be an object.', at(where, 'headers'), 'message.headers'));
        else {
            for (const [name, text] of Object.entries(value.headers)) {
                if (RESERVED.includes(name.toLowerCase())) {
                    faults.push(fault(`The header key '${name}' is reserved and may not be used.`, at(where, `headers.${name}`), 'message.headers'));
                } else if (typeof text !== 'string') faults.push(fault('The header values must be strings.', at(where, `headers.${name}`), 'message.headers'));
            }
        }
    }
    if (value.send_at !== undefined) {
        if (!Number.isInteger(value.send_at)) faults.push(fault('The send_at parameter must be an integer.', at(where, 'send_at'), 'message.send_at'));
        else if (value.send_at > now / 1000 + AHEAD_S) {
            faults.push(fault('Scheduling more than 72 hours in advance is forbidden.', at(where, 'send_at'), 'message.send_at'));
        }
    }
    return faults;
}

function personalizationFaults(personalization, where, now) {
    if (!isObject(personalization)) return [fault('Each personalization must be an object.', where, '-Personalizations-Errors')];
    if (!Array.isArray(personalization.to) || !personalization.to.length) {
        return [fault('The to array is required for all personalization objects, and must have at least one email object with a valid email address.',
            `${where}.to`, 'message.personalizations.to')];
    }
    const faults = ['to', 'cc', 'bcc'].flatMap(name => (personalization[name] === undefined ? []
        : Array.isArray(personalization[name]) ? addressFaults(personalization[name], where, name)
            : [fault(`The ${name} parameter must be an array.`, `${where}.${name}`, `message.personalizations.${name}`)]));
    if (!faults.length) faults.push(...duplicateFault(personalization, where));
    if (personalization.subject !== undefined && !isText(personalization.subject)) {
        faults.push(fault('The subject must be a string at least one character in length.', `${where}.subject`, 'message.personalizations.subject'));
    }
    if (Buffer.byteLength(JSON.stringify(personalization.substitutions ?? {})) > SUBSTITUTION_BYTES) {
        faults.push(fault('The substitutions must not exceed 10,000 bytes.', `${where}.substitutions`, 'message.personalizations.substitutions'));
    }
    return [...faults, ...sharedFaults(personalization, where, now)];
}

function contentFaults(content) {
    const faults = content.flatMap((part, i) => [
        ...(isText(part?.type) ? [] : [fault('The content type must be a string at least one character in length.', `content.${i}.type`, 'message.content.type')]),
        ...(isText(part?.value) ? [] : [fault('The content value must be a string at least one character in length.', `content.${i}.value`, 'message.content.value')]),
    ]);
    const order = content.map(part => ['text/plain', 'text/html'].indexOf(part?.type)).map(n => (n < 0 ? 2 : n));
    if (order.some((n, i) => i && n < order[i - 1])) {
        faults.push(fault('If present, text/plain must be first, followed by text/html, followed by any other content.', 'content', 'message.content'));
    }
    return faults;
}

function messageFaults(mail) {
    const faults = [];
    if (!isObject(mail.from) || !isText(mail.from.email)) {
        faults.push(fault('The from object must be provided for every email send. It is an object that requires the email parameter, '
            + 'but may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", "name" : "Example Recipient"}.',
        'from.email', 'message.from'));
    } else if (!isAddress(mail.from.email)) faults.push(fault('The from email does not contain a valid address.', 'from.email', 'message.from'));
    if (mail.reply_to !== undefined && !isAddress(mail.reply_to?.email)) {
        faults.push(fault('The reply_to email does not contain a valid address.', 'reply_to.email', 'message.reply_to'));
    }
    if (!isText(mail.template_id)) {
        const everywhere = Array.isArray(mail.personalizations) && mail.personalizations.every(one => isText(one?.subject));
        if (!isText(mail.subject) && !everywhere) {
            faults.push(fault('The subject is required. You can get around this requirement if you use a template with a subject defined '
                + 'or if every personalization has a subject defined.', 'subject', 'message.subject'));
        }
        if (!Array.isArray(mail.content) || !mail.content.length) {
            faults.push(fault('Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. '
                + 'We typically suggest both text/plain and text/html blocks are included, but only one block is required.', 'content', 'message.content'));
        }
    }
    if (Array.isArray(mail.content)) faults.push(...contentFaults(mail.content));
    if (mail.categories !== undefined) {
        if (!Array.isArray(mail.categories) || mail.categories.length > CATEGORIES) {
            faults.push(fault('You may not have more than 10 categories per request.', 'categories', 'message.categories'));
        } else if (mail.categories.some(name => typeof name !== 'string' || name.length > CATEGORY)) {
            faults.push(fault('Each category name may not exceed 255 characters.', 'categories', 'message.categories'));
        }
    }
    return faults;
}

/* All faults of a request (parsed JSON), in SendGrid's form: [{ message, field, help }]; empty: it is taken. */
export function mailFaults(mail, now) {
    if (!isObject(mail)) return [fault('Bad Request', null)];
    const faults = [];
    if (!Array.isArray(mail.personalizations) || !mail.personalizations.length) {
        faults.push(fault('The personalizations field is required and must have at least one personalization.', 'personalizations', '-Personalizations-Errors'));
    } else if (mail.personalizations.length > PERSONALIZATIONS) {
        faults.push(fault('You may not include more than 1000 personalizations per API request.', 'personalizations', '-Personalizations-Errors'));
    } else faults.push(...mail.personalizations.flatMap((one, i) => personalizationFaults(one, `personalizations.${i}`, now)));
    return [...faults, ...messageFaults(mail), ...sharedFaults(mail, '', now)];
}
