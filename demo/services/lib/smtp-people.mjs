/*
 * What a mail server says of its people: kind → { what, phase, reply, … }. A reply is the text of one or more lines
 * ([code, enhanced, text…]); phase: 'rcpt' (after RCPT TO) or 'dot' (after the message).
 * Words: real servers' replies as bounces quote them; the seed's words are among them.
 *   close  the connection ends after the reply · cut 'rcpt' | 'data' | 'dot-before' | 'dot-after' ends without one ·
 *   stall 'rcpt' | 'dot-before' | 'dot-after' no reply at all · slowMs · greylist · bounce (a kind of `bounces`)
 */
const local = email => email.slice(0, email.lastIndexOf('@'));
const domain = email => email.slice(email.lastIndexOf('@') + 1);

// Lines of one reply (RFC 5321 4.2.1): "550-5.1.1 text", …, "550 5.1.1 text".
export function replyLines(code, enhanced, ...texts) {
    return texts.map((text, i) => `${code}${i < texts.length - 1 ? '-' : ' '}${enhanced ? `${enhanced} ` : ''}${text}\r\n`).join('');
}

const after = phase => (what, code, enhanced, text, more) => ({
    what: `${code}${enhanced ? ` ${enhanced}` : ''} ${what}`, phase, reply: email => replyLines(code, enhanced, ...[text(email)].flat()), ...more,
});
const rcpt = after('rcpt'), dot = after('dot');

export const people = {
    'fine': { what: 'the mail arrives' },
    'unknown': rcpt('User unknown (Postfix)', 550, '5.1.1', email => `<${email}>: Recipient address rejected: User unknown in virtual mailbox table`),
    'unknown-sendmail': rcpt('… User unknown', 550, '', email => `${email}... User unknown`),
    'unknown-gmail': rcpt('does not exist (Gmail, four lines)', 550, '5.1.1', () => ['The email account that you tried to reach does not exist. Please try',
        'double-checking the recipient\'s email address for typos or', 'unnecessary spaces. For more information, go to',
        ' https://support.google.com/mail/?p=NoSuchUser 00000000000000-000000000000si.0 - gsmtp']),
    'unknown-outlook': rcpt('RESOLVER.ADR.RecipientNotFound', 550, '5.1.10', () => 'RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'),
    'unknown-hotmail': rcpt('mailbox unavailable', 550, '5.5.0', () => 'Requested action not taken: mailbox unavailable (S2017062302).'),
    'unknown-yahoo': dot('delivery error: dd … (after the message)', 554, '', email =>
        `delivery error: dd This user doesn't have a ${domain(email)} account (${email}) [0] - mta1082.mail.example.com`),
    'unknown-icloud': rcpt('user not found', 550, '5.1.1', email => `<${email}>: user not found`),
    'unknown-docomo': rcpt('Unknown user (docomo, after RCPT)', 550, '', email => `Unknown user ${email}`),
    'filtered-docomo': dot('Unknown user (docomo’s filter, after the message)', 550, '', email => `Unknown user ${email}`),
    'unknown-au': rcpt('User unknown (au, after RCPT)', 550, '', email => `<${email}>: User unknown`),
    'filtered-au': dot('User unknown (au’s filter, after the message)', 550, '', email => `<${email}>: User unknown`),
    'invalid-recipient': rcpt('Invalid recipient: (SoftBank)', 550, '', email => `Invalid recipient: <${email}>`),
    'disabled': rcpt('disabled (Gmail)', 550, '5.2.1', () => ['The email account that you tried to reach is disabled. Learn more at',
        'https://support.google.com/mail/?p=DisabledUser 00000000000000-000000000000si.0 - gsmtp']),
    'inactive': rcpt('inactive', 550, '5.1.6', email => `<${email}>: recipient no longer on server, account inactive`),
    'no-domain': rcpt('Host or domain name not found', 550, '5.4.4', email => `<${email}>: Recipient address rejected: Domain not found`),
    'null-mx': rcpt('does not accept mail', 556, '5.1.10', email => `<${email}>: Recipient address rejected: Domain ${domain(email)} does not accept mail (nullMX)`),
    'overquota': rcpt(': user is overquota', 450, '4.2.2', email => `<${email}>: user is overquota`),
    'overquota-gmail': rcpt('over quota (Gmail)', 452, '4.2.2', () => ['The email account that you tried to reach is over quota. Please direct',
        'the recipient to', 'https://support.google.com/mail/?p=OverQuotaTemp 00000000000000-000000000000si.0 - gsmtp']),
    'full': rcpt('mailbox full, 5xx', 552, '5.2.2', email => `<${email}>: Mailbox full`),
    'full-dot': dot('Quota exceeded (mailbox for user is full)', 452, '4.2.2', email => `<${email}> Quota exceeded (mailbox for user is full)`),
    'greylist': { what: '450 4.2.0 Greylisted, until greylistMs have passed', phase: 'rcpt', greylist: true,
        reply: email => replyLines(450, '4.2.0', `<${email}>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/${domain(email)}.html`) },
    'too-fast': rcpt('rate that prevents additional messages', 450, '4.2.1', () => ['The user you are trying to contact is receiving mail at a rate that',
        'prevents additional messages from being delivered. Please resend your', 'message at a later time.']),
    'later': rcpt('Try again later, closing connection', 421, '4.7.0', () => 'Try again later, closing connection.', { close: true }),
    'temporary': dot('Temporary local problem', 451, '4.3.0', () => 'Temporary local problem - please try later'),
    'shutdown': dot('Service shutting down (after the message, not taken)', 421, '4.3.2', () => 'Service shutting down and closing transmission channel', { close: true }),
    'spam': dot('Block For Spam', 510, '', () => 'Block For Spam'),
    'policy': dot('Denied by policy', 550, '', () => 'Denied by policy'),
    'content': dot('Email flagged as Spam', 554, '5.7.1', () => 'Email cannot be delivered. Reason: Email flagged as Spam.'),
    'dmarc': dot('DMARC policy', 550, '5.7.26', email => ['Unauthenticated email from example.com is not accepted due to domain\'s',
        `DMARC policy. Please contact the administrator of ${domain(email)}.`]),
    'blocklist': rcpt('blocked using a list', 554, '5.7.1', () => 'Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org'),
    'no-ptr': rcpt('no reverse name', 550, '5.7.25', () => 'Client host rejected: cannot find your reverse hostname, [198.51.100.7]'),
    'relay': rcpt('Relay access denied', 554, '5.7.1', email => `<${email}>: Relay access denied`),
    'sender-rejected': rcpt('Sender address rejected', 553, '5.7.1', () => 'Sender address rejected: not owned by user'),
    'too-big': dot('Message too large', 552, '5.3.4', () => 'Message size exceeds fixed limit'),
    'bare-5xx': dot('without words', 554, '', () => 'Transaction failed'),
    'cut-rcpt': { what: 'the connection ends after RCPT', cut: 'rcpt' },
    'cut-data': { what: 'the connection ends inside the message', cut: 'data' },
    'cut-before': { what: 'the connection ends after the final dot, not taken', cut: 'dot-before' },
    'cut-after': { what: 'taken, the connection ends without a reply to the final dot', cut: 'dot-after' },
    'stall-rcpt': { what: 'no reply to RCPT', stall: 'rcpt' },
    'stall-before': { what: 'no reply to the final dot, not taken', stall: 'dot-before' },
    'stall-after': { what: 'taken, no reply to the final dot', stall: 'dot-after' },
    'slow': { what: 'taken, the reply to the final dot takes 2 s', slowMs: 2000 },
    'silent-loss': { what: '250, and the mail goes nowhere', lost: true },
    'bounce-unknown': { what: '250, then a DSN: failed 5.1.1', bounce: 'unknown' },
    'bounce-quota': { what: '250, then a DSN: failed 4.2.2 (the queue’s end)', bounce: 'quota' },
    'bounce-spam': { what: '250, then a DSN: Status 5.0.0, Diagnostic-Code 510, folded', bounce: 'spam' },
    'bounce-docomo': { what: '250, then a DSN: Status 5.2.0, Unknown user', bounce: 'docomo' },
    'bounce-dns': { what: '250, then a DSN: failed 5.4.4, domain not found', bounce: 'dns' },
    'bounce-delayed': { what: '250, then a DSN that is only a warning: delayed', bounce: 'delayed' },
    'bounce-qmail': { what: '250, then a bounce without RFC 3464', bounce: 'qmail' },
};

/* Reports for later (RFC 3464): kind → { action, status, diagnostic(email): lines of the folded field, remote }. */
export const bounces = {
    unknown: { action: 'failed', status: '5.1.1', diagnostic: email => [`smtp; 550 5.1.1 <${email}>: Recipient address rejected:`, 'User unknown in virtual mailbox table'] },
    quota: { action: 'failed', status: '4.2.2', diagnostic: email => [`smtp; 452 4.2.2 <${email}> The email account that you`, 'tried to reach is over quota.'] },
    spam: { action: 'failed', status: '5.0.0', diagnostic: () => ['smtp; 510 Block', 'For Spam'] },
    docomo: { action: 'failed', status: '5.2.0', diagnostic: email => [`smtp; 550 Unknown user ${email}`] },
    dns: { action: 'failed', status: '5.4.4', remote: false, diagnostic: email => ['X-Postfix; Host or domain name not found. Name service error for',
        `name=${domain(email)} type=AAAA: Host not found`] },
    delayed: { action: 'delayed', status: '4.4.1', remote: false, diagnostic: email => [`X-Postfix; connect to mx.${domain(email)}[203.0.113.25]:25:`, 'Connection timed out'] },
};

const crlf = lines => lines.join('\r\n');

/* The report of a message that was taken and comes back. about: { from, to, data (Buffer), id, at (ms), host }. */
export function bounceText(kind, { from, to, data, id, at, host }) {
    const head = data.toString('latin1').split(/\r\n\r\n/, 1)[0];
    const date = new Date(at).toUTCString().replace('GMT', '+0000');
    if (kind === 'qmail') {
        return crlf([`Date: ${date}`, `From: MAILER-DAEMON@${host}`, `To: ${from}`, 'Subject: failure notice', '',
            `Hi. This is the qmail-send program at ${host}.`, 'I\'m afraid I wasn\'t able to deliver your message to the following addresses.',
            'This is a permanent error; I\'ve given up. Sorry it didn\'t work out.', '', `<${to}>:`,
            'Sorry, no mailbox here by that name. (#5.1.1)', '', '--- Below this line is a copy of the message.', '', `Return-Path: <${from}>`, head, '', '']);
    }
    const { action, status, diagnostic, remote = true } = bounces[kind];
    const border = `${id}.${at}/${host}`;
    return crlf([`Date: ${date}`, `From: MAILER-DAEMON@${host} (Mail Delivery System)`,
        `Subject: ${action === 'delayed' ? 'Delayed Mail (still being retried)' : 'Undelivered Mail Returned to Sender'}`, `To: ${from}`,
        'Auto-Submitted: auto-replied', 'MIME-Version: 1.0', `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${border}"`,
        `Message-Id: <${at}.${id}@${host}>`, '', 'This is a MIME-encapsulated message.', '', `--${border}`, 'Content-Description: Notification',
        'Content-Type: text/plain; charset=us-ascii', '', `This is the mail system at host ${host}.`, '',
        'I\'m sorry to have to inform you that your message could not', 'be delivered to one or more recipients.', '',
        `<${to}>: ${diagnostic(to).join(' ')}`, '', `--${border}`, 'Content-Description: Delivery report', 'Content-Type: message/delivery-status', '',
        `Reporting-MTA: dns; ${host}`, `X-Postfix-Queue-ID: ${id}`, `X-Postfix-Sender: rfc822; ${from}`, `Arrival-Date: ${date}`, '',
        `Final-Recipient: rfc822; ${to}`, `Original-Recipient: rfc822;${local(to)}@${domain(to)}`, `Action: ${action}`, `Status: ${status}`,
        ...(remote ? [`Remote-MTA: dns; mx.${domain(to)}`] : []), `Diagnostic-Code: ${diagnostic(to).join('\r\n    ')}`,
        ...(action === 'delayed' ? [`Will-Retry-Until: ${new Date(at + 5 * 86_400_000).toUTCString().replace('GMT', '+0000')}`] : []),
        '', `--${border}`, 'Content-Description: Undelivered Message Headers', 'Content-Type: text/rfc822-headers', '', `Return-Path: <${from}>`, head, '',
        `--${border}--`, '']);
}
