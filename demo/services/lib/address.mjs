/*
 * Magic mail addresses: anything+KIND@any.domain does what KIND says, always; anything+KIND.3@any.domain three times,
 * and then works. All others are people whose mail arrives.
 */
export function personOf(address, kinds) {
    const [, kind, times] = /\+([a-z0-9-]+)(?:\.(\d{1,3}))?@[^@]*$/i.exec(String(address)) ?? [];
    const known = kind?.toLowerCase();
    return known && Object.hasOwn(kinds, known) ? { kind: known, ...kinds[known], times: Number(times ?? 0) } : { kind: 'fine', times: 0 };
}

// The address of a person of this kind; name must be unlike others' for two people.
export function addressOf(kind, kinds, { name = 'user', domain = 'example.com', times = 0 } = {}) {
    if (!Object.hasOwn(kinds, kind)) throw new TypeError(`no kind ${kind}; there are ${Object.keys(kinds).join(', ')}`);
    return `${name}+${kind}${times ? `.${times}` : ''}@${domain}`;
}

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const LABEL = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

// Whether text is a mail address without SMTPUTF8 (RFC 5321 4.1.2, dot-string and domain only; lengths of 4.5.3.1).
export function isAddress(text) {
    if (typeof text !== 'string' || text.length > 254) return false;
    const at = text.lastIndexOf('@');
    const labels = text.slice(at + 1).split('.');
    return at > 0 && at <= 64 && LOCAL.test(text.slice(0, at)) && labels.length > 1 && labels.every(label => LABEL.test(label));
}
