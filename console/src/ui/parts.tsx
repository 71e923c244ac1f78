// The small parts every page is made of.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { asRefusal, type Refusal } from '../lib/api';
import { dateTime } from '../lib/format';
import { useTexts } from '../texts';
import { Icon, type IconName } from './icons';

type ButtonProps = Omit<JSX.ButtonHTMLAttributes<HTMLButtonElement>, 'icon'> & { kind?: 'primary' | 'danger' | 'quiet'; icon?: IconName; busy?: boolean };

// A busy one does nothing more, but keeps the focus: `disabled` would throw it away.
export function Button({ kind, icon, busy, children, onClick, ...rest }: ButtonProps) {
    return (
        <button type="button" {...rest} class={`button ${kind ?? ''}`} aria-disabled={busy || undefined} aria-busy={busy || undefined}
            onClick={busy ? e => e.preventDefault() : onClick}>
            {icon && <Icon name={icon} />}
            <span>{children}</span>
        </button>
    );
}

export function Copy({ text, label }: { text: string; label?: string }) {
    const t = useTexts();
    const [done, set] = useState(false);
    useEffect(() => {
        if (!done) return undefined;
        const timer = setTimeout(() => set(false), 2000);
        return () => clearTimeout(timer);
    }, [done]);
    const copy = async (): Promise<void> => {
        try {
            await navigator.clipboard.writeText(text);
        } catch { // no permission, or no https: the old way
            const area = document.createElement('textarea');
            area.value = text;
            (document.querySelector('dialog[open]') ?? document.body).append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        set(true);
    };
    return (
        <button type="button" class="button quiet small" onClick={() => void copy()} aria-label={`${t.common.copy}${label ? `: ${label}` : ''}`}>
            <Icon name={done ? 'check' : 'copy'} />
            <span role="status">{done ? t.common.copied : t.common.copy}</span>
        </button>
    );
}

export function Time({ at, zone }: { at: string | null | undefined; zone?: string }) {
    const t = useTexts();
    return at ? <time class="figure" dateTime={at}>{dateTime(at, zone)}</time> : <span class="muted">{t.common.never}</span>;
}

export function Mono({ children }: { children: ComponentChildren }) {
    return <code class="mono">{children}</code>;
}

// `like this` in the catalogue's sentences is code; everything else is text.
export function Prose({ text }: { text: string }) {
    return <>{text.split('`').map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}

interface FieldProps {
    label: string;
    hint?: string;
    error?: string;
    children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ComponentChildren;
}
export function Field({ label, hint, error, children }: FieldProps) {
    const id = useId();
    return (
        <div class="field">
            <label for={id}>{label}</label>
            {children({ id, 'aria-describedby': error || hint ? `${id}-about` : undefined, 'aria-invalid': error ? true : undefined })}
            {(error || hint) && <p id={`${id}-about`} class={error ? 'field-error' : 'hint'}><Prose text={error || hint || ''} /></p>}
        </div>
    );
}

// A control in a toolbar with its label above it. The label stands beside the control, not around it: a choice's value is no part of its name.
export function Labelled({ label, children }: { label: string; children: (id: string) => ComponentChildren }) {
    const id = useId();
    return <div class="labelled"><label for={id}>{label}</label>{children(id)}</div>;
}

export function Switch({ label, hint, on, disabled, busy, onTurn }: { label: string; hint?: ComponentChildren; on: boolean; disabled?: boolean; busy?: boolean; onTurn: (on: boolean) => void }) {
    const t = useTexts();
    const id = useId();
    return (
        <div class="switch-row">
            <div>
                <span class="switch-label" id={id}>{label}</span>
                {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
            </div>
            <button type="button" role="switch" class="switch" aria-checked={on} aria-labelledby={id} aria-describedby={hint ? `${id}-hint` : undefined} disabled={disabled}
                aria-disabled={busy || undefined} aria-busy={busy || undefined} onClick={() => { if (!busy) onTurn(!on); }}>
                <span class="switch-knob" />
                <span class="switch-word" aria-hidden="true">{on ? t.common.on : t.common.off}</span>
            </button>
        </div>
    );
}

export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'info';
// A state is a shape, a colour and a word, never a colour alone.
export function Badge({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
    return <span class={`badge ${tone}`} title={title}><span class="badge-mark" aria-hidden="true" />{children}</span>;
}

// Runs what a button does: busy meanwhile, and what the API refuses stays to be shown.
export function useAction(): { busy: boolean; refusal: Refusal | undefined; run: (act: () => Promise<unknown>) => Promise<boolean>; clear: () => void } {
    const [state, set] = useState<{ busy: boolean; refusal?: Refusal }>({ busy: false });
    const alive = useRef(true);
    useEffect(() => {
        alive.current = true;
        return () => void (alive.current = false);
    }, []);
    return {
        busy: state.busy, refusal: state.refusal,
        clear: () => set({ busy: false }),
        run: async act => {
            set({ busy: true });
            try {
                await act();
                if (alive.current) set({ busy: false });
                return true;
            } catch (e) {
                if (alive.current) set({ busy: false, refusal: asRefusal(e) });
                return false;
            }
        },
    };
}

export function Card({ title, actions, children, id }: { title?: string; actions?: ComponentChildren; children: ComponentChildren; id?: string }) {
    return (
        <section class="card">
            {title && <header class="card-head"><h2 id={id}>{title}</h2>{actions && <div class="card-actions">{actions}</div>}</header>}
            {children}
        </section>
    );
}

export function Select<T extends string>({ value, options, onPick, ...rest }: Omit<JSX.SelectHTMLAttributes<HTMLSelectElement>, 'value' | 'onChange'> & { value: T; options: [T, string][]; onPick: (value: T) => void }) {
    return (
        <select {...rest} value={value} onChange={e => onPick(e.currentTarget.value as T)}>
            {options.map(([v, text]) => <option key={v} value={v} selected={v === value}>{text}</option>)}
        </select>
    );
}

// Pages of one thing beside each other; on a narrow screen the present one is brought into sight.
export function Tabs({ tabs, label }: { tabs: { to: string; text: string; on: boolean }[]; label: string }) {
    const nav = useRef<HTMLElement>(null);
    const current = tabs.find(x => x.on)?.to;
    useEffect(() => {
        const bar = nav.current, link = bar?.querySelector<HTMLElement>('[aria-current]');
        if (bar && link) bar.scrollLeft = link.offsetLeft - (bar.clientWidth - link.offsetWidth) / 2;
    }, [current]);
    return <nav class="tabs" ref={nav} aria-label={label}>{tabs.map(x => <a key={x.to} href={x.to} aria-current={x.on ? 'page' : undefined}>{x.text}</a>)}</nav>;
}

// The heading of a page: it takes the focus when a page has been come to, so that a screen reader begins there.
export function PageTitle({ children, title }: { children?: ComponentChildren; title: string }) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        document.title = `${title} – todoke`;
    }, [title]);
    return <h1 ref={heading} tabIndex={-1}>{children ?? title}</h1>;
}
