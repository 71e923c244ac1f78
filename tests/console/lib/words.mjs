// The console's own words, from its two catalogues: TypeScript, so the compiler that comes with Vite reads them and what they import.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const vite = createRequire(new URL('../../../console/package.json', import.meta.url)).resolve('vite');
const { build } = createRequire(vite)('esbuild');

async function catalogue(name) {
    const file = fileURLToPath(new URL(`../../../console/src/texts/${name}.ts`, import.meta.url));
    const { outputFiles: [{ text }] } = await build({ entryPoints: [file], bundle: true, write: false, format: 'esm' });
    return (await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`))[name];
}

export const words = { en: await catalogue('en'), ja: await catalogue('ja') };
