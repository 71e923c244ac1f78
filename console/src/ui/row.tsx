// A setting as a row: its name, its value, and Edit where one may.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { useTexts } from '../texts';
import { Button, Prose, useAction } from './parts';
import { Refused } from './states';

export function Row({ label, hint, children, actions }: { label: string; hint?: ComponentChildren; children: ComponentChildren; actions?: ComponentChildren }) {
    return (
        <div class="row">
            <div class="row-label">{label}</div>
            <div class="row-value">
                <div class="row-line"><div class="row-text">{children}</div>{actions && <div class="row-actions">{actions}</div>}</div>
                {hint && <p class="hint">{hint}</p>}
            </div>
        </div>
    );
}

interface EditProps {
    label: string;
    property: string;
    value: string;
    shown?: ComponentChildren; // the value as it is shown; the text itself by default
    hint?: string;
    type?: 'text' | 'email' | 'url' | 'number';
    options?: [string, string][];
    suffix?: string;
    mono?: boolean;
    check?: (value: string) => string | undefined;
    mayEdit: boolean;
    onSave: (value: string) => Promise<unknown>;
    actions?: ComponentChildren;
    max?: number;
}
export function EditRow(p: EditProps) {
    const t = useTexts();
    const id = useId();
    const [text, set] = useState<string | null>(null); // null: not being edited
    const [wrong, setWrong] = useState<string | undefined>();
    const action = useAction();
    const edit = useRef<HTMLDivElement>(null);
    const editing = text !== null;
    const wasEditing = useRef(false);
    useEffect(() => {
        if (editing) edit.current?.querySelector<HTMLElement>('input, select')?.focus();
        else if (wasEditing.current) edit.current?.querySelector<HTMLElement>('button')?.focus(); // back to Edit
        wasEditing.current = editing;
    }, [editing]);
    const failed = action.refusal ?? wrong;
    useEffect(() => {
        if (failed) edit.current?.querySelector<HTMLElement>('input, select')?.focus();
    }, [failed]);
    const stop = (): void => {
        set(null);
        setWrong(undefined);
        action.clear();
    };
    const save = async (e: Event): Promise<void> => {
        e.preventDefault();
        const value = (text ?? '').trim(), bad = p.check?.(value);
        setWrong(bad);
        if (bad === undefined && await action.run(() => p.onSave(value))) set(null);
    };
    const error = wrong ?? action.refusal?.of(p.property);
    const attributes = {
        id, value: text ?? '', 'aria-describedby': error || p.hint ? `${id}-about` : undefined, 'aria-invalid': error ? true : undefined,
    };
    return (
        <div class="row" ref={edit}>
            {editing ? <label class="row-label" for={id}>{p.label}</label> : <div class="row-label">{p.label}</div>}
            <div class="row-value">
                {editing ? (
                    <form class="row-edit" onSubmit={e => void save(e)} onKeyDown={e => { if (e.key === 'Escape') stop(); }} noValidate>
                        {p.options
                            ? <select {...attributes} onChange={e => set(e.currentTarget.value)}>{p.options.map(([v, s]) => <option key={v} value={v} selected={v === text}>{s}</option>)}</select>
                            : <input {...attributes} type={p.type ?? 'text'} class={p.mono ? 'mono' : ''} maxLength={p.max} autoComplete="off" spellcheck={false} onInput={e => set(e.currentTarget.value)} />}
                        {p.suffix && <span class="muted">{p.suffix}</span>}
                        <Button type="submit" kind="primary" busy={action.busy}>{t.common.update}</Button>
                        <Button onClick={stop}>{t.common.cancel}</Button>
                    </form>
                ) : (
                    <div class="row-line">
                        <div class={`row-text ${p.mono ? 'mono' : ''}`}>{p.shown ?? (p.value || <span class="muted">{t.common.notSet}</span>)}</div>
                        <div class="row-actions">
                            {p.mayEdit && <Button kind="quiet" aria-label={`${t.common.edit}: ${p.label}`} onClick={() => set(p.value)}>{t.common.edit}</Button>}
                            {p.actions}
                        </div>
                    </div>
                )}
                {(error || p.hint) && <p id={`${id}-about`} class={error ? 'field-error' : 'hint'} role={error ? 'alert' : undefined}><Prose text={error || p.hint || ''} /></p>}
                {editing && <Refused refusal={action.refusal?.of(p.property) ? undefined : action.refusal} />}
            </div>
        </div>
    );
}
