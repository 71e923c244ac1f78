/*
 * The tables of the README: who the magic recipients are, and what happens to them.
 *   node demo/services/kinds.mjs
 */
import { pathToFileURL } from 'node:url';
import { eventKinds } from './lib/sendgrid-events.mjs';
import { endings } from './lib/endings.mjs';
import * as fcm from './fcm.mjs';
import * as line from './line.mjs';
import * as sendgrid from './sendgrid.mjs';
import * as smtp from './smtp.mjs';
import * as webpush from './webpush.mjs';

const escape = text => text.replaceAll('|', '\\|').replaceAll('<', '\\<').replaceAll('*', '\\*');
const table = (heads, rows) => [`| ${heads.join(' | ')} |`, `|${heads.map(() => '---|').join('')}`, ...rows.map(row => `| ${row.map(escape).join(' | ')} |`)].join('\n');
const code = text => `\`${text}\``;
// The kinds that are this service's own: what ends badly is the same for all that speak HTTP.
const own = kinds => Object.entries(kinds).filter(([kind]) => !endings[kind]);

// All tables, in the order of the README: [title, Markdown].
export const tables = () => [
    ['SendGrid: the request is refused', table(['kind', 'what happens'], own(sendgrid.requestKinds).map(([kind, { what }]) => [code(kind), what]))],
    ['SendGrid: taken, and events say more later', table(['kind', 'events'], Object.entries(eventKinds).map(([kind, { what }]) => [code(kind), what]))],
    ['FCM', table(['kind', 'what happens'], own(fcm.kinds).map(([kind, { what }]) => [code(kind), what]))],
    ['LINE', table(['kind', 'what happens', 'an id'], own(line.kinds).map(([kind, { what }]) => [code(kind), what, code(line.userId(kind))]))],
    ['Web Push', table(['kind', 'what happens'], own(webpush.kinds).map(([kind, { what }]) => [code(kind), what]))],
    ['All that speak HTTP', table(['kind', 'what happens', 'a LINE id'], Object.entries(endings).map(([kind, { what }]) => [code(kind), what, code(line.userId(kind))]))],
    ['SMTP', table(['kind', 'what happens'], Object.entries(smtp.kinds).map(([kind, { what }]) => [code(kind), what]))],
];

export const markdown = () => tables().map(([title, text]) => `### ${title}\n\n${text}\n`).join('\n');

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(markdown());
