// The console's own words, from its two catalogues: TypeScript, so Vite's compiler reads them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../../console/package.json', import.meta.url));
const { transformWithEsbuild } = await import(pathToFileURL(require.resolve('vite')).href.replace('index.cjs', 'dist/node/index.js'));

async function catalogue(name) {
    const source = readFileSync(new URL(`../../../console/src/texts/${name}.ts`, import.meta.url), 'utf8');
    const { code } = await transformWithEsbuild(source, `${name}.ts`, { sourcemap: false });
    return (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`))[name];
}

export const words = { en: await catalogue('en'), ja: await catalogue('ja') };
