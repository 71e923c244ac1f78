// A native dialog: the browser keeps the focus inside and gives it back. Escape and the backdrop close it.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Refusal } from '../lib/api';
import { useTexts } from '../texts';
import { Icon } from './icons';
import { Button, useAction } from './parts';
import { Refused } from './states';

export function Dialog({ title, onClose, children, sticky }: { title: string; onClose: () => void; children: ComponentChildren; sticky?: boolean }) {
    const t = useTexts();
    const ref = useRef<HTMLDialogElement>(null);
    const id = useId();
    useLayoutEffect(() => {
        const dialog = ref.current;
        dialog?.showModal();
        return () => dialog?.close();
    }, []);
    return (
        <dialog ref={ref} class="dialog" aria-labelledby={id}
            onCancel={e => { e.preventDefault(); onClose(); }}
            onClick={e => { if (!sticky && e.target === ref.current) onClose(); }}>
            <div class="dialog-box">
                <header class="dialog-head">
                    <h2 id={id}>{title}</h2>
                    <button type="button" class="button quiet icon-only" aria-label={t.common.close} onClick={onClose}><Icon name="cross" /></button>
                </header>
                {children}
            </div>
        </dialog>
    );
}

interface FormProps {
    title: string;
    yes: string;
    danger?: boolean;
    disabled?: boolean;
    fields?: string[]; // members whose refusal the form shows beside them
    say?: (r: Refusal) => string | undefined;
    children: ComponentChildren | ((refusal: Refusal | undefined) => ComponentChildren);
    onYes: () => Promise<unknown>;
    onClose: () => void;
    stay?: boolean; // onYes decides what comes then
}
// A dialog that asks once and says what it will do; it stays open with the reason if the API refuses.
export function FormDialog({ title, yes, danger, disabled, fields, say, children, onYes, onClose, stay }: FormProps) {
    const t = useTexts();
    const action = useAction();
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        if (await action.run(onYes) && !stay) onClose();
    };
    return (
        <Dialog title={title} onClose={onClose} sticky>
            <form onSubmit={e => void submit(e)} noValidate>
                <div class="dialog-body">
                    {typeof children === 'function' ? children(action.refusal) : children}
                    <Refused refusal={action.refusal} fields={fields} say={say} />
                </div>
                <footer class="dialog-foot">
                    <Button onClick={onClose}>{t.common.cancel}</Button>
                    <Button type="submit" kind={danger ? 'danger' : 'primary'} busy={action.busy} disabled={disabled}>{yes}</Button>
                </footer>
            </form>
        </Dialog>
    );
}

// A dialog behind a button. children gets what closes it.
export function useDialog(): { open: boolean; show: () => void; hide: () => void } {
    const [open, set] = useState(false);
    return { open, show: () => set(true), hide: () => set(false) };
}
