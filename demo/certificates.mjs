// Makes the demo's own certificate authority and the bots' certificates with the openssl command.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CONFIG = `
[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = p
default_days = 7
[p]
commonName = supplied
[req]
distinguished_name = dn
[dn]
`;

/* Makes the authority in dir, an empty directory. issue(name, dates) gives { cert, key } (PEM) for one host name;
 * dates: { start, end } as openssl writes them (YYYYMMDDHHMMSSZ), a week from now by default. */
export async function makeAuthority(dir) {
    const openssl = (...args) => promisify(execFile)('openssl', args, { cwd: dir });
    const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await writeFile(join(dir, 'openssl.cnf'), CONFIG);
    await writeFile(join(dir, 'index.txt'), '');
    await openssl('req', '-x509', ...ecKey, '-days', '7', '-subj', '/CN=todoke demo CA', '-config', 'openssl.cnf',
        '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
        '-addext', 'subjectKeyIdentifier=hash', '-keyout', 'ca.key', '-out', 'ca.pem');
    return {
        caFile: join(dir, 'ca.pem'),
        async issue(name, { start, end } = {}) {
            await writeFile(join(dir, `${name}.ext`), `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:${name}\n`);
            await openssl('req', ...ecKey, '-subj', `/CN=${name}`, '-config', 'openssl.cnf', '-keyout', `${name}.key`, '-out', `${name}.csr`);
            await openssl('ca', '-batch', '-notext', '-config', 'openssl.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key',
                '-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`,
                ...(start ? ['-startdate', start] : []), ...(end ? ['-enddate', end] : []));
            const read = kind => readFile(join(dir, `${name}.${kind}`), 'utf8');
            return { cert: await read('pem'), key: await read('key') };
        },
    };
}
