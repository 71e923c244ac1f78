import { defineConfig } from 'vite';

// Everything is a file of ours with a hashed name: no inline code or style (the policy the node sends forbids both), no data: URLs.
export default defineConfig({
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
    build: {
        target: 'es2021',
        assetsInlineLimit: 0,
        cssCodeSplit: true,
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
    },
    // `npm run dev` in front of a node: TODOKE_URL=http://127.0.0.1:8080
    server: { proxy: { '/api': process.env.TODOKE_URL ?? 'http://127.0.0.1:8080', '/v2': process.env.TODOKE_URL ?? 'http://127.0.0.1:8080' } },
});
