// Empty, loading, refused, broken: states of a page that are designed as much as the full one.
import { Component, type ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Refusal } from '../lib/api';
import { useTexts, type Texts } from '../texts';
import { Icon, type IconName } from './icons';
import { Button, Prose } from './parts';

// whole: it is all there is on the page, and its title the page's.
export function Notice({ icon, title, text, children, role, whole }: { icon?: IconName; title: string; text?: string; children?: ComponentChildren; role?: 'alert' | 'status'; whole?: boolean }) {
    useEffect(() => {
        if (whole) document.title = `${title} – todoke`;
    }, [whole, title]);
    return (
        <div class="notice" role={role}>
            {icon && <Icon name={icon} size={24} />}
            {whole ? <h1 class="notice-title" tabIndex={-1}>{title}</h1> : <p class="notice-title">{title}</p>}
            {text && <p class="notice-text">{text}</p>}
            {children && <div class="notice-actions">{children}</div>}
        </div>
    );
}

export function Loading({ lines = 4 }: { lines?: number }) {
    const t = useTexts();
    return (
        <div class="loading" role="status">
            <span class="visually-hidden">{t.common.loading}</span>
            {Array.from({ length: lines }, (_, i) => <span key={i} class={`skeleton w${(i * 3) % 4}`} aria-hidden="true" />)}
        </div>
    );
}

function about(t: Texts, refusal: Refusal): [IconName, string, string] {
    if (refusal.status === 0) return ['warn', t.errors.network, t.errors.networkText];
    if (refusal.status === 403 || refusal.status === 401) return ['stop', t.errors.forbidden, t.errors.forbiddenText];
    if (refusal.status === 404) return ['search', t.errors.notFound, t.errors.notFoundText];
    if (refusal.status === 429) return ['warn', t.errors.tooMany(refusal.retryAfter), ''];
    return ['warn', t.errors.server, t.errors.serverText];
}

// Instead of what could not be shown.
export function Failure({ refusal, retry, whole }: { refusal: Refusal; retry?: () => void; whole?: boolean }) {
    const t = useTexts();
    const [icon, title, text] = about(t, refusal);
    return (
        <Notice icon={icon} title={title} text={text} role="alert" whole={whole}>
            {retry && refusal.status !== 403 && refusal.status !== 404 && <Button icon="again" onClick={retry}>{t.common.retry}</Button>}
            {(refusal.status === 404 || refusal.status === 403) && <a class="button" href="/">{t.errors.toChannels}</a>}
        </Notice>
    );
}

// Beside the button whose act was refused. The node's own words follow: they name the member.
export function Refused({ refusal, fields = [], say }: { refusal: Refusal | undefined; fields?: string[]; say?: (r: Refusal) => string | undefined }) {
    const t = useTexts();
    if (!refusal) return null;
    const own = say?.(refusal);
    const status = refusal.status;
    const title = own ?? (status === 400 || status === 413 || status === 415 ? t.errors.invalid : status === 409 ? t.errors.conflict : about(t, refusal)[1]);
    const shown = new Set(fields);
    const details = refusal.details.filter(d => !shown.has(d.property)).map(d => `${d.property}: ${d.message}`);
    const said = own || status === 0 || status === 401 || status === 403 || status === 429 ? '' : details.length ? details.join(' · ') : refusal.details.length ? '' : refusal.message;
    return (
        <div class="refused" role="alert">
            <Icon name="stop" />
            <div>
                <p>{title}</p>
                {said && <p class="hint">{t.errors.says}: <span lang="en"><Prose text={said} /></span></p>}
            </div>
        </div>
    );
}

// A mistake of ours in a page must not take the whole console away.
export class Boundary extends Component<{ of: string; children: ComponentChildren; shown: (again: () => void) => ComponentChildren }, { broken: boolean }> {
    override state = { broken: false };
    override componentDidCatch(error: unknown): void {
        console.error(error);
        this.setState({ broken: true });
    }
    override componentDidUpdate(before: { of: string }): void {
        if (before.of !== this.props.of && this.state.broken) this.setState({ broken: false });
    }
    render() {
        return this.state.broken ? this.props.shown(() => location.reload()) : this.props.children;
    }
}
