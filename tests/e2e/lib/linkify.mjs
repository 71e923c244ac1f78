// What a mail program makes a link of, as npm's linkify-it finds it with every domain of the root zone and .example: URLs, bare domains, addresses, mail addresses.
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const linkify = require('linkify-it')({}, { fuzzyLink: true, fuzzyEmail: true, fuzzyIP: false }).tlds([...require('tlds'), 'example']);

export const links = text => (linkify.match(text) ?? []).map(m => m.text);
