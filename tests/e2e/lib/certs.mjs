// Certificates for the peers: one CA and every way a leaf can be wrong, made by the openssl command into a temporary directory
// once per test process.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dir = mkdtempSync(join(tmpdir(), 'todoke-certs-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
const at = name => join(dir, name);

writeFileSync(at('ca.cnf'), `
[ca]
default_ca = d
[d]
database = ${at('index.txt')}
new_certs_dir = ${dir}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = p
copy_extensions = copy
default_days = 30
[p]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = todoke test
`);
writeFileSync(at('index.txt'), '');
writeFileSync(at('index.txt.attr'), 'unique_subject = no\n');

const names = 'DNS:localhost,DNS:bot.test,DNS:*.bots.test,DNS:a_b.test,IP:127.0.0.1,IP:127.0.0.2,IP:::1,IP:10.99.0.2';
const caOf = {};

function authority(id, parent) {
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${id}.key`, '-out', `${id}.csr`,
        '-subj', `/CN=todoke test ${id}`, '-config', 'ca.cnf');
    writeFileSync(at(`${id}.ext`), 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n');
    const signer = parent ? ['-CA', `${parent}.pem`, '-CAkey', `${parent}.key`, '-CAcreateserial'] : ['-signkey', `${id}.key`];
    openssl('x509', '-req', '-in', `${id}.csr`, ...signer, '-days', '30', '-out', `${id}.pem`, '-extfile', `${id}.ext`);
    caOf[id] = at(`${id}.pem`);
}

// key: an openssl -newkey argument list; san '' leaves the names out; start/end as openssl ca dates.
function leaf(id, { ca = 'ca', key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], san = names, start, end, md = 'sha256', usage = 'serverAuth',
    subject = '/CN=bot.test', chain, extra = '' } = {}) {
    openssl('req', '-newkey', ...key, '-nodes', '-keyout', `${id}.key`, '-out', `${id}.csr`, '-subj', subject, '-config', 'ca.cnf');
    writeFileSync(at(`${id}.ext`), `basicConstraints=CA:FALSE\nextendedKeyUsage=${usage}\n${san ? `subjectAltName=${san}\n` : ''}${extra}`);
    openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', `${ca}.pem`, '-keyfile', `${ca}.key`, '-in', `${id}.csr`, '-out', `${id}.pem`,
        '-extfile', `${id}.ext`, '-md', md, ...(start ? ['-startdate', start] : []), ...(end ? ['-enddate', end] : []));
    return pair(id, chain ? [chain] : []);
}

function pair(id, chain = []) {
    const cert = [`${id}.pem`, ...chain].map(f => readFileSync(at(f), 'utf8')).join('');
    writeFileSync(at(`${id}.chain.pem`), cert);
    return { cert, key: readFileSync(at(`${id}.key`), 'utf8'), certFile: at(`${id}.chain.pem`), keyFile: at(`${id}.key`) };
}

function selfSigned(id) {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${id}.key`, '-out', `${id}.pem`, '-days', '30',
        '-subj', '/CN=bot.test', '-addext', `subjectAltName=${names}`);
    return pair(id);
}

authority('ca');

// Made on first use, but for the one all need: making blocks this process, and no peer must stand still while a clock runs.
const makers = {
    good: () => leaf('good'),
    rsa: () => leaf('rsa', { key: ['rsa:2048'] }),
    expired: () => leaf('expired', { start: '20200101000000Z', end: '20210101000000Z' }),
    notYetValid: () => leaf('notYetValid', { start: '20450101000000Z', end: '20460101000000Z' }),
    wrongHost: () => leaf('wrongHost', { san: 'DNS:other.example,IP:127.9.9.9', subject: '/CN=other.example' }),
    nameOnly: () => leaf('nameOnly', { san: 'DNS:bot.test' }),
    addressOnly: () => leaf('addressOnly', { san: 'IP:127.0.0.1' }),
    cnOnly: () => leaf('cnOnly', { san: '' }),
    cnAndMail: () => leaf('cnAndMail', { san: 'email:webmaster@bot.test,URI:https://bot.test/' }),
    cnAndOther: () => leaf('cnAndOther', { san: 'DNS:other.example' }),
    cnAddress: () => leaf('cnAddress', { san: '', subject: '/CN=127.0.0.1' }),
    cnWildcard: () => leaf('cnWildcard', { san: '', subject: '/CN=*.bots.test' }),
    addressAsName: () => leaf('addressAsName', { san: 'DNS:127.0.0.1' }),
    partialWildcard: () => leaf('partialWildcard', { san: 'DNS:a*.bots.test,DNS:*a.bots.test,DNS:a*a.bots.test' }),
    innerWildcard: () => leaf('innerWildcard', { san: 'DNS:aa.*.test' }),
    weakKey: () => leaf('weakKey', { key: ['rsa:1024'] }),
    weakHash: () => leaf('weakHash', { md: 'sha1' }),
    clientPurpose: () => leaf('clientPurpose', { usage: 'clientAuth' }),
    client: () => leaf('client', { usage: 'clientAuth', subject: '/CN=client' }),
    selfSigned: () => selfSigned('selfSigned'),
    byLeaf: () => (leaf('signer'), leaf('byLeaf', { ca: 'signer', chain: 'signer.pem' })),
    critical: () => leaf('critical', { extra: '1.2.3.4=critical,ASN1:NULL\n' }),
    untrusted: () => (authority('stranger'), leaf('untrusted', { ca: 'stranger', chain: 'stranger.pem' })),
    viaIntermediate: () => (intermediate(), leaf('viaIntermediate', { ca: 'inter', chain: 'inter.pem' })),
    missingIntermediate: () => (intermediate(), leaf('missingIntermediate', { ca: 'inter' })),
};
const intermediate = () => caOf.inter ?? authority('inter', 'ca');

const made = { good: makers.good() };
export const certs = new Proxy(made, { get: (t, k) => (t[k] ??= makers[k]()) });
export const caFile = caOf.ca;
export const caFileOf = pair => (certs[pair], caOf[{ untrusted: 'stranger' }[pair] ?? 'ca']);
