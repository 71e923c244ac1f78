/*
 * How LINE reads a request: the rules of its message objects that campaigns break, with its own words.
 * Source: LINE Messaging API reference, "Common error messages" and each message object's properties.
 */

export const PUSH_MESSAGES = 5, MULTICAST_RECIPIENTS = 500;
const TEXT = 5000, ALT_TEXT = 1500, LABEL = 20, URI = 1000, QUICK_REPLIES = 13; // UTF-16 units, as LINE counts
const DEPTH = 32; // a Flex message nests; deeper is no message but an attack on this process

const TYPES = ['text', 'textV2', 'sticker', 'image', 'video', 'audio', 'location', 'imagemap', 'template', 'flex', 'coupon'];
const SCHEMES = ['http:', 'https:', 'line:', 'tel:'];

const EMPTY = 'May not be empty';
const between = (from, to) => `Length must be between ${from} and ${to}`;
const oneOf = values => `Must be one of the following values: [${values.join(', ')}]`;
const isText = value => typeof value === 'string';
const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value);

// A property that must be text of at most `most` units. Returns LINE's words, or undefined.
function textFault(value, most) {
    if (value === undefined || value === null || value === '') return EMPTY;
    if (!isText(value)) return 'Must be a string';
    return value.length > most ? between(0, most) : undefined;
}

function httpsFault(value) {
    const fault = textFault(value, 2000);
    return fault ?? (/^https:\/\/[^\s/]+/.test(value) ? undefined : 'Must be a valid HTTPS URL');
}

// The members that a type must have: name → words of what is wrong with it, or undefined.
const members = {
    text: { text: value => textFault(value, TEXT) },
    textV2: { text: value => textFault(value, TEXT) },
    sticker: { packageId: value => textFault(value, 20), stickerId: value => textFault(value, 20) },
    image: { originalContentUrl: httpsFault, previewImageUrl: httpsFault },
    video: { originalContentUrl: httpsFault, previewImageUrl: httpsFault },
    audio: { originalContentUrl: httpsFault, duration: value => (Number.isFinite(value) && value > 0 ? undefined : EMPTY) },
    location: {
        title: value => textFault(value, 100), address: value => textFault(value, 100),
        latitude: value => (Number.isFinite(value) ? undefined : EMPTY), longitude: value => (Number.isFinite(value) ? undefined : EMPTY),
    },
    imagemap: { baseUrl: httpsFault, altText: value => textFault(value, ALT_TEXT), baseSize: value => (isObject(value) ? undefined : EMPTY) },
    template: { altText: value => textFault(value, ALT_TEXT), template: value => (isObject(value) ? undefined : EMPTY) },
    flex: { altText: value => textFault(value, ALT_TEXT), contents: value => (isObject(value) ? undefined : EMPTY) },
    coupon: { couponId: value => textFault(value, 100) },
};

// A placeholder of textV2 is {name}; a brace of its own is written twice. Names must be in `substitution`.
function textV2Faults(message) {
    if (!isText(message.text)) return [];
    const names = [];
    const rest = message.text.replace(/\{\{|\}\}/g, '').replace(/\{([A-Za-z0-9_]{1,20})\}/g, (_, name) => (names.push(name), ''));
    if (/[{}]/.test(rest)) return [{ message: 'Invalid placeholder', property: '/text' }];
    return names.filter(name => !isObject(message.substitution?.[name]))
        .map(name => ({ message: `The substitution for the placeholder '${name}' is not specified`, property: `/substitution/${name}` }));
}

function actionFaults(action, at) {
    const faults = [];
    if (action.type === 'uri') {
        const scheme = isText(action.uri) && /^[a-z][a-z0-9+.-]*:/i.exec(action.uri)?.[0].toLowerCase();
        if (!scheme || !SCHEMES.includes(scheme)) faults.push({ message: 'invalid uri scheme', property: `${at}/uri` });
        else if (action.uri.length > URI || /\s/.test(action.uri)) faults.push({ message: 'invalid uri', property: `${at}/uri` });
    }
    if (isText(action.label) && action.label.length > LABEL && !at.includes('/contents')) {
        faults.push({ message: 'must not be longer than 20 characters', property: `${at}/label` });
    }
    return faults;
}

// Everything below a template, Flex or imagemap message: actions, and components without a type.
function treeFaults(node, at, depth = 0) {
    if (depth > DEPTH) return [{ message: 'invalid property', property: at }];
    if (Array.isArray(node)) return node.flatMap((child, i) => treeFaults(child, `${at}/${i}`, depth + 1));
    if (!isObject(node)) return [];
    const own = Object.entries(node).flatMap(([name, child]) => {
        const where = `${at}/${name}`;
        const here = isObject(child) && /^(action|defaultAction)$/.test(name) ? actionFaults(child, where) : [];
        return [...here, ...treeFaults(child, where, depth + 1)];
    });
    const listed = ['actions', 'items'].flatMap(name => (Array.isArray(node[name]) ? node[name] : [])
        .flatMap((child, i) => (isObject(child) && isText(child.type) && child.type === 'uri' ? actionFaults(child, `${at}/${name}/${i}`) : [])));
    return [...own, ...listed];
}

function flexFaults(message) {
    const { contents } = message;
    if (!isObject(contents)) return [];
    if (!['bubble', 'carousel'].includes(contents.type)) return [{ message: oneOf(['bubble', 'carousel']), property: '/type' }];
    if (contents.type === 'carousel' && !(Array.isArray(contents.contents) && contents.contents.length >= 1 && contents.contents.length <= 12)) {
        return [{ message: 'Size must be between 1 and 12', property: '/contents' }];
    }
    return treeFaults(contents, '');
}

const inner = {
    textV2: textV2Faults,
    flex: flexFaults,
    template: message => (isObject(message.template) ? treeFaults(message.template, '/template') : []),
    imagemap: message => treeFaults({ actions: message.actions }, ''),
};

// Faults that LINE names by a dotted path in the request: [{ message, property }].
function shallowFaults(message, at) {
    if (!isObject(message)) return [{ message: EMPTY, property: at }];
    if (!isText(message.type) || message.type === '') return [{ message: EMPTY, property: `${at}.type` }];
    if (!TYPES.includes(message.type)) return [{ message: oneOf(TYPES), property: `${at}.type` }];
    const faults = Object.entries(members[message.type])
        .map(([name, fault]) => ({ message: fault(message[name]), property: `${at}.${name}` })).filter(row => row.message);
    const replies = message.quickReply?.items;
    if (Array.isArray(replies) && replies.length > QUICK_REPLIES) {
        faults.push({ message: `Size must be between 1 and ${QUICK_REPLIES}`, property: `${at}.quickReply.items` });
    }
    return faults;
}

/* What LINE says of the messages of a request: undefined (they are fine), or the body of a 400. */
export function messagesFault(messages) {
    if (!Array.isArray(messages)) return manyFaults([{ message: EMPTY, property: 'messages' }]);
    if (messages.length < 1 || messages.length > PUSH_MESSAGES) {
        return manyFaults([{ message: `Size must be between 1 and ${PUSH_MESSAGES}`, property: 'messages' }]);
    }
    const shallow = messages.flatMap((message, i) => shallowFaults(message, `messages[${i}]`));
    if (shallow.length) return manyFaults(shallow);
    for (const [i, message] of messages.entries()) {
        const details = [...(inner[message.type]?.(message) ?? []), ...treeFaults(message.quickReply, '/quickReply')];
        if (details.length) return { message: `A message (messages[${i}]) in the request body is invalid`, details };
    }
    return undefined;
}

export const manyFaults = details => ({ message: `The request body has ${details.length} error(s)`, details });

// Where a property's value begins in a body, as LINE's parser counts: lines and columns from 1.
export function placeOf(body, name) {
    const found = new RegExp(`"${name}"\\s*:\\s*`).exec(body);
    const before = body.slice(0, found ? found.index + found[0].length : 0).split('\n');
    return `(line: ${before.length}, column: ${before.at(-1).length + 1})`;
}

// Where a body stops being JSON, as well as node tells it.
export function brokenAt(body, failure) {
    const at = Number(/position (\d+)/.exec(failure.message)?.[1] ?? body.length);
    const before = body.slice(0, at).split('\n');
    return `(line: ${before.length}, column: ${before.at(-1).length + 1})`;
}
