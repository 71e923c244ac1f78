// A network namespace with loopback, made by the test and gone with it, for what only a firewall or a routing table can do. Needs the right to
// make one: root, or user namespaces.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const root = process.getuid() === 0;

/* setup: shell lines run inside as its root. Returns { wrap, close, missing }; wrap goes before a command to run it inside; missing says why there is none. */
export async function netns(setup) {
    const child = spawn('unshare', [root ? '-n' : '-rn', 'sh', '-ec', `ip link set lo up\ntrap 'kill $! 2>/dev/null || true' EXIT\n${setup}\necho ready\ncat`], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', d => (said += d));
    const exited = once(child, 'exit');
    process.on('exit', () => child.kill('SIGKILL'));
    const ready = await Promise.race([once(child.stdout, 'data'), exited.then(() => null)]);
    if (!ready) return { missing: `no network namespace here: ${said.trim()}`, wrap: [], close: async () => {} };
    return {
        wrap: ['nsenter', '-t', String(child.pid), ...(root ? [] : ['-U', '--preserve-credentials']), '-n', '--'],
        close: async () => { child.stdin.end(); await exited; },
    };
}

export const nft = rules => `nft -f - <<'RULES'\n${rules}\nRULES`;
