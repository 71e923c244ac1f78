// The API's description as the judge of its answers: every answer a test gets is held against docs/openapi.yaml.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
export const file = fileURLToPath(new URL('../../../docs/openapi.yaml', import.meta.url));

let loaded;

// The document with its references resolved. That it is valid is one test's business: a slip in it should not fail them all.
export function description() {
    loaded ??= require('@apidevtools/swagger-parser').dereference(file);
    return loaded;
}

export const validate = () => require('@apidevtools/swagger-parser').validate(file);

// Members that the document does not name are mistakes too: in the answer, or in the document. inside: the schema is part of an allOf, whose parts
// are closed together.
export function closed(schema, inside = false) {
    if (Array.isArray(schema)) return schema.map(s => closed(s));
    if (schema === null || typeof schema !== 'object') return schema;
    const out = {};
    for (const [k, v] of Object.entries(schema)) {
        if (k === 'allOf') out[k] = v.map(s => closed(s, true));
        else if (k === 'properties') out[k] = Object.fromEntries(Object.entries(v).map(([name, s]) => [name, closed(s)]));
        else if (['items', 'not', 'additionalProperties'].includes(k)) out[k] = closed(v);
        else if (['oneOf', 'anyOf'].includes(k)) out[k] = v.map(s => closed(s));
        else if (!['description', 'example', 'discriminator', 'xml', 'externalDocs', 'deprecated', 'readOnly', 'writeOnly'].includes(k)) out[k] = v;
    }
    if (!inside && (schema.properties || schema.allOf) && schema.additionalProperties === undefined) out.unevaluatedProperties = false;
    return out;
}

const compiled = new Map();
let ajv;
function compile(schema) {
    if (!compiled.has(schema)) {
        if (!ajv) {
            const Ajv = require('ajv/dist/2019');
            ajv = new Ajv({ strict: false, allErrors: true });
            require('ajv-formats')(ajv);
        }
        compiled.set(schema, ajv.compile(closed(schema)));
    }
    return compiled.get(schema);
}

function findPath(paths, path) {
    const segments = path.split('/');
    return Object.keys(paths).find(template => {
        const t = template.split('/');
        return t.length === segments.length && t.every((s, i) => (s.startsWith('{') ? segments[i] !== '' : s === segments[i]));
    });
}

// Throws when the answer is not as the document has it. answer: { status, headers (of fetch), text, json }.
export async function checkAnswer(method, target, answer) {
    const { paths } = await description();
    const path = target.split('?')[0], template = findPath(paths, path);
    const operation = template && paths[template][method === 'HEAD' ? 'get' : method.toLowerCase()];
    const where = `${method} ${path} → ${answer.status}`;
    if (!operation) {
        if (answer.status < 400 && /^\/(api|v2)\//.test(path)) throw new Error(`${where}: docs/openapi.yaml does not know this call`);
        return;
    }
    const response = operation.responses[answer.status] ?? (answer.status >= 400 ? operation.responses.default : undefined);
    if (!response) throw new Error(`${where}: docs/openapi.yaml has no such answer`);
    const type = answer.headers.get('content-type')?.split(';')[0];
    if (answer.text === '') return;
    const content = response.content?.[type];
    if (!content) throw new Error(`${where}: docs/openapi.yaml has no answer of type ${type}`);
    if (type !== 'application/json' || !content.schema) return;
    const valid = compile(content.schema);
    if (!valid(answer.json))
        throw new Error(`${where} is not as docs/openapi.yaml has it: ${valid.errors.slice(0, 4).map(e =>
            `${e.instancePath || '/'} ${e.message}${e.params.unevaluatedProperty ? ` (${e.params.unevaluatedProperty})` : ''}`).join('; ')}\n${answer.text.slice(0, 1000)}`);
}

// Method and path of every row of route.def, the ids without their names.
export function routes() {
    const text = readFileSync(fileURLToPath(new URL('../../../src/api/route.def', import.meta.url)), 'utf8');
    return [...text.matchAll(/^ROUTE\("([A-Z]+)", "([^"]+)"/gm)].map(m => `${m[1]} ${m[2].replace(/\{\w+\}/g, '{}')}`);
}

// The rows of channel.def, with the bounds that are names as numbers. rows: whether each row was understood, by how many there are.
export function fields() {
    const read = name => readFileSync(fileURLToPath(new URL(`../../../src/model/${name}`, import.meta.url)), 'utf8');
    const text = read('channel.def').replace(/\\\n/g, ' '), numbers = Object.fromEntries([...`${read('channel.h')}${read('email.h')}`.matchAll(/^#define (\w+) (\d+)/gm)].map(m => [m[1], m[2]]));
    const string = v => (v === 'NULL' ? null : v.slice(1, -1));
    const rows = [...text.matchAll(/ F\((\w+),\s+(\w+),\s+(\w+),\s+(\w+),\s+(\w+),\s+(\w+),\s+(\w+),\s+("[^"]*"|\{0\}|\w+),\s+(NULL|"\w+"),\s+(NULL|"[^"]+"),/g)]
        .map(([, member, type, kept, who, nullable, min, max, standard, json, flag]) =>
            ({ member, type, kept, who, orNull: nullable === 'OR_NULL', min: Number(numbers[min] ?? min), max: Number(numbers[max] ?? max), standard: standard.replaceAll('"', ''), json: string(json), flag: string(flag) }));
    return { rows, count: [...text.slice(text.indexOf('#define CHANNEL_FIELDS(F)')).matchAll(/ F\(/g)].length };
}
